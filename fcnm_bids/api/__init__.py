"""Objects with defaults on top of the command line's own functions, for scripts and notebooks."""

from fcnm_bids.api.connectome import Connectome
from fcnm_bids.api.outcomes import OutcomeMap
from fcnm_bids.api.results import NetworkResult, Results, SeedMap, load_results

__all__ = ["Connectome", "NetworkResult", "OutcomeMap", "Results", "SeedMap", "load_results"]
