"""fMRIPrep's confound table of one run."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.errors import RunError

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

_EXPANDED = tuple(
    [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
    + ["white_matter", "csf", "global_signal"]
)
"""Columns of which fMRIPrep writes derivatives and squares since version 1.4."""


def read_confounds(path: Path) -> pd.DataFrame:
    """Read a confound table; ``n/a`` becomes NaN.

    Columns that fMRIPrep called otherwise before version 1.2 get their present names.

    Raises
    ------
    RunError
        The file is not a table of numbers with unique column names.
    """
    try:
        table = pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=True)
        with path.open(encoding="utf-8-sig") as file:
            names, first_row = (file.readline().rstrip("\r\n").split("\t") for _ in range(2))
    except (OSError, ValueError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise RunError(f"{path.name} cannot be read as a table: {error}") from error
    if table.empty:
        raise RunError(f"{path.name} has no rows")
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise RunError(f"{path.name} has several columns of the name {_some(twice)}")
    if len(first_row) > len(names):  # pandas would take the first column for row names
        raise RunError(f"{path.name} has rows with more values than there are column names")
    text = [str(name) for name in table.columns if not pd.api.types.is_numeric_dtype(table[name])]
    if text:
        raise RunError(f"{path.name} holds text in place of numbers in {_some(text)}")
    present = {old: _present_name(old) for old in map(str, table.columns)}
    renamed = {old: new for old, new in present.items() if new not in present}
    return table.astype(np.float64).rename(columns=renamed)


def complete_confounds(table: pd.DataFrame) -> pd.DataFrame:
    """A table with the derivatives and squares that fMRIPrep left out before version 1.4.

    They are computed as later versions do it: backward differences, and the squares of both.

    Parameters
    ----------
    table
        As `read_confounds` gives it.
    """
    added: dict[str, pd.Series] = {}
    for name in _EXPANDED:
        if name not in table:
            continue
        derivative = f"{name}_derivative1"
        difference = table[derivative] if derivative in table else table[name].diff()
        for column, values in (
            (derivative, difference),
            (f"{name}_power2", table[name] ** 2),
            (f"{derivative}_power2", difference**2),
        ):
            if column not in table:
                added[column] = values
    return table.assign(**added) if added else table


def _present_name(name: str) -> str:
    numbered = re.fullmatch(r"([A-Za-z]+)(\d+)", name)
    if numbered and numbered[1] in _OLD_NUMBERED:
        return _OLD_NUMBERED[numbered[1]] + numbered[2]
    return _OLD_NAMES.get(name, name)


def nuisance_columns(table: pd.DataFrame, names: list[str]) -> NDArray[np.float64]:
    """The named columns, shape (rows, names), with missing first rows filled.

    A derivative has no value in its first row; it takes the first finite value of its column.

    Raises
    ------
    RunError
        A column has a missing or infinite value anywhere else.
    """
    values = table[names].to_numpy(dtype=np.float64, copy=True)
    holes = []
    for name, column in zip(names, values.T, strict=True):
        finite = np.isfinite(column)
        if not finite.any():
            holes.append(f"{name} (no value at all)")
            continue
        first = int(finite.argmax())
        column[:first] = column[first]
        gaps = np.flatnonzero(~np.isfinite(column))
        if gaps.size:
            holes.append(f"{name} (row {gaps[0] + 2})")
    if holes:
        raise RunError(f"confound values are missing after the first rows: {_some(holes)}")
    return values


def _some(names: list[str], most: int = 6) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
