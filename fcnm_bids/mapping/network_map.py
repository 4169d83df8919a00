"""The one way from seeds and people to network probability maps.

`map_network` is what the published map, every robustness check and every null go through; the
workflow calls its three steps as nodes of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectivity import person_maps
from fcnm_bids.mapping.people import Person
from fcnm_bids.mapping.probability import probability_map
from fcnm_bids.seeds import SeedMatrix
from fcnm_bids.stats import (
    ContrastMap,
    ContrastMoments,
    HeightRule,
    Moments,
    OneSample,
    contrast_mask,
    one_sample,
)


@dataclass(frozen=True)
class MappingRule:
    """Everything that turns people's maps into contrast masks.

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
    """Sums over people of all contrasts.

    Parameters
    ----------
    moments
        The sums.
    has_map
        Shape (people, contrasts), True where the person has a map of the contrast.
    """

    moments: Moments
    has_map: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MappedContrast:
    """One contrast over people.

    Parameters
    ----------
    test
        The t test.
    mask
        The significant voxels and their threshold.
    counted
        Shape (voxels,), where the contrast counts as tested in a probability map: also where its
        seed met itself, which counts as 0.
    """

    test: OneSample
    mask: ContrastMap
    counted: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class NetworkMap:
    """What `map_network` finds.

    Parameters
    ----------
    index
        Voxel numbers that all arrays refer to.
    contrasts
        One entry per seed.
    probability
        Per effect, the share of its contrasts whose mask holds each voxel.
    """

    index: NDArray[np.intp]
    contrasts: tuple[MappedContrast, ...]
    probability: Mapping[str, NDArray[np.float64]]


def sum_over_people(
    seeds: SeedMatrix,
    people: Sequence[Person],
    index: NDArray[np.intp],
    *,
    min_coverage: float,
    smoothness: bool,
    progress: Callable[[int], None] = lambda done: None,
) -> GroupMoments:
    """Map every seed in every person, once, and keep the sums.

    Parameters
    ----------
    seeds
        One row per contrast.
    people
        In the order in which they are added.
    index
        Voxel numbers of the analysis, sorted.
    min_coverage
        As in `MappingRule`.
    smoothness
        Whether to keep what the random-field threshold needs.
    progress
        Called with the number of people done.
    """
    n_contrasts = seeds.weights.shape[0]
    moments = Moments(n_contrasts, index, seeds.grid.shape, smoothness=smoothness)
    has_map = np.zeros((len(people), n_contrasts), dtype=bool)
    for number, person in enumerate(people):
        maps = person_maps(person.open_runs(), seeds, min_coverage=min_coverage, index=index)
        moments.add(maps.z, maps.clipped)
        has_map[number] = maps.covered
        progress(number + 1)
    return GroupMoments(moments, has_map)


def map_contrast(moments: ContrastMoments, rule: HeightRule) -> MappedContrast:
    """Test one contrast and threshold it."""
    test = one_sample(moments, min_subjects=rule.min_subjects)
    mask = contrast_mask(test, moments, rule)
    return MappedContrast(test, mask, test.tested | moments.clipped_in)


def map_network(
    seeds: SeedMatrix, people: Sequence[Person], rule: MappingRule, index: NDArray[np.intp]
) -> NetworkMap:
    """From seeds and people to the probability map of every effect.

    Parameters
    ----------
    seeds
        One row per contrast; a contrast's effect says which map it belongs to.
    people
        In the order in which they are added.
    rule
        Coverage and height control.
    index
        Voxel numbers of the analysis, sorted.
    """
    smoothness = rule.height.control == "fwe"
    group = sum_over_people(
        seeds, people, index, min_coverage=rule.min_coverage, smoothness=smoothness
    )
    mapped = tuple(
        map_contrast(group.moments.contrast(i), rule.height) for i in range(len(seeds.contrasts))
    )
    effects = dict.fromkeys(contrast.effect for contrast in seeds.contrasts)
    probability = {}
    for effect in effects:
        members = [m for m, c in zip(mapped, seeds.contrasts, strict=True) if c.effect == effect]
        masks = np.stack([m.mask.significant for m in members])
        counted = np.stack([m.counted for m in members])
        probability[effect], _ = probability_map(masks, counted, None)
    return NetworkMap(index, mapped, probability)
