"""Preprocessed runs."""
