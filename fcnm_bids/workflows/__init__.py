"""Nipype workflows of the two levels, and running them."""
