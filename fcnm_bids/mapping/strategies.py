"""Sums over participants under several denoising strategies, in one pass over their runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectivity import ParticipantMaps, participant_maps
from fcnm_bids.connectome import ProjectedRun, StoredRun
from fcnm_bids.seeds import SeedMatrix
from fcnm_bids.stats import PARTICIPANTS_AT_ONCE, GroupMaps, Moments


@dataclass(eq=False)
class Sample:
    """Participants of a group, and the sums over their maps.

    Parameters
    ----------
    participants
        Their runs under one strategy, by label, in the order in which they are added.
    covariates
        Centred columns of the design, shape (participants, covariates).
    index
        Voxel numbers of the analysis, sorted, shape (V,).
    moments
        The sums, of no participant at first.
    maps
        Receives the maps, shape (seeds, participants, V); None where they are not needed.
    """

    participants: Mapping[str, Sequence[StoredRun]]
    covariates: NDArray[np.float64]
    index: NDArray[np.intp]
    moments: Moments
    maps: NDArray[np.float32] | None = None

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Number of each participant."""
        return {label: row for row, label in enumerate(self.participants)}

    def add(self, found: Mapping[str, ParticipantMaps]) -> None:
        """Add the maps of participants, on more voxels than those of the sample or on the same."""
        own = {self.rows[label]: maps for label, maps in found.items() if label in self.rows}
        if not own:
            return
        z, clipped = [], []
        for row, maps in own.items():
            place = np.searchsorted(maps.index, self.index)
            z.append(maps.z[:, place])
            clipped.append(maps.clipped[:, place])
            if self.maps is not None:
                self.maps[:, row] = z[-1]
        self.moments.add_participants(np.stack(z), clipped, self.covariates[list(own)])

    def group_maps(self, seed: int) -> GroupMaps | None:
        """Return the maps of a seed of those who have one; None where maps are not kept."""
        if self.maps is None:
            return None
        there = np.flatnonzero([np.isfinite(own).any() for own in self.maps[seed]])
        every = there.size == len(self.participants)
        own = self.maps[seed] if every else self.maps[seed][there]
        return GroupMaps(own, self.covariates[there])


@dataclass(eq=False)
class Strategy:
    """Seeds that are mapped under one denoising strategy, and the samples that they are summed in.

    Parameters
    ----------
    seeds
        One row per map of a participant.
    samples
        All of one strategy: a participant has the same runs in each.
    """

    seeds: SeedMatrix
    samples: Sequence[Sample]
    participants: Mapping[str, Sequence[StoredRun]] = field(init=False)
    index: NDArray[np.intp] = field(init=False)

    def __post_init__(self) -> None:
        self.participants = {k: v for own in self.samples for k, v in own.participants.items()}
        self.index = np.unique(np.concatenate([own.index for own in self.samples]))


def sum_over_strategies(
    strategies: Sequence[Strategy],
    *,
    min_coverage: float,
    progress: Callable[[int], None] = lambda done: None,
) -> None:
    """Add every participant to the samples of every strategy, reading each run once.

    The sums of a sample are those of
    :func:`~fcnm_bids.mapping.network_map.sum_over_participants`: to the bit if it has every
    participant of the pass, and to the rounding of groups of participants in single precision
    otherwise.

    Parameters
    ----------
    strategies
        Their samples receive the sums.
    min_coverage
        Share of a seed that must lie on a run's voxels with signal.
    progress
        Called with the number of participants done.

    Raises
    ------
    ValueError
        The participants of a sample are not in the order of their files.
    """
    places = {
        label: min(run.path for run in runs)
        for strategy in strategies
        for label, runs in strategy.participants.items()
    }
    labels = sorted(places, key=lambda label: places[label])
    order = {label: number for number, label in enumerate(labels)}
    for sample in (own for strategy in strategies for own in strategy.samples):
        numbers = [order[label] for label in sample.participants]
        if numbers != sorted(numbers):
            raise ValueError("participants are added in the order of their files")
    most = max(len(own.seeds.contrasts) * own.index.size for own in strategies)
    buffers = np.empty((min(PARTICIPANTS_AT_ONCE, len(labels)), most), np.float32)
    for first in range(0, len(labels), PARTICIPANTS_AT_ONCE):
        some = labels[first : first + PARTICIPANTS_AT_ONCE]
        bands: dict[Path, ProjectedRun] = {}
        for strategy in strategies:
            shape = len(strategy.seeds.contrasts), strategy.index.size
            found = {}
            for label, buffer in zip(some, buffers, strict=False):
                runs = strategy.participants.get(label, ())
                bands |= {run.path: run.band() for run in runs if run.path not in bands}
                if runs:
                    found[label] = participant_maps(
                        [run.load(bands[run.path]) for run in runs],
                        strategy.seeds,
                        min_coverage=min_coverage,
                        index=strategy.index,
                        out=buffer[: shape[0] * shape[1]].reshape(shape),
                    )
            for sample in strategy.samples:
                sample.add(found)
        progress(first + len(some))
