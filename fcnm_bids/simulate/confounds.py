"""The confounds table that fMRIPrep writes beside a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.simulate.motion import MOTION_COLUMNS, framewise_displacement

_CUTOFF_S = 128.0
_N_COMPONENTS = 3
_OUTLIER_FD_MM, _OUTLIER_DVARS = 0.5, 1.5


def confounds_table(
    *,
    global_signal: NDArray[np.float64],
    white: NDArray[np.float64],
    fluid: NDArray[np.float64],
    dvars: NDArray[np.float64],
    motion: NDArray[np.float64],
    n_non_steady: int,
    repetition_time: float,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Confounds of a run under fMRIPrep's column names, and their sidecar.

    Parameters
    ----------
    global_signal, dvars
        Mean over the brain mask, and root mean square change over it (NaN first), (volumes,).
    white, fluid
        Series of white-matter and cerebrospinal-fluid voxels, shape (volumes, voxels).
    motion
        Six parameters, shape (volumes, 6).
    n_non_steady
        Volumes before the steady state.
    repetition_time
        Seconds.
    """
    table: dict[str, NDArray[Any]] = {}
    signals = {
        "global_signal": global_signal,
        "csf": fluid.mean(axis=1),
        "white_matter": white.mean(axis=1),
        **dict(zip(MOTION_COLUMNS, motion.T, strict=True)),
    }
    for name, series in signals.items():
        derivative = np.r_[np.nan, np.diff(series)]
        table[name] = series
        table[f"{name}_derivative1"] = derivative
        table[f"{name}_power2"] = series**2
        table[f"{name}_derivative1_power2"] = derivative**2
    fd = framewise_displacement(motion)
    std_dvars = dvars / np.nanmedian(dvars)
    table |= {"framewise_displacement": fd, "dvars": dvars, "std_dvars": std_dvars}

    n = global_signal.size
    cosines = _cosines(n, n_non_steady, repetition_time)
    table |= {f"cosine{k:02d}": column for k, column in enumerate(cosines.T)}
    metadata: dict[str, Any] = {}
    voxels = {"combined": np.column_stack([white, fluid]), "CSF": fluid, "WM": white}
    for mask, series in voxels.items():
        for component, facts in _components(series, cosines, n_non_steady):
            name = f"a_comp_cor_{len(metadata):02d}"
            table[name] = component
            metadata[name] = {"Method": "aCompCor", "Mask": mask, "Retained": True, **facts}

    rows = np.arange(n)
    for k in range(n_non_steady):
        table[f"non_steady_state_outlier{k:02d}"] = (rows == k).astype(int)
    with np.errstate(invalid="ignore"):
        outliers = np.flatnonzero((fd > _OUTLIER_FD_MM) | (std_dvars > _OUTLIER_DVARS))
    for k, row in enumerate(outliers):
        table[f"motion_outlier{k:02d}"] = (rows == row).astype(int)
    return pd.DataFrame(table), metadata


def _cosines(n: int, n_non_steady: int, repetition_time: float) -> NDArray[np.float64]:
    """Discrete cosines slower than 128 s, orthonormal on the steady rows and 0 before them."""
    steady = n - n_non_steady
    order = int(np.floor(2 * steady * repetition_time / _CUTOFF_S))
    angle = np.pi * (np.arange(steady)[:, None] + 0.5) * np.arange(1, order + 1) / steady
    return np.vstack([np.zeros((n_non_steady, order)), np.sqrt(2 / steady) * np.cos(angle)])


def _components(
    series: NDArray[np.float64], cosines: NDArray[np.float64], n_non_steady: int
) -> list[tuple[NDArray[np.float64], dict[str, float]]]:
    """First principal components over time (CompCor; Behzadi et al., 2007, NeuroImage 37:90)."""
    steady, basis = series[n_non_steady:], cosines[n_non_steady:]
    clean = steady - steady.mean(axis=0)
    clean = clean - basis @ (basis.T @ clean)
    clean = clean / clean.std(axis=0)
    left, singular, _ = np.linalg.svd(clean, full_matrices=False)
    share = singular**2 / (singular**2).sum()
    found = []
    for k in range(min(_N_COMPONENTS, singular.size)):
        facts = {
            "SingularValue": float(singular[k]),
            "VarianceExplained": float(share[k]),
            "CumulativeVarianceExplained": float(share[: k + 1].sum()),
        }
        found.append((np.r_[np.zeros(n_non_steady), left[:, k]], facts))
    return found
