"""Reports of what is on disk."""
