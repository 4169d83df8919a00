"""The linear model of an outcome over seeds: nuisance columns and exchangeable blocks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.outcomes.permutation import BlockPermutations, block_permutations

_RANK = 1e-10
"""Singular value, as a share of the largest, below which a direction of the design is none."""

_RESIDUAL = 1e-12
"""Share of a sum of squares below which a residual sum of squares is rounding."""


@dataclass(frozen=True, eq=False)
class OutcomeModel:
    """An outcome of K seeds and what it is adjusted for.

    Parameters
    ----------
    outcome
        One value per seed, shape (K,); 0 and 1 for the membership of a group.
    nuisance
        Intercept, covariates and cohort dummies, shape (K, d); the rank may be less than d.
    block
        Number of the exchangeable block (cohort) of each seed, shape (K,).
    """

    outcome: NDArray[np.float64]
    nuisance: NDArray[np.float64]
    block: NDArray[np.intp]

    @cached_property
    def basis(self) -> NDArray[np.float64]:
        """Orthonormal basis of the nuisance columns, shape (K, rank)."""
        return nuisance_basis(self.nuisance)

    @property
    def df(self) -> int:
        """Degrees of freedom of the partial correlation: K - rank - 1."""
        return len(self.outcome) - self.basis.shape[1] - 1

    @cached_property
    def residuals(self) -> NDArray[np.float64]:
        """The outcome without the nuisance columns, shape (K,)."""
        return without(self.basis, self.outcome)

    @property
    def determined(self) -> bool:
        """True if the nuisance columns determine the outcome, so that nothing can be tested."""
        return not varies(self.residuals, self.outcome).all()

    @property
    def exact(self) -> bool:
        """True if permutation within blocks is exact: nuisance columns constant in each block."""
        return all(
            np.allclose(own, own[0], rtol=0, atol=1e-12 * max(1.0, np.abs(own).max()))
            for own in (self.nuisance[self.block == number] for number in np.unique(self.block))
        )

    def permutations(
        self, n_permutations: int, seed: int, *, complete: bool = True
    ) -> BlockPermutations:
        """Draw or enumerate permutations of the residuals within blocks.

        Parameters
        ----------
        n_permutations, seed
            As for `block_permutations`.
        complete
            True if every seed has a value wherever it is used. Only then can seeds of equal
            outcome and nuisance columns stand for each other, which makes fewer permutations.
        """
        alike = None
        if complete:
            rows = np.column_stack([self.outcome, self.nuisance])
            alike = np.unique(rows, axis=0, return_inverse=True)[1]
        return block_permutations(self.block, n_permutations, seed, alike=alike)


def nuisance_basis(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an orthonormal basis of columns of any rank, shape (K, rank)."""
    length = np.linalg.norm(columns, axis=0)
    scaled = columns[:, length > 0] / length[length > 0]
    if not scaled.shape[1]:
        return np.zeros((len(columns), 0))
    left, values, _ = np.linalg.svd(scaled, full_matrices=False)
    return left[:, values > _RANK * values[0]]


def without(basis: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Project values onto the complement of an orthonormal basis.

    Parameters
    ----------
    basis
        Shape (K, rank).
    values
        Shape (K,) or (K, n).
    """
    once = values - basis @ (basis.T @ values)
    return once - basis @ (basis.T @ once)


def varies(residuals: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which columns vary beyond rounding once nuisance columns are out.

    Parameters
    ----------
    residuals, values
        Columns after and before, shape (K,) or (K, n).
    """
    left = np.einsum("k...,k...->...", residuals, residuals)
    whole = np.einsum("k...,k...->...", values, values)
    return np.atleast_1d(left > _RESIDUAL * whole)
