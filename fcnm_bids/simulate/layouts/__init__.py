"""The same simulated runs, in the layouts that connectomes come in."""

from fcnm_bids.simulate.layouts.write import CONFOUNDS, WRITERS, write_layout

__all__ = ["CONFOUNDS", "WRITERS", "write_layout"]
