"""Threshold a contrast's t map: the height rule and the contrast mask."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.stats.clusters import remove_small_at
from fcnm_bids.stats.height_controls import (
    HeightControl,
    HeightInputs,
    control_names,
    find_control,
    height_control,
)
from fcnm_bids.stats.moments import ContrastMoments
from fcnm_bids.stats.permutation import GroupMaps, MaxNull
from fcnm_bids.stats.smoothness import RoughnessSums, Smoothness
from fcnm_bids.stats.ttest import TMap

_TAILS = ("positive", "negative", "two-sided")


@dataclass(frozen=True)
class HeightRule:
    """The rule that thresholds a t map.

    Parameters
    ----------
    control
        ``fwe`` (random field theory or Bonferroni, whichever is lower), ``fdr``
        (Benjamini-Hochberg), ``permutation`` (sign flips, largest t), ``bonferroni``, or
        ``t=VALUE``.
    alpha
        Error rate that `control` keeps; not used by ``t=VALUE``.
    tail
        ``positive``, ``negative`` or ``two-sided``.
    min_mean_z
        Least mean Fisher z, in the direction of the tail, that a voxel also needs.
    min_cluster_voxels
        Clusters of fewer voxels are removed (18-connectivity).
    min_subjects
        Share of the participants who must have a value at a voxel, for
        :func:`~fcnm_bids.stats.ttest.one_sample`.
    n_permutations, random_seed
        Flips and their seed, for ``permutation``.

    Raises
    ------
    RequestError
        With one line for each setting that cannot be used.
    """

    control: str
    alpha: float
    tail: str
    min_mean_z: float
    min_cluster_voxels: int
    min_subjects: float
    n_permutations: int | None = None
    random_seed: int | None = None

    def __post_init__(self) -> None:
        problems = [
            message
            for usable, message in (
                (
                    find_control(self.control) is not None,
                    f"height control {self.control!r}: choose one of {control_names()}, with a"
                    " VALUE above 0",
                ),
                (0 < self.alpha < 1, f"alpha {self.alpha:g}: not between 0 and 1"),
                (self.tail in _TAILS, f"tail {self.tail!r}: choose one of {', '.join(_TAILS)}"),
                (
                    0 <= self.min_mean_z < math.inf,
                    f"minimum effect {self.min_mean_z:g}: not a mean Fisher z of 0 or more",
                ),
                (
                    self.min_cluster_voxels >= 0,
                    f"smallest contrast cluster {self.min_cluster_voxels}: below 0 voxels",
                ),
                (
                    0 < self.min_subjects <= 1,
                    f"share of participants {self.min_subjects:g}: not above 0, up to 1",
                ),
                (
                    not self._flips or self._enough_permutations,
                    f"height control {self.control}: alpha {self.alpha:g} cannot be reached with "
                    f"{self.n_permutations} permutations (seed {self.random_seed})",
                ),
            )
            if not usable
        ]
        if problems:
            raise RequestError(problems)

    @property
    def _enough_permutations(self) -> bool:
        flips, seed = self.n_permutations, self.random_seed
        if flips is None or seed is None or seed < 0:
            return False
        return self.alpha <= 0 or (flips + 1) * self.alpha >= 1 - 1e-9

    @property
    def _flips(self) -> bool:
        found = find_control(self.control)
        return found is not None and found[0].needs_maps

    @property
    def needs(self) -> HeightControl:
        """The entry of the height control, which states what it needs."""
        return height_control(self.control)


@dataclass(frozen=True, eq=False)
class ContrastMap:
    """The significant voxels of one contrast and how they were found.

    Parameters
    ----------
    significant
        The contrast mask, shape (V,).
    threshold
        Height in t (absolute value): no voxel below it is significant. With ``bonferroni`` and
        participants missing at some voxels, these must reach more. Infinite where nothing was
        tested, or ``fdr`` admits nothing.
    smoothness, resels
        What ``fwe`` estimated; None for another control, and where the field has too few degrees
        of freedom for random field theory (3 or fewer), so that Bonferroni alone applies.
    df
        Smallest degrees of freedom among the tested voxels; 0 where there are none.
    n_tested
        Number of tested voxels.
    null
        What ``permutation`` found; None for another control.
    basis
        Which of its two thresholds ``fwe`` took, ``random-field`` or ``bonferroni``; None for
        another control.
    """

    significant: NDArray[np.bool_]
    threshold: float
    smoothness: Smoothness | None
    resels: tuple[float, float, float, float] | None
    df: int
    n_tested: int
    null: MaxNull | None = None
    basis: str | None = None


def contrast_mask(
    result: TMap,
    moments: ContrastMoments | RoughnessSums,
    rule: HeightRule,
    *,
    maps: GroupMaps | None = None,
    smoothness: Smoothness | None = None,
) -> ContrastMap:
    """Threshold one contrast's t map.

    ``fwe`` takes the smoothness from the residuals, the resel counts of the tested voxels and,
    for all of them, the smallest degrees of freedom among them. ``bonferroni`` and ``fdr`` take
    each voxel's own. Two-sided ``fwe`` and ``bonferroni`` give half of alpha to each side;
    two-sided ``fdr`` takes two-sided p, two-sided ``permutation`` the largest absolute t; small
    clusters are removed on each side before the two are joined.

    Parameters
    ----------
    result
        The t test.
    moments
        The sums that it was computed from, or what was summed of them.
    rule
        How to threshold.
    maps
        The participants' maps, which ``permutation`` flips.
    smoothness
        For ``fwe``, where it is known already (from more participants, say); estimated by default.

    Raises
    ------
    RequestError
        Where the smoothness that ``fwe`` needs cannot be estimated.
    """
    tested = result.tested
    n_tested = int(np.count_nonzero(tested))
    if n_tested == 0:
        return ContrastMap(np.zeros(tested.shape, dtype=bool), math.inf, None, None, 0, 0)
    found = find_control(rule.control)
    assert found is not None, rule.control  # a rule refuses others
    control, value = found
    inputs = HeightInputs(
        *(result, moments, value, rule.alpha, rule.tail),
        *(maps, rule.n_permutations, rule.random_seed, smoothness),
    )
    height = control.height(inputs)
    high = np.abs(result.t) >= height.threshold if height.high is None else height.high
    significant = np.zeros(tested.shape, dtype=bool)
    for direction in _directions(rule.tail):
        side = high & tested & (direction * result.t > 0)
        side &= direction * result.mean >= rule.min_mean_z
        significant |= remove_small_at(side, moments.index, moments.shape, rule.min_cluster_voxels)
    return ContrastMap(
        significant,
        height.threshold,
        height.smoothness,
        height.resels,
        inputs.df,
        n_tested,
        height.null,
        height.basis,
    )


def _directions(tail: str) -> tuple[int, ...]:
    return {"positive": (1,), "negative": (-1,), "two-sided": (1, -1)}[tail]
