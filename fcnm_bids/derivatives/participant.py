"""The volumes of a run, and what became of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fcnm_bids.bids import sidecar_files, volumes_name, write_table
from fcnm_bids.connectome import open_run, read_stored
from fcnm_bids.denoise import read_confounds
from fcnm_bids.interfaces.run_input import RunInput

VOLUME_COLUMNS = {
    "framewise_displacement": "Framewise displacement in mm (Power et al. 2012), as fMRIPrep "
    "computed it",
    "use": "kept; dummy: dropped at the start; censored: dropped for motion",
}


def write_volumes(run: RunInput, root: Path) -> list[str]:
    """Write which volumes of a stored run were kept, with their displacement where it is known.

    Parameters
    ----------
    run
        A run that is in the store.
    root
        Output folder.

    Returns
    -------
    files
        The table and its sidecar.
    """
    header = open_run(Path(run.stored)).attributes
    kept = read_stored(Path(run.stored), "kept").astype(bool)
    use = np.where(kept, "kept", "censored")
    use[: header["n_dummy"]] = "dummy"
    displacement = np.full(kept.size, np.nan)
    if run.confounds:
        confounds = read_confounds(Path(run.confounds))
        if "framewise_displacement" in confounds:
            displacement = confounds["framewise_displacement"]
    table = pd.DataFrame({"framewise_displacement": displacement, "use": use})
    path = root / volumes_name(Path(run.stored))
    metadata = {
        "RepetitionTime": header["repetition_time"],
        "Sources": [f"bids:preprocessed:{run.name}"],
    }
    write_table(path, table, VOLUME_COLUMNS, metadata)
    return [str(path), *map(str, sidecar_files([path]))]
