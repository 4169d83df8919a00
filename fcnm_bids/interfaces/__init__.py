"""Nipype interfaces."""
