"""The one pass over the store."""

from __future__ import annotations

import logging
import shutil
import time
from pathlib import Path

import numpy as np
from nipype.interfaces.base import TraitedSpec

from fcnm_bids.bids import to_labels
from fcnm_bids.config import ROBUSTNESS, Config
from fcnm_bids.connectome import open_run
from fcnm_bids.interfaces.analysis_mask import read_analysis_mask
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits
from fcnm_bids.interfaces.moments_file import MAPS, block_file, radius_file, write_moments
from fcnm_bids.interfaces.variants import with_other_radii
from fcnm_bids.mapping import analysis_voxels, stored_person, sum_over_people
from fcnm_bids.robustness import block_of_person
from fcnm_bids.seeds import read_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")

_PROGRESS_SECONDS = 10.0


class SumOverPeopleInputSpec(ConfiguredInputSpec):
    """Inputs of `SumOverPeople`."""

    people = traits.List(mandatory=True, desc="participant labels with their projected runs")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    numbers = traits.List(traits.Int(), mandatory=True, desc="rows of the seed matrix to sum")
    covariates = traits.List(mandatory=True, desc="row of the design of each person")
    mask_files = traits.List(traits.Str(), desc="images that the analysis mask is made from")


class SumOverPeopleOutputSpec(TraitedSpec):
    """Outputs of `SumOverPeople`."""

    moments_dir = traits.Directory(desc="one file of sums per contrast, by its label")


class SumOverPeople(ConfiguredInterface):
    """One pass over the store: the sums of all contrasts over people."""

    input_spec = SumOverPeopleInputSpec
    output_spec = SumOverPeopleOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        people = [
            stored_person(name, [open_run(Path(path)) for path in runs])
            for name, runs in self.inputs.people
        ]
        covariates = np.array(self.inputs.covariates, dtype=np.float64).reshape(len(people), -1)
        mask_files = [Path(path) for path in self.inputs.mask_files]
        numbers = list(self.inputs.numbers)
        every = with_other_radii(seeds, config, numbers)
        blocks = None
        if len(people) >= ROBUSTNESS.people_blocks:
            blocks = block_of_person(
                len(people), ROBUSTNESS.people_blocks, config.group.random_seed
            )
        index = analysis_voxels(
            people,
            seeds.grid,
            min_subjects=config.group.min_subjects,
            within=read_analysis_mask(config.group.analysis_mask, mask_files, seeds.grid),
        )
        moments_dir = folder / "moments"
        shutil.rmtree(moments_dir, ignore_errors=True)
        moments_dir.mkdir()
        maps = None
        if config.group.height_control == "permutation":
            shape = (len(every.contrasts), len(people), index.size)
            maps = np.lib.format.open_memmap(moments_dir / MAPS, "w+", np.float32, shape)
        group = sum_over_people(
            every,
            people,
            index,
            min_coverage=config.seeds.min_coverage,
            smoothness=config.group.height_control == "fwe",
            covariates=covariates,
            maps=maps,
            block_of_person=blocks,
            n_in_blocks=len(numbers),
            progress=_Progress(len(people)),
        )
        labels = to_labels((c.name for c in seeds.contrasts), "contrast")
        for number, contrast in enumerate(every.contrasts[: len(numbers)]):
            absent = [
                p.name for p, has in zip(people, group.has_map[:, number], strict=True) if not has
            ]
            if absent:
                LOGGER.warning(
                    "%s: %d of %d people have no map (coverage below %g): %s",
                    contrast.name,
                    len(absent),
                    len(people),
                    config.seeds.min_coverage,
                    ", ".join(absent[:10]) + (" ..." if len(absent) > 10 else ""),
                )
            label = labels[contrast.name]
            rows = {moments_dir / f"{label}.npz": number}
            for position in range(len(every.contrasts) // len(numbers) - 1):
                row = number + (position + 1) * len(numbers)
                rows[radius_file(moments_dir, label, position)] = row
            for path, row in rows.items():
                write_moments(
                    path,
                    group.moments.contrast(row),
                    absent=absent,
                    present=np.flatnonzero(group.has_map[:, row]),
                    covariates=covariates,
                    row=row,
                )
            for block, sums in enumerate(group.blocks):
                write_moments(
                    block_file(moments_dir, label, block),
                    sums.contrast(number),
                    absent=absent,
                    present=np.flatnonzero(group.has_map[:, number]),
                    covariates=covariates,
                    row=number,
                )
        self._results["moments_dir"] = str(moments_dir)


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
