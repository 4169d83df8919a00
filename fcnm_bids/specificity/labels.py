"""Test the difference of two effects by exchanging study labels and by splitting contrasts."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.mapping import probability_map
from fcnm_bids.seeds import Contrast

_TOLERANCE = 1e-9
_NO_VARIANCE = 1e-12
_TILE_NUMBERS = 1 << 23


@dataclass(frozen=True, eq=False)
class LabelledContrasts:
    """Contrast masks of two effects, by study.

    Parameters
    ----------
    masks, counted
        Contrast masks and where each contrast counts as tested, shape (C, V).
    is_first
        Whether a contrast belongs to the first effect, shape (C,).
    unit
        Number of the study, or of the studies that share contrasts, of each contrast.
    weights
        Weight of each contrast; None for equal ones.
    """

    masks: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    is_first: NDArray[np.bool_]
    unit: NDArray[np.intp]
    weights: NDArray[np.float64] | None

    def probability(self, own: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the probability map of some of the contrasts, shape (V,)."""
        weights = None if self.weights is None else self.weights[own]
        return probability_map(self.masks[own], self.counted[own], weights)[0]

    @property
    def paired(self) -> NDArray[np.intp]:
        """Studies with contrasts of both effects."""
        first, second = np.unique(self.unit[self.is_first]), np.unique(self.unit[~self.is_first])
        return np.intersect1d(first, second)

    @property
    def unpaired(self) -> NDArray[np.intp]:
        """Studies with contrasts of one effect."""
        return np.setdiff1d(np.unique(self.unit), self.paired)

    @property
    def n_relabellings(self) -> int:
        """Ways to exchange the labels, the observed one included."""
        single = self.unpaired
        n_first = len(np.intersect1d(single, self.unit[self.is_first]))
        return int(2 ** len(self.paired)) * math.comb(len(single), n_first)


