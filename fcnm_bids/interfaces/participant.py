"""Project the runs of a participant and map the seeds."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from fcnm_bids.bids.outputs import AS_STORED, MASKED_BY_VARIATION, sidecar_files
from fcnm_bids.bids.write import OutputFiles, write_table, written_together
from fcnm_bids.config import Config, DenoisingSettings
from fcnm_bids.connectivity import participant_maps
from fcnm_bids.connectome import StoredRun, project_run, varying_voxels, write_run
from fcnm_bids.connectome.blank_volumes import listed
from fcnm_bids.derivatives.participant import (
    COMPACT_COLUMNS,
    COVERAGE_COLUMNS,
    QC_COLUMNS,
    VARYING,
    WHOLE_NUMBERS,
    coverage_table,
    describe_runs,
    qc_row,
    write_volumes,
)
from fcnm_bids.derivatives.seeds import describe_contrast
from fcnm_bids.errors import RunError, StoreError
from fcnm_bids.inputs.contrasts import contrast_labels
from fcnm_bids.inputs.runs.prepare import (
    PreparedRun,
    RunInput,
    denoising_record,
    prepare_run,
    readable_image,
    run_provenance,
)
from fcnm_bids.inputs.store import check_stored, open_stored
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.reruns.participant_records import is_reusable
from fcnm_bids.seeds import read_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")

LARGEST_ROUNDING = {"int16": 0.02, "int8": 0.1}
"""Rounding of the store, in residual standard deviations, above which a run has a warning."""


class ProjectRuns(ConfiguredInterface):
    """Project a participant's runs into the store; a run that turns out damaged is left out."""

    takes = ("runs", "qc_file")
    may_take = ("excluded",)
    gives = ("stored", "out_files")

    def _make(self, config: Config, folder: Path) -> None:
        def place(stored: str) -> str:
            return Path(os.path.relpath(stored, config.connectome_path)).as_posix()

        rows: list[dict[str, Any]] = []
        stored: list[str] = []
        volumes: list[str] = []
        varying: list[str] = []
        excluded = list(self.inputs.excluded or [])
        compact = config.denoising.store_precision == "int8"
        columns = QC_COLUMNS | COMPACT_COLUMNS if compact else QC_COLUMNS
        qc_file = Path(self.inputs.qc_file)
        # a participant with a folder and no manifest in it is one who is not finished
        qc_file.parent.mkdir(parents=True, exist_ok=True)
        for fields in self.inputs.runs:
            run = RunInput(**fields)
            try:
                found = store_run(run, config.denoising, folder)
                row = {"run": run.name, "included": True, "reason": None, **qc_row(found)}
                if compact:
                    row["rounding"] = _checked_rounding(found, found.load().rounding)
                rows.append({**row, "stored": place(run.stored)})
                volumes += write_volumes(run, found, Path(config.output_dir))
                stored.append(run.stored)
                if "mask" in found.header:
                    varying.append(run.name)
            except RunError as error:
                if config.running.stop_on_first_crash:
                    raise
                LOGGER.warning("%s is excluded: %s", run.name, error)
                excluded.append({"name": run.name, "reason": str(error), "stored": run.stored})
        rows += [
            {
                "run": run["name"],
                "stored": place(run["stored"]) if run["stored"] else None,
                "included": False,
                "reason": run["reason"],
            }
            for run in excluded
        ]
        rows.sort(key=lambda row: str(row["run"]))
        metadata = {MASKED_BY_VARIATION: varying} if varying else {}
        write_table(qc_file, rows, columns, metadata, whole=WHOLE_NUMBERS)
        self._results["stored"] = stored
        table_files = map(str, (qc_file, *sidecar_files([qc_file])))
        self._results["out_files"] = [*stored, *volumes, *table_files]


