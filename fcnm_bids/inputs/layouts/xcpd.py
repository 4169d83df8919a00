"""Filter and regression that XCP-D applied, from what it writes beside a denoised image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.denoise.band import band_basis
from fcnm_bids.denoise.confounds import nuisance_columns, read_confounds
from fcnm_bids.denoise.degrees_of_freedom import effective_dof
from fcnm_bids.errors import RunError

_ALWAYS_REMOVED = ("intercept", "linear_trend")
"""Columns of a design that our own projection removes, too."""


_HIGHEST_ORDER = 20
"""XCP-D's filter is of order 2; no Butterworth filter of a high order is stable."""


def applied_band(metadata: Mapping[str, Any]) -> tuple[float, float, int]:
    """Return the edges in Hz and the order of the filter in a sidecar; 0 for an open side.

    Raises
    ------
    RunError
        ``SoftwareFilters`` holds something else, or no band.
    """
    filters = metadata.get("SoftwareFilters") or {}
    if not isinstance(filters, Mapping):  # BIDS has "n/a" for none
        return 0.0, 0.0, 0
    low, high, order = 0.0, 0.0, 0
    try:
        for name, found in filters.items():
            cutoff = found.get("cutoff (Hz)", found.get("Cutoff (Hz)", 0.0))
            upper = cutoff if name.lower().startswith("low") else 0.0
            lower = cutoff if name.lower().startswith("high") else 0.0
            high = float(found.get("Low-pass cutoff (Hz)", upper) or high)
            low = float(found.get("High-pass cutoff (Hz)", lower) or low)
            order = int(found.get("Filter order", order))
    except (AttributeError, TypeError, ValueError) as error:
        raise RunError(
            f"SoftwareFilters of its sidecar cannot be read ({error}); correct it"
        ) from error
    if not (low >= 0 and high >= 0 and (high > low or not high) and 0 <= order <= _HIGHEST_ORDER):
        raise RunError(
            f"SoftwareFilters of its sidecar cannot be read: {low:g} to {high:g} Hz, order {order}"
        )
    return low, high, order


def lost_degrees(
    design: Path | None, metadata: Mapping[str, Any], n_volumes: int, repetition_time: float
) -> int:
    """Return how many degrees of freedom fewer than its band has a run of XCP-D has.

    XCP-D filters series and design by a Butterworth filter, forwards and backwards, and regresses
    the one on the other; what that operator leaves of white noise within the band is counted
    (`effective_dof`). Where the design has more rows than the image, because volumes were
    censored, its columns are counted instead.

    Parameters
    ----------
    design
        ``_design.tsv``; None where there is none.
    metadata
        Sidecar of the image.
    n_volumes, repetition_time
        Length of the run, and TR in seconds.
    """
    low, high, order = applied_band(metadata)
    nyquist = 0.5 / repetition_time
    if max(low, high) >= nyquist:
        raise RunError(
            f"SoftwareFilters of its sidecar reach {max(low, high):g} Hz, but volumes every "
            f"{repetition_time:g} s contain only frequencies below {nyquist:g} Hz; correct the "
            "sidecar"
        )
    columns = np.empty((n_volumes, 0))
    if design is not None:
        table = read_confounds(design)
        names = [name for name in table.names if name not in _ALWAYS_REMOVED]
        if len(table) != n_volumes:
            return len(names)
        columns = nuisance_columns(table, names)
    basis = band_basis(n_volumes, repetition_time, high_pass=low, low_pass=high)
    filtered = _butterworth(np.eye(n_volumes), low, high, order, repetition_time)
    trend = np.column_stack([np.ones(n_volumes), np.linspace(-1, 1, n_volumes), columns])
    nuisance = _butterworth(trend - trend.mean(axis=0), low, high, order, repetition_time)
    scaled = nuisance / np.maximum(np.abs(nuisance).max(axis=0), np.finfo(float).tiny)
    left, singular, _ = np.linalg.svd(np.nan_to_num(scaled), full_matrices=False)
    removed = left[:, singular > 1e-8 * singular[0]]
    operator = basis @ (filtered - removed @ (removed.T @ filtered))
    return len(basis) - int(effective_dof(operator) + 1e-6)


def _butterworth(
    values: NDArray[np.float64], low: float, high: float, order: int, repetition_time: float
) -> NDArray[np.float64]:
    if not order or not (low or high):
        return values
    edges = [edge for edge in (low, high) if edge]
    kind = "band" if len(edges) == 2 else "high" if low else "low"
    from scipy.signal import butter, sosfiltfilt  # a second to import, for these data alone

    sos = butter(
        order, edges if len(edges) == 2 else edges[0], kind, fs=1 / repetition_time, output="sos"
    )
    length = len(values) - 1
    return np.asarray(sosfiltfilt(sos, values, axis=0, padtype="constant", padlen=length))
