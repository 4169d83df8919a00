"""Outcomes of seeds: the table of scores, and cases against controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fcnm_bids.bids.names import to_labels
from fcnm_bids.config import OutcomeSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.contrasts import CONTROL_EFFECT
from fcnm_bids.inputs.participants_table import describe_columns, read_cells
from fcnm_bids.outcomes.model import OutcomeModel
from fcnm_bids.readers.numbers import is_number
from fcnm_bids.readers.spelling import skeleton
from fcnm_bids.stats import design_of, is_missing

GROUP = "group"
"""Column of cases and controls, and the name of their comparison."""

COHORT = "cohort"
"""Column of the exchangeable blocks."""

MEASURED = ("log_volume", "strength")
"""Covariates that are measured on the seeds: logarithm of the volume, mean positive strength."""

_NAMES = ("contrast", "mask", "seed")
_LISTED = 12


@dataclass(frozen=True)
class PlannedOutcome:
    """An outcome of some seeds, ready to be related to their maps.

    Parameters
    ----------
    name, label
        Its own name, and its BIDS label.
    seeds
        Names of the contrasts that have a value, K of them.
    values
        Their values; of a group 1 for cases, 0 for controls.
    columns
        Centred covariates and cohort dummies, K rows.
    column_names, coding
        What the columns are, and how covariates were coded.
    measured
        Further covariates that are measured on the seeds, of `MEASURED`.
    cohorts
        Exchangeable block of each seed.
    is_group
        True if the values are those of cases and controls.
    """

    name: str
    label: str
    seeds: tuple[str, ...]
    values: tuple[float, ...]
    columns: tuple[tuple[float, ...], ...]
    column_names: tuple[str, ...]
    coding: tuple[str, ...]
    measured: tuple[str, ...]
    cohorts: tuple[str, ...]
    is_group: bool


@dataclass(frozen=True, eq=False)
class Scores:
    """A table of scores as texts, one row per seed.

    Parameters
    ----------
    path
        The file.
    table
        Indexed by the names of contrasts.
    categorical
        Columns for which the JSON file beside it lists levels.
    """

    path: Path
    table: pd.DataFrame
    categorical: frozenset[str]

    def has(self, column: str, name: str) -> bool:
        """Return true if a seed has a value in a column."""
        return name in self.table.index and not is_missing(self.table[column][name].strip())


def read_scores(path: Path, names: Sequence[str]) -> Scores:
    """Read a table of scores.

    Parameters
    ----------
    path
        Separated by tabs, commas or semicolons, with a column ``contrast``, ``mask`` or ``seed``.
    names
        Names of the contrasts, which the rows name; a mask may be named by its file, and case,
        blanks and kinds of hyphen do not matter.

    Raises
    ------
    RequestError
        It cannot be read, has no such column, or has rows of no contrast or twice of one.
    """
    table = read_cells(path)
    column = next((name for name in _NAMES if name in table), None)
    if column is None:
        raise RequestError(
            f"--scores {path}: has no column {', '.join(_NAMES[:-1])} or {_NAMES[-1]} that names "
            f"the seeds; rename one of {', '.join(map(str, table.columns[:_LISTED]))}"
        )
    known = {name: name for name in names}
    known |= {f"{name}{ending}": name for name in names for ending in (".nii.gz", ".nii")}
    rows = [str(name).strip() for name in table[column]]
    spelled = {skeleton(spelling): name for spelling, name in known.items()}
    meant = [known.get(name) or spelled.get(skeleton(name)) for name in rows]
    strange = [name for name, own in zip(rows, meant, strict=True) if own is None]
    found = [own for own in meant if own is not None]
    twice = sorted(name for name, times in Counter(found).items() if times > 1)
    problems = []
    if strange:
        problems.append(
            f"--scores {path}: {_listed(strange)} in column {column}: no such contrast; there are "
            f"{_listed(names)}"
        )
    if twice:
        problems.append(f"--scores {path}: lists {_listed(twice)} twice")
    if problems:
        raise RequestError(problems)
    table.index = pd.Index(found)
    described = describe_columns(path)
    levels = frozenset(name for name, said in described.items() if "Levels" in said)
    return Scores(path, table.drop(columns=column), levels)


def plan_outcomes(
    settings: OutcomeSettings, seeds: Sequence[tuple[str, str]], *, masks: bool
) -> tuple[tuple[PlannedOutcome, ...], tuple[str, ...]]:
    """Return the outcomes to relate to the maps, and what they will lack, one line each.

    Parameters
    ----------
    settings
        What was asked for.
    seeds
        Name and effect of every contrast.
    masks
        True if the seeds are masks, whose volume is a covariate unless asked otherwise.

    Raises
    ------
    RequestError
        One line per problem.
    """
    effects = dict(seeds)
    controls = [name for name, effect in seeds if effect == CONTROL_EFFECT]
    scores = read_scores(Path(settings.scores), list(effects)) if settings.scores else None
    named, measured, problems = _covariates(settings, scores, masks=masks)
    values: dict[str, dict[str, float]] = {}
    notes: list[str] = []
    if scores is not None:
        values, columns_unused, wrong = _numbers(settings, scores, named)
        problems += wrong
        if columns_unused:
            notes.append(
                f"--scores: {', '.join(columns_unused)}: not numeric, and therefore not used as "
                "outcomes"
            )
        if GROUP in scores.table and controls:
            problems.append(
                f"--scores {scores.path}: has a column {GROUP}, beside --control-masks; keep one"
            )
        elif GROUP in scores.table:
            group, wrong = _group(scores)
            problems += wrong
            values |= {GROUP: group}
        without = [name for name in effects if name not in scores.table.index]
        without = [name for name in without if name not in controls]
        if without:
            notes.append(f"--scores: no row for {_listed(without)}, which the outcomes leave out")
    if controls:
        values |= {GROUP: {name: float(name not in controls) for name in effects}}
    if scores is not None and not values and not problems:
        problems.append(
            f"--scores {scores.path}: no numeric column is left as an outcome; name one with "
            "--outcomes"
        )
    labels = to_labels(values)
    planned = []
    for name, own in values.items():
        asked: list[str] | None = named
        if name == GROUP and controls and scores is not None:
            rowless = [seed for seed in own if seed not in scores.table.index]
            if rowless and (named or COHORT in scores.table):
                notes.append(
                    f"cases against controls: the table's covariates and cohorts are not used, "
                    f"because it has no row for {_listed(rowless)}"
                )
                asked = None
        try:
            planned.append(_planned(name, labels[name], own, scores, asked, measured, effects))
        except RequestError as error:
            problems += [f"--scores, outcome {name}: {line}" for line in error.problems]
    if problems:
        raise RequestError(problems)
    return tuple(planned), tuple(notes)


def _planned(
    name: str,
    label: str,
    values: Mapping[str, float],
    scores: Scores | None,
    covariates: Sequence[str] | None,
    measured: tuple[str, ...],
    effects: Mapping[str, str],
) -> PlannedOutcome:
    """Code the model of one outcome; `covariates` is None where the table is not to be used."""
    seeds = list(values)
    table = None if scores is None or covariates is None else scores.table
    texts: dict[str, Sequence[str]] = {}
    blocks: list[Sequence[str]] = []
    if table is not None:
        texts = {own: table[own][seeds].tolist() for own in covariates or ()}
        if COHORT in table:
            blocks.append(table[COHORT][seeds].str.strip().tolist())
    if name != GROUP and len({effects[seed] for seed in seeds}) > 1:
        blocks.append([effects[seed] for seed in seeds])
    cohorts = tuple(", ".join(parts) for parts in zip(*blocks, strict=True))
    if len(set(cohorts)) > 1:
        texts[COHORT] = cohorts
    categorical = frozenset({COHORT}) | (scores.categorical if scores else frozenset())
    design = design_of(texts, seeds, categorical, called="seeds", prefix="")
    own = np.array(list(values.values()))
    if np.ptp(own) == 0:
        raise RequestError(
            f"all {len(seeds)} seeds have the value {own[0]:g}; leave it out (--outcomes)"
        )
    left = len(seeds) - 2 - len(design.names) - len(measured)
    if left < 1:
        raise RequestError(
            f"{len(seeds)} seeds are too few for {len(design.names) + len(measured)} covariate "
            "columns, the intercept and the outcome; name fewer covariates"
        )
    nuisance = np.column_stack([np.ones(len(seeds)), design.columns])
    if OutcomeModel(own, nuisance, np.zeros(len(seeds), dtype=np.intp)).determined:
        raise RequestError(
            f"the covariates ({', '.join(design.names)}) determine it; leave one of them out "
            "(--score-covariates), or the outcome (--outcomes)"
        )
    return PlannedOutcome(
        name,
        label,
        tuple(seeds),
        tuple(own.tolist()),
        tuple(map(tuple, design.columns.tolist())),
        design.names,
        design.coding,
        measured,
        cohorts or ("",) * len(seeds),
        is_group=name == GROUP,
    )


def _covariates(
    settings: OutcomeSettings, scores: Scores | None, *, masks: bool
) -> tuple[list[str], tuple[str, ...], list[str]]:
    """Return the covariates of the table, those measured on seeds, and problems."""
    asked = list(settings.score_covariates)
    if asked == ["auto"]:
        asked = ["log_volume"] if masks else []
    elif asked == ["none"]:
        asked = []
    named = [name for name in asked if name not in MEASURED]
    there = [] if scores is None else [str(name) for name in scores.table]
    problems = [
        f"--score-covariates {name}: the table of scores has no such column; choose from "
        f"{_listed([*there, *MEASURED])} ({', '.join(MEASURED)} are measured on the seeds)"
        for name in named
        if name not in there
    ]
    named = [name for name in named if name in there]
    return named, tuple(name for name in MEASURED if name in asked), problems


def _numbers(
    settings: OutcomeSettings, scores: Scores, covariates: Sequence[str]
) -> tuple[dict[str, dict[str, float]], list[str], list[str]]:
    """Return the outcomes with the values of the seeds that have one, unused columns, problems."""
    there = [str(name) for name in scores.table]
    taken = {*covariates, COHORT, GROUP}
    problems = [
        f"--outcomes {name}: {scores.path} has no such column; choose from {_listed(there)}"
        for name in settings.outcomes
        if name not in there
    ]
    asked = [name for name in settings.outcomes if name in there and name != GROUP]
    values: dict[str, dict[str, float]] = {}
    unused = []
    for column in asked or [name for name in there if name not in taken]:
        texts = {
            str(name): str(text).strip()
            for name, text in scores.table[column].items()
            if scores.has(column, str(name))
        }
        strange = [f"'{text}' ({name})" for name, text in texts.items() if not is_number(text)]
        if not strange and texts:
            values[column] = {name: float(text) for name, text in texts.items()}
        elif asked or 0 < len(strange) < len(texts) / 2:
            found = f"{_listed(strange)}: not a number" if strange else "no value at all; fill it"
            problems.append(f"--scores {scores.path}, column {column}: {found}")
        else:
            unused.append(column)
    return values, unused, problems


def _group(scores: Scores) -> tuple[dict[str, float], list[str]]:
    """Return 1 for cases and 0 for controls, and problems."""
    known = {"case": 1.0, "control": 0.0}
    texts = {
        str(name): str(text).strip().lower()
        for name, text in scores.table[GROUP].items()
        if scores.has(GROUP, str(name))
    }
    strange = [f"'{text}' ({name})" for name, text in texts.items() if text not in known]
    if strange:
        return {}, [
            f"--scores {scores.path}, column {GROUP}: {_listed(strange)}: write case or control"
        ]
    return {name: known[text] for name, text in texts.items()}, []


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
