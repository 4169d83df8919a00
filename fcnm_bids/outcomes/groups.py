"""Cases against controls, as lesion network mapping compares them.

*Sensitivity* is that field's word for the share of cases whose map holds a voxel, *specificity*
for a difference between cases and controls there (Fox 2018, N Engl J Med 379:2237); neither is
the diagnostic quantity.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.mapping import probability_map
from fcnm_bids.outcomes.permutation import BlockPermutations
from fcnm_bids.stats import MaxNull

_TILE_NUMBERS = 1 << 22
"""Numbers (permutations times voxels) of one tile."""


@dataclass(frozen=True, eq=False)
class MaskTest:
    """Test of how often masks of cases and controls hold a voxel; arrays have shape (V,).

    Parameters
    ----------
    p
        One-sided p for more cases than controls; NaN where not all seeds were tested.
    p_fwe
        The same, corrected for all voxels by the smallest p of every permutation of the group.
    exact
        True if all permutations were made.
    """

    p: NDArray[np.float64]
    p_fwe: NDArray[np.float64]
    exact: bool


def sensitivity(
    masks: NDArray[np.bool_], counted: NDArray[np.bool_], is_case: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the share of cases whose mask holds each voxel, shape (V,).

    Parameters
    ----------
    masks, counted
        Contrast masks, and where each seed counts as tested, shape (K, V).
    is_case
        Shape (K,).
    """
    return probability_map(masks[is_case], counted[is_case], None)[0]


def conjunction(
    share: NDArray[np.float64],
    t: NDArray[np.float64],
    p_fwe: NDArray[np.float64],
    *,
    threshold: float,
    alpha: float,
) -> NDArray[np.bool_]:
    """Return the voxels that are sensitive and specific, shape (V,).

    Parameters
    ----------
    share
        Sensitivity, shape (V,).
    t, p_fwe
        Difference between cases and controls and its corrected p, shape (V,).
    threshold, alpha
        Least share of the cases, and largest corrected p of a difference in their favour.
    """
    return (share >= threshold - 1e-9) & (t > 0) & (p_fwe <= alpha)


def fisher_exact(
    n_cases: NDArray[np.intp], n_with: NDArray[np.intp], total_cases: int, total: int
) -> NDArray[np.float64]:
    """Return Fisher's exact one-sided p for more cases than controls with something.

    Parameters
    ----------
    n_cases, n_with
        Cases, and cases and controls, that have it, of one shape.
    total_cases, total
        All cases, and all cases and controls.
    """
    from scipy.stats import hypergeom  # slow to import

    return hypergeom.sf(n_cases - 1, total, n_with, total_cases)


def liebermeister(
    n_cases: NDArray[np.intp], n_with: NDArray[np.intp], total_cases: int, total: int
) -> NDArray[np.float64]:
    """Return Liebermeister's quasi-exact one-sided p for more cases than controls.

    The posterior probability, with uniform priors, that cases have it less often: Fisher's p of
    the table with one more case that has it and one more control that does not (Seneta and
    Phipps 2001, Biom J 43:23; Rorden et al. 2007, J Cogn Neurosci 19:1081).

    Parameters
    ----------
    n_cases, n_with, total_cases, total
        As for `fisher_exact`.
    """
    return fisher_exact(n_cases + 1, n_with + 1, total_cases + 1, total + 2)


MASK_TESTS = {"fisher": fisher_exact, "liebermeister": liebermeister}
"""Tests of masks by their names."""


def mask_test(
    masks: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    is_case: NDArray[np.bool_],
    permutations: BlockPermutations,
    *,
    test: str,
) -> MaskTest:
    """Test at every voxel if more cases than controls have it in their masks.

    Parameters
    ----------
    masks, counted
        Contrast masks, and where each seed counts as tested, shape (K, V).
    is_case
        Shape (K,).
    permutations
        Of the membership, within blocks.
    test
        One of `MASK_TESTS`.
    """
    n_seeds, n_voxels = masks.shape
    total_cases = int(np.count_nonzero(is_case))
    table = np.ones((n_seeds + 1, total_cases + 1))
    for n_with in range(n_seeds + 1):
        possible = np.arange(
            max(0, total_cases + n_with - n_seeds), min(total_cases, n_with) + 1, dtype=np.intp
        )
        table[n_with, possible] = MASK_TESTS[test](
            possible, np.full(possible.size, n_with), total_cases, n_seeds
        )
    groups = is_case[permutations.rows].astype(np.float32)
    smallest = np.ones(len(groups))
    p = np.full(n_voxels, np.nan)
    tested = np.flatnonzero(counted.all(axis=0))
    tile = max(64, _TILE_NUMBERS // len(groups))
    for start in range(0, tested.size, tile):
        voxels = tested[start : start + tile]
        own = masks[:, voxels].astype(np.float32)
        held = own.sum(axis=0).astype(np.intp)
        among = table[held, np.rint(groups @ own).astype(np.intp)]
        p[voxels] = among[0]
        np.minimum(smallest, among.min(axis=1), out=smallest)
    null = MaxNull(np.sort(-np.log(smallest))[::-1], permutations.exhaustive)
    with np.errstate(divide="ignore"):
        return MaskTest(p, null.p(-np.log(p)), null.exact)
