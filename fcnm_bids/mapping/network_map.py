"""The one way from seeds and participants to network probability maps.

The Python interface calls `map_network`; draws of nulls go through the same steps by
`fcnm_bids.mapping.many_networks`; the workflow calls the three steps, `sum_over_participants`,
`map_contrast` and `assemble_network`, as nodes of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectivity import BlockMaps, map_buffer, mapped_blocks
from fcnm_bids.mapping.assembly import AssembledNetwork, assemble_network
from fcnm_bids.mapping.convergence import near_own_seed
from fcnm_bids.mapping.participants import Participant
from fcnm_bids.mapping.sides import effect_and_sign, network_names
from fcnm_bids.mapping.slabs import SeededParticipants, Slab
from fcnm_bids.seeds import SeedMatrix
from fcnm_bids.stats import (
    PARTICIPANTS_AT_ONCE,
    ContrastMap,
    ContrastMoments,
    GroupMaps,
    HeightRule,
    Moments,
    OneSample,
    Smoothness,
    contrast_mask,
    one_sample,
)

Thresholded = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.floating]]
"""Significant voxels of a contrast, those at which it counts, and its mean z."""


@dataclass(frozen=True)
class MappingRule:
    """Everything that turns participants' maps into contrast masks.

    Parameters
    ----------
    height
        How a contrast's t map is thresholded.
    min_coverage
        Share of a seed that must lie on a run's voxels with signal.
    """

    height: HeightRule
    min_coverage: float


@dataclass(frozen=True, eq=False)
class GroupMoments:
    """Sums over participants of all contrasts.

    Parameters
    ----------
    moments
        The sums.
    has_map
        Shape (participants, contrasts), True where the participant has a map of the contrast.
    blocks
        The sums over each block of participants, where they were asked for.
    """

    moments: Moments
    has_map: NDArray[np.bool_]
    blocks: tuple[Moments, ...] = ()


@dataclass(frozen=True, eq=False)
class MappedContrast:
    """One contrast over participants.

    Parameters
    ----------
    test
        The t test.
    mask
        The significant voxels and their threshold.
    counted
        Shape (voxels,), where the contrast counts as tested in a probability map: also where its
        seed met itself, which counts as 0. Nowhere if no other voxel was tested.
    """

    test: OneSample
    mask: ContrastMap
    counted: NDArray[np.bool_]

    def side(self, sign: int) -> NDArray[np.bool_]:
        """Return the significant voxels of one sign of connectivity, 1 or -1."""
        return self.mask.significant & (sign * self.test.mean > 0)


@dataclass(frozen=True, eq=False)
class NetworkMap:
    """The result of `map_network`.

    Parameters
    ----------
    index
        Voxel numbers that all arrays refer to.
    contrasts
        One entry per seed; empty where the tests were not to be kept.
    probability
        Per network (an effect, or with a two-sided tail a sign of one), the share of its contrasts
        whose mask holds each voxel.
    convergence
        Per network, the mean of its contrasts' mean z, each away from its own seed; with the sign
        changed where it is negative.
    """

    index: NDArray[np.intp]
    contrasts: tuple[MappedContrast, ...]
    probability: Mapping[str, NDArray[np.float64]]
    convergence: Mapping[str, NDArray[np.float64]]


def sum_over_participants(
    seeds: SeedMatrix,
    participants: Sequence[Participant],
    index: NDArray[np.intp],
    *,
    min_coverage: float,
    smoothness: bool,
    covariates: NDArray[np.float64] | None = None,
    maps: NDArray[np.float32] | None = None,
    block_of_participant: NDArray[np.intp] | None = None,
    n_in_blocks: int = 0,
    slab: Slab | None = None,
    seeded: SeededParticipants | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> GroupMoments:
    """Map every seed in every participant, once, and keep the sums.

    Parameters
    ----------
    seeds
        One row per contrast.
    participants
        In the order in which they are added.
    index
        Voxel numbers of the analysis, sorted.
    min_coverage
        As in `MappingRule`.
    smoothness
        Whether to keep what the random-field threshold needs.
    covariates
        Centred columns of the group's design, shape (participants, covariates); None for none.
    maps
        Receives everybody's maps, shape (contrasts, participants, voxels), NaN where there is none;
        None where they are not needed.
    block_of_participant
        Block of each participant, shape (participants,), over which sums are kept too (without what
        the random-field threshold needs); None for no blocks.
    n_in_blocks
        The first so many seeds are summed over blocks.
    slab
        The voxels to sum at, with the neighbours behind them; all of the analysis by default.
    seeded
        The participants with the series of these seeds, where they were made before.
    progress
        Called with the number of participants done.
    """
    n_contrasts = seeds.weights.shape[0]
    if covariates is None:
        covariates = np.zeros((len(participants), 0))
    slab = slab or Slab(0, index.size, index.size)
    index = index[slab.with_neighbours]
    sums = partial(
        Moments,
        index=index,
        shape=seeds.grid.shape,
        n_covariates=covariates.shape[1],
        n_summed=slab.stop - slab.start,
    )
    moments = sums(n_contrasts, smoothness=smoothness)
    blocks: tuple[Moments, ...] = ()
    block_of = np.zeros(0, dtype=np.intp)
    if block_of_participant is not None:
        block_of = block_of_participant
        blocks = tuple(
            sums(n_in_blocks, smoothness=False) for _ in range(int(block_of_participant.max()) + 1)
        )
    has_map = np.zeros((len(participants), n_contrasts), dtype=bool)
    buffer = map_buffer(min(PARTICIPANTS_AT_ONCE, len(participants)), n_contrasts, index.size)
    for first in range(0, len(participants), PARTICIPANTS_AT_ONCE):
        group = slice(first, min(first + PARTICIPANTS_AT_ONCE, len(participants)))
        own = [
            BlockMaps(
                participants[number].open_runs(), seeds, min_coverage=min_coverage, index=index
            )
            if seeded is None
            else seeded.maps(number, index)
            for number in range(group.start, group.stop)
        ]
        has_map[group] = [maps_of.has_map for maps_of in own]
        for block in mapped_blocks(own, n_contrasts, buffer):
            contrasts = slice(block.seeds.start, block.seeds.stop)
            present = has_map[group, contrasts]
            moments.add_block(block.number, block.z, covariates[group], present)
            moments.clip(block.clipped)
            for number, part in enumerate(blocks):
                rows = np.flatnonzero(block_of[group] == number).tolist()
                if rows and contrasts.start < n_in_blocks:
                    part.add_block(
                        block.number, block.z[rows], covariates[group][rows], present[rows]
                    )
                    part.clip([block.clipped[row] for row in rows])
            if maps is not None:
                values = block.z[:, : slab.stop - slab.start, : len(block.seeds)]
                maps[contrasts, group] = np.moveaxis(values, 2, 0)
        for number, part in enumerate(blocks):
            part.end_group(int((block_of[group] == number).sum()))
        moments.end_group(len(own))
        progress(group.stop)
        del own  # before the next ones are there
    return GroupMoments(moments, has_map, blocks)


def map_contrast(
    moments: ContrastMoments,
    rule: HeightRule,
    *,
    maps: GroupMaps | None = None,
    smoothness: Smoothness | None = None,
) -> MappedContrast:
    """Test one contrast and threshold it.

    Parameters
    ----------
    moments
        Its sums over participants.
    rule
        How to threshold.
    maps, smoothness
        As for :func:`~fcnm_bids.stats.contrast_mask.contrast_mask`.
    """
    test = one_sample(moments, min_subjects=rule.min_subjects)
    mask = contrast_mask(test, moments, rule, maps=maps, smoothness=smoothness)
    counted = test.tested | (moments.clipped_in & test.tested.any())
    return MappedContrast(test, mask, counted)


def kept_maps(
    maps: NDArray[np.float32],
    has_map: NDArray[np.bool_],
    covariates: NDArray[np.float64] | None,
    position: int,
) -> GroupMaps:
    """One contrast's maps of those who have one, from what `sum_over_participants` filled."""
    present = np.flatnonzero(has_map[:, position])
    columns = np.zeros((len(has_map), 0)) if covariates is None else covariates
    # a view where everybody has a map: the maps may be larger than the memory
    own = maps[position] if present.size == len(has_map) else maps[position][present]
    return GroupMaps(own, columns[present])


