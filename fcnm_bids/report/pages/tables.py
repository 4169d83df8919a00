"""Tables of results as tables of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from fcnm_bids.report.pages.html import Place, Table
from fcnm_bids.report.results.text import as_text

WITHHELD = "withheld"
"""Stands in place of a number that nothing may be concluded from."""


def label_headings(frame: pd.DataFrame) -> dict[str, str]:
    """Return the headings of the columns of a table that hold labels of atlases."""
    columns = [name for name in map(str, frame) if name.startswith("label_")]
    return {name: name.removeprefix("label_").replace("_", " ") for name in columns}


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
        Significant digits of numbers that are no integers.
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
    rows = tuple(
        tuple(
            str(value) if name in as_is else as_text(value, digits)
            for name, value in zip(columns, values, strict=True)
        )
        for values in frame[columns].itertuples(index=False, name=None)
    )
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
