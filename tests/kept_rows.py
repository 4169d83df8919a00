"""Regression and filter of the kept volumes alone: the other way to denoise a run.

The package projects all volumes on the band and removes confounds and uncounted volumes there. Here
the uncounted volumes are cut out first, as nilearn does it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from fcnm_bids.denoise import KeptVolumes, RunDenoising, StrategyDirections

_RANK_TOLERANCE = 1e-10
"""Relative size below which a nuisance column adds nothing to those before it."""

_BAND_TOLERANCE = 1e-3
"""Relative singular value at or below which a direction of the censored stop band is dropped:
censoring makes the cosines nearly dependent, and what is left of such a direction is rounding
and leakage, not a frequency."""


@dataclass(frozen=True)
class Projection:
    """An orthonormal basis of what denoising leaves of a run's time.

    Parameters
    ----------
    basis
        Shape (m, kept volumes), float64, orthonormal rows. `basis @ series` carries every inner
        product of the denoised series; `basis.T @ basis` is the denoising itself.
    kept
        Shape (volumes,), True where a volume is kept.
    confounds
        Names of the confound columns that were removed.
    """

    basis: NDArray[np.float64]
    kept: NDArray[np.bool_]
    confounds: tuple[str, ...]

    @property
    def dof(self) -> int:
        """Residual degrees of freedom, m."""
        return int(self.basis.shape[0])

    @property
    def padded(self) -> NDArray[np.float64]:
        """The basis over all volumes, shape (m, volumes), 0 where one is not kept."""
        basis = np.zeros((self.dof, self.kept.size))
        basis[:, self.kept] = self.basis
        return basis

    @property
    def stored(self) -> RunDenoising:
        """Return the denoising of a stored run in whose band nothing is removed."""
        volumes = KeptVolumes(self.kept, 0, 0, float("nan"))
        directions = StrategyDirections(np.empty((self.dof, 0)))
        return RunDenoising(self.padded, directions, volumes, self.confounds)


def stop_band_cosines(
    n_volumes: int, repetition_time: float, *, high_pass: float, low_pass: float
) -> NDArray[np.float64]:
    """Discrete cosine functions outside a pass band, shape (volumes, functions), orthonormal.

    The constant is not among them. Orders 1 to floor(2 T TR high_pass) lie below the band (the
    convention of nilearn's and fMRIPrep's drift cosines), orders above floor(2 T TR low_pass)
    above it.

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
    order = order[(order <= lowest) | (order > highest)]
    time = np.arange(n_volumes) + 0.5
    cosines: NDArray[np.float64] = np.cos(np.pi / n_volumes * np.outer(time, order))
    return cosines * np.sqrt(2.0 / n_volumes)


def build_projection(
    nuisance: NDArray[np.float64],
    kept: NDArray[np.bool_],
    repetition_time: float,
    *,
    high_pass: float,
    low_pass: float,
    confounds: tuple[str, ...] = (),
) -> Projection:
    """The projection that regresses out confounds and filters at once.

    Intercept, linear trend and the confounds are removed exactly; then the cosine functions
    outside the band, built on the whole run and restricted to the kept volumes, without the
    directions in which censoring left almost nothing of them. Because both happen in one
    orthogonal projection, neither puts back what the other took out (Hallquist et al. 2013;
    Lindquist et al. 2019), and censored volumes need no interpolation.

    Parameters
    ----------
    nuisance
        Shape (volumes, confounds), finite.
    kept
        Shape (volumes,), True where a volume is kept.
    repetition_time
        TR in seconds.
    high_pass, low_pass
        Edges of the pass band in Hz; 0 leaves that side open.
    confounds
        Names of the columns of `nuisance`.
    """
    n_volumes = len(kept)
    trend = np.column_stack([np.ones(n_volumes), np.linspace(-1, 1, n_volumes)])
    complement = _complement(np.column_stack([trend, nuisance])[kept])
    cosines = stop_band_cosines(n_volumes, repetition_time, high_pass=high_pass, low_pass=low_pass)[
        kept
    ]
    if cosines.shape[1] and complement.shape[1]:
        # not by its Gram matrix, which would square the conditioning that censoring spoils
        _, size, directions = linalg.svd(cosines.T @ complement)
        if size[0] ** 2 > _RANK_TOLERANCE:
            n_stopped = np.count_nonzero(size > _BAND_TOLERANCE * size[0])
            complement = complement @ directions[n_stopped:].T
    return Projection(
        np.ascontiguousarray(complement.T), np.asarray(kept, dtype=bool), tuple(confounds)
    )


def _complement(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Orthonormal basis, shape (rows, rows - rank), of the complement of a column space."""
    n_rows = columns.shape[0]
    centred = columns - columns.mean(axis=0) if n_rows else columns
    spread = np.sqrt((centred**2).sum(axis=0))
    # a column that is constant over the kept volumes is the intercept again
    varies = spread > 1e-12 * np.sqrt((columns**2).sum(axis=0)) + np.finfo(float).tiny
    scaled = np.column_stack([np.ones(n_rows), centred[:, varies] / spread[varies]])
    orthogonal, triangular, _ = linalg.qr(scaled, mode="full", pivoting=True)
    diagonal = np.abs(np.diag(triangular))
    rank = int((diagonal > _RANK_TOLERANCE * diagonal[:1]).sum()) if n_rows else 0
    return orthogonal[:, rank:]
