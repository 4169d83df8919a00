"""The one pass over the store."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from nipype.interfaces.base import TraitedSpec
from numpy.typing import NDArray

from fcnm_bids.config import ROBUSTNESS, Config
from fcnm_bids.interfaces.analysis_mask import group_voxels
from fcnm_bids.interfaces.base import ConfiguredInterface, File, traits
from fcnm_bids.interfaces.moments_file import MAPS, block_file, radius_file, write_moments
from fcnm_bids.interfaces.seeds import contrast_labels
from fcnm_bids.interfaces.stored_people import (
    DesignedPeopleInputSpec,
    design_columns,
    open_people,
)
from fcnm_bids.interfaces.variants import other_radii, with_other_radii
from fcnm_bids.mapping import GroupMoments, Person, sum_over_people
from fcnm_bids.robustness import block_of_person
from fcnm_bids.seeds import read_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")

_PROGRESS_SECONDS = 10.0


class SumOverPeopleInputSpec(DesignedPeopleInputSpec):
    """Inputs of `SumOverPeople`."""

    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    numbers = traits.List(traits.Int(), mandatory=True, desc="rows of the seed matrix to sum")
    at_once = traits.Int(mandatory=True, desc="how many of them in one pass over the people")
    mask_files = traits.List(traits.Str(), desc="images that the analysis mask is made from")


class SumOverPeopleOutputSpec(TraitedSpec):
    """Outputs of `SumOverPeople`."""

    moments_dir = traits.Directory(desc="one file of sums per contrast, by its label")


class SumOverPeople(ConfiguredInterface):
    """The sums of contrasts over people, in one pass over the store if memory allows it."""

    input_spec = SumOverPeopleInputSpec
    output_spec = SumOverPeopleOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        people = open_people(self.inputs.people)
        covariates = design_columns(self.inputs.covariates)
        blocks = None
        if len(people) >= ROBUSTNESS.people_blocks:
            blocks = block_of_person(
                len(people), ROBUSTNESS.people_blocks, config.group.random_seed
            )
        index = group_voxels(people, seeds.grid, config.group, self.inputs.mask_files)
        moments_dir = folder / "moments"
        shutil.rmtree(moments_dir, ignore_errors=True)
        moments_dir.mkdir()
        numbers, at_once = list(self.inputs.numbers), self.inputs.at_once
        labels = contrast_labels(seeds.contrasts)
        parts = [numbers[i : i + at_once] for i in range(0, len(numbers), at_once)]
        if len(parts) > 1:
            LOGGER.info(
                "%d passes over the people, with %d contrasts each: more do not fit into the "
                "memory that is allowed",
                len(parts),
                at_once,
            )
        maps, first_row = None, 0
        if config.group.height_control == "permutation":
            n_seeds = len(numbers) * (1 + len(other_radii(config)))
            shape = (n_seeds, len(people), index.size)
            maps = np.lib.format.open_memmap(moments_dir / MAPS, "w+", np.float32, shape)
        for part in parts:
            every = with_other_radii(seeds, config, part)
            rows = slice(first_row, first_row + len(every.contrasts))
            group = sum_over_people(
                every,
                people,
                index,
                min_coverage=config.seeds.min_coverage,
                smoothness=config.group.height_control == "fwe",
                covariates=covariates,
                maps=None if maps is None else maps[rows],
                block_of_person=blocks,
                n_in_blocks=len(part),
                progress=_Progress(len(people)),
            )
            for number, contrast in enumerate(every.contrasts[: len(part)]):
                if absent := _absent(people, group, number):
                    LOGGER.warning(
                        "%s: %d of %d people have no map (coverage below %g): %s",
                        contrast.name,
                        len(absent),
                        len(people),
                        config.seeds.min_coverage,
                        ", ".join(absent[:10]) + (" ..." if len(absent) > 10 else ""),
                    )
                _write_contrast(
                    moments_dir,
                    labels[contrast.name],
                    group,
                    range(number, len(every.contrasts), len(part)),
                    first_row=first_row,
                    people=people,
                    covariates=covariates,
                )
            del group  # or two passes' sums would be in memory together
            first_row = rows.stop
        self._results["moments_dir"] = str(moments_dir)


def _write_contrast(
    moments_dir: Path,
    label: str,
    group: GroupMoments,
    rows: Sequence[int],
    *,
    first_row: int,
    people: Sequence[Person],
    covariates: NDArray[np.float64],
) -> None:
    """Write the sums of a contrast: of the analysis' radius, of the others, of blocks of people."""
    sums = {moments_dir / f"{label}.npz": (group.moments, rows[0])}
    for position, row in enumerate(rows[1:]):
        sums[radius_file(moments_dir, label, position)] = group.moments, row
    for block, moments in enumerate(group.blocks):
        sums[block_file(moments_dir, label, block)] = moments, rows[0]
    for path, (moments, row) in sums.items():
        write_moments(
            path,
            moments.contrast(row),
            absent=_absent(people, group, rows[0]),
            present=np.flatnonzero(group.has_map[:, row]),
            covariates=covariates,
            row=first_row + row,
        )


def _absent(people: Sequence[Person], group: GroupMoments, row: int) -> list[str]:
    return [p.name for p, has in zip(people, group.has_map[:, row], strict=True) if not has]


class _Progress:
    """Says now and then how many people are done, and how long the rest may take."""

    def __init__(self, n_people: int) -> None:
        self._n_people = n_people
        self._started = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said < _PROGRESS_SECONDS and done < self._n_people:
            return
        self._said = now
        left = (now - self._started) / done * (self._n_people - done)
        LOGGER.info("summed over %d of %d people, about %.0f s left", done, self._n_people, left)
