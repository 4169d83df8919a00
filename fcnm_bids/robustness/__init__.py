"""Sensitivity of a network to the choices, studies and participants it rests on."""

from fcnm_bids.robustness.agreement import ROBUSTNESS_COLUMNS, Reference, compared, effects_compared
from fcnm_bids.robustness.contrasts import (
    Bootstrap,
    away_from_seeds,
    bootstrap,
    leave_one_study_out,
    studies_alike,
    threshold_sweep,
)
from fcnm_bids.robustness.participants import (
    ParticipantsDraw,
    block_of_participant,
    participants_draws,
)
from fcnm_bids.robustness.specifications import (
    BoxNetwork,
    specification_measures,
    specification_sentences,
)

__all__ = [
    "ROBUSTNESS_COLUMNS",
    "Bootstrap",
    "BoxNetwork",
    "ParticipantsDraw",
    "Reference",
    "away_from_seeds",
    "block_of_participant",
    "bootstrap",
    "compared",
    "effects_compared",
    "leave_one_study_out",
    "participants_draws",
    "specification_measures",
    "specification_sentences",
    "studies_alike",
    "threshold_sweep",
]
