"""Covariates and motion of the participants of a group."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.participants_table import (
    Participants,
    find_participants,
    participants_places,
    read_participants,
)
from fcnm_bids.inputs.runs.io_spec import DIAGNOSIS, read_diagnosis
from fcnm_bids.inputs.store import mean_displacement
from fcnm_bids.stats import Design, design_of, is_missing

MEAN_FD = "mean_fd"
"""The covariate that the store knows."""

_LISTED = 12


def group_design(
    config: Config, root: Path, participants: Mapping[str, Sequence[StoredRun]]
) -> Design:
    """The covariates that are asked for, over the participants of the group.

    Parameters
    ----------
    config
        The request.
    root
        Root of the data set that was read.
    participants
        Projected runs by label.

    Raises
    ------
    RequestError
        One line per problem.
    """
    return covariate_design(
        config.group.covariates,
        participants_places(config, Path(config.bids_dir), root),
        participants,
        diagnosis_from_id=config.selection.diagnosis_from_id,
    )


def covariate_design(
    names: Sequence[str],
    folders: Sequence[Path],
    participants: Mapping[str, Sequence[StoredRun]],
    *,
    diagnosis_from_id: bool = False,
) -> Design:
    """Covariates over participants, from the table of participants and from the store.

    Parameters
    ----------
    names
        The covariates.
    folders
        Where the table is looked for, in this order.
    participants
        Projected runs by label.
    diagnosis_from_id
        Whether a covariate ``diagnosis`` is read in the participants' original names.

    Raises
    ------
    RequestError
        One line per problem.
    """
    labels = list(participants)
    values: dict[str, Sequence[str]] = {}
    if MEAN_FD in names:
        moved = (mean_displacement(runs) for runs in participants.values())
        values[MEAN_FD] = ["" if value is None else repr(value) for value in moved]
    if diagnosis_from_id and DIAGNOSIS in names:
        originals = (
            str(runs[0].attributes.get("original_id", "")) for runs in participants.values()
        )
        values[DIAGNOSIS] = [read_diagnosis(name) for name in originals]
    tabled = [name for name in names if name != MEAN_FD and name not in values]
    categorical: frozenset[str] = frozenset()
    measured: frozenset[str] = frozenset()
    problems: list[str] = []
    if tabled:
        path = next(filter(None, map(find_participants, folders)), None)
        if path is None:
            raise RequestError(
                f"--covariates {' '.join(tabled)}: there is no participants.tsv in "
                f"{folders[0]} or above its derivatives"
            )
        listed = read_participants(path)
        categorical, measured = listed.categorical, listed.measured
        for name in tabled:
            if name not in listed.table:
                there = [str(c) for c in listed.table if c != "participant_id"]
                problems.append(
                    f"--covariates {name}: {path} has no such column; choose from "
                    f"{', '.join([*there[:_LISTED], MEAN_FD])} ({MEAN_FD} comes from the store)"
                )
            else:
                values[name] = listed.values(name, labels)
    ordered = {name: values[name] for name in names if name in values}
    try:
        design = design_of(ordered, labels, categorical, measured)
    except RequestError as error:
        for problem in error.problems:
            about = [n for n in tabled if problem.startswith(f"covariate {n}: no value")]
            why = [f" ({_why_missing(listed, n, labels)}); fill the table" for n in about]
            problems.append("".join([problem, *why]))
        raise RequestError(problems) from error
    if problems:
        raise RequestError(problems)
    return design


def _why_missing(listed: Participants, name: str, labels: Sequence[str]) -> str:
    """Return why values are missing: no row, another spelling of the label, or an empty cell."""
    rows = {str(label) for label in listed.table.index}
    spellings = {_bare(row): row for row in rows}
    reasons: dict[str, list[str]] = {}
    for label, value in zip(labels, listed.values(name, labels), strict=True):
        if label in rows:
            if is_missing(value.strip()):
                reasons.setdefault("an empty cell for", []).append(f"sub-{label}")
        elif _bare(label) in spellings:
            reasons.setdefault("a row with another spelling for", []).append(
                f"sub-{label} ({spellings[_bare(label)]})"
            )
        else:
            reasons.setdefault("no row for", []).append(f"sub-{label}")
    told = (
        f"{what} {', '.join(participants[:_LISTED])}{' ...' if len(participants) > _LISTED else ''}"
        for what, participants in reasons.items()
    )
    return f"{listed.path} has {', '.join(told)}"


def _bare(label: str) -> str:
    """A label without what spellings differ in: case, leading zeros, marks between its parts."""
    return re.sub(r"[\W_]", "", label.lower().removeprefix("sub-")).lstrip("0")
