"""Participants as the mapping sees them: a name, and projected runs that are opened when needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectome import ProjectedRun, StoredRun
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid


@dataclass(frozen=True)
class Participant:
    """One participant's connectome.

    Parameters
    ----------
    name
        Participant label.
    open_runs
        Gives the projected runs, all on one grid.
    voxels
        Gives the numbers of the voxels at which any run has signal, sorted.
    """

    name: str
    open_runs: Callable[[], Sequence[ProjectedRun]]
    voxels: Callable[[], NDArray[np.intp]]


def stored_participant(name: str, runs: Sequence[StoredRun]) -> Participant:
    """A participant whose runs lie in the store; they are read anew each time."""

    def voxels() -> NDArray[np.intp]:
        return np.unique(np.concatenate([run.index() for run in runs]))

    return Participant(name, lambda: [run.load() for run in runs], voxels)


def analysis_voxels(
    participants: Iterable[Participant],
    grid: Grid,
    *,
    min_subjects: float,
    within: NDArray[np.bool_] | None = None,
) -> NDArray[np.intp]:
    """Voxels at which enough participants have signal, sorted.

    Parameters
    ----------
    min_subjects
        Share of the participants, 0 to 1.
    within
        Mask that the voxels also lie in, shape (grid.n_voxels,); the whole box by default.

    Raises
    ------
    RequestError
        There is no such voxel.
    """
    counts = np.zeros(grid.n_voxels, dtype=np.int32)
    n_participants = 0
    for participant in participants:
        counts[participant.voxels()] += 1
        n_participants += 1
    fewest = max(1, math.ceil(min_subjects * n_participants - 1e-9))
    index = np.flatnonzero(counts >= fewest)
    if index.size == 0:
        raise RequestError(
            f"no voxel has signal in {fewest} of {n_participants} participants; request a "
            "smaller share with --min-subjects"
        )
    if within is not None:
        index = index[within[index]]
        if index.size == 0:
            raise RequestError(
                f"no voxel of the analysis mask has signal in {fewest} of {n_participants} "
                "participants; is it in another space?"
            )
    return index
