"""Tables of results as tables of a page."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fcnm_bids.report.pages.html import Place, Table
from fcnm_bids.report.results.specificity import number_in
from fcnm_bids.report.results.text import NUMBER, as_text
from fcnm_bids.specificity.interpretation import p_text

WITHHELD = "withheld"
"""Stands in place of a number that nothing may be concluded from."""

_OF_P = re.compile(r"(?:^|_)p(?:fwe)?(?:[ _]|$)")
"""Columns of p-values: small ones are not rounded to the digits of large ones."""


def label_headings(frame: pd.DataFrame) -> dict[str, str]:
    """Return the headings of the columns of a table that hold labels of atlases."""
    columns = [name for name in map(str, frame) if name.startswith("label_")]
    return {name: name.removeprefix("label_").replace("_", " ") for name in columns}


def without_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns without any content, such as those of atlases that were not there."""
    empty = [c for c in frame if len(frame) and set(frame[c].astype(str)) <= {"", "n/a", "nan"}]
    return frame.drop(columns=empty)


def frame_table(
    caption: str,
    frame: pd.DataFrame,
    headings: Mapping[str, str] | None = None,
    digits: int = 3,
    as_is: Sequence[str] = (),
    file: str = "",
    places: Sequence[Place] = (),
) -> Table:
    """A data frame as a table.

    Parameters
    ----------
    caption
        What it shows.
    frame
        The data.
    headings
        Columns to show with their headings, in order; all by default.
    digits
        Significant digits of the largest number of a column; the others have its decimals.
    as_is
        Columns whose cells are names, even where they look like numbers.
    file
        The table on disk, relative to the page.
    places
        Where each row leads in the explorer.
    """
    headings = {str(name): str(name) for name in frame} if headings is None else headings
    columns = [name for name in headings if name in frame]
    numeric = frozenset(
        number
        for number, name in enumerate(columns)
        if name not in as_is and len(frame) and _all_numbers(frame[name])
    )
    cells = [
        [str(value) for value in frame[name]]
        if name in as_is
        else _aligned(frame[name], digits)
        if number in numeric and not _OF_P.search(name)
        else [_p_cell(value, digits) for value in frame[name]]
        if number in numeric
        else [as_text(value, digits) for value in frame[name]]
        for number, name in enumerate(columns)
    ]
    rows = tuple(zip(*cells, strict=True))
    shown = tuple(headings[name] for name in columns)
    return Table(caption, shown, rows, numeric, file, tuple(places))


def frame_places(
    frame: pd.DataFrame, network: str, axes: Sequence[str], folder: int = 0
) -> tuple[Place, ...]:
    """Places of a table's rows in the explorer, from the columns with x, y and z."""
    if not set(axes) <= set(frame):
        return ()
    positions = frame[[*axes]].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    return tuple(Place(network, tuple(position), folder=folder) for position in positions)


def _aligned(column: pd.Series, digits: int) -> list[str]:
    """Cells of a column of numbers, with the same decimals; none where a number would be lost."""
    texts = [as_text(value, digits) for value in column]
    values = {
        row: float(text)
        for row, value in enumerate(column)
        if NUMBER.fullmatch(text := str(value).strip()) and math.isfinite(float(text))
    }
    largest = max(map(abs, values.values()), default=0)
    if largest and any(value != int(value) for value in values.values()):
        decimals = max(0, digits - math.ceil(math.log10(largest)))
    else:
        decimals = 0
    while decimals and all(round(v, decimals) == round(v, decimals - 1) for v in values.values()):
        decimals -= 1
    if all(round(value, decimals) or not value for value in values.values()):
        for row, value in values.items():
            texts[row] = f"{round(value, decimals) + 0.0:,.{decimals}f}"
    return texts


def _p_cell(value: Any, digits: int) -> str:
    """Return the cell of a p-value, or of a count of voxels by theirs."""
    number = number_in(value)
    return as_text(value, digits) if number is None or number >= 1 else p_text(number)


def _all_numbers(column: pd.Series) -> bool:
    texts = [str(cell).removesuffix(" %") for cell in column]
    stated = [text for text in texts if text not in ("", "n/a", WITHHELD)]
    return bool(stated) and all(_is_number(text) for text in stated)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
