"""Readers of what input layouts hold in formats and units of their own."""
