"""Other maps against a network's map and those of a null."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TOLERANCE = 1e-9
_NO_VARIANCE = 1e-12

FEWEST_VOXELS = 200
"""Voxels that a comparison over space needs."""


@dataclass(frozen=True, eq=False)
class MapComparison:
    """Likeness of maps to the observed map, and to those of a null.

    Parameters
    ----------
    names
        Of the maps, (M,).
    statistic
        ``pearson``, ``spearman`` or, for a binary map, ``inside minus outside``, (M,).
    observed
        The statistic of each map with the observed one, shape (M,).
    draws
        The same with each drawn map, shape (draws, M).
    n_voxels
        Voxels compared, the same in all draws.
    """

    names: tuple[str, ...]
    statistic: tuple[str, ...]
    observed: NDArray[np.float64]
    draws: NDArray[np.float64]
    n_voxels: int

    @property
    def p(self) -> NDArray[np.float64]:
        """Two-sided p by rank, the observed map included, shape (M,)."""
        n = len(self.draws) + 1
        upper = 1 + (self.draws >= self.observed - _TOLERANCE).sum(axis=0)
        lower = 1 + (self.draws <= self.observed + _TOLERANCE).sum(axis=0)
        p = np.minimum(1.0, 2 * np.minimum(upper, lower) / n)
        return np.where(np.isfinite(self.observed), p, math.nan)

    @property
    def p_fwe(self) -> NDArray[np.float64]:
        """Two-sided p of the studentised statistic, family-wise over the maps, shape (M,)."""
        every = np.vstack([self.observed, self.draws])
        sd = every.std(axis=0)
        varies = sd > _NO_VARIANCE
        size = np.abs((every - every.mean(axis=0)) / np.where(varies, sd, 1))
        size[:, ~varies] = 0
        reached = (size.max(axis=1)[:, None] >= size[0] - _TOLERANCE).mean(axis=0)
        return np.where(varies & np.isfinite(self.observed), reached, math.nan)


def compare_maps(
    observed: NDArray[np.float64],
    blocks: Callable[[], Iterable[NDArray[np.float64]]],
    maps: Mapping[str, NDArray[np.float64]],
    where: NDArray[np.bool_],
    *,
    spearman: bool = False,
) -> MapComparison:
    """Compare a network's map with other maps, and maps of a null with the same.

    Parameters
    ----------
    observed
        The network's map, shape (V,).
    blocks
        Gives the draws, some at a time, each of shape (draws, V); called twice.
    maps
        Other maps on the same voxels, shape (V,), by name. Of one that has two values, the mean of
        the network's map at the higher less that at the lower is taken, of others Pearson's r.
    where
        Voxels that may enter, shape (V,), such as grey matter; those where any map of data, draws
        or others is not finite do not.
    spearman
        Take Spearman's in place of Pearson's r.

    Raises
    ------
    ValueError
        Fewer than 200 voxels are left.
    """
    from scipy.stats import rankdata  # slow to import

    used = where & np.isfinite(observed) & np.isfinite(np.array(list(maps.values()))).all(axis=0)
    for block in blocks():
        used &= np.isfinite(block).all(axis=0)
    n_voxels = int(np.count_nonzero(used))
    if n_voxels < FEWEST_VOXELS:
        raise ValueError(f"{n_voxels} voxels in common, and at least {FEWEST_VOXELS} are needed")
    others = np.array([values[used] for values in maps.values()])
    binary = np.array([np.unique(values).size == 2 for values in others])
    if spearman:
        others[~binary] = rankdata(others[~binary], axis=1)
    others -= others.mean(axis=1, keepdims=True)
    # of a binary map, weights that give the mean inside less the mean outside
    square = (others**2).sum(axis=1)
    scale = np.where(binary, square / np.ptp(others, axis=1).clip(_NO_VARIANCE), np.sqrt(square))
    constant = square <= _NO_VARIANCE
    columns = (others / np.where(constant, 1, scale)[:, None]).T

    def statistic(block: NDArray[np.float64]) -> NDArray[np.float64]:
        own = block[:, used]
        ranks = rankdata(own, axis=1) if spearman else own
        ranks = ranks - ranks.mean(axis=1, keepdims=True)
        length = np.sqrt((ranks**2).sum(axis=1, keepdims=True))
        # a map that is flat is like none
        r = ranks / np.where(length > _NO_VARIANCE, length, 1) @ columns
        return np.where(constant, math.nan, np.where(binary, own @ columns, r))

    drawn = [statistic(block) for block in blocks()]
    plain = "spearman" if spearman else "pearson"
    return MapComparison(
        tuple(maps),
        tuple("inside minus outside" if is_binary else plain for is_binary in binary),
        statistic(observed[None])[0],
        np.concatenate(drawn) if drawn else np.empty((0, len(maps))),
        n_voxels,
    )
