"""fMRIPrep's confound table of one run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.denoise.cells import TextCells
from fcnm_bids.errors import FileError, RunError
from fcnm_bids.readers.files import read_utf8

_OLD_NAMES = {
    "WhiteMatter": "white_matter",
    "CSF": "csf",
    "GlobalSignal": "global_signal",
    "FramewiseDisplacement": "framewise_displacement",
    "stdDVARS": "std_dvars",
    "non-stdDVARS": "dvars",
    **{name: f"trans_{name.lower()}" for name in "XYZ"},
    **{f"Rot{name}": f"rot_{name.lower()}" for name in "XYZ"},
}
_OLD_NUMBERED = {
    "aCompCor": "a_comp_cor_",
    "tCompCor": "t_comp_cor_",
    "Cosine": "cosine",
    "NonSteadyStateOutlier": "non_steady_state_outlier",
}
"""Columns of fMRIPrep before version 1.2, and what they have been called since."""

_FIRST_ROWS = 10
"""Rows at the start that may be missing."""

_EXPANDED = tuple(
    [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    + ["white_matter", "csf", "global_signal"]
)
"""Columns of which fMRIPrep writes derivatives and squares since version 1.4."""


@dataclass(frozen=True, eq=False)
class Confounds:
    """A confound table, one row per volume; a column becomes numbers when it is asked for.

    A table has hundreds of columns, of which a strategy takes some dozens.

    Parameters
    ----------
    names
        The columns' names, each once.
    rows
        Shape (volumes, columns): numbers, NaN where a value is missing; or the cells of a file.
    computed
        Columns that the rows do not have, or that were read before, shape (volumes,) each, by
        their names.
    """

    names: tuple[str, ...]
    rows: NDArray[np.float64] | TextCells
    computed: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: str) -> bool:
        return name in self._places

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.names)}

    def select(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The named columns, shape (volumes, names).

        Raises
        ------
        RunError
            A column holds text.
        """
        values, text = self._read(names)
        if text:
            raise RunError(
                f"the confound table has text instead of numbers in {_some(text)}; copy it again"
            )
        return values

    def read(self, names: Sequence[str]) -> Confounds:
        """Return the table with some columns as numbers, which are then read once only.

        Parameters
        ----------
        names
            Of the columns. Those that hold text stay as they are, for `select` to refuse them.
        """
        if isinstance(self.rows, np.ndarray):
            return self
        unread = [name for name in dict.fromkeys(names) if name not in self.computed]
        values, text = self._read(unread)
        columns = dict(zip(unread, np.ascontiguousarray(values.T), strict=True))
        numbers = {name: column for name, column in columns.items() if name not in text}
        return replace(self, computed={**self.computed, **numbers})

    def numeric(self) -> Confounds:
        """The columns that hold numbers, as numbers."""
        if isinstance(self.rows, np.ndarray) and not self.computed:
            return self
        values, text = self._read(self.names)
        numbers = np.array([name not in text for name in self.names], dtype=bool)
        names = tuple(name for name in self.names if name not in text)
        return Confounds(names, np.ascontiguousarray(values[:, numbers]))

    def _read(self, names: Sequence[str]) -> tuple[NDArray[np.float64], list[str]]:
        """Return the named columns, and the names of those that hold text."""
        values = np.empty((len(self), len(names)))
        unread = [number for number, name in enumerate(names) if name not in self.computed]
        places = [self._places[names[number]] for number in unread]
        text: list[int] = []
        if isinstance(self.rows, np.ndarray):
            values[:, unread] = self.rows[:, places]
        elif places:
            values[:, unread], text = self.rows.columns(places)
        for number, name in enumerate(names):
            if name in self.computed:
                values[:, number] = self.computed[name]
        return values, [name for name in names if self._places[name] in text]

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """One column, shape (volumes,)."""
        return self.select([name])[:, 0]


