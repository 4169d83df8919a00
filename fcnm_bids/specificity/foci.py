"""Where foci could have been instead: scattered, or moved to places of equal strength."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.seeds import Contrast

_TURNS = 2000
"""Places and rotations tried for a contrast whose distances are kept."""

_MIDLINE_MM = 1e-6


@dataclass(frozen=True, eq=False)
class FocusPlaces:
    """The voxels in which foci of a null may fall.

    Parameters
    ----------
    grid
        The voxel grid.
    index
        Voxel numbers, sorted, shape (V,).
    rate
        How often foci are reported in each voxel, shape (V,), not negative; None for alike.
    """

    grid: Grid
    index: NDArray[np.intp]
    rate: NDArray[np.float64] | None = None
    centres: NDArray[np.float64] = field(init=False)
    tree: KDTree = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.index.size == 0:
            raise RequestError("there is no voxel in which foci of a null could fall")
        if self.rate is not None and not (np.isfinite(self.rate) & (self.rate >= 0)).all():
            raise RequestError("a base rate of foci is not negative, and finite, everywhere")
        object.__setattr__(self, "centres", self.grid.positions(self.index))
        object.__setattr__(self, "tree", KDTree(self.centres))

    def nearest(self, positions: NDArray[np.float64]) -> NDArray[np.intp]:
        """Which of the voxels lies nearest to each position, shape (n,)."""
        return self.tree.query(positions)[1]

    def within(self, chosen: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.float64]:
        """A random position within each of some voxels, shape (n, 3)."""
        inside = rng.random((chosen.size, 3)) - 0.5
        return self.centres[chosen] + inside @ self.grid.affine[:3, :3].T


def random_foci(
    contrasts: Sequence[Contrast],
    places: FocusPlaces,
    rng: np.random.Generator,
    *,
    keep_distances: bool,
    keep_hemisphere: bool,
) -> tuple[Contrast, ...]:
    """As many foci per contrast, scattered over the places.

    Parameters
    ----------
    contrasts
        The observed ones.
    places
        Where foci may fall; no two of a contrast fall in one voxel.
    rng
        The random numbers.
    keep_distances
        Turn and move the foci of a contrast as one rigid body: of 2,000 random places and
        rotations, the one with most foci on the places; the others go to the nearest one.
    keep_hemisphere
        Keep the sign of each focus' x; foci in the midline may go to either side.

    Raises
    ------
    RequestError
        Both are asked for, or a contrast has more foci than there are voxels.
    """
    if keep_distances and keep_hemisphere:
        raise RequestError("distances and hemispheres of foci cannot both be kept")
    moved = []
    for contrast in contrasts:
        if keep_distances:
            positions = _turned(_positions(contrast), places, rng)
        else:
            side = np.sign(_positions(contrast)[:, 0]) * keep_hemisphere
            positions = places.within(_scattered(side, places, rng), rng)
        moved.append(_at(contrast, positions))
    return tuple(moved)


def strength_strata(strength: NDArray[np.float64], n_strata: int) -> NDArray[np.intp]:
    """The quantile bin of each value, 0 to `n_strata` - 1, of sizes that differ by one at most."""
    order = np.empty(strength.size, dtype=np.intp)
    order[np.argsort(strength, kind="stable")] = np.arange(strength.size)
    return order * n_strata // strength.size


def matched_foci(
    contrasts: Sequence[Contrast],
    places: FocusPlaces,
    strata: NDArray[np.intp],
    rng: np.random.Generator,
) -> tuple[Contrast, ...]:
    """Every focus moved to a random voxel of its own stratum.

    If foci fall according to strength alone, the observed ones are one such draw, given how many
    lie in each stratum, so that the test is exact (up to the width of the strata).

    Parameters
    ----------
    contrasts
        The observed ones; the stratum of a focus is that of the nearest place.
    places
        Where foci may fall.
    strata
        Stratum of each place, from 0, shape (V,).
    rng
        The random numbers.
    """
    members = [np.flatnonzero(strata == stratum) for stratum in range(int(strata.max()) + 1)]
    moved = []
    for contrast in contrasts:
        own = strata[places.nearest(_positions(contrast))]
        chosen = np.empty(own.size, dtype=np.intp)
        for stratum in np.unique(own):
            which = np.flatnonzero(own == stratum)
            chosen[which] = _pick(members[stratum], which.size, None, rng)
        moved.append(_at(contrast, places.within(chosen, rng)))
    return tuple(moved)


def nearest_foci(
    contrasts: Sequence[Contrast],
    places: FocusPlaces,
    strength: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    share: float,
) -> tuple[Contrast, ...]:
    """Every focus moved to one of the places nearest to its own in strength.

    As published (Zalesky and Cash 2026). Approximate: the window of the strongest and of the
    weakest foci lies on one side of them, so that foci on hubs are compared with weaker ones.

    Parameters
    ----------
    contrasts, places, rng
        As for `matched_foci`.
    strength
        Of each place, shape (V,).
    share
        Of the places that are candidates for a focus, such as 0.2.
    """
    order = np.argsort(strength, kind="stable")
    ordered = strength[order]
    size = max(1, round(share * order.size))
    moved = []
    for contrast in contrasts:
        chosen = []
        for own in strength[places.nearest(_positions(contrast))]:
            # the window of this size whose farther end is nearest
            low = max(0, int(np.searchsorted(ordered, own)) - size)
            starts = np.arange(low, min(low + size, order.size - size) + 1)
            ends = np.maximum(own - ordered[starts], ordered[starts + size - 1] - own)
            start = int(starts[np.argmin(ends)])
            chosen.append(order[start + int(rng.integers(size))])
        moved.append(_at(contrast, places.within(np.array(chosen), rng)))
    return tuple(moved)


def _scattered(
    side: NDArray[np.float64], places: FocusPlaces, rng: np.random.Generator
) -> NDArray[np.intp]:
    x = places.centres[:, 0]
    chosen = np.empty(side.size, dtype=np.intp)
    taken = np.zeros(x.size, dtype=bool)
    for sign in (-1.0, 1.0, 0.0):
        which = np.flatnonzero(side == sign)
        if which.size == 0:
            continue
        allowed = ~taken & ((x * sign > _MIDLINE_MM) if sign else True)
        candidates = np.flatnonzero(allowed)
        rate = None if places.rate is None else places.rate[candidates]
        chosen[which] = _pick(candidates, which.size, rate, rng)
        taken[chosen[which]] = True
    return chosen


def _pick(
    candidates: NDArray[np.intp],
    n: int,
    rate: NDArray[np.float64] | None,
    rng: np.random.Generator,
) -> NDArray[np.intp]:
    possible = candidates.size if rate is None else np.count_nonzero(rate)
    if n > possible:
        raise RequestError(f"{n} foci of a contrast have to fall in {possible} voxels")
    p = None if rate is None else rate / rate.sum()
    return candidates[rng.choice(candidates.size, n, replace=False, p=p)]


def _turned(
    positions: NDArray[np.float64], places: FocusPlaces, rng: np.random.Generator
) -> NDArray[np.float64]:
    p = None if places.rate is None else places.rate / places.rate.sum()
    anchors = places.within(rng.choice(places.index.size, _TURNS, p=p), rng)
    turns = Rotation.random(_TURNS, rng=rng).as_matrix()
    around = positions - positions[rng.integers(len(positions))]
    tried = anchors[:, None] + np.einsum("tij,kj->tki", turns, around)
    inverse = np.linalg.inv(places.grid.affine)
    voxels = np.rint(tried @ inverse[:3, :3].T + inverse[:3, 3]).astype(np.intp)
    in_box = ((voxels >= 0) & (voxels < np.array(places.grid.shape))).all(axis=-1)
    numbers = np.ravel_multi_index(
        tuple(np.moveaxis(np.where(in_box[..., None], voxels, 0), -1, 0)),
        places.grid.shape,
        order="F",
    )
    hit = in_box & np.isin(numbers, places.index)
    best = int(np.argmax(hit.sum(axis=1)))
    found = tried[best]
    off = ~hit[best]
    found[off] = places.centres[places.nearest(found[off])]
    return found


def _positions(contrast: Contrast) -> NDArray[np.float64]:
    return np.array([(focus.x, focus.y, focus.z) for focus in contrast.foci], dtype=np.float64)


def _at(contrast: Contrast, positions: NDArray[np.float64]) -> Contrast:
    foci = tuple(
        replace(focus, x=float(x), y=float(y), z=float(z), reported=None, reported_space=None)
        for focus, (x, y, z) in zip(contrast.foci, positions, strict=True)
    )
    return replace(contrast, foci=foci)
