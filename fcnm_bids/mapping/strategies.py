"""Sums over participants under several denoising strategies, in one pass over their runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectivity import BlockMaps, Clipped, MappedBlock, map_buffer, mapped_blocks
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

    def add(self, labels: Sequence[str], index: NDArray[np.intp], block: MappedBlock) -> None:
        """Add the maps of a block of seeds of those participants who are in the sample.

        Parameters
        ----------
        labels
            The participants of the maps.
        index
            Voxel numbers of the maps, sorted: those of the sample, or more.
        block
            The maps.
        """
        chosen = [i for i, label in enumerate(labels) if label in self.rows]
        if not chosen:
            return
        rows = [self.rows[labels[i]] for i in chosen]
        place = np.searchsorted(index, self.index)
        whole = place.size == index.size
        z = np.stack([block.z[i] if whole else block.z[i, place] for i in chosen])
        self.moments.add_block(block.number, z, self.covariates[rows])
        clipped = [block.clipped[i] for i in chosen]
        self.moments.clip(clipped if whole else [_at_places(own, place) for own in clipped])
        if self.maps is not None:
            seeds = slice(block.seeds.start, block.seeds.stop)
            self.maps[seeds, rows] = np.moveaxis(z[:, :, : len(block.seeds)], 2, 0)

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
    at_once = min(PARTICIPANTS_AT_ONCE, len(labels))
    for first in range(0, len(labels), PARTICIPANTS_AT_ONCE):
        some = labels[first : first + PARTICIPANTS_AT_ONCE]
        bands: dict[Path, ProjectedRun] = {}
        for strategy in strategies:
            there = [label for label in some if label in strategy.participants]
            own = []
            for label in there:
                runs = strategy.participants[label]
                bands |= {run.path: run.band() for run in runs if run.path not in bands}
                own.append(
                    BlockMaps(
                        [run.load(bands[run.path]) for run in runs],
                        strategy.seeds,
                        min_coverage=min_coverage,
                        index=strategy.index,
                    )
                )
            n_seeds = len(strategy.seeds.contrasts)
            buffer = map_buffer(at_once, n_seeds, strategy.index.size)
            for block in mapped_blocks(own, n_seeds, buffer):
                for sample in strategy.samples:
                    sample.add(there, strategy.index, block)
            for sample in strategy.samples:
                sample.moments.end_group(sum(label in sample.rows for label in there))
        progress(first + len(some))


def _at_places(clipped: Clipped, place: NDArray[np.intp]) -> Clipped:
    """Return where correlations were clipped among some of the voxels, sorted."""
    found: Clipped = {}
    for seed, voxels in clipped.items():
        everywhere = np.unique(np.concatenate(voxels))
        found[seed] = [np.flatnonzero(np.isin(place, everywhere))]
    return found