def read_confounds(path: Path) -> Confounds:
    """Read a confound table.

    Columns that fMRIPrep called otherwise before version 1.2 get their present names.

    Raises
    ------
    RunError
        The file is not a table with unique column names.
    """
    try:
        content = read_utf8(path)
    except FileError as error:
        raise RunError(f"{path.name} cannot be read as a table ({error}); copy it again") from error
    try:
        rows = TextCells(content)
    except ValueError as error:
        raise RunError(f"{path.name} {error}; copy it again") from error
    twice = [name for name, times in Counter(rows.names).items() if times > 1]
    if twice:
        raise RunError(f"{path.name} has several columns called {_some(twice)}; keep one")
    names = dict.fromkeys(rows.names)
    present = zip(names, map(_present_name, names), strict=True)
    return Confounds(tuple(old if new in names else new for old, new in present), rows)


def complete_confounds(table: Confounds) -> Confounds:
    """A table with the derivatives and squares that fMRIPrep left out before version 1.4.

    They are computed as later versions do it: backward differences, and the squares of both.
    """
    added: dict[str, NDArray[np.float64]] = {}
    for name in _EXPANDED:
        if name not in table:
            continue
        derivative = f"{name}_derivative1"
        expanded = (derivative, f"{name}_power2", f"{derivative}_power2")
        if all(column in table for column in expanded):
            continue
        values = table[name]
        difference = table[derivative] if derivative in table else np.diff(values, prepend=np.nan)
        computed = zip(expanded, (difference, values**2, difference**2), strict=True)
        added |= {column: series for column, series in computed if column not in table}
    return replace(table, names=(*table.names, *added), computed=added) if added else table


def reduce_confounds(table: Confounds) -> Confounds:
    """A table without the derivatives and squares that `complete_confounds` gives back equal.

    Parameters
    ----------
    table
        Of numbers alone, as `Confounds.numeric` returns it.
    """
    left = {name: table[name] for name in table.names}
    for name in _EXPANDED:
        if name not in left:
            continue
        derivative = f"{name}_derivative1"
        difference = np.diff(left[name], prepend=np.nan)
        computed = {
            f"{name}_power2": left[name] ** 2,
            f"{derivative}_power2": left.get(derivative, difference) ** 2,
            derivative: difference,
        }
        for column, series in computed.items():
            if column in left and np.array_equal(left[column], series, equal_nan=True):
                del left[column]
    rows = np.column_stack([*left.values()]) if left else np.empty((len(table), 0))
    return Confounds(tuple(left), rows)


def restore_confounds(table: Confounds, names: Sequence[str]) -> Confounds:
    """Return the table that `reduce_confounds` reduced, which had the columns `names`."""
    return Confounds(tuple(names), complete_confounds(table).select(names))


@cache
def _present_name(name: str) -> str:
    numbered = re.fullmatch(r"([A-Za-z]+)(\d+)", name)
    if numbered and numbered[1] in _OLD_NUMBERED:
        return _OLD_NUMBERED[numbered[1]] + numbered[2]
    return _OLD_NAMES.get(name, name)


def nuisance_columns(table: Confounds, names: Sequence[str]) -> NDArray[np.float64]:
    """The named columns, shape (rows, names), with missing first rows filled.

    A derivative has no value in its first row, a lagged regressor in its first ones; they take
    the first finite value of their column.

    Raises
    ------
    RunError
        A column has a missing or infinite value anywhere else, or in more than 10 first rows.
    """
    values = table.select(names)
    finite = np.isfinite(values)
    if finite.all():
        return values
    rows = np.arange(len(values))[:, None]
    first = finite.argmax(axis=0)
    missing_first = rows < first
    gaps = ~finite & ~missing_first
    values = np.where(missing_first, values[first, np.arange(first.size)], values)
    holes = []
    for number in np.flatnonzero(gaps.any(axis=0) | (first > _FIRST_ROWS)).tolist():
        name = names[number]
        if not finite[:, number].any():
            holes.append(f"{name} (no value at all)")
            continue
        if first[number] > _FIRST_ROWS:
            holes.append(f"{name} (the first {first[number]} rows)")
        if gaps[:, number].any():
            holes.append(f"{name} (row {gaps[:, number].argmax() + 2})")
    if holes:
        raise RunError(
            f"confound values are missing after the first rows: {_some(holes)}; "
            "choose others with -p"
        )
    return values


def _some(names: list[str], most: int = 6) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
