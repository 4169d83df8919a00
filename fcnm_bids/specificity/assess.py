"""A network's probability map against those of a null."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TOLERANCE = 1e-9
"""Shares of the contrasts that differ by less are the same."""

_NO_VARIANCE = 1e-12

_DRAWS_AT_ONCE = 255


@dataclass(frozen=True, eq=False)
class NullAssessment:
    """Return the verdict of a null on a map.

    Parameters
    ----------
    n_draws
        Draws of the null, the observed map not counted.
    p
        Share of all maps, the observed one included, that reach the observed value, shape (V,);
        NaN where the observed map is.
    p_fwe
        The same for the largest studentised value over all voxels; NaN where nothing varies.
    z
        The observed map, studentised; NaN likewise.
    sizes
        Voxels of each draw's network, shape (draws,).
    overlaps
        Voxels of each draw's network in each region, shape (draws, regions).
    maxima
        Largest studentised value of each draw, shape (draws,).
    levels
        All values that the maps take.
    """

    n_draws: int
    p: NDArray[np.float64]
    p_fwe: NDArray[np.float64]
    z: NDArray[np.float64]
    sizes: NDArray[np.int64]
    overlaps: NDArray[np.int64]
    maxima: NDArray[np.float64]
    levels: tuple[float, ...]

    @property
    def smallest_p(self) -> float:
        """The least p that so many draws can give."""
        return 1 / (self.n_draws + 1)


def upper_p(observed: float, null: NDArray[Any]) -> float:
    """Share of all values, the observed one included, that reach the observed one."""
    return float((1 + np.count_nonzero(null >= observed - _TOLERANCE)) / (1 + null.size))


def assess(
    observed: NDArray[np.float64],
    blocks: Callable[[], Iterable[NDArray[np.float64]]],
    *,
    step: float,
    network_of: Callable[[NDArray[np.float64]], NDArray[np.bool_]] | None = None,
    regions: Sequence[NDArray[np.bool_]] = (),
) -> NullAssessment:
    """Compare a map with draws of a null, voxel by voxel and over all voxels.

    The maximum of a raw share of few contrasts is nearly always 1, and has no power. So each
    voxel is studentised by the mean and standard deviation of all maps, the observed one
    included (which keeps the maps exchangeable), before the maximum over voxels is taken
    (Westfall and Young 1993). To the variance the square of one step of the share is added, as
    Tusher et al. (2001, PNAS 98:5116) do for the same reason: where hardly any map shows
    anything, the first that does would stand sqrt(B) deviations out, every draw has such a
    voxel, and the maximum would have no power either.

    Parameters
    ----------
    observed
        Shape (V,).
    blocks
        Gives the draws, some at a time, each of shape (draws, V); called twice.
    step
        What one contrast adds to the share: 1 over their number; 0 for a map of convergence, which
        has no steps.
    network_of
        The network of a map; None for maps that have none, whose levels are not listed either.
    regions
        Masks of regions, each of shape (V,), whose overlap with the networks is counted.
    """
    where = np.isfinite(observed)
    reached = np.ones(observed.size, dtype=np.int64)
    total, square = np.zeros(observed.size), np.zeros(observed.size)
    defined = where.copy()
    floor = observed - _TOLERANCE
    sizes: list[int] = []
    overlaps: list[list[int]] = []
    levels = set() if network_of is None else _levels(observed)
    apart = np.empty(observed.size)
    for some in _slices(blocks()):
        # a sum in single bytes is many times faster
        reached += (some >= floor).view(np.uint8).sum(axis=0, dtype=np.uint8)
        for draw in some:
            np.subtract(draw, observed, out=apart)
            total += apart
            apart *= apart
            square += apart
            defined &= np.isfinite(draw)
            if network_of is None:
                sizes.append(0)
                overlaps.append([0] * len(regions))
                continue
            levels |= _levels(draw)
            network = network_of(draw)
            sizes.append(int(np.count_nonzero(network)))
            overlaps.append([int(np.count_nonzero(network & region)) for region in regions])
    n_draws = len(sizes)
    n_maps = n_draws + 1
    # of the maps less the observed one, whose difference is 0
    mean = total / n_maps
    variance = square / n_maps - mean * mean
    varies = defined & (variance > _NO_VARIANCE)
    sd = np.sqrt(np.where(varies, variance, 1) + step * step)
    studentised = np.where(varies, -mean / sd, math.nan)
    maxima = np.full(n_draws, -math.inf)
    first = 0
    # what does not vary is never the largest
    lowered = np.where(varies, mean, math.inf)
    for some in _slices(blocks()) if varies.any() else ():
        value = some - observed
        value -= lowered
        value /= sd
        maxima[first : first + len(some)] = np.fmax.reduce(value, axis=1)
        first += len(some)
    ordered = np.sort(maxima)
    beyond = n_draws - np.searchsorted(ordered, studentised - _TOLERANCE, side="left")
    return NullAssessment(
        n_draws=n_draws,
        p=np.where(defined, reached / n_maps, math.nan),
        p_fwe=np.where(varies, (1 + beyond) / n_maps, math.nan),
        z=studentised,
        sizes=np.array(sizes, dtype=np.int64),
        overlaps=np.array(overlaps, dtype=np.int64).reshape(n_draws, len(regions)),
        maxima=maxima,
        levels=tuple(sorted(levels)),
    )


def _slices(blocks: Iterable[NDArray[np.float64]]) -> Iterator[NDArray[np.float64]]:
    """The draws of blocks, as many at a time as a sum in bytes allows."""
    for block in blocks:
        for first in range(0, len(block), _DRAWS_AT_ONCE):
            yield np.asarray(block[first : first + _DRAWS_AT_ONCE], dtype=np.float64)


def _levels(values: NDArray[np.float64]) -> set[float]:
    return set(np.unique(values[np.isfinite(values)]).round(12).tolist())
