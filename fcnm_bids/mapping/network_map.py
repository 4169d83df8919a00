"""The one way from seeds and participants to network probability maps.

Every null and the Python interface call `map_network`; the workflow calls its three steps,
`sum_over_participants`, `map_contrast` and `assemble_network`, as nodes of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectivity import BlockMaps, map_buffer, mapped_blocks
from fcnm_bids.mapping.assembly import assemble_network
from fcnm_bids.mapping.convergence import near_own_seed
from fcnm_bids.mapping.participants import Participant
from fcnm_bids.mapping.sides import effect_and_sign, network_names
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
    progress
        Called with the number of participants done.
    """
    n_contrasts = seeds.weights.shape[0]
    if covariates is None:
        covariates = np.zeros((len(participants), 0))
    moments = Moments(
        n_contrasts,
        index,
        seeds.grid.shape,
        smoothness=smoothness,
        n_covariates=covariates.shape[1],
    )
    blocks: tuple[Moments, ...] = ()
    block_of = np.zeros(0, dtype=np.intp)
    if block_of_participant is not None:
        block_of = block_of_participant
        blocks = tuple(
            Moments(
                n_in_blocks,
                index,
                seeds.grid.shape,
                smoothness=False,
                n_covariates=covariates.shape[1],
            )
            for _ in range(int(block_of_participant.max()) + 1)
        )
    has_map = np.zeros((len(participants), n_contrasts), dtype=bool)
    buffer = map_buffer(min(PARTICIPANTS_AT_ONCE, len(participants)), n_contrasts, index.size)
    for first in range(0, len(participants), PARTICIPANTS_AT_ONCE):
        group = slice(first, min(first + PARTICIPANTS_AT_ONCE, len(participants)))
        own = []
        for participant in participants[group]:
            runs = participant.open_runs()
            own.append(BlockMaps(runs, seeds, min_coverage=min_coverage, index=index))
        for block in mapped_blocks(own, n_contrasts, buffer):
            contrasts = slice(block.seeds.start, block.seeds.stop)
            has_map[group, contrasts] = moments.add_block(block.number, block.z, covariates[group])
            moments.clip(block.clipped)
            for number, part in enumerate(blocks):
                rows = np.flatnonzero(block_of[group] == number).tolist()
                if rows and contrasts.start < n_in_blocks:
                    part.add_block(block.number, block.z[rows], covariates[group][rows])
                    part.clip([block.clipped[row] for row in rows])
            if maps is not None:
                maps[contrasts, group] = np.moveaxis(block.z[:, :, : len(block.seeds)], 2, 0)
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
    keep_tests: bool = True,
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
    keep_tests
        Whether every contrast's t test is wanted too: for thousands of them it would not fit.
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
    members: dict[str, list[int]] = {}
    for i, contrast in enumerate(seeds.contrasts):
        members.setdefault(contrast.effect, []).append(i)
    near = near_own_seed(seeds, index)
    tests: dict[int, MappedContrast] = {}
    probability, convergence = {}, {}
    # one effect after the other, so that no more is kept of each contrast than its sums
    for rows in members.values():
        significant, counted = np.empty((2, len(rows), index.size), dtype=bool)
        means = np.empty(significant.shape)
        for number, i in enumerate(rows):
            everyone = None if maps is None else kept_maps(maps, group.has_map, covariates, i)
            mapped = map_contrast(group.moments.contrast(i), rule.height, maps=everyone)
            significant[number], counted[number] = mapped.mask.significant, mapped.counted
            means[number] = mapped.test.mean
            if keep_tests:
                tests[i] = mapped
        effect = seeds.contrasts[rows[0]].effect
        for name in network_names([effect], rule.height.tail):
            _, sign = effect_and_sign(name, rule.height.tail)
            own = assemble_network(
                significant,
                counted,
                means,
                near[rows],
                sign=sign,
                weights=None if weights is None else weights[rows],
            )
            probability[name], convergence[name] = own.probability, own.convergence
    kept = tuple(tests[i] for i in sorted(tests))
    return NetworkMap(index, kept, probability, convergence)
