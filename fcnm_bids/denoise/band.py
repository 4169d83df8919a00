"""A run's pass band as an orthonormal basis, and what a strategy removes within it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

_RANK_TOLERANCE = 1e-10
"""Relative size below which a confound adds nothing to those before it."""

_STOPPED = 1e-8
"""Share of a confound's norm at or below which nothing of it lies in the band."""

_CONSTANT = 1e-12
"""Share of a confound's size at or below which it does not vary over the counted volumes."""

_CENSORED = 1e-3
"""Singular value at or below which a direction of the uncounted volumes is not removed."""


@dataclass(frozen=True, eq=False)
class StrategyDirections:
    """The directions of a band that a strategy removes.

    Parameters
    ----------
    q
        Orthonormal columns in the coordinates of the band, shape (m_b, rank).
    n_dropped
        Directions of the uncounted volumes that are too small to be removed.
    leakage
        Largest coefficient with which an uncounted volume still enters; 0 without any.
    """

    q: NDArray[np.float64]
    n_dropped: int = 0
    leakage: float = 0.0

    @property
    def dof(self) -> int:
        """Residual degrees of freedom, m."""
        return self.q.shape[0] - self.q.shape[1]

    def remove(self, components: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return components in the band, shape (m_b, ...), without the removed directions."""
        left: NDArray[np.float64] = components - self.q @ (self.q.T @ components)
        return left


@lru_cache(maxsize=8)
def band_basis(
    n_volumes: int, repetition_time: float, *, high_pass: float, low_pass: float
) -> NDArray[np.float64]:
    """Return an orthonormal basis of the pass band without its linear trend, shape (m_b, T).

    The discrete cosine functions of the band, reflected (Householder) so that the first is the
    trend's part of it, which is left out. A fixed formula: the basis is the same on every machine
    but for the last digits. Orders 1 to floor(2 T TR high_pass) lie below the band (the convention
    of nilearn's and fMRIPrep's drift cosines), orders above floor(2 T TR low_pass) above it. The
    rows are orthogonal to intercept, trend and those functions.

    Parameters
    ----------
    n_volumes
        Number of volumes of the whole run, T.
    repetition_time
        TR in seconds.
    high_pass, low_pass
        Edges of the band in Hz; 0 leaves that side open.
    """
    duration = n_volumes * repetition_time
    lowest = np.floor(2 * duration * high_pass + 1e-9) if high_pass > 0 else 0
    highest = np.floor(2 * duration * low_pass + 1e-9) if low_pass > 0 else n_volumes
    order = np.arange(1, n_volumes)
    order = order[(order > lowest) & (order <= highest)]
    time = np.arange(n_volumes) + 0.5
    cosines = np.cos(np.pi / n_volumes * np.outer(order, time)) * np.sqrt(2.0 / n_volumes)
    trend = np.linspace(-1, 1, n_volumes)
    reflection = np.sum(cosines * trend, axis=1)
    length = np.sqrt(np.sum(reflection**2))
    if length > _STOPPED * np.sqrt(np.sum(trend**2)):
        reflection /= length
        reflection[0] += 1 if reflection[0] >= 0 else -1
        along = np.sum(reflection[:, None] * cosines, axis=0)
        cosines -= np.outer(2 / np.sum(reflection**2) * reflection, along)
        cosines = np.ascontiguousarray(cosines[1:])
    # without a trend in them, functions of even orders are the basis
    cosines.setflags(write=False)
    return cosines


def strategy_directions(
    basis: NDArray[np.float64], confounds: NDArray[np.float64], counted: NDArray[np.bool_]
) -> StrategyDirections:
    """Find the directions of a band that confounds and uncounted volumes span.

    The result is least squares on all volumes, with the uncounted volumes' directions (those whose
    singular value exceeds 1e-3) and the confounds as columns beside intercept, trend and stop band.
    Where no direction is dropped, that is regression of the counted volumes alone. A confound that
    does not vary over the counted volumes removes nothing.

    Parameters
    ----------
    basis
        Of the band, as `band_basis` gives it, shape (m_b, T).
    confounds
        Shape (T, confounds), finite.
    counted
        Shape (T,), False for dummy and censored volumes.
    """
    if basis.shape[0] == 0:
        return StrategyDirections(np.empty((0, 0)))
    uncounted = basis[:, ~counted]
    volumes = np.empty((len(basis), 0))
    if uncounted.shape[1]:
        vectors, size, _ = linalg.svd(uncounted, full_matrices=False, check_finite=False)
        volumes = vectors[:, size > _CENSORED]
    centred = confounds - confounds[counted].mean(axis=0) if counted.any() else confounds
    spread = np.linalg.norm(centred[counted], axis=0)
    varies = spread > _CONSTANT * np.linalg.norm(confounds, axis=0)
    inside = basis @ centred[:, varies]
    for _ in range(2):  # once more for what rounding left of the first time
        inside -= volumes @ (volumes.T @ inside)
    length = np.linalg.norm(inside, axis=0)
    found = length > _STOPPED * spread[varies]
    inside = inside[:, found] / length[found]
    q = volumes
    if inside.shape[1]:
        orthogonal, triangular, _ = linalg.qr(
            inside, mode="economic", pivoting=True, check_finite=False
        )
        diagonal = np.abs(np.diag(triangular))
        q = np.hstack([volumes, orthogonal[:, diagonal > _RANK_TOLERANCE * diagonal[0]]])
    n_dropped = int(min(uncounted.shape)) - volumes.shape[1]
    leakage = np.abs(uncounted - q @ (q.T @ uncounted)).max() if n_dropped else 0.0
    return StrategyDirections(q, n_dropped, float(leakage))
