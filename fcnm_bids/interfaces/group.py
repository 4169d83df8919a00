"""Write the participants table and sum over participants."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids.names import subject_label
from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.bids.write import write_table
from fcnm_bids.config import ROBUSTNESS, Config
from fcnm_bids.derivatives.group import (
    DIAGNOSIS_FROM_ID,
    EXCLUDED_COLUMNS,
    ORIGINAL_ID,
    PARTICIPANTS_COLUMNS,
    describe_participants,
)
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.analysis_mask import group_voxels
from fcnm_bids.inputs.contrasts import contrast_labels, with_other_radii
from fcnm_bids.inputs.participants_table import (
    find_participants,
    participants_places,
    read_cells,
)
from fcnm_bids.inputs.runs.io_spec import DIAGNOSIS, read_diagnosis
from fcnm_bids.inputs.store import (
    design_columns,
    mean_displacement,
    open_participants,
    open_stored,
)
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.intermediates.moments import (
    MAPS,
    block_file,
    contrast_file,
    radius_file,
    write_moments,
)
from fcnm_bids.mapping import GroupMoments, Participant, slabs_of, sum_over_participants
from fcnm_bids.robustness import block_of_participant
from fcnm_bids.seeds import read_seed_matrix
from fcnm_bids.stats import height_control

LOGGER = logging.getLogger("fcnm_bids")

_PROGRESS_SECONDS = 10.0


class SumOverParticipants(ConfiguredInterface):
    """Sum contrasts over participants at a slab of voxels."""

    takes = ("participants", "covariates", "seeds_file", "numbers", "slab")
    may_take = ("mask_files",)
    gives = ("moments_dir",)

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        participants = open_participants(self.inputs.participants, config.denoising)
        covariates = design_columns(self.inputs.covariates)
        blocks = None
        if len(participants) >= ROBUSTNESS.participants_blocks:
            blocks = block_of_participant(
                len(participants), ROBUSTNESS.participants_blocks, config.group.random_seed
            )
        index = group_voxels(participants, seeds.grid, config.group, self.inputs.mask_files)
        moments_dir = folder / "moments"
        shutil.rmtree(moments_dir, ignore_errors=True)
        moments_dir.mkdir()
        numbers, (slab_number, n_slabs) = list(self.inputs.numbers), self.inputs.slab
        labels = contrast_labels(seeds.contrasts)
        every = with_other_radii(seeds, config, numbers)
        control = height_control(config.group.height_control)
        slab = slabs_of(index, seeds.grid.shape, n_slabs)[slab_number]
        maps = None
        if control.needs_maps:
            shape = (len(every.contrasts), len(participants), slab.stop - slab.start)
            maps = np.lib.format.open_memmap(moments_dir / MAPS, "w+", np.float32, shape)
        group = sum_over_participants(
            every,
            participants,
            index,
            min_coverage=config.seeds.min_coverage,
            smoothness=control.needs_smoothness,
            covariates=covariates,
            maps=maps,
            block_of_participant=blocks,
            n_in_blocks=len(numbers),
            slab=slab,
            progress=Progress(len(participants), slab_number, n_slabs),
        )
        for number, contrast in enumerate(every.contrasts[: len(numbers)]):
            absent = _absent(participants, group, number)
            if absent and slab_number == 0:
                LOGGER.warning(
                    "%s: %d of %d participants have no map (coverage below %g): %s",
                    contrast.name,
                    len(absent),
                    len(participants),
                    config.seeds.min_coverage,
                    ", ".join(absent[:10]) + (" ..." if len(absent) > 10 else ""),
                )
            _write_contrast(
                moments_dir,
                labels[contrast.name],
                group,
                range(number, len(every.contrasts), len(numbers)),
                participants=participants,
                covariates=covariates,
            )
        self._results["moments_dir"] = str(moments_dir)


def _write_contrast(
    moments_dir: Path,
    label: str,
    group: GroupMoments,
    rows: Sequence[int],
    *,
    participants: Sequence[Participant],
    covariates: NDArray[np.float64],
) -> None:
    """Write the sums of a contrast: the analysis' radius, the others, blocks of participants."""
    sums = {contrast_file(moments_dir, label): (group.moments, rows[0])}
    for position, row in enumerate(rows[1:]):
        sums[radius_file(moments_dir, label, position)] = group.moments, row
    for block, moments in enumerate(group.blocks):
        sums[block_file(moments_dir, label, block)] = moments, rows[0]
    for path, (moments, row) in sums.items():
        write_moments(
            path,
            moments.contrast(row),
            absent=_absent(participants, group, rows[0]),
            present=np.flatnonzero(group.has_map[:, row]),
            covariates=covariates,
            row=row,
        )