def map_network(
    seeds: SeedMatrix,
    participants: Sequence[Participant],
    rule: MappingRule,
    index: NDArray[np.intp],
    *,
    covariates: NDArray[np.float64] | None = None,
    weights: NDArray[np.float64] | None = None,
    spill: Path | None = None,
) -> NetworkMap:
    """Map the probability of every network: of every effect, or of every sign of one.

    Parameters
    ----------
    seeds
        One row per contrast; a contrast's effect says which map it belongs to.
    participants
        In the order in which they are added.
    rule
        Coverage and height control.
    index
        Voxel numbers of the analysis, sorted.
    covariates
        As for `sum_over_participants`.
    weights
        Weight of each contrast in its effect's map; None for equal ones.
    spill
        File for the participants' maps that ``permutation`` needs; None keeps them in memory.
    """
    tests: dict[int, MappedContrast] = {}
    mapped = mapped_contrasts(seeds, participants, rule, index, covariates=covariates, spill=spill)

    def thresholded(i: int) -> Thresholded:
        tests[i] = mapped(i)
        return tests[i].mask.significant, tests[i].counted, tests[i].test.mean

    networks = dict(assembled(seeds, index, rule, weights, thresholded))
    return NetworkMap(
        index,
        tuple(tests[i] for i in range(len(tests))),
        {name: own.probability for name, own in networks.items()},
        {name: own.convergence for name, own in networks.items()},
    )


