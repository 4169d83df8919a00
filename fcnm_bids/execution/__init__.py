"""Run a workflow."""
