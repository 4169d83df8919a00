"""The runs of a store, as far as their headers say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.bids import bold_filters, matches, parse_entities, recognise
from fcnm_bids.config import Config, flag
from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces import denoising_record, what_projects
from fcnm_bids.workflows.plan import LeftOut, by_reason

_CHOICES = {
    "space": "--space",
    "cohort": "--space SPACE:cohort-N",
    "res": "--resolution",
    "task": "--task-id",
}
"""Entities of which one data set holds one value, and the options that choose it."""


def adopt_store(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> Config:
    """Where ``BIDS_DIR`` is a store: read from it, with the settings it was made with.

    Raises
    ------
    RequestError
        Denoising options were given that differ from those that the store was made with.
    """
    dataset = recognise(config.source_path)
    if dataset.kind != "connectome":
        return config
    config = config.update({"connectome": {"connectome_dir": str(dataset.root)}})
    damaged = []
    for path in sorted(dataset.root.glob("sub-*/**/*_desc-projected_timeseries.h5")):
        try:
            settings = dict(open_run(path).attributes["settings"])
        except StoreError as error:
            damaged.append(str(error))
            continue
        settings["nuisance_regressors"] = settings["nuisance_regressors"]["name"]
        given = explicit.get("denoising", {})
        if other := [flag(name) for name in given if given[name] != settings.get(name)]:
            raise RequestError(
                f"{config.bids_dir} holds projected runs that were made with other settings: "
                f"{', '.join(other)} cannot be chosen any more"
            )
        return config.update({"denoising": settings})
    raise RequestError([f"{dataset.root}: no projected run that can be used", *damaged[:10]])


def stored_runs(
    store: Path, config: Config, *, from_store: bool
) -> tuple[list[tuple[str, StoredRun]], list[LeftOut]]:
    """The usable runs of a store, at least one, with their participant labels."""
    settings = {} if from_store else what_projects(denoising_record(config.denoising))
    unusable = {} if from_store else _left_out_before(Path(config.output_dir))
    wanted = set(config.selection.participant_label)
    filters = {
        name: value
        for name, value in bold_filters(config.selection).items()
        # those of the image, which a projected run has its own of
        if name not in ("datatype", "desc", "suffix", "extension")
    }
    runs: list[tuple[str, StoredRun]] = []
    left_out: list[LeftOut] = []
    values: dict[str, set[str]] = {entity: set() for entity in _CHOICES}
    for path in sorted(store.glob("sub-*/**/*_desc-projected_timeseries.h5")):
        if path.name.startswith("."):
            continue
        entities = parse_entities(path)
        subject = str(entities["subject"])
        if (wanted and subject not in wanted) or not matches(entities, filters):
            continue
        name = path.relative_to(store).as_posix()
        try:
            run = open_run(path)
        except StoreError as error:
            left_out.append(LeftOut(subject, name, str(error)))
            continue
        if reason := unusable.get(run.attributes["source"]):
            # an earlier projection of a run that the participant level has left out since
            left_out.append(LeftOut(subject, name, reason))
            continue
        if not from_store and what_projects(run.attributes["settings"]) != settings:
            left_out.append(LeftOut(subject, name, "projected with other denoising settings"))
            continue
        if not from_store and (reason := _too_short(run, config)):
            left_out.append(LeftOut(subject, name, reason))
            continue
        runs.append((subject, run))
        for entity in _CHOICES:
            values[entity].add(str(entities.get(entity, "none")))
    several = [
        f"{store}: its runs differ in {entity} ({', '.join(sorted(values[entity]))}); choose one "
        f"with {option}"
        for entity, option in _CHOICES.items()
        if len(values[entity]) > 1
    ]
    if several:
        raise RequestError(several)
    astray = other_grids({str(run.path): run.grid for _, run in runs})
    left_out += [
        LeftOut(subject, run.path.relative_to(store).as_posix(), astray[str(run.path)])
        for subject, run in runs
        if str(run.path) in astray
    ]
    runs = [(subject, run) for subject, run in runs if str(run.path) not in astray]
    if not runs:
        raise RequestError(
            [
                f"{store}: no projected run"
                + (" that can be used" if left_out else "")
                + "; run the participant level first (with the same OUTPUT_DIR or "
                "--connectome-dir)",
                *by_reason({run.name: run.reason for run in left_out}),
            ]
        )
    missing = wanted - {subject for subject, _ in runs}
    if missing:
        raise RequestError(f"{store}: no projected run of {', '.join(sorted(missing))}")
    if from_store and len({str(what_projects(r.attributes["settings"])) for _, r in runs}) > 1:
        raise RequestError(f"{store}: its runs were not all projected with the same settings")
    return runs, left_out


def _too_short(run: StoredRun, config: Config) -> str | None:
    """Why a run that another output folder's participant level took is none for this one."""
    minima = config.denoising
    seconds = run.attributes["n_kept"] * run.attributes["repetition_time"]
    if seconds < minima.min_time:
        return f"{seconds:.0f} s are left, --min-time asks for {minima.min_time:g} s"
    if run.dof < minima.min_dof:
        return f"{run.dof} residual degrees of freedom, --min-dof asks for {minima.min_dof}"
    return None


def _left_out_before(output_dir: Path) -> dict[str, str]:
    """Images that the participant level left out, with its reasons."""
    reasons: dict[str, str] = {}
    for path in sorted(output_dir.glob("sub-*/func/*_desc-qc_metrics.tsv")):
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        rows = table[table["included"] == "False"]
        reasons.update(zip(rows["run"], rows["reason"], strict=True))
    return reasons


def stored_entities(run: StoredRun) -> dict[str, str]:
    """Entities space, res, cohort and task of a stored run."""
    entities = parse_entities(run.path)
    return {
        name: str(entities[name]) for name in ("space", "res", "cohort", "task") if name in entities
    }


def other_grids(grids: Mapping[str, Grid]) -> dict[str, str]:
    """The names whose grid is not the one that most share, and how it differs."""
    kinds: list[Grid] = []
    kind_of: dict[str, int] = {}
    for name, grid in grids.items():
        same = (i for i, kind in enumerate(kinds) if kind.difference(grid) is None)
        kind_of[name] = next(same, len(kinds))
        if kind_of[name] == len(kinds):
            kinds.append(grid)
    common = Counter(kind_of.values()).most_common(1)[0][0] if kinds else 0
    return {
        name: f"not on the grid of the other runs: {kinds[common].difference(kinds[kind])}"
        for name, kind in kind_of.items()
        if kind != common
    }
