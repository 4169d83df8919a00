"""The cells of a text table, of which only those that are asked for become numbers."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
from numpy.typing import NDArray

MISSING = frozenset({"", "n/a", "N/A", "NA", "<NA>", "NaN", "nan", "None", "null", "NULL"})
"""Cells that stand for no value."""


class TextCells:
    """The cells under the header of a text table, between tabs; empty lines do not count.

    Parameters
    ----------
    content
        The table, UTF-8.

    Attributes
    ----------
    names
        The cells of the header.

    Raises
    ------
    ValueError
        It has no rows, or a row has another number of cells than the header; the text says so.
    """

    def __init__(self, content: bytes) -> None:
        # no name and no number holds a tab, so that quotation marks would mean nothing
        lines = content.replace(b'"', b"").replace(b"\r", b"\n").split(b"\n")
        header, *rows = [line.split(b"\t") for line in lines if line] or [[]]
        if not rows:
            raise ValueError("has no rows")
        for line, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise ValueError(
                    f"has {len(row)} values under {len(header)} column names in row {line}"
                )
        self.names = [name.decode() for name in header]
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def columns(self, numbers: Sequence[int]) -> tuple[NDArray[np.float64], list[int]]:
        """Read columns as numbers.

        Parameters
        ----------
        numbers
            Of the columns, from 0.

        Returns
        -------
        values
            Shape (rows, numbers), as Python's `float` gives them; NaN where a value is missing.
        text
            Numbers of the columns that hold text, the values of which mean nothing.
        """
        values = np.empty((len(self), len(numbers)), order="F")
        text = set()
        for place, column in enumerate(numbers):
            cells = [row[column] for row in self._rows]
            try:
                values[:, place] = _numbers(cells)
            except ValueError:
                text.add(column)
        return values, sorted(text)


def _numbers(cells: Sequence[bytes]) -> list[float]:
    if b"_" not in b"".join(cells):
        try:
            return [float(cell) for cell in cells]
        except ValueError:  # a missing value, or text
            pass
    return [number(cell.decode()) for cell in cells]


def number(cell: str | float) -> float:
    """Return the number in a cell; a ValueError if it holds text.

    Parameters
    ----------
    cell
        A number, its text, or one of `MISSING`.
    """
    if isinstance(cell, str):
        if "_" in cell:
            raise ValueError(cell)  # Python takes it for a separator of digits
        if cell in MISSING:
            return nan
    return float(cell)
