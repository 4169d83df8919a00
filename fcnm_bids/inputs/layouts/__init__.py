"""Readers of what input layouts hold in formats and units of their own.

The layouts themselves are ``data/io_spec/NAME.json``, read by `fcnm_bids.inputs.runs.io_spec`.
"""
