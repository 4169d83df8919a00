"""Functional connectivity network mapping (FCNM) on fMRIPrep derivatives."""

from fcnm_bids._version import __version__

__all__ = ["__version__"]