def mapped_contrasts(
    seeds: SeedMatrix,
    participants: Sequence[Participant],
    rule: MappingRule,
    index: NDArray[np.intp],
    *,
    covariates: NDArray[np.float64] | None = None,
    spill: Path | None = None,
) -> Callable[[int], MappedContrast]:
    """Sum all contrasts over participants, and return the function that tests one of them.

    Parameters
    ----------
    seeds, participants, rule, index, covariates, spill
        As for `map_network`.
    """
    maps = None
    if rule.height.needs.needs_maps:
        shape = (len(seeds.contrasts), len(participants), index.size)
        if spill is None:
            maps = np.empty(shape, dtype=np.float32)
        else:
            maps = np.lib.format.open_memmap(spill, "w+", np.float32, shape)
    group = sum_over_participants(
        seeds,
        participants,
        index,
        min_coverage=rule.min_coverage,
        smoothness=rule.height.needs.needs_smoothness,
        covariates=covariates,
        maps=maps,
    )

    def mapped(i: int) -> MappedContrast:
        everyone = None if maps is None else kept_maps(maps, group.has_map, covariates, i)
        return map_contrast(group.moments.contrast(i), rule.height, maps=everyone)

    return mapped


def assembled(
    seeds: SeedMatrix,
    index: NDArray[np.intp],
    rule: MappingRule,
    weights: NDArray[np.float64] | None,
    thresholded: Callable[[int], Thresholded],
) -> Iterator[tuple[str, AssembledNetwork]]:
    """Assemble the contrasts of one effect after the other to its networks.

    Parameters
    ----------
    seeds, index, rule, weights
        As for `map_network`.
    thresholded
        Gives the significant voxels of a contrast, those at which it counts, and its mean z.
    """
    members: dict[str, list[int]] = {}
    for i, contrast in enumerate(seeds.contrasts):
        members.setdefault(contrast.effect, []).append(i)
    near = near_own_seed(seeds, index)
    for effect, rows in members.items():
        significant, counted = np.empty((2, len(rows), index.size), dtype=bool)
        means = np.empty(significant.shape, np.float32)
        for number, i in enumerate(rows):
            significant[number], counted[number], means[number] = thresholded(i)
        for name in network_names([effect], rule.height.tail):
            _, sign = effect_and_sign(name, rule.height.tail)
            yield (
                name,
                assemble_network(
                    significant,
                    counted,
                    means,
                    near[rows],
                    sign=sign,
                    weights=None if weights is None else weights[rows],
                ),
            )
