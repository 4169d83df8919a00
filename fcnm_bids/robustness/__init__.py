"""How much a network changes with the choices, the studies and the people it rests on."""

from fcnm_bids.robustness.agreement import ROBUSTNESS_COLUMNS, Reference, compared, effects_compared
from fcnm_bids.robustness.contrasts import (
    Bootstrap,
    away_from_seeds,
    bootstrap,
    leave_one_study_out,
    studies_alike,
    threshold_sweep,
)
from fcnm_bids.robustness.participants import PeopleDraw, block_of_person, people_draws

__all__ = [
    "ROBUSTNESS_COLUMNS",
    "Bootstrap",
    "PeopleDraw",
    "Reference",
    "away_from_seeds",
    "block_of_person",
    "bootstrap",
    "compared",
    "effects_compared",
    "leave_one_study_out",
    "people_draws",
    "studies_alike",
    "threshold_sweep",
]