def _absent(participants: Sequence[Participant], group: GroupMoments, row: int) -> list[str]:
    return [p.name for p, has in zip(participants, group.has_map[:, row], strict=True) if not has]


class Progress:
    """Log now and then how many participants are done, and how long the rest may take.

    Parameters
    ----------
    n_participants
        All participants.
    slab, n_slabs
        Number of the slab of voxels, and of all slabs.
    what
        What is summed; the contrasts by default.
    """

    def __init__(
        self, n_participants: int, slab: int = 0, n_slabs: int = 1, what: str = ""
    ) -> None:
        self._n_participants, self._what = n_participants, what and f"{what}: "
        self._slab = f" (slab {slab + 1} of {n_slabs})" if n_slabs > 1 else ""
        self._started = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        """Log the number of participants done, unless that was done a moment ago."""
        now = time.monotonic()
        if now - self._said < _PROGRESS_SECONDS and done < self._n_participants:
            return
        self._said = now
        left = (now - self._started) / done * (self._n_participants - done)
        LOGGER.info(
            "%ssummed over %d of %d participants%s, about %.0f s left",
            *(self._what, done, self._n_participants, self._slab, left),
        )


class WriteParticipants(ConfiguredInterface):
    """List the participants of the group, beside what the data set says about them."""

    takes = ("participants",)
    may_take = ("excluded",)

    def _make(self, config: Config, folder: Path) -> None:
        rows = []
        originals = []
        for name, paths in self.inputs.participants:
            runs = [open_stored(Path(path), config.denoising, key) for path, key in paths]
            headers = [run.attributes for run in runs]
            minutes = sum(h["n_kept"] * h["repetition_time"] for h in headers) / 60
            moved = mean_displacement(runs)
            rows.append(
                (
                    f"sub-{name}",
                    len(runs),
                    round(minutes, 3),
                    sum(h["dof"] for h in headers),
                    np.nan if moved is None else moved,
                )
            )
            originals.append(
                next((str(h["original_id"]) for h in headers if "original_id" in h), "")
            )
        table = pd.DataFrame(rows, columns=["participant_id", *PARTICIPANTS_COLUMNS])
        columns = dict(PARTICIPANTS_COLUMNS)
        if any(originals):
            table["original_id"] = originals
            columns |= {"original_id": ORIGINAL_ID}
        if config.selection.diagnosis_from_id:
            table[DIAGNOSIS] = [read_diagnosis(name) for name in originals]
            columns |= {DIAGNOSIS: DIAGNOSIS_FROM_ID}
        path = Path(config.output_dir) / "participants.tsv"
        folders = participants_places(config, Path(config.bids_dir), config.source_path)
        source = next(filter(None, map(find_participants, folders)), None)
        described: dict[str, dict[str, Any]] = {}
        if source is not None:
            try:
                known = read_cells(source)
            except RequestError as error:
                LOGGER.warning("%s; its columns are not in the outputs", error)
                known = pd.DataFrame()
            if "participant_id" in known:
                known = known.drop(columns=[c for c in columns if c in known])
                known["participant_id"] = [
                    f"sub-{subject_label(name)}" for name in known["participant_id"]
                ]
                table = table.merge(
                    known.drop_duplicates("participant_id"), on="participant_id", how="left"
                )
                described = describe_participants(source, [str(c) for c in known if c in table])
        write_table(path, table, columns, described)
        excluded = [(f"sub-{name}", *rest) for name, *rest in self.inputs.excluded or []]
        left_out = OutputNames(Path(config.output_dir), {}, "").excluded()
        about = {"MaximumMeanFramewiseDisplacement": config.group.max_mean_fd}
        write_table(left_out, excluded, EXCLUDED_COLUMNS, about)
        self._expect([path, left_out])
