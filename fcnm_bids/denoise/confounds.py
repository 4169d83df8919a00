"""fMRIPrep's confound table of one run."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.errors import FileError, RunError
from fcnm_bids.readers.files import read_text

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


_MISSING = frozenset({"", "n/a", "N/A", "NA", "<NA>", "NaN", "nan", "None", "null", "NULL"})


@dataclass(frozen=True, eq=False)
class Confounds:
    """A confound table, one row per volume; a column becomes numbers when it is asked for.

    A table has hundreds of columns, of which a strategy takes some dozens.

    Parameters
    ----------
    names
        The columns' names, each once.
    rows
        Shape (volumes, columns), numbers or their text; NaN or ``n/a`` where a value is missing.
    """

    names: tuple[str, ...]
    rows: Sequence[Sequence[str | float]] | NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def select(self, names: Sequence[str]) -> NDArray[np.float64]:
        """The named columns, shape (volumes, names).

        Raises
        ------
        RunError
            A column holds text.
        """
        values = np.empty((len(self), len(names)))
        text = []
        for number, name in enumerate(names):
            column = self.names.index(name)
            try:
                values[:, number] = _numbers([row[column] for row in self.rows])
            except ValueError:
                text.append(name)
        if text:
            raise RunError(
                f"the confound table has text instead of numbers in {_some(text)}; copy it again"
            )
        return values

    def numeric(self) -> Confounds:
        """The columns that hold numbers, as numbers."""
        if isinstance(self.rows, np.ndarray):
            return self
        columns: dict[str, list[float]] = {}
        for name, cells in zip(self.names, zip(*self.rows, strict=True), strict=True):
            try:
                columns[name] = _numbers(cells)
            except ValueError:
                continue
        values = np.array(list(columns.values())).reshape(len(columns), len(self))
        return Confounds(tuple(columns), np.ascontiguousarray(values.T))

    def __getitem__(self, name: str) -> NDArray[np.float64]:
        """One column, shape (volumes,)."""
        return self.select([name])[:, 0]


def _numbers(cells: Sequence[str | float]) -> list[float]:
    """The numbers of a column; a ValueError if it holds text."""
    if "_" in "".join(map(str, cells)):
        raise ValueError  # Python takes it for a separator of digits
    try:
        return list(map(float, cells))
    except ValueError:
        return [float("nan" if cell in _MISSING else cell) for cell in cells]


def read_confounds(path: Path) -> Confounds:
    """Read a confound table.

    Columns that fMRIPrep called otherwise before version 1.2 get their present names.

    Raises
    ------
    RunError
        The file is not a table with unique column names.
    """
    try:
        text = read_text(path)
    except FileError as error:
        raise RunError(f"{path.name} cannot be read as a table ({error}); copy it again") from error
    # no name and no number holds a tab, so that quotes would mean nothing
    plain = text.replace('"', "").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line for line in plain.split("\n") if line]
    if len(lines) < 2:
        raise RunError(f"{path.name} has no rows; copy it again")
    names, *rows = (line.split("\t") for line in lines)
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise RunError(f"{path.name} has several columns called {_some(twice)}; keep one")
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise RunError(
                f"{path.name} has {len(row)} values under {len(names)} column names in row "
                f"{number}; copy it again"
            )
    present = [_present_name(name) for name in names]
    renamed = [old if new in names else new for old, new in zip(names, present, strict=True)]
    return Confounds(tuple(renamed), rows)


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
    if not added:
        return table
    rows = zip(table.rows, np.column_stack(list(added.values())).tolist(), strict=True)
    return Confounds((*table.names, *added), [[*row, *more] for row, more in rows])


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
    holes = []
    for name, column in zip(names, values.T, strict=True):
        finite = np.isfinite(column)
        if not finite.any():
            holes.append(f"{name} (no value at all)")
            continue
        first = int(finite.argmax())
        if first > _FIRST_ROWS:
            holes.append(f"{name} (the first {first} rows)")
        column[:first] = column[first]
        gaps = np.flatnonzero(~np.isfinite(column))
        if gaps.size:
            holes.append(f"{name} (row {gaps[0] + 2})")
    if holes:
        raise RunError(
            f"confound values are missing after the first rows: {_some(holes)}; "
            "choose others with -p"
        )
    return values


def _some(names: list[str], most: int = 6) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
