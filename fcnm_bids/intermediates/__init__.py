"""Files between nodes: write, read, one dataclass each."""
