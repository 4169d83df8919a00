"""Foci of one study that lie together, moved as one rigid body."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from fcnm_bids.seeds import Contrast, focus_positions, study_units
from fcnm_bids.specificity.places import FocusPlaces

GROUP_DIAMETER_MM = 12.0
"""Foci of one contrast that lie no farther apart than this are not independent of each other."""

REPEATED_MM = 20.0
"""Foci of different contrasts of one study that lie no farther apart may be one finding."""

TURNS = 2000
"""Places and rotations tried for a group."""

_TURNS_AT_ONCE = 20


@dataclass(frozen=True, eq=False)
class FocusGroup:
    """Foci of one study and effect that move as one body.

    Parameters
    ----------
    contrast, focus
        Number of the contrast of each member, and of the focus within it, shape (members,).
    positions
        Of the members in mm, shape (members, 3).
    medoid
        The member whose summed distance to the others is least; the first in the table of equals.
    apart
        Places nearest to the members, shape (members,), where they are known already.
    """

    contrast: NDArray[np.intp]
    focus: NDArray[np.intp]
    positions: NDArray[np.float64]
    medoid: int
    apart: NDArray[np.intp] | None = None

    @property
    def size(self) -> int:
        """Number of members."""
        return int(self.contrast.size)


def focus_groups(
    contrasts: Sequence[Contrast],
    diameter: float = GROUP_DIAMETER_MM,
    repeated: float = REPEATED_MM,
) -> list[FocusGroup]:
    """Group the foci of each study and effect, over its contrasts, by complete linkage.

    A finding that several contrasts of a study report moves by some millimetres from one to the
    other: of three peaks that are each off by 4 mm (standard deviation along each axis) two in
    five sets are wider than 12 mm, and one in fifty than 20 mm.

    Parameters
    ----------
    contrasts
        Contrasts with foci.
    diameter
        Largest distance in mm within a group of foci of one contrast; infinite for one group per
        study and effect.
    repeated
        The same of foci of different contrasts.

    Returns
    -------
    groups
        Every focus is in one of them; by study, in the order of their first foci.
    """
    rows = [(i, j) for i, contrast in enumerate(contrasts) for j in range(len(contrast.foci))]
    place = np.array(rows, dtype=np.intp).reshape(-1, 2)
    positions = np.concatenate([focus_positions(contrast) for contrast in contrasts])
    effects = np.unique([contrast.effect for contrast in contrasts], return_inverse=True)[1]
    study = np.stack([study_units(contrasts), effects], axis=1)[place[:, 0]]
    found = []
    for own in np.unique(study, axis=0):
        members = np.flatnonzero((study == own).all(axis=1))
        same = scipy.spatial.distance.pdist(place[members, :1]) == 0
        limits = np.where(same, diameter, max(diameter, repeated))
        for cluster in _clusters(positions[members], limits):
            which = members[cluster]
            apart = scipy.spatial.distance.cdist(positions[which], positions[which])
            distances = apart.sum(axis=1).round(9)
            found.append(
                FocusGroup(
                    place[which, 0], place[which, 1], positions[which], int(distances.argmin())
                )
            )
    return found


def _clusters(
    positions: NDArray[np.float64], limits: NDArray[np.float64]
) -> list[NDArray[np.intp]]:
    """Cluster positions, each pair of which has its largest distance within a cluster."""
    if len(positions) == 1 or np.isinf(limits).all():
        return [np.arange(len(positions))]
    hierarchy = scipy.cluster.hierarchy
    joined = hierarchy.linkage(scipy.spatial.distance.pdist(positions) / limits, "complete")
    number = hierarchy.fcluster(joined, 1.0, "distance")
    _, first = np.unique(number, return_index=True)
    return [np.flatnonzero(number == number[start]) for start in np.sort(first)]


def moved_group(
    group: FocusGroup,
    places: FocusPlaces,
    anchors: NDArray[np.intp],
    taken: Sequence[NDArray[np.intp]],
    rng: np.random.Generator,
    misfit: Callable[[NDArray[np.float64], NDArray[np.intp]], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Turn and move a group so that its members fall on places.

    The first of up to 2,000 places of the medoid and rotations is taken at which every member
    lies within one voxel of a place, in a voxel of its own within its contrast (where it had
    one), and fits; else the one at which most members do (of equals, that of the least misfit),
    from which members that are off the places go to the nearest one.

    Parameters
    ----------
    group
        The group.
    places
        Where foci may fall; its rate weights the places of the medoid.
    anchors
        Places that the medoid may take.
    taken
        Places that other foci of each contrast have, by number of the contrast.
    rng
        The random numbers.
    misfit
        From positions, shape (n, members, 3), and the places nearest to them, shape (n, members),
        how far each is from what its member needs; 0 where it fits.

    Returns
    -------
    positions, nearest
        Positions of the members in mm, shape (members, 3), and the places nearest to them.
    """
    share = places.share_of(anchors)
    around = group.positions - group.positions[group.medoid]
    apart = places.nearest(group.positions) if group.apart is None else group.apart
    most = (-1, 0.0)
    for _ in range(TURNS // _TURNS_AT_ONCE):
        centres = places.within(rng.choice(anchors, _TURNS_AT_ONCE, p=share), rng)
        turns = scipy.spatial.transform.Rotation.random(_TURNS_AT_ONCE, rng=rng).as_matrix()
        tried = centres[:, None] + np.einsum("tij,kj->tki", turns, around)
        distance, nearest = places.tree.query(tried)
        off = distance > places.grid.voxel_sizes.max()
        badness = misfit(tried, nearest)
        fits = ~off & ~_shared(nearest, apart, group.contrast, taken) & (badness <= 0)
        scores = zip(fits.sum(axis=1).tolist(), (-badness.sum(axis=1)).tolist(), strict=True)
        for turn, score in enumerate(scores):
            if score > most:
                most = score
                found, own, away = tried[turn], nearest[turn], off[turn]
            if most[0] == group.size:
                return found, own
    found[away] = places.centres[own[away]]
    return found, own


def _shared(
    nearest: NDArray[np.intp],
    before: NDArray[np.intp],
    contrast: NDArray[np.intp],
    taken: Sequence[NDArray[np.intp]],
) -> NDArray[np.bool_]:
    """Mark members whose voxel another focus of their contrast has that had another before."""
    shared = np.zeros(nearest.shape, dtype=bool)
    for k, own in enumerate(contrast):
        shared[:, k] = (nearest[:, k, None] == taken[own]).any(axis=1)
        for other in range(k):
            if contrast[other] == own and before[other] != before[k]:
                shared[:, k] |= nearest[:, other] == nearest[:, k]
    return shared
