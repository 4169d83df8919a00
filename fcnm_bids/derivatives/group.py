"""Tables of the group's participants and excluded runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.participants_table import describe_columns

LOGGER = logging.getLogger("fcnm_bids")

PARTICIPANTS_COLUMNS = {
    "n_runs": "Runs in the analysis",
    "minutes_kept": "Minutes of kept volumes over all runs",
    "dof": "Residual degrees of freedom over all runs",
    "mean_fd": "Mean over runs of the mean framewise displacement, in mm",
}

ORIGINAL_ID = "Name of the participant in the data set that the runs come from"
DIAGNOSIS_FROM_ID = "Diagnosis that the original name states (--diagnosis-from-id)"

EXCLUDED_COLUMNS = {
    "participant_id": "Participant",
    "run": "Projected run, relative to its store",
    "reason": "Why it is not in the analysis",
}


def describe_participants(source: Path, columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Describe columns of the participants table with the levels and units of the source."""
    try:
        said = describe_columns(source)
    except RequestError as error:
        LOGGER.warning("%s; what it says of columns is not copied", error)
        return {}
    return {name: said[name] for name in columns if name in said}
