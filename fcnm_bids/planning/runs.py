"""Check runs before they are projected.

The group level excludes stored runs in `fcnm_bids.planning.exclusion`.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fcnm_bids.bids.outputs import stored_run_name
from fcnm_bids.config import Config, DenoisingSettings
from fcnm_bids.connectome import larger_grid, strategy_key
from fcnm_bids.denoise import load_strategy
from fcnm_bids.errors import RunError
from fcnm_bids.grid import other_grids
from fcnm_bids.inputs.layouts.tissue import needs_tissue, template_tissue
from fcnm_bids.inputs.runs.absence import missing_summary
from fcnm_bids.inputs.runs.find import RunFiles
from fcnm_bids.inputs.runs.io_spec import IoSpec
from fcnm_bids.inputs.runs.prepare import RunInput, denoising_record, prepare_run, stored_itemsize
from fcnm_bids.planning.plan import PlannedRun, by_reason
from fcnm_bids.reruns.participant_records import is_reusable


def run_input(run: RunFiles, root: Path, store: Path, spec: IoSpec) -> RunInput:
    """The files of a run with their absolute paths, and where its projection goes."""
    return RunInput(
        name=run.bold.relative_to(root).as_posix(),
        bold=str(run.bold.absolute()),
        space=str(run.entities["space"]),
        stored=str((store / stored_run_name(run.entities)).absolute()),
        layout=spec.name,
        variant=str(run.entities.get("variant", "")),
        reader=spec.facts_of(run.entities.get("variant", "")).get("reader", ""),
        original_id=str(run.entities.get("original_id", "")),
        session=str(run.entities.get("session", "1")),
        **{kind: str(path.absolute()) for kind, path in run.beside.items()},
    )


def check_runs(
    inputs: Sequence[RunInput], config: Config, unkeyed: Container[str] = ()
) -> tuple[dict[str, PlannedRun], dict[str, str]]:
    """Return the usable runs, and the reasons for excluding the others.

    Parameters
    ----------
    inputs, config
        Files of the runs, and the request.
    unkeyed
        Names of runs that need no key because there is nothing that it could be compared with.

    Returns
    -------
    usable
        Usable runs by their names.
    reasons
        Reasons for excluding the others, by their names.
    """
    # reading, decompressing and LAPACK all leave the interpreter to other threads
    with ThreadPoolExecutor(config.resources.nprocs, "preflight") as threads:
        record = denoising_record(config.denoising)
        look = partial(_look, settings=config.denoising, record=record, unkeyed=unkeyed)
        found = list(threads.map(look, inputs))
    seen = dict(zip((run.name for run in inputs), found, strict=True))
    usable = {name: run for name, run in seen.items() if not isinstance(run, str)}
    reasons = {name: run for name, run in seen.items() if isinstance(run, str)}
    astray = other_grids({name: run.grid for name, run in usable.items()})
    return {name: run for name, run in usable.items() if name not in astray}, reasons | astray


def with_template_tissue(inputs: Sequence[RunInput], settings: DenoisingSettings) -> list[RunInput]:
    """Add the template's tissues to runs whose tissue signals come from the image.

    Raises
    ------
    RequestError
        They are neither on this machine nor to be had.
    """
    if settings.denoised or not needs_tissue(load_strategy(settings.nuisance_regressors)):
        return list(inputs)
    return [
        replace(run, **template_tissue(run.space))
        if run.reader in ("dpabi", "hcp") and not (run.white_matter and run.csf)
        else run
        for run in inputs
    ]


def run_notes(absent: Mapping[str, str], usable: Mapping[str, PlannedRun]) -> tuple[str, ...]:
    """Return notes on participants without a run and on runs used with a reservation."""
    told: dict[str, dict[str, str]] = {}
    for name, run in usable.items():
        for note in run.notes:
            told.setdefault(note, {})[name] = note
    lines = [line for names in told.values() for line in by_reason(names)]
    return tuple(filter(None, (missing_summary(absent), *lines)))


def _look(
    run: RunInput,
    settings: DenoisingSettings,
    record: Mapping[str, Any],
    unkeyed: Container[str],
) -> PlannedRun | str:
    keyed = run.name not in unkeyed or Path(run.stored).exists()
    try:
        prepared = prepare_run(run, settings, keyed=keyed)
        grid = larger_grid(prepared.image.grid, settings.store_voxel_size)
    except RunError as error:
        return str(error)
    # a first volume of zeros says nothing of how much there will be
    n_masked = int(np.count_nonzero(prepared.mask)) or prepared.mask.size
    averaged = grid is not prepared.image.grid
    shrunk = prepared.image.grid.voxel_volume / grid.voxel_volume
    return PlannedRun(
        files=run,
        key=strategy_key(prepared.key, record) if keyed else "",
        grid=grid,
        stored=keyed and is_reusable(Path(run.stored), prepared.key),
        dof=prepared.denoising.dof,
        n_components=prepared.denoising.n_components,
        n_volumes=prepared.image.n_volumes,
        n_kept=int(prepared.denoising.volumes.kept.sum()),
        itemsize=prepared.image.dtype.itemsize,
        n_masked=max(1, round(n_masked * shrunk)) if averaged else n_masked,
        stored_itemsize=stored_itemsize(settings),
        notes=prepared.notes,
        read_grid=prepared.image.grid if averaged else None,
        read_masked=n_masked if averaged else None,
    )
