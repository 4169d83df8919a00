"""Find outputs that are complete already."""
