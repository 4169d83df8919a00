"""Which voxels of one contrast's t map count: the height rule and the contrast mask."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.stats.clusters import remove_small_at
from fcnm_bids.stats.fdr import fdr_threshold
from fcnm_bids.stats.moments import ContrastMoments
from fcnm_bids.stats.permutation import KeptMaps, MaxNull, max_t_null
from fcnm_bids.stats.rft import bonferroni_threshold, fwe_threshold, resel_counts
from fcnm_bids.stats.smoothness import Smoothness, estimate_smoothness
from fcnm_bids.stats.ttest import OneSample, t_isf

_CONTROLS = ("fwe", "fdr", "permutation", "bonferroni")
_TAILS = ("positive", "negative", "two-sided")

_NO_RANDOM_FIELD = 3
"""A t field over three dimensions takes more degrees of freedom than this."""


@dataclass(frozen=True)
class HeightRule:
    """How a t map is thresholded.

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
    min_effect
        Least mean Fisher z, in the direction of the tail, that a voxel also needs.
    min_cluster_voxels
        Clusters of fewer voxels are removed (18-connectivity).
    min_subjects
        Share of the people who must have a value at a voxel, for
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
    min_effect: float
    min_cluster_voxels: int
    min_subjects: float
    n_permutations: int | None = None
    random_seed: int | None = None

    def __post_init__(self) -> None:
        problems = [
            message
            for usable, message in (
                (
                    self.control in _CONTROLS or self.fixed_threshold is not None,
                    _no_such_control(self.control),
                ),
                (0 < self.alpha < 1, f"alpha {self.alpha:g}: not between 0 and 1"),
                (self.tail in _TAILS, f"tail {self.tail!r}: choose one of {', '.join(_TAILS)}"),
                (
                    0 <= self.min_effect < math.inf,
                    f"minimum effect {self.min_effect:g}: not a mean Fisher z of 0 or more",
                ),
                (
                    self.min_cluster_voxels >= 0,
                    f"smallest contrast cluster {self.min_cluster_voxels}: below 0 voxels",
                ),
                (
                    0 < self.min_subjects <= 1,
                    f"share of people {self.min_subjects:g}: not above 0, up to 1",
                ),
                (
                    self.control != "permutation" or self._enough_permutations,
                    f"height control permutation: alpha {self.alpha:g} cannot be reached with "
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
    def fixed_threshold(self) -> float | None:
        """VALUE of ``t=VALUE``; None for another control, or where it is not above zero."""
        name, equals, text = self.control.partition("=")
        if name != "t" or not equals:
            return None
        try:
            value = float(text)
        except ValueError:
            return None
        return value if 0 < value < math.inf else None


def _no_such_control(control: str) -> str:
    return (
        f"height control {control!r}: choose one of {', '.join(_CONTROLS)} or t=VALUE, with a"
        " VALUE above 0"
    )


@dataclass(frozen=True, eq=False)
class ContrastMap:
    """The significant voxels of one contrast and how they were found.

    Parameters
    ----------
    significant
        The contrast mask, shape (V,).
    threshold
        Height in t (absolute value): no voxel below it is significant. With ``bonferroni`` and
        people missing at some voxels, these must reach more. Infinite where nothing was tested,
        or ``fdr`` admits nothing.
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
    result: OneSample,
    moments: ContrastMoments,
    rule: HeightRule,
    *,
    maps: KeptMaps | None = None,
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
        The sums that it was computed from.
    rule
        How to threshold.
    maps
        The people's maps, which ``permutation`` flips.
    smoothness
        For ``fwe``, where it is known already (from more people, say); estimated by default.

    Raises
    ------
    RequestError
        Where the smoothness that ``fwe`` needs cannot be estimated.
    """
    tested = result.tested
    n_tested = int(np.count_nonzero(tested))
    if n_tested == 0:
        return ContrastMap(np.zeros(tested.shape, dtype=bool), math.inf, None, None, 0, 0)
    df = int(result.df[tested].min())
    side_alpha = rule.alpha / 2 if rule.tail == "two-sided" else rule.alpha
    null: MaxNull | None = None
    basis: str | None = None
    known = smoothness
    smoothness = None
    resels: tuple[float, float, float, float] | None = None
    size = np.abs(result.t)
    if rule.control == "fdr":
        admitted = fdr_threshold(result.t, result.df, alpha=rule.alpha, tail=rule.tail)
        high, threshold = admitted.significant, admitted.threshold
    elif rule.control == "bonferroni":
        levels, level_of = np.unique(result.df[tested], return_inverse=True)
        heights = t_isf(side_alpha / n_tested, levels)
        high = np.zeros(tested.shape, dtype=bool)
        high[tested] = size[tested] >= heights[level_of]
        threshold = float(heights.min())
    else:
        if rule.fixed_threshold is not None:
            threshold = rule.fixed_threshold
        elif rule.control == "permutation":
            null = _null_of(maps, tested, rule)
            threshold = null.threshold(rule.alpha)
        elif df <= _NO_RANDOM_FIELD:
            threshold, basis = bonferroni_threshold(side_alpha, df, n_tested), "bonferroni"
        else:
            smoothness = known or estimate_smoothness(moments, tested)
            resels = _resels_of(tested, moments, smoothness)
            threshold = fwe_threshold(side_alpha, df, resels, n_tested)
            lower = threshold < bonferroni_threshold(side_alpha, df, n_tested)
            basis = "random-field" if lower else "bonferroni"
        high = size >= threshold
    significant = np.zeros(tested.shape, dtype=bool)
    for direction in _directions(rule.tail):
        side = high & tested & (direction * result.t > 0)
        side &= direction * result.mean >= rule.min_effect
        significant |= remove_small_at(side, moments.index, moments.shape, rule.min_cluster_voxels)
    return ContrastMap(significant, threshold, smoothness, resels, df, n_tested, null, basis)


def _null_of(maps: KeptMaps | None, tested: NDArray[np.bool_], rule: HeightRule) -> MaxNull:
    if maps is None or rule.n_permutations is None or rule.random_seed is None:
        raise ValueError("permutation takes people's maps, a number of flips and a seed")
    return max_t_null(
        maps, tested, tail=rule.tail, n_permutations=rule.n_permutations, seed=rule.random_seed
    )


def _directions(tail: str) -> tuple[int, ...]:
    return {"positive": (1,), "negative": (-1,), "two-sided": (1, -1)}[tail]


def _resels_of(
    tested: NDArray[np.bool_], moments: ContrastMoments, smoothness: Smoothness
) -> tuple[float, float, float, float]:
    box = np.zeros(int(np.prod(moments.shape)), dtype=bool)
    box[moments.index] = tested
    points, length, area, volume = resel_counts(
        box.reshape(moments.shape, order="F"), smoothness.fwhm
    ).tolist()
    return points, length, area, volume
