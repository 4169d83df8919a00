"""Tables and sidecars of a participant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fcnm_bids.bids.outputs import sidecar_files, volumes_name
from fcnm_bids.bids.write import write_table
from fcnm_bids.connectivity import ParticipantMaps
from fcnm_bids.connectome import StoredRun
from fcnm_bids.denoise import read_confounds
from fcnm_bids.inputs.runs.prepare import RunInput
from fcnm_bids.seeds import SeedMatrix

VOLUME_COLUMNS = {
    "framewise_displacement": "Framewise displacement in mm (Power et al. 2012), as fMRIPrep "
    "computed it",
    "use": "kept, or why the volume is not used: dummy (at the start, in a non-steady state), "
    "censored (for motion) or blank (it has no measurement)",
}

QC_COLUMNS = {
    "run": "Preprocessed image, relative to its data set",
    "stored": "Projected run, relative to its store",
    "included": "True if the run is included in the analysis",
    "reason": "Reason for exclusion",
    "n_volumes": "Volumes of the run",
    "n_dummy": "Volumes at the start that are not used (non-steady state)",
    "n_censored": "Further volumes censored for motion",
    "n_blank": "Further volumes that are not used, as they have no measurement",
    "n_kept": "Volumes kept",
    "minutes_kept": "Minutes of kept volumes",
    "dof": "Residual degrees of freedom after regression and filtering",
    "mean_fd": "Mean framewise displacement in mm (Power et al. 2012)",
    "n_masked": "Voxels in the brain mask (of a denoised run without one, those that vary over "
    "time)",
    "n_voxels": "Voxels in the brain mask that carry signal",
}

COMPACT_COLUMNS = {
    "rounding": "99th percentile over voxels of the rounding error of the int8 store, in residual "
    "standard deviations",
}
"""Further columns where the store is compact."""

VARYING = "voxels that vary over time"
"""Header value of a run without a brain mask file."""

WHOLE_NUMBERS = (
    *("n_volumes", "n_dummy", "n_censored", "n_blank", "n_kept"),
    *("dof", "n_masked", "n_voxels"),
)

COVERAGE_COLUMNS = {
    "contrast": "Name of the contrast",
    "seed": "Its label in file names",
    "run": "Preprocessed image, relative to its data set",
    "coverage": "Share of the seed on voxels with signal",
    "included": "Whether the run has a map of the contrast",
}


def write_volumes(run: RunInput, stored: StoredRun, root: Path) -> list[str]:
    """Write which volumes of a stored run were kept, with their displacement where it is known.

    Parameters
    ----------
    run, stored
        The run, and what the store holds of it, under the strategy of the request.
    root
        Output folder.

    Returns
    -------
    files
        The table and its sidecar.
    """
    volumes = stored.denoising().volumes
    use = np.where(volumes.kept, "kept", "censored")
    use[list(volumes.blank)] = "blank"
    use[: volumes.n_dummy] = "dummy"
    displacement = np.full(use.size, np.nan)
    if run.confounds:
        confounds = read_confounds(Path(run.confounds))
        if "framewise_displacement" in confounds:
            displacement = confounds["framewise_displacement"]
    table = pd.DataFrame({"framewise_displacement": displacement, "use": use})
    path = root / volumes_name(Path(run.stored))
    metadata = {
        "RepetitionTime": stored.header["repetition_time"],
        "Sources": [f"bids:preprocessed:{run.name}"],
    }
    write_table(path, table, VOLUME_COLUMNS, metadata)
    return [str(path), *map(str, sidecar_files([path]))]


def qc_row(run: StoredRun) -> dict[str, Any]:
    """Return the row of a run in the QC table."""
    found = run.attributes
    return {
        **{name: found[name] for name in QC_COLUMNS if name in found},
        "minutes_kept": round(found["n_kept"] * found["repetition_time"] / 60, 3),
    }


def coverage_table(
    maps: ParticipantMaps,
    seeds: SeedMatrix,
    labels: dict[str, str],
    runs: list[StoredRun],
    min_coverage: float,
) -> pd.DataFrame:
    """Return the coverage of every seed in every run."""
    rows = [
        (
            contrast.name,
            labels[contrast.name],
            run.attributes["source"],
            round(float(share), 6),
            bool(share > 0 and share >= min_coverage),
        )
        for contrast, shares in zip(seeds.contrasts, maps.coverage.T, strict=True)
        for run, share in zip(runs, np.asarray(shares), strict=True)
    ]
    return pd.DataFrame(rows, columns=list(COVERAGE_COLUMNS))


_FROM_LAYOUT = {
    "InputLayout": "layout",
    "InputVariant": "variant",
    "OriginalParticipant": "original_id",
    "BrainMask": "mask_file",
    "RepetitionTimeFrom": "repetition_time_from",
    "AppliedBand": "applied_band",
    "AppliedRegressors": "applied_regressors",
    "MotionParameters": "motion",
    "TissueMasks": "tissue_masks",
}
"""Sidecar entries of what was read, and their names in a run's header."""


def describe_runs(runs: list[StoredRun]) -> dict[str, Any]:
    """Return the sidecar entries of the runs of a map."""
    return {
        "Sources": [f"bids:preprocessed:{run.attributes['source']}" for run in runs],
        "DegreesOfFreedom": [run.dof for run in runs],
        "RunWeights": [run.dof - 2 for run in runs],
        "DroppedDirections": [run.attributes.get("n_dropped", 0) for run in runs],
        "CensoredLeakage": [run.attributes.get("leakage", 0.0) for run in runs],
        "Denoising": runs[0].attributes["settings"] if runs else {},
        **{
            entry: [run.attributes.get(name) for run in runs]
            for entry, name in _FROM_LAYOUT.items()
            if any(name in run.attributes for run in runs)
        },
    }
