"""Methods text."""
