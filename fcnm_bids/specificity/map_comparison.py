"""Other maps against a network's map and those of a null."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.specificity.labels import LabelledContrasts, SignedLabellings

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
        Voxels compared with each map, the same in all draws, (M,).
    """

    names: tuple[str, ...]
    statistic: tuple[str, ...]
    observed: NDArray[np.float64]
    draws: NDArray[np.float64]
    n_voxels: NDArray[np.intp]

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
        """Two-sided p of the studentised statistic, family-wise over the maps, shape (M,).

        Where the draws are skewed it could fall below `p`, of which it is at least the value.
        """
        every = np.vstack([self.observed, self.draws])
        sd = every.std(axis=0)
        varies = sd > _NO_VARIANCE
        size = np.abs((every - every.mean(axis=0)) / np.where(varies, sd, 1))
        size[:, ~varies] = 0
        reached = (size.max(axis=1)[:, None] >= size[0] - _TOLERANCE).mean(axis=0)
        own = np.maximum(reached, self.p)
        return np.where(varies & np.isfinite(self.observed), own, math.nan)


def compare_maps(
    observed: NDArray[np.float64],
    blocks: Callable[[], Iterable[NDArray[np.float64]]],
    maps: Mapping[str, NDArray[np.float64]],
    where: NDArray[np.bool_],
    *,
    spearman: bool = False,
    defined: NDArray[np.bool_] | None = None,
) -> MapComparison:
    """Compare a network's map with other maps, and maps of a null with the same.

    Parameters
    ----------
    observed
        The network's map, shape (V,).
    blocks
        Gives the draws, some at a time, each of shape (draws, V); called twice without `defined`.
    maps
        Other maps on the same voxels, shape (V,), by name. Of one that has two values, the mean of
        the network's map at the higher less that at the lower is taken, of others Pearson's r.
    where
        Voxels that may enter, shape (V,), such as grey matter; those where the map of data or of
        any draw, or the other map itself, is not finite do not.
    spearman
        Take Spearman's in place of Pearson's r.
    defined
        Where no draw is NaN or infinite, shape (V,); found in the draws by default.

    Returns
    -------
    comparison
        NaN for a map that is flat over its voxels, or has fewer than 200 of them.
    """
    if not maps:
        nothing = np.empty(0)
        return MapComparison((), (), nothing, nothing.reshape(0, 0), np.empty(0, np.intp))
    used = where & np.isfinite(observed)
    if defined is None:
        for block in blocks():
            used &= np.isfinite(block).all(axis=0)
    else:
        used &= defined
    place = np.flatnonzero(used)
    columns = [_Column.of(values[place], spearman) for values in maps.values()]

    def statistics(block: NDArray[np.float64]) -> NDArray[np.float64]:
        own = block if place.size == used.size else block.take(place, axis=1)
        centred = _Centred.of(own)
        return np.stack([column.statistic(own, centred) for column in columns], axis=1)

    drawn = [statistics(block) for block in blocks()]
    return MapComparison(
        tuple(maps),
        tuple(column.name for column in columns),
        statistics(observed[None])[0],
        np.concatenate(drawn) if drawn else np.empty((0, len(maps))),
        np.array([np.count_nonzero(column.finite) for column in columns], dtype=np.intp),
    )


def compare_difference(
    labelled: LabelledContrasts,
    maps: Mapping[str, NDArray[np.float64]],
    where: NDArray[np.bool_],
    *,
    n_draws: int,
    seed: int,
) -> MapComparison:
    """Compare the difference of two effects' maps with other maps, and exchange the labels.

    Parameters
    ----------
    labelled
        The contrasts of both effects.
    maps, where
        As for `compare_maps`.
    n_draws, seed
        As for `relabellings`.

    Returns
    -------
    comparison
        Of the probability map of the first effect less that of the second; of no map where a label
        has no contrast.
    """
    labellings = SignedLabellings.of(labelled, n_draws=n_draws, seed=seed)
    if not maps or not len(labellings.weights):
        return compare_maps(np.full(where.size, math.nan), list, {}, where)
    observed = next(labellings.differences(labelled))[0]
    return compare_maps(observed, partial(labellings.differences, labelled, 1), maps, where)


@dataclass(frozen=True, eq=False)
class _Centred:
    """Maps less their means, shape (draws, voxels), and the lengths of what is left, (draws,)."""

    values: NDArray[np.float64]
    lengths: NDArray[np.float64]

    @classmethod
    def of(cls, maps: NDArray[np.float64]) -> _Centred:
        values = maps - maps.sum(axis=1, keepdims=True) / max(1, maps.shape[1])
        return cls(values, np.sqrt((values**2).sum(axis=1)))

    def product(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The product with each map; it does not depend on how many there are."""
        return np.array([own @ weights for own in self.values])


@dataclass(frozen=True, eq=False)
class _Column:
    """Another map over the voxels that the network's maps have.

    Parameters
    ----------
    name
        Of the statistic.
    finite
        Voxels at which the map has a value.
    weights
        Whose product with a network's map, centred and of length 1 unless `binary`, is the
        statistic, shape (finite voxels,); None where there is none.
    binary
        Whether the map has two values.
    ranked
        Whether ranks are correlated.
    """

    name: str
    finite: NDArray[np.bool_]
    weights: NDArray[np.float64] | None
    binary: bool
    ranked: bool

    @classmethod
    def of(cls, values: NDArray[np.float64], spearman: bool) -> _Column:
        finite = np.isfinite(values)
        own = values[finite]
        n_values = np.unique(own).size
        binary = n_values == 2
        ranked = spearman and not binary
        own = _ranks(own) if ranked else own
        own = own - own.mean() if own.size else own
        square = float((own**2).sum())
        # of a binary map, weights that give the mean inside less the mean outside
        scale = square / np.ptp(own) if binary else math.sqrt(square)
        enough = own.size >= FEWEST_VOXELS and n_values > 1
        name = "inside minus outside" if binary else "spearman" if ranked else "pearson"
        return cls(name, finite, own / scale if enough else None, binary, ranked)

    def statistic(self, block: NDArray[np.float64], centred: _Centred) -> NDArray[np.float64]:
        """Return the statistic of each map of a block, shape (draws,).

        Parameters
        ----------
        block
            Maps, shape (draws, voxels).
        centred
            The same, for a column that takes them as they are.
        """
        if self.weights is None:
            return np.full(len(block), math.nan)
        if self.ranked or not self.finite.all():
            own = block if self.finite.all() else block[:, self.finite]
            centred = _Centred.of(_ranks(own) if self.ranked else own)
        product = centred.product(self.weights)
        if self.binary:
            return product
        length = centred.lengths
        # a map that is flat is like none
        return np.where(length > _NO_VARIANCE, product / np.where(length > 0, length, 1), 0.0)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return ranks along the last axis."""
    from scipy.stats import rankdata  # slow to import

    found: NDArray[np.float64] = rankdata(values, axis=-1)
    return found