def relabellings(
    labelled: LabelledContrasts, n_draws: int, seed: int
) -> tuple[NDArray[np.bool_], bool]:
    """Return which contrasts carry the first label, shape (labellings, C), the observed one first.

    A paired study keeps or exchanges the labels of its contrasts; the labels of the other
    studies are dealt out anew, as many of each as there were.

    Parameters
    ----------
    labelled
        The contrasts.
    n_draws
        All labellings are taken where there are no more than this many; otherwise so many random
        ones beside the observed one.
    seed
        Of the random numbers.

    Returns
    -------
    labellings
        As described.
    exact
        Whether these are all of them.
    """
    paired, single = labelled.paired, labelled.unpaired
    is_first, unit = labelled.is_first, labelled.unit
    carries = np.array([is_first[unit == u][0] for u in single], dtype=bool)

    def labelling(exchanged: NDArray[np.bool_], dealt: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found = is_first.copy()
        found ^= np.isin(unit, paired[exchanged])
        for u, first in zip(single, dealt, strict=True):
            found[unit == u] = first
        return found

    exact = labelled.n_relabellings <= n_draws
    rows = [is_first]
    if exact:
        for pattern in itertools.product((False, True), repeat=len(paired)):
            for chosen in itertools.combinations(range(len(single)), int(carries.sum())):
                dealt = np.zeros(len(single), dtype=bool)
                dealt[list(chosen)] = True
                row = labelling(np.array(pattern, dtype=bool), dealt)
                if not np.array_equal(row, is_first):
                    rows.append(row)
    else:
        rng = np.random.default_rng(seed)
        for _ in range(n_draws):
            flips = rng.random(len(paired)) < 0.5
            rows.append(labelling(flips, rng.permutation(carries)))
    return np.array(rows), exact


@dataclass(frozen=True, eq=False)
class LabelTest:
    """Test the difference of two maps by exchanging labels.

    Parameters
    ----------
    difference
        The first effect's probability map less the second's, shape (V,).
    p, p_fwe
        Two-sided p, by voxel and for the largest absolute studentised difference; NaN where the
        difference is, or does not vary.
    z
        The studentised difference.
    n_labellings
        Labellings compared, the observed one included.
    n_possible
        How many there are.
    exact
        Whether all were taken.
    smallest_p
        The least p that the labellings can give.
    """

    difference: NDArray[np.float64]
    p: NDArray[np.float64]
    p_fwe: NDArray[np.float64]
    z: NDArray[np.float64]
    n_labellings: int
    n_possible: int
    exact: bool
    smallest_p: float

    @property
    def limited_by_draws(self) -> bool:
        """Return True if more draws, rather than more studies, would give a smaller p."""
        return not self.exact and self.n_labellings < self.n_possible


@dataclass(frozen=True, eq=False)
class SignedLabellings:
    """Weights that make the difference of two effects' maps, in every labelling.

    Parameters
    ----------
    weights
        Of each contrast, those of the first label positive, of the second negative, shape
        (labellings, C), the observed one first; without a row where a label has no contrast left.
    defined
        Voxels at which every contrast that is in a count is tested, shape (V,).
    exact
        Whether all labellings were taken.
    """

    weights: NDArray[np.float64]
    defined: NDArray[np.bool_]
    exact: bool

    @classmethod
    def of(cls, labelled: LabelledContrasts, *, n_draws: int, seed: int) -> SignedLabellings:
        """Weigh the contrasts in the labellings of `relabellings`."""
        rows, exact = relabellings(labelled, n_draws, seed)
        kept = labelled.counted.any(axis=1)
        weights = np.ones(kept.size) if labelled.weights is None else labelled.weights
        weights = np.where(kept, weights, 0)
        share, other = np.where(rows, weights, 0), np.where(rows, 0, weights)
        with np.errstate(invalid="ignore", divide="ignore"):
            signed = share / share.sum(axis=1, keepdims=True)
            signed -= other / other.sum(axis=1, keepdims=True)
        possible = np.isfinite(signed).all(axis=1)
        defined = np.asarray(labelled.counted[kept].all(axis=0))
        # without the observed labelling there is nothing to compare others with
        return cls(signed[possible] if possible[0] else signed[:0], defined, exact)

    def differences(
        self, labelled: LabelledContrasts, first: int = 0
    ) -> Iterator[NDArray[np.float64]]:
        """Give the maps of the differences, some labellings at a time, each of shape (rows, V).

        Parameters
        ----------
        labelled
            The contrasts.
        first
            The labelling to begin with.

        Yields
        ------
        maps
            NaN at voxels that are not `defined`.
        """
        some = max(1, _TILE_NUMBERS // max(1, self.defined.size))
        for start in range(first, len(self.weights), some):
            maps = self.weights[start : start + some] @ labelled.masks
            maps[:, ~self.defined] = math.nan
            yield maps


def label_test(labelled: LabelledContrasts, *, n_draws: int, seed: int) -> LabelTest:
    """Test the difference of two effects' maps by exchanging the labels of whole studies.

    What the maps share, such as the connectome's backbone, cancels in the difference (Petersen
    et al. 2026).

    Parameters
    ----------
    labelled
        The contrasts of both effects.
    n_draws, seed
        As for `relabellings`.
    """
    labellings = SignedLabellings.of(labelled, n_draws=n_draws, seed=seed)
    signed, exact = labellings.weights, labellings.exact
    n_rows, n_voxels = len(signed), labelled.masks.shape[1]
    if n_rows == 0:
        nowhere = np.full(n_voxels, math.nan)
        return LabelTest(nowhere, nowhere, nowhere, nowhere, 1, 1, True, 1.0)
    difference, z = np.full(n_voxels, math.nan), np.full(n_voxels, math.nan)
    p, p_fwe = np.full(n_voxels, math.nan), np.full(n_voxels, math.nan)
    maxima = np.full(n_rows, -math.inf)
    tile = max(1, _TILE_NUMBERS // n_rows)
    voxels = np.flatnonzero(labellings.defined)
    for start in range(0, voxels.size, tile):
        own = voxels[start : start + tile]
        maps = signed @ labelled.masks[:, own]
        difference[own] = maps[0]
        mean, variance = maps.mean(axis=0), maps.var(axis=0)
        varies = variance > _NO_VARIANCE
        p[own] = 1
        maps, own = maps[:, varies], own[varies]
        if own.size == 0:
            continue
        size = np.abs((maps - mean[varies]) / np.sqrt(variance[varies]))
        z[own] = (maps[0] - mean[varies]) / np.sqrt(variance[varies])
        p[own] = np.count_nonzero(size >= size[0] - _TOLERANCE, axis=0) / n_rows
        np.maximum(maxima, size.max(axis=1), out=maxima)
    varies = np.isfinite(z)
    ordered = np.sort(maxima)
    beyond = n_rows - np.searchsorted(ordered, np.abs(z[varies]) - _TOLERANCE, side="left")
    p_fwe[varies] = beyond / n_rows
    return LabelTest(
        difference,
        p,
        p_fwe,
        z,
        n_rows,
        labelled.n_relabellings,
        exact,
        _n_alike(signed) / n_rows,
    )


def _n_alike(signed: NDArray[np.float64]) -> int:
    """Count the labellings with the statistics of the observed one, which is the first.

    A statistic is the distance from the mean of all labellings, whatever its sign: a labelling
    with the opposite distance reaches the observed value everywhere, though its weights need not
    be the opposite ones where a study has one label alone.
    """
    apart = signed - signed.mean(axis=0)
    alike = [np.abs(apart - sign * apart[0]).max(axis=1) < _TOLERANCE for sign in (1, -1)]
    return int(np.count_nonzero(alike[0] | alike[1]))


@dataclass(frozen=True)
class SplitTest:
    """Count how often random halves look like two networks.

    Parameters
    ----------
    n_draws
        Random halves drawn.
    clusters
        Clusters that the first half holds and the second does not, in each draw.
    observed
        The same for the two effects: in the first alone, in the second alone.
    """

    n_draws: int
    clusters: tuple[int, ...]
    observed: tuple[int, int]

    @property
    def share(self) -> float:
        """Share of the draws with any such cluster."""
        return self.n_differing / max(1, self.n_draws)

    @property
    def n_differing(self) -> int:
        """Number of the draws with any such cluster."""
        return sum(count > 0 for count in self.clusters)


def split_test(
    labelled: LabelledContrasts,
    clusters_of: Callable[[NDArray[np.bool_]], int],
    *,
    threshold: float,
    n_draws: int,
    seed: int,
) -> SplitTest:
    """Count clusters that one half of the contrasts shares and the other does not.

    A voxel counts where the first half's share reaches the threshold and the second's is at most
    half of it (Siddiqi et al. 2026).

    Parameters
    ----------
    labelled
        The contrasts of both effects.
    clusters_of
        The number of clusters, large enough to count, in a mask.
    threshold
        Of a network.
    n_draws, seed
        Random halves, without regard to label, and the seed of their random numbers.
    """
    first = labelled.is_first
    rng = np.random.default_rng(seed)
    n_contrasts = first.size
    counts = []
    for _ in range(n_draws):
        half = np.zeros(n_contrasts, dtype=bool)
        half[rng.permutation(n_contrasts)[: n_contrasts // 2]] = True
        counts.append(_alone(labelled, half, clusters_of, threshold))
    observed = tuple(_alone(labelled, own, clusters_of, threshold) for own in (first, ~first))
    return SplitTest(n_draws, tuple(counts), (observed[0], observed[1]))


def _alone(
    labelled: LabelledContrasts,
    first: NDArray[np.bool_],
    clusters_of: Callable[[NDArray[np.bool_]], int],
    threshold: float,
) -> int:
    maps = [labelled.probability(own) for own in (first, ~first)]
    high = maps[0] >= threshold - _TOLERANCE
    return clusters_of(high & (maps[1] <= threshold / 2 + _TOLERANCE))


def thinned(contrasts: Sequence[Contrast], seed: int) -> Iterator[Contrast]:
    """The contrasts with as many foci as the one that has fewest, chosen at random."""
    fewest = min(len(contrast.foci) for contrast in contrasts)
    rng = np.random.default_rng(seed)
    for contrast in contrasts:
        chosen = np.sort(rng.choice(len(contrast.foci), fewest, replace=False))
        yield replace(contrast, foci=tuple(contrast.foci[i] for i in chosen))
