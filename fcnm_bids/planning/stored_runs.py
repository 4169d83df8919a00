"""Runs of a store, as far as their headers describe them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fcnm_bids.bids.names import parse_entities, subject_label
from fcnm_bids.config import Config, DenoisingSettings
from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.grid import other_grids
from fcnm_bids.inputs.runs.filters import bold_filters, matches
from fcnm_bids.inputs.runs.prepare import denoising_record, what_projects
from fcnm_bids.inputs.store import stored_files
from fcnm_bids.planning.plan import ExcludedRun, ParticipantPlan, by_reason
from fcnm_bids.reruns.completion import GONE, ParticipantRecord, participant_records
from fcnm_bids.setting import flag

_CHOICES = {
    "space": "--space",
    "cohort": "--space SPACE:cohort-N",
    "res": "--resolution",
    "task": "--task-id",
}
"""Entities of which one data set holds one value, and the options that choose it."""


def stored_runs(
    store: Path, config: Config, *, from_store: bool, source: Path | None = None
) -> tuple[list[tuple[str, StoredRun]], list[ExcludedRun]]:
    """The usable runs of a store, at least one, with their participant labels, and the others.

    Parameters
    ----------
    store
        Root of the store.
    config
        The request.
    from_store
        Whether the store is ``BIDS_DIR``: all of its runs count then. Otherwise those of
        participants whom the participant level of ``OUTPUT_DIR`` worked on are the ones it finished
        with.
    source
        Root of the data set that the store was made from, if it is known.

    Raises
    ------
    RequestError
        No run is left, or it is left open which are meant; one line per problem.
    """
    settings = {} if from_store else what_projects(denoising_record(config.denoising))
    records = {} if from_store else participant_records(Path(config.output_dir), source)
    wanted = {subject_label(label) for label in config.selection.participant_label}
    filters = {
        name: value
        for name, value in bold_filters(config.selection).items()
        # those of the image, which a projected run has its own of
        if name not in ("datatype", "desc", "suffix", "extension")
    }
    runs: list[tuple[str, StoredRun]] = []
    left_out: list[ExcludedRun] = []
    values: dict[str, set[str]] = {entity: set() for entity in _CHOICES}
    files = stored_files(store)
    for path in files:
        entities = parse_entities(path)
        for entity, told in (("subject", "sub-<label>"), ("task", "task-<label>")):
            if entity not in entities:
                raise RequestError(
                    f"{path}: no {told} in its name; name it as the others, or remove it"
                )
        subject = str(entities["subject"])
        if (wanted and subject not in wanted) or not matches(entities, filters):
            continue
        name = path.relative_to(store).as_posix()
        if not name.startswith(f"sub-{subject}/"):
            told = f"its name says sub-{subject}, its folder is {name.split('/')[0]}"
            left_out.append(ExcludedRun(name.split("/")[0].removeprefix("sub-"), name, told))
            continue
        if subject in records and (reason := records[subject].refuses(name)):
            left_out.append(ExcludedRun(subject, name, reason))
            continue
        try:
            run = open_run(path)
        except StoreError as error:
            left_out.append(ExcludedRun(subject, name, str(error)))
            continue
        if not from_store and what_projects(run.attributes["settings"]) != settings:
            left_out.append(ExcludedRun(subject, name, "projected with other denoising settings"))
            continue
        if not from_store and (reason := _too_short(run, config)):
            left_out.append(ExcludedRun(subject, name, reason))
            continue
        runs.append((subject, run))
        for entity in _CHOICES:
            values[entity].add(str(entities.get(entity, "none")))
    names = [path.relative_to(store).as_posix() for path in files]
    asked_for = {who: own for who, own in records.items() if not wanted or who in wanted}
    left_out += _not_stored(asked_for, names, filters)
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
        ExcludedRun(subject, run.path.relative_to(store).as_posix(), astray[str(run.path)])
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
        reasons = {run.name: run.reason for run in left_out if run.subject in missing}
        raise RequestError(
            [f"{store}: no projected run of {', '.join(sorted(missing))}", *by_reason(reasons)]
        )
    if from_store and len({str(what_projects(r.attributes["settings"])) for _, r in runs}) > 1:
        raise RequestError(
            f"{store}: its runs were not all projected with the same settings; project all alike"
        )
    return runs, left_out


def _too_short(run: StoredRun, config: Config) -> str | None:
    """Return why a run of another output folder's participant level cannot be used here."""
    minima = config.denoising
    seconds = run.attributes["n_kept"] * run.attributes["repetition_time"]
    if seconds < minima.min_time:
        return f"{seconds:.0f} s are left, --min-time asks for {minima.min_time:g} s"
    if run.dof < minima.min_dof:
        return f"{run.dof} residual degrees of freedom, --min-dof asks for {minima.min_dof}"
    return None


def refuse_other_store_settings(plan: ParticipantPlan, config: Config) -> None:
    """Refuse to replace runs of a store that were projected with other denoising settings.

    Raises
    ------
    RequestError
        There are such runs, and ``--overwrite`` was not given; a line for each setting.
    """
    if config.running.overwrite:
        return
    now = what_projects(denoising_record(config.denoising))
    others: dict[str, int] = {}
    for planned in plan.runs:
        path = Path(planned.files.stored)
        if planned.stored or not path.is_file():
            continue
        try:
            before = what_projects(open_run(path).attributes["settings"])
        except StoreError:
            continue
        for line in _differences(before, now):
            others[line] = others.get(line, 0) + 1
    if others:
        raise RequestError(
            [
                f"{config.connectome_path}: holds runs that were projected with other settings "
                "(--overwrite replaces them, another --connectome-dir keeps them)",
                *(f"{line} ({count} runs)" for line, count in others.items()),
            ]
        )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the differences between the settings of two projections, one line per option."""
    lines = []
    for name, usual in asdict(DenoisingSettings()).items():
        one, other = now.get(name, usual), before.get(name, usual)
        if one == other:
            continue
        shown = "" if isinstance(one, Mapping) else f" {one} now, {other} before"
        lines.append(f"{flag(name)}{shown or ' takes out other confounds now than before'}")
    return lines


def _not_stored(
    records: Mapping[str, ParticipantRecord], stored: Iterable[str], filters: Mapping[str, Any]
) -> list[ExcludedRun]:
    """Return the participants of the participant level that the store does not hold."""
    there = set(stored)
    left_out = []
    for subject, record in records.items():
        out_files = [
            name for name in record.out_files if matches(parse_entities(Path(name)), filters)
        ]
        left_out += [
            ExcludedRun(subject, name, record.refused or GONE)
            for name in out_files
            if name not in there
        ]
        if (
            record.refused
            and not out_files
            and not any(n.startswith(f"sub-{subject}/") for n in there)
        ):
            left_out.append(ExcludedRun(subject, f"sub-{subject}", record.refused))
    return left_out


def stored_entities(run: StoredRun) -> dict[str, str]:
    """Entities space, res, cohort and task of a stored run."""
    entities = parse_entities(run.path)
    return {
        name: str(entities[name]) for name in ("space", "res", "cohort", "task") if name in entities
    }
