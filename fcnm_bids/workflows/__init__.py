"""Builders of nipype workflows."""
