"""The design of a group model: an intercept and centred covariates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.errors import RequestError
from fcnm_bids.readers.numbers import is_number
from fcnm_bids.readers.spelling import canonical, look_alikes

_COLLINEAR = 1e-8
"""Share of a column's length that has to be left once the columns before it are taken out."""

_ROUNDING = 1e-12
"""Share of the largest number that has to lie between numbers that differ."""

_MISSING = frozenset({"", "n/a", "nan", "na", "none"})


@dataclass(frozen=True, eq=False)
class Design:
    """Covariates of a group of participants.

    Parameters
    ----------
    columns
        Shape (participants, covariates), each column centred over the participants and of unit
        standard deviation. Neither changes the t of any effect; centring makes the intercept the
        value at the participants' mean, and the unit length keeps the normal equations well
        conditioned.
    names
        One per column, such as ``age`` or ``site[B]``.
    coding
        One line per covariate that says how it was taken.
    """

    columns: NDArray[np.float64]
    names: tuple[str, ...]
    coding: tuple[str, ...]


def design_of(
    covariates: Mapping[str, Sequence[str]],
    participants: Sequence[str],
    categorical: frozenset[str],
    measured: frozenset[str] = frozenset(),
    *,
    prefix: str = "sub-",
    called: str = "participants",
) -> Design:
    """Code covariates as columns.

    A covariate all of whose values are numbers is one column. Another is categorical: each of
    its levels but the first in alphabetical order is one column of zeros and ones. All columns
    are centred over the participants. Where most values are numbers, the others are taken for
    mistakes and not for levels.

    Parameters
    ----------
    covariates
        Values as text, by name, in the order of `participants`.
    participants
        Labels, for the messages.
    categorical
        Covariates whose numbers are codes of levels.
    measured
        Covariates all of whose values have to be numbers.
    prefix, called
        What stands before a label in messages, and what those who are labelled are called.

    Raises
    ------
    RequestError
        With one line for every covariate that has missing values or values that are not numbers
        among numbers (naming the participants), is the same for everybody, or follows from those
        before it, and where covariates leave no degrees of freedom.
    """
    problems: list[str] = []
    coded: dict[str, NDArray[np.float64]] = {}
    coding: list[str] = []
    for name, texts in covariates.items():
        values = [canonical(str(text)) for text in texts]
        missing = [
            f"{prefix}{who}"
            for who, value in zip(participants, values, strict=True)
            if is_missing(value)
        ]
        if missing:
            problems.append(f"covariate {name}: no value for {', '.join(missing)}")
            continue
        strange = [] if name in categorical else [v for v in values if not is_number(v)]
        meant = [value for value in values if is_number(value.replace(",", "."))]
        if strange and (name in measured or len(meant) > len(values) / 2):
            labels = [f"{prefix}{who}" for who in participants]
            problems.append(_not_numbers(name, labels, values, strange))
            continue
        is_numeric = not strange and name not in categorical
        numbers = np.array([float(value) for value in values]) if is_numeric else None
        levels = sorted(set(values))
        if not is_numeric and (
            alike := look_alikes(
                zip(values, [f"sub-{who}" for who in participants], strict=True), name
            )
        ):
            problems += [f"covariate {line}" for line in alike]
            continue
        if len(levels) == 1 or (numbers is not None and _is_constant(numbers)):
            problems.append(
                f"covariate {name}: the same for all participants ({values[0]}); leave it out"
            )
        elif numbers is not None:
            coded[name] = numbers
            coding.append(f"{name}: a number, centred at {numbers.mean():g}")
        else:
            for level in levels[1:]:
                coded[f"{name}[{level}]"] = np.array([float(v == level) for v in values])
            coding.append(f"{name}: levels {', '.join(levels)}, the first as reference")
    if not problems:
        problems = _dependent(coded)
    if not problems and len(participants) < len(coded) + 2:
        problems.append(
            f"{len(participants)} {called} are too few for an intercept and {len(coded)} covariate "
            f"columns ({', '.join(coded)}); name fewer covariates"
        )
    if problems:
        raise RequestError(problems)
    columns = np.empty((len(participants), len(coded)))
    for position, column in enumerate(coded.values()):
        columns[:, position] = (column - column.mean()) / column.std()
    return Design(columns, tuple(coded), tuple(coding))


def _is_constant(numbers: NDArray[np.float64]) -> bool:
    return bool(np.ptp(numbers) <= _ROUNDING * np.abs(numbers).max())


def _dependent(coded: Mapping[str, NDArray[np.float64]]) -> list[str]:
    """A line for each column that those before it, or the intercept, determine."""
    problems: list[str] = []
    basis: list[NDArray[np.float64]] = []
    before: list[str] = []
    for name, column in coded.items():
        rest = column - column.mean()
        length = math.sqrt(rest @ rest)
        for _ in range(2):
            for direction in basis:
                rest = rest - direction * (direction @ rest)
        left = math.sqrt(rest @ rest)
        if left <= _COLLINEAR * length:
            problems.append(
                f"covariate {name}: is determined by {', '.join(before)}; leave one out"
            )
            continue
        basis.append(rest / left)
        before.append(name)
    return problems


def is_missing(value: str) -> bool:
    """Return True if a cell of a table, without blanks around, states no value."""
    return value.lower() in _MISSING


def _not_numbers(
    name: str, participants: Sequence[str], values: Sequence[str], strange: Sequence[str]
) -> str:
    """A line that names the values that are no numbers, and whose they are."""
    listed = []
    for value in dict.fromkeys(strange):
        whose = [who for who, own in zip(participants, values, strict=True) if own == value]
        listed.append(f"'{value}' ({', '.join(whose)})")
    no_number = "is not a number" if len(listed) == 1 else "are not numbers"
    return (
        f"covariate {name}: {', '.join(listed)} {no_number}; if its values are categories, list "
        "them as Levels in the JSON file beside the table"
    )
