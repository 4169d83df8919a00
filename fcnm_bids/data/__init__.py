"""Data files: confound strategies and the PyBIDS configuration."""
