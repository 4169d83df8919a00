"""fMRIPrep's confound table of one run."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.errors import RunError


def read_confounds(path: Path) -> pd.DataFrame:
    """Read a confound table; ``n/a`` becomes NaN.

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
    return table.astype(np.float64)


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
