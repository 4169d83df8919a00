"""The networks of thousands of contrasts, for which the sums of all voxels do not fit in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.mapping.assembly import AssembledNetwork
from fcnm_bids.mapping.network_map import (
    MappingRule,
    Thresholded,
    assembled,
    mapped_contrasts,
    sum_over_participants,
)
from fcnm_bids.mapping.participants import Participant
from fcnm_bids.mapping.slabs import ContrastTests, SeededParticipants, n_slabs, slabs_of
from fcnm_bids.seeds import SeedMatrix
from fcnm_bids.stats import HeightControl, bytes_of_sums

_SHARE_OF_TESTS = 0.55
"""Of the memory, what tests at all voxels may take."""

_SHARE_OF_SLAB = 0.6
"""Of what tests leave, what sums at a slab take; opened runs and series take the rest."""

_NEAR_BYTES = 1
"""Of where a contrast is near its own foci, per voxel."""


def bytes_of_contrast(control: HeightControl, n_covariates: int, n_participants: int) -> float:
    """Return the bytes of memory per voxel with which `map_networks` maps one contrast more."""
    if _in_slabs(control, n_covariates):
        return (ContrastTests.bytes_per_voxel(control) + _NEAR_BYTES) / _SHARE_OF_TESTS
    sums = bytes_of_sums(smoothness=control.needs_smoothness, n_covariates=n_covariates)
    return sums + _NEAR_BYTES + 4 * n_participants * control.needs_maps


def _in_slabs(control: HeightControl, n_covariates: int) -> bool:
    """Return True where a test at a voxel takes the sums at the voxel and its neighbours alone."""
    return not (control.needs_maps or n_covariates)


def map_networks(
    seeds: SeedMatrix,
    participants: Sequence[Participant],
    rule: MappingRule,
    index: NDArray[np.intp],
    *,
    covariates: NDArray[np.float64] | None = None,
    weights: NDArray[np.float64] | None = None,
    memory: float,
    scratch: Path | None = None,
    progress: Callable[[int, int], Callable[[int], None]] = lambda slab, n: lambda done: None,
) -> Iterator[tuple[str, AssembledNetwork]]:
    """Map every network as `map_network` does, without the tests of its contrasts.

    Everybody is mapped at one slab of voxels before the next is begun, and each slab is tested at
    once; t and mean z of all voxels are kept in single precision, from which contrasts are
    thresholded. With covariates, and for height controls that flip everybody's maps, the sums of
    all voxels are held instead.

    Parameters
    ----------
    seeds, participants, rule, index, covariates, weights
        As for :func:`~fcnm_bids.mapping.network_map.map_network`.
    memory
        Bytes to work with; from `bytes_of_contrast` follows how many contrasts fit.
    scratch
        Folder for what does not fit; that of the system by default.
    progress
        Gives, for the number of a slab and of all slabs, what is called with the number of
        participants done.

    Yields
    ------
    name, network
        The networks of one effect after the other.
    """
    control = rule.height.needs
    n_covariates = 0 if covariates is None else covariates.shape[1]
    if not _in_slabs(control, n_covariates):
        spill = None if scratch is None else scratch / "maps.npy"
        mapped = mapped_contrasts(
            seeds, participants, rule, index, covariates=covariates, spill=spill
        )

        def thresholded(i: int) -> Thresholded:
            found = mapped(i)
            return found.mask.significant, found.counted, found.test.mean

        try:
            yield from assembled(seeds, index, rule, weights, thresholded)
        finally:
            if spill is not None:
                spill.unlink(missing_ok=True)
        return
    n_contrasts, shape = len(seeds.contrasts), seeds.grid.shape
    sums = bytes_of_sums(smoothness=control.needs_smoothness, n_covariates=0)
    of_tests = n_contrasts * index.size * bytes_of_contrast(control, 0, 0) * _SHARE_OF_TESTS
    left = max(memory - of_tests, (1 - _SHARE_OF_TESTS) * memory)
    most_voxels = _SHARE_OF_SLAB * left / (n_contrasts * sums)
    tests = ContrastTests(n_contrasts, index, shape, rule.height)
    with SeededParticipants(
        participants,
        seeds,
        min_coverage=rule.min_coverage,
        memory=(1 - _SHARE_OF_SLAB) * left,
        scratch=scratch,
    ) as seeded:
        slabs = slabs_of(index, shape, n_slabs(index.size, most_voxels))
        for number, slab in enumerate(slabs):
            group = sum_over_participants(
                seeds,
                participants,
                index,
                min_coverage=rule.min_coverage,
                smoothness=control.needs_smoothness,
                slab=slab,
                seeded=seeded,
                progress=progress(number, len(slabs)),
            )
            tests.add(group.moments, slab)
            del group  # before the sums of the next slab are there
    yield from assembled(seeds, index, rule, weights, tests.thresholded)