def store_run(run: RunInput, settings: DenoisingSettings, work: Path) -> StoredRun:
    """Make sure that a run is in the store, and open it under the strategy of the request.

    A run without an image is one that came from a store.

    Parameters
    ----------
    run, settings
        The run, and what is done to it.
    work
        Folder for an image that has to be converted.

    Raises
    ------
    RunError
        The run cannot be used.
    """
    path = Path(run.stored)
    try:
        if not run.bold:
            found = open_stored(path, settings)
            found.verify()
            return found
        prepared = prepare_run(run, settings)
        if not is_reusable(path, prepared.key, thoroughly=True):
            if run.white_matter:
                prepared = prepare_run(run, settings, signals=True)
            _project(run, prepared, settings, work)
        found = open_stored(path, settings)
        check_stored(found, settings)
    except StoreError as error:
        raise RunError(str(error)) from error
    return found


def _project(run: RunInput, prepared: PreparedRun, settings: DenoisingSettings, work: Path) -> None:
    with readable_image(run, prepared.image, work) as image:
        mask = prepared.mask if run.has_mask else varying_voxels(image)
        basis = prepared.denoising.basis
        projected = project_run(
            image,
            mask,
            basis,
            smoothing=settings.smoothing,
            voxel_size=settings.store_voxel_size,
        )
    kept = prepared.denoising.volumes.kept
    if blank := projected.blank.among(kept, prepared.image.path.name):
        LOGGER.warning(
            "%s: volumes %s hold no measurement and are censored", run.name, listed(blank)
        )
        signals = bool(run.white_matter)
        prepared = prepare_run(run, settings, signals=signals, blank=projected.blank.numbers)
    if note := prepared.check_band(projected.carpet):
        LOGGER.warning("%s: %s", run.name, note)
    write_run(
        Path(run.stored),
        projected,
        prepared.denoising,
        prepared.image,
        key=prepared.key,
        attributes={
            "source": run.name,
            "settings": denoising_record(settings),
            "repetition_time": prepared.repetition_time,
            **({} if run.has_mask else {"mask": VARYING}),
            **run_provenance(run, prepared),
        },
        confounds=prepared.confounds,
        confounds_metadata=prepared.confounds_metadata,
        precision=settings.store_precision,
        band=prepared.band,
    )


def _checked_rounding(run: StoredRun, rounding: float) -> float:
    """Return the rounding of a stored run, with a warning where it is large."""
    if rounding > LARGEST_ROUNDING[run.header["settings"].get("store_precision", "int16")]:
        LOGGER.warning(
            "%s: the rounding of the store is %.3f of what the strategy leaves of a voxel "
            "(99th percentile)",
            run.header["source"],
            rounding,
        )
    return rounding


class MapParticipant(ConfiguredInterface):
    """Map all seeds of a participant."""

    takes = ("seeds_file", "entities", "subject", "stored")

    @written_together()
    def _make(self, config: Config, folder: Path) -> None:
        self._results["out_files"] = []
        if not self.inputs.stored:
            return
        seeds = read_seed_matrix(self.inputs.seeds_file)
        runs = [open_stored(Path(path), config.denoising) for path in self.inputs.stored]
        loaded = [run.load() for run in runs]
        rounding = [
            _checked_rounding(run, band.rounding) for run, band in zip(runs, loaded, strict=True)
        ]
        maps = participant_maps(loaded, seeds, min_coverage=config.seeds.min_coverage)
        names = self._names(config)
        subject = self.inputs.subject
        labels = contrast_labels(seeds.contrasts)
        out = OutputFiles(seeds.grid, maps.index, AS_STORED)
        for number, contrast in enumerate(seeds.contrasts):
            if not maps.covered[number]:
                continue
            path = names.participant_map(subject, labels[contrast.name])
            counted = maps.coverage[:, number] >= config.seeds.min_coverage
            out.image(
                path,
                maps.z[number],
                "Fisher z of the correlation with the mean series of a seed",
                Units="Fisher z",
                **describe_contrast(contrast, config.seeds),
                Coverage=maps.coverage[:, number],
                MinimumCoverage=config.seeds.min_coverage,
                **describe_runs([r for r, used in zip(runs, counted, strict=True) if used]),
                RoundingError=[e for e, used in zip(rounding, counted, strict=True) if used],
            )
        table = coverage_table(maps, seeds, labels, runs, config.seeds.min_coverage)
        out.table(names.participant_table(subject, "coverage"), table, COVERAGE_COLUMNS)
        self._expect(out.paths)
