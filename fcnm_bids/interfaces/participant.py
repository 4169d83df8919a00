"""From a person's runs to projected runs in the store."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from nipype.interfaces.base import TraitedSpec

from fcnm_bids.bids import sidecar_files, write_table
from fcnm_bids.config import Config, DenoisingSettings
from fcnm_bids.connectome import open_run, project_run, varying_voxels, write_run
from fcnm_bids.errors import RunError, StoreError
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, traits
from fcnm_bids.interfaces.run_input import (
    PreparedRun,
    RunInput,
    denoising_record,
    prepare_run,
)
from fcnm_bids.interfaces.volumes import write_volumes
from fcnm_bids.report.methods_connectome import MASKED_BY_VARIATION

LOGGER = logging.getLogger("fcnm_bids")

QC_COLUMNS = {
    "run": "Preprocessed image, relative to its data set",
    "included": "Whether the run enters the analysis",
    "reason": "Why it does not",
    "n_volumes": "Volumes of the run",
    "n_dummy": "Volumes dropped at the start (non-steady state)",
    "n_censored": "Further volumes dropped for motion",
    "n_kept": "Volumes kept",
    "minutes_kept": "Minutes of kept volumes",
    "dof": "Residual degrees of freedom after regression and filtering",
    "mean_fd": "Mean framewise displacement in mm (Power et al. 2012)",
    "n_masked": "Voxels in the brain mask (of a denoised run without one, those that vary over "
    "time)",
    "n_voxels": "Voxels in the brain mask that carry signal",
}
VARYING = "voxels that vary over time"
"""What a stored run's header says of the mask of a run that came without one."""

_WHOLE_NUMBERS = (
    *("n_volumes", "n_dummy", "n_censored", "n_kept"),
    *("dof", "n_masked", "n_voxels"),
)


class ProjectRunsInputSpec(ConfiguredInputSpec):
    """Inputs of `ProjectRuns`."""

    runs = traits.List(traits.Dict(), mandatory=True, desc="fields of RunInput, one dict a run")
    excluded = traits.List(traits.Dict(), desc="runs already left out: name and reason")
    qc_file = traits.Str(mandatory=True, desc="where the table of all runs goes")


class ProjectRunsOutputSpec(TraitedSpec):
    """Outputs of `ProjectRuns`."""

    stored = traits.List(traits.Str(), desc="projected runs")
    promised = traits.List(traits.Str(), desc="files that should now be there")


class ProjectRuns(ConfiguredInterface):
    """Project a person's runs into the store; a run that turns out damaged is left out."""

    input_spec = ProjectRunsInputSpec
    output_spec = ProjectRunsOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        rows: list[dict[str, Any]] = []
        stored: list[str] = []
        volumes: list[str] = []
        varying: list[str] = []
        qc_file = Path(self.inputs.qc_file)
        # a person with a folder and no manifest in it is one who is not finished
        qc_file.parent.mkdir(parents=True, exist_ok=True)
        for fields in self.inputs.runs:
            run = RunInput(**fields)
            try:
                rows.append(store_run(run, config.denoising))
                volumes += write_volumes(run, Path(config.output_dir))
                stored.append(run.stored)
                if "mask" in open_run(Path(run.stored)).attributes:
                    varying.append(run.name)
            except RunError as error:
                if config.running.stop_on_first_crash:
                    raise
                LOGGER.warning("%s is left out: %s", run.name, error)
                rows.append({"run": run.name, "included": False, "reason": str(error)})
        rows += [
            {"run": run["name"], "included": False, "reason": run["reason"]}
            for run in self.inputs.excluded or []
        ]
        table = pd.DataFrame(rows, columns=list(QC_COLUMNS)).sort_values("run")
        for column in _WHOLE_NUMBERS:
            table[column] = table[column].astype("Int64")
        metadata = {MASKED_BY_VARIATION: varying} if varying else {}
        write_table(qc_file, table, QC_COLUMNS, metadata)
        self._results["stored"] = stored
        table_files = map(str, (qc_file, *sidecar_files([qc_file])))
        self._results["promised"] = [*stored, *volumes, *table_files]


def store_run(run: RunInput, settings: DenoisingSettings) -> dict[str, Any]:
    """Make sure that a run is in the store; its row of the quality table.

    A run without an image is one that came from a store.

    Raises
    ------
    RunError
        The run cannot be used.
    """
    path = Path(run.stored)
    if not run.bold:
        return {"run": run.name, "included": True, "reason": None, **_qc_row(_stored_header(path))}
    prepared = prepare_run(run, settings)
    header = _reusable(path, prepared.key, thoroughly=True)
    if header is None:
        _project(run, prepared, settings)
        header = dict(open_run(path).attributes)
    return {"run": run.name, "included": True, "reason": None, **_qc_row(header)}


def _stored_header(path: Path) -> dict[str, Any]:
    try:
        run = open_run(path)
        run.verify()
        return dict(run.attributes)
    except StoreError as error:
        raise RunError(str(error)) from error


def is_stored(run: RunInput, key: str) -> bool:
    """Whether the store holds the run for this key, as far as its header says."""
    return _reusable(Path(run.stored), key) is not None


def _reusable(path: Path, key: str, *, thoroughly: bool = False) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        found = open_run(path)
        if thoroughly:
            found.verify()
    except StoreError as error:
        if thoroughly:
            LOGGER.warning("%s; it is made again", error)
        return None
    return dict(found.attributes) if found.key == key else None


def _project(run: RunInput, prepared: PreparedRun, settings: DenoisingSettings) -> None:
    mask = prepared.mask if run.mask else varying_voxels(prepared.image)
    projected = project_run(
        prepared.image,
        mask,
        prepared.denoising.projection,
        smoothing=settings.smoothing,
    )
    volumes = prepared.denoising.volumes
    write_run(
        Path(run.stored),
        projected,
        prepared.denoising.projection,
        prepared.image,
        key=prepared.key,
        attributes={
            "source": run.name,
            "settings": denoising_record(settings),
            "repetition_time": prepared.repetition_time,
            "n_dummy": volumes.n_dummy,
            "n_censored": volumes.n_censored,
            "mean_fd": volumes.mean_fd if volumes.mean_fd == volumes.mean_fd else None,
            **({} if run.mask else {"mask": VARYING}),
        },
    )


def _qc_row(header: dict[str, Any]) -> dict[str, Any]:
    kept = header["n_kept"]
    return {
        **{name: header.get(name) for name in QC_COLUMNS if name in header},
        "minutes_kept": round(kept * header["repetition_time"] / 60, 3),
    }
