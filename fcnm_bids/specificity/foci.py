"""Places where foci could have been: scattered, or moved to places of equal strength."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.seeds import Contrast, Focus, focus_positions
from fcnm_bids.specificity.places import FocusPlaces
from fcnm_bids.specificity.rigid_groups import (
    GROUP_DIAMETER_MM,
    FocusGroup,
    focus_groups,
    moved_group,
)

_MIDLINE_MM = 1e-6

_Alone = Callable[[NDArray[np.float64]], NDArray[np.intp]]
"""From positions of a contrast's foci to places drawn for them."""

_Anchors = Callable[[NDArray[np.float64]], NDArray[np.intp]]
"""From the position of a medoid to the places that it may take."""

_Misfit = Callable[
    [NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]], NDArray[np.float64]
]
"""From members' own positions, and positions tried with their nearest places, to the misfit."""


def random_foci(
    contrasts: Sequence[Contrast],
    places: FocusPlaces,
    rng: np.random.Generator,
    *,
    keep_distances: bool,
    keep_hemisphere: bool,
    groups: Sequence[FocusGroup] | None = None,
) -> tuple[Contrast, ...]:
    """Scatter as many foci per contrast over the places.

    Foci of one study and effect that lie near each other, over all its contrasts (`focus_groups`),
    move and turn as one rigid body, as `moved_group` describes: they are one finding.

    Parameters
    ----------
    contrasts
        The observed ones.
    places
        Where foci may fall; no two of a contrast fall in one voxel.
    rng
        The random numbers.
    keep_distances
        Turn and move all foci of a study and effect as one rigid body.
    keep_hemisphere
        Keep the sign of each focus' x; foci in the midline may go to either side.
    groups
        Of the observed foci, where they are known already; found by default.

    Raises
    ------
    RequestError
        Both are asked for, or a contrast has more foci than there are voxels.
    """
    if keep_distances and keep_hemisphere:
        raise RequestError("distances and hemispheres of foci cannot both be kept")

    def side(positions: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.sign(positions[..., 0]) * keep_hemisphere

    x = places.centres[:, 0]

    def anchors(medoid: NDArray[np.float64]) -> NDArray[np.intp]:
        if not side(medoid):
            return np.arange(x.size)
        return np.flatnonzero(x * side(medoid) >= _MIDLINE_MM * abs(side(medoid)))

    def misfit(
        own: NDArray[np.float64], tried: NDArray[np.float64], nearest: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        return np.maximum(-tried[..., 0] * side(own), 0)

    def alone(positions: NDArray[np.float64]) -> NDArray[np.intp]:
        return _scattered(side(positions), places, rng)

    if groups is None:
        groups = focus_groups(contrasts, group_diameter(keep_distances=keep_distances))
    return _moved(contrasts, places, rng, groups, alone, anchors, misfit)


def group_diameter(*, keep_distances: bool) -> float:
    """Return the largest distance in mm within a group of foci of one contrast."""
    return np.inf if keep_distances else GROUP_DIAMETER_MM


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
    *,
    groups: Sequence[FocusGroup] | None = None,
) -> tuple[Contrast, ...]:
    """Move every focus to a random voxel of its own stratum.

    If foci fall according to strength alone (and to the base rate within a stratum), the observed
    ones are one such draw, given how many lie in each stratum, so that the test is exact (up to
    the width of the strata). Foci of one study and effect that lie near each other move
    as one rigid body: its medoid within its stratum, its members to places within one stratum of
    their own, or the nearest that can be had (`kept_strata`).

    Parameters
    ----------
    contrasts
        The observed ones; the stratum of a focus is that of the nearest place.
    places
        Where foci may fall; its rate weights the voxels of a stratum.
    strata
        Stratum of each place, from 0, shape (V,).
    rng
        The random numbers.
    groups
        As for `random_foci`.
    """
    members = [np.flatnonzero(strata == stratum) for stratum in range(int(strata.max()) + 1)]

    def alone(positions: NDArray[np.float64]) -> NDArray[np.intp]:
        own = strata[places.nearest(positions)]
        chosen = np.empty(own.size, dtype=np.intp)
        for stratum in np.unique(own):
            which = np.flatnonzero(own == stratum)
            chosen[which] = _pick(members[stratum], which.size, places, rng)
        return chosen

    def anchors(medoid: NDArray[np.float64]) -> NDArray[np.intp]:
        return members[strata[places.nearest(medoid)]]

    def misfit(
        own: NDArray[np.float64], tried: NDArray[np.float64], nearest: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        return np.maximum(abs(strata[nearest] - strata[places.nearest(own)]) - 1.0, 0)

    groups = focus_groups(contrasts) if groups is None else groups
    return _moved(contrasts, places, rng, groups, alone, anchors, misfit)


def kept_strata(
    observed: Sequence[Contrast],
    drawn: Sequence[Contrast],
    places: FocusPlaces,
    strata: NDArray[np.intp],
) -> float:
    """Return the share of the grouped foci within one stratum of their own; NaN without groups."""
    groups = [group for group in focus_groups(observed) if group.size > 1]
    after = [focus_positions(contrast) for contrast in drawn]
    apart = [
        strata[places.nearest(after[c][f])] - strata[places.nearest(position)]
        for group in groups
        for c, f, position in zip(group.contrast, group.focus, group.positions, strict=True)
    ]
    return float(np.mean(np.abs(apart) <= 1)) if apart else np.nan


def nearest_foci(
    contrasts: Sequence[Contrast],
    places: FocusPlaces,
    strength: NDArray[np.float64],
    rng: np.random.Generator,
    *,
    share: float,
    groups: Sequence[FocusGroup] | None = None,
) -> tuple[Contrast, ...]:
    """Move every focus to one of the places nearest to its own in strength.

    As published (Zalesky and Cash 2026). Approximate: the window of the strongest and of the
    weakest foci lies on one side of them, so that foci on hubs are compared with weaker ones.
    Foci of one study and effect that lie near each other move as one rigid body.

    Parameters
    ----------
    contrasts, places, rng
        As for `matched_foci`.
    strength
        Of each place, shape (V,).
    share
        Of the places that are candidates for a focus, such as 0.2.
    groups
        As for `random_foci`.
    """
    order = np.argsort(strength, kind="stable")
    ordered = strength[order]
    size = max(1, round(share * order.size))

    def window(position: NDArray[np.float64]) -> NDArray[np.intp]:
        own = strength[places.nearest(position)]
        # the window of this size whose farther end is nearest
        low = max(0, int(np.searchsorted(ordered, own)) - size)
        starts = np.arange(low, min(low + size, order.size - size) + 1)
        ends = np.maximum(own - ordered[starts], ordered[starts + size - 1] - own)
        start = int(starts[np.argmin(ends)])
        return order[start : start + size]

    def alone(positions: NDArray[np.float64]) -> NDArray[np.intp]:
        return np.array([_pick(window(p), 1, places, rng)[0] for p in positions], dtype=np.intp)

    def misfit(
        own: NDArray[np.float64], tried: NDArray[np.float64], nearest: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        inside = [np.isin(nearest[:, k], window(p)) for k, p in enumerate(own)]
        return 1 - np.stack(inside, axis=1).astype(np.float64)

    groups = focus_groups(contrasts) if groups is None else groups
    return _moved(contrasts, places, rng, groups, alone, window, misfit)


def _moved(
    contrasts: Sequence[Contrast],
    places: FocusPlaces,
    rng: np.random.Generator,
    groups: Sequence[FocusGroup],
    alone: _Alone,
    anchors: _Anchors,
    misfit: _Misfit,
) -> tuple[Contrast, ...]:
    """Draw places for single foci, contrast by contrast, then for the groups."""
    positions = [focus_positions(contrast) for contrast in contrasts]
    single = [np.ones(len(own), dtype=bool) for own in positions]
    bodies = [group for group in groups if group.size > 1]
    for group in bodies:
        for contrast, focus in zip(group.contrast, group.focus, strict=True):
            single[contrast][focus] = False
    taken = [np.empty(0, dtype=np.intp) for _ in contrasts]
    for number, (own, which) in enumerate(zip(positions, single, strict=True)):
        if which.any():
            taken[number] = alone(own[which])
            own[which] = places.within(taken[number], rng)
    for group in bodies:
        own_misfit = partial(misfit, group.positions)
        candidates = anchors(group.positions[group.medoid])
        moved, nearest = moved_group(group, places, candidates, taken, rng, own_misfit)
        for contrast, focus, position, place in zip(
            group.contrast, group.focus, moved, nearest, strict=True
        ):
            positions[contrast][focus] = position
            taken[contrast] = np.append(taken[contrast], place)
    return tuple(_at(c, own) for c, own in zip(contrasts, positions, strict=True))


def _scattered(
    side: NDArray[np.float64], places: FocusPlaces, rng: np.random.Generator
) -> NDArray[np.intp]:
    x = places.centres[:, 0]
    if not side.any():
        return _pick(np.arange(x.size), side.size, places, rng)
    chosen = np.empty(side.size, dtype=np.intp)
    taken = np.zeros(x.size, dtype=bool)
    for sign in (-1.0, 1.0, 0.0):
        which = np.flatnonzero(side == sign)
        if which.size == 0:
            continue
        allowed = ~taken & ((x * sign > _MIDLINE_MM) if sign else True)
        chosen[which] = _pick(np.flatnonzero(allowed), which.size, places, rng)
        taken[chosen[which]] = True
    return chosen


def _pick(
    candidates: NDArray[np.intp], n: int, places: FocusPlaces, rng: np.random.Generator
) -> NDArray[np.intp]:
    rate = places.rate
    possible = candidates.size if rate is None else np.count_nonzero(rate[candidates])
    if n > possible:
        raise RequestError(f"{n} foci of a contrast have to fall in {possible} voxels")
    share = places.share_of(candidates)
    return candidates[rng.choice(candidates.size, n, replace=False, p=share)]


def _at(contrast: Contrast, positions: NDArray[np.float64]) -> Contrast:
    # many times faster than `replace`
    foci = tuple(
        Focus(x, y, z, f.space, f.study, f.contrast, f.effect, f.n, f.origin)
        for f, (x, y, z) in zip(contrast.foci, positions.tolist(), strict=True)
    )
    return replace(contrast, foci=foci)
