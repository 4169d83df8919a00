"""Measure how far a map follows the connectome's strength."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.network import spatial_correlation
from fcnm_bids.specificity.strength import Strength

DEGREE_COLUMNS = {
    "map": "The map: a contrast's mean Fisher z, their mean over the effect, or its probability",
    "r_positive": "Pearson correlation over voxels with the positive strength",
    "r_signed": "Pearson correlation over voxels with the signed strength",
    "r_eigenvector": "Pearson correlation over voxels with the first eigenvector",
    "r_eigenvector2": "Pearson correlation over voxels with the second eigenvector",
    "r_eigenvector3": "Pearson correlation over voxels with the third eigenvector",
    "r2": "Share of the map's variance over voxels that all of them explain together",
}
"""Columns of the degree audit and what they hold."""


@dataclass(frozen=True, eq=False)
class DegreeAudit:
    """Regress maps on the strengths.

    Parameters
    ----------
    rows
        One per map, with `DEGREE_COLUMNS`.
    residual
        Of the last map that was given, with the strengths taken out, shape (V,).
    """

    rows: list[dict[str, float | str]]
    residual: NDArray[np.float64]


def degree_audit(
    maps: Mapping[str, NDArray[np.float64]], strength: Strength, residual_of: str
) -> DegreeAudit:
    """Correlate maps with two strengths and three eigenvectors (van den Heuvel et al. 2026).

    Parameters
    ----------
    maps
        Maps on the voxels of the strengths, shape (V,), by name.
    strength
        The connectome's strengths.
    residual_of
        Name of the map from which all of them are taken out by least squares.
    """
    columns = (strength.positive, strength.signed, *strength.eigenvectors)
    everywhere = np.ones(strength.index.shape, dtype=bool)
    rows: list[dict[str, float | str]] = []
    residual = np.full(strength.index.shape, math.nan)
    for name, values in maps.items():
        left = residual_map(values, columns)
        where = np.isfinite(left)
        varies = where.any() and np.ptp(values[where]) > 0
        variance = values[where].var() if varies else 0.0
        r = (spatial_correlation(values, column, everywhere) for column in columns)
        r2 = 1 - left[where].var() / variance if variance > 0 else math.nan
        rows.append(dict(zip(DEGREE_COLUMNS, (name, *r, float(r2)), strict=True)))
        if name == residual_of:
            residual = left
    return DegreeAudit(rows, residual)


def residual_map(
    values: NDArray[np.float64], columns: tuple[NDArray[np.float64], ...]
) -> NDArray[np.float64]:
    """A map less its least-squares fit on other maps and a constant; NaN where any is."""
    where = np.isfinite(values) & np.isfinite(np.array(columns)).all(axis=0)
    left = np.full(values.shape, math.nan)
    if np.count_nonzero(where) > len(columns) + 1:
        design = np.column_stack([np.ones(np.count_nonzero(where)), *(c[where] for c in columns)])
        design[:, 1:] -= design[:, 1:].mean(axis=0)
        scale = np.sqrt((design**2).sum(axis=0))
        design /= np.where(scale > 0, scale, 1)
        fit, *_ = np.linalg.lstsq(design, values[where], rcond=None)
        left[where] = values[where] - design @ fit
    return left
