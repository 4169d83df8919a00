"""Memory, disk, time."""
