"""Settings and inputs that all draws of the nulls share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.config import DenoisingSettings
from fcnm_bids.connectome import ProjectedRun, read_coarser
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.store import open_stored
from fcnm_bids.mapping import Participant


@dataclass(frozen=True, eq=False)
class NullData:
    """Participants, voxels and seeds that draws are made on.

    Parameters
    ----------
    grid
        The grid of the draws: that of the data, or a coarser one.
    index
        Voxel numbers of the analysis on it.
    counted
        Shape (contrasts,), which contrasts are in the count of their network: the others, which
        too few participants cover, are in that of no draw either.
    places
        Voxel numbers in which foci may fall.
    strength
        Positive strength of each place.
    rate
        Base rate of foci at each place; None for alike.
    participants
        Everybody's runs.
    """

    grid: Grid
    index: NDArray[np.intp]
    counted: NDArray[np.bool_]
    places: NDArray[np.intp]
    strength: NDArray[np.float64]
    rate: NDArray[np.float64] | None
    participants: tuple[Participant, ...]


def read_nulls(path: Path, settings: DenoisingSettings) -> NullData:
    """The inputs that `PrepareNulls` gathered, under the strategy of a request."""
    with np.load(path, allow_pickle=False) as stored:
        nx, ny, nz = (int(n) for n in stored["shape"])
        participants = [
            null_participant(name, runs, settings)
            for name, runs in json.loads(str(stored["participants"]))
        ]
        return NullData(
            Grid((nx, ny, nz), stored["affine"], str(stored["space"])),
            stored["index"],
            stored["counted"],
            stored["places"],
            stored["strength"],
            stored.get("rate", None),
            tuple(participants),
        )


def null_participant(
    name: str, paths: Sequence[tuple[str, str]], settings: DenoisingSettings
) -> Participant:
    """Open the runs of a participant for the nulls."""

    def runs() -> list[ProjectedRun]:
        return [
            read_coarser(Path(p))
            if p.endswith(".npz")
            else open_stored(Path(p), settings, key).load()
            for p, key in paths
        ]

    def voxels() -> NDArray[np.intp]:
        return np.unique(np.concatenate([run.index for run in runs()]))

    return Participant(name, runs, voxels)
