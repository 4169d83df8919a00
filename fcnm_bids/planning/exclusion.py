"""Exclude stored runs from a group analysis, and record the reasons.

At participant level, `fcnm_bids.inputs.runs.find` leaves out files, `prepare_run` (in
`fcnm_bids.inputs.runs.prepare`) refuses runs with the reason, which `fcnm_bids.planning.runs`
collects, and `fcnm_bids.interfaces.participant` those that fail while they are projected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from fcnm_bids.bids.names import parse_entities, subject_label
from fcnm_bids.bids.outputs import place_in_store
from fcnm_bids.config import Config
from fcnm_bids.connectome import HeaderCache, StoredRun
from fcnm_bids.errors import RequestError, RunError, StoreError
from fcnm_bids.grid import other_grids
from fcnm_bids.inputs.runs.filters import bold_filters, matches
from fcnm_bids.inputs.runs.prepare import projection_record, what_projects
from fcnm_bids.inputs.store import check_stored, mean_displacement, open_stored, stored_files
from fcnm_bids.planning.plan import ExcludedRun, by_reason
from fcnm_bids.reruns.participant_records import GONE, ParticipantRecord, participant_records

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
    """Return the usable runs of a store with their participant labels, and the excluded runs.

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
    settings = {} if from_store else projection_record(config.denoising)
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
    files, headers = stored_files(store), HeaderCache(store)
    for path in files:
        entities = parse_entities(path)
        for entity, told in (("subject", "sub-<label>"), ("task", "task-<label>")):
            if entity not in entities:
                raise RequestError(
                    f"{path}: no {told} in its name; rename it like the others, or remove it"
                )
        subject = str(entities["subject"])
        if (wanted and subject not in wanted) or not matches(entities, filters):
            continue
        name = path.relative_to(store).as_posix()
        if not name.startswith(f"sub-{subject}/"):
            told = f"its name has sub-{subject}, but its folder is {name.split('/')[0]}; move it"
            left_out.append(ExcludedRun(name.split("/")[0].removeprefix("sub-"), name, told))
            continue
        if subject in records and (reason := records[subject].refuses(name)):
            left_out.append(ExcludedRun(subject, name, reason))
            continue
        try:
            run = open_stored(path, config.denoising, read=headers.open_run)
            if not from_store and what_projects(run.header["settings"]) != settings:
                raise RunError(
                    "projected with another band, smoothing, voxel size, precision or kind of "
                    "images; project it again with --overwrite"
                )
            check_stored(run, config.denoising)
        except StoreError as error:
            reason = f"{error}; run the participant level again"
            left_out.append(ExcludedRun(subject, name, reason))
            continue
        except RunError as error:
            left_out.append(ExcludedRun(subject, name, str(error)))
            continue
        runs.append((subject, run))
        for entity in _CHOICES:
            values[entity].add(str(entities.get(entity, "none")))
    if not from_store and not config.running.dry_run:
        headers.save()
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
                f"{store}: no {'usable ' if left_out else ''}projected run"
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
    if from_store and len({str(what_projects(r.header["settings"])) for _, r in runs}) > 1:
        raise RequestError(
            f"{store}: its runs were not all projected with the same settings; project them all "
            "again with --overwrite"
        )
    return runs, left_out


def _not_stored(
    records: Mapping[str, ParticipantRecord], stored: Iterable[str], filters: Mapping[str, Any]
) -> list[ExcludedRun]:
    """Return the recorded runs of the participant level that are missing from the store."""
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
    """Entities space, cohort, res and task of what is made from a stored run."""
    voxel_size = run.header.get("settings", {}).get("store_voxel_size")
    return place_in_store(parse_entities(run.path), voxel_size)


def exclude_by_motion(
    runs: Sequence[tuple[str, StoredRun]], config: Config, left_out: Sequence[ExcludedRun]
) -> tuple[dict[str, list[StoredRun]], list[ExcludedRun]]:
    """Split the runs of participants into those who moved little enough and all others."""
    store = config.connectome_path
    by_participant: dict[str, list[StoredRun]] = {}
    for label, run in runs:
        by_participant.setdefault(label, []).append(run)
    if len(by_participant) < 2:
        raise RequestError(
            [
                f"{store}: only one participant (sub-{next(iter(by_participant))}); a group needs "
                "at "
                "least two",
                *by_reason({run.name: run.reason for run in left_out}),
            ]
        )
    moved = moved_too_much(by_participant, config.group.max_mean_fd)
    too_much = [
        ExcludedRun(label, run.path.relative_to(store).as_posix(), reason)
        for label, reason in moved.items()
        for run in by_participant.pop(label)
    ]
    if len(by_participant) < 2:
        reasons = {f"sub-{label}": reason for label, reason in moved.items()}
        raise RequestError(["fewer than two participants are left", *by_reason(reasons)])
    return by_participant, too_much


def moved_too_much(
    participants: Mapping[str, Sequence[StoredRun]], max_mean_fd: float | None
) -> dict[str, str]:
    """Return the reasons for excluding participants for their motion, by label."""
    reasons: dict[str, str] = {}
    if max_mean_fd is None:
        return reasons
    for label, runs in participants.items():
        moved = mean_displacement(runs)
        if moved is None:
            reasons[label] = (
                "mean framewise displacement is not known; leave out --max-mean-fd to use the run"
            )
        elif moved > max_mean_fd:
            reasons[label] = (
                f"mean framewise displacement {moved:.3f} mm, above --max-mean-fd {max_mean_fd:g}"
            )
    return reasons
