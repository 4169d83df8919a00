"""The cells of a text table, of which only those that are asked for become numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

MISSING = frozenset({"", "n/a", "N/A", "NA", "<NA>", "NaN", "nan", "None", "null", "NULL"})
"""Cells that stand for no value."""

_WIDTH = 24
"""Characters of the longest cell that is read without Python's own parser; `repr` writes 24."""

_PIECE = 1 << 16

_COLUMNS_AT_ONCE = 32
"""Columns of which the numbers in between stay in the processor's cache."""

_FOURS = np.array([1e8, 1e4, 1.0])
"""Values of groups of four digits in half as many as a cell has, whose sums are exact."""

_MOST_MILLIONS = 9_000_000
"""Millions of millions that an int64 holds with any rest."""

_TENS = np.longdouble(10) ** np.arange(28)
"""Powers of ten that are exact in 64 bits: 5**27 < 2**63 < 5**28."""

_MANTISSA_BITS = 63
"""Stored bits of the mantissa of `numpy.longdouble` from which its quotients are used."""

_TAB, _NEWLINE = b"\t\n"

_MINUS, _POINT, _EXPONENT = ((ord(character) - ord("0")) % 256 for character in "-.e")
"""Characters as `digits` have them, above 9."""


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
        if b'"' in content:
            content = content.replace(b'"', b"")
        if b"\r" in content:
            content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        if not content.endswith(b"\n"):
            content += b"\n"
        start = len(content) - len(content.lstrip(b"\n"))
        end = content.find(b"\n", start)
        if end < 0:
            raise ValueError("has no rows")
        self.names = content[start:end].decode().split("\t")
        start = end + 1
        if start < _WIDTH:  # a cell that is read has that many characters up to its end
            content, start = b" " * _WIDTH + content, start + _WIDTH
        self._content = content
        characters = np.frombuffer(content, dtype=np.uint8)
        # in pieces and narrow: memory for all of a table takes longer to get than to fill
        pieces = [
            (np.flatnonzero(characters[at : at + _PIECE] <= _NEWLINE) + at).astype(np.int32)
            for at in range(start, characters.size, _PIECE)
        ]
        ends = np.concatenate(pieces or [np.empty(0, dtype=np.int32)])
        ended_by = characters[ends]
        if (ended_by < _TAB).any():
            ends, ended_by = ends[ended_by >= _TAB], ended_by[ended_by >= _TAB]
        newlines = np.flatnonzero(ended_by == _NEWLINE)
        line_starts = np.concatenate([[start], ends[newlines] + 1])
        empty = line_starts[:-1] == ends[newlines]
        if empty.any():
            ends = np.delete(ends, newlines[empty])
            line_starts = line_starts[:-1][~empty]
            newlines = np.flatnonzero(characters[ends] == _NEWLINE)
        if not newlines.size:
            raise ValueError("has no rows")
        widths = np.diff(newlines, prepend=-1)
        if (widths != len(self.names)).any():
            row = int((widths != len(self.names)).argmax())
            raise ValueError(
                f"has {widths[row]} values under {len(self.names)} column names in row {row + 2}"
            )
        self._ends = ends.reshape(widths.size, -1)
        self._line_starts = line_starts[: widths.size, None]

    def __len__(self) -> int:
        return len(self._ends)

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
        values = np.empty((len(self), len(numbers)))
        text: list[int] = []
        for first in range(0, len(numbers), _COLUMNS_AT_ONCE):
            part = slice(first, first + _COLUMNS_AT_ONCE)
            text += self._read(numbers[part], values[:, part])
        return values, text

    def _read(self, numbers: Sequence[int], values: NDArray[np.float64]) -> list[int]:
        columns = np.asarray(numbers, dtype=np.intp)
        starts = np.where(columns > 0, self._ends[:, columns - 1] + 1, self._line_starts)
        starts, ends = (at.ravel().astype(np.intp) for at in (starts, self._ends[:, columns]))
        found, read = _decimals(self._content, starts, ends)
        text = set()
        for cell in np.flatnonzero(~read).tolist():
            try:
                found[cell] = number(self._content[starts[cell] : ends[cell]].decode())
            except ValueError:
                text.add(numbers[cell % len(numbers)])
        values[:] = found.reshape(values.shape)
        return sorted(text)


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
            return float("nan")
    return float(cell)


def _decimals(
    content: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Read the cells that look like -1.25 or 1.25e-05, and show which ones those are.

    Python's own parser takes longer than all else that is done with a table. Here, two integers
    that are exact give a quotient, which is rounded to 64 bits and then to the 53 of a double.
    That is Python's number unless the first rounding ends halfway between two doubles.

    Parameters
    ----------
    content
        The text, with `_WIDTH` characters before the first cell.
    starts, ends
        Positions of the cells, shape (cells,).
    """
    if np.finfo(np.longdouble).nmant < _MANTISSA_BITS:
        return np.zeros(starts.size), np.zeros(starts.size, dtype=bool)
    windows: NDArray[np.void] = np.ndarray(
        (len(content) - _WIDTH + 1,), dtype=f"V{_WIDTH}", buffer=content, strides=(1,)
    )

    def digits_before(positions: NDArray[np.intp]) -> NDArray[np.uint8]:
        found = windows[positions - _WIDTH].view(np.uint8).reshape(-1, _WIDTH)
        return np.ascontiguousarray(found.T) - np.uint8(ord("0"))

    digits = digits_before(ends)
    small = (digits[-4] == _EXPONENT) & (digits[-3] == _MINUS) & (ends - starts > 4)
    tens = np.where(small, digits[-2] * 10.0 + digits[-1], 0)
    read = ~small | ((digits[-2] <= 9) & (digits[-1] <= 9))
    ends = ends - 4 * small
    digits[:, small] = digits_before(ends[small])
    signed = np.frombuffer(content, dtype=np.uint8)[starts] == ord("-")
    width = ends - starts - signed
    place = np.arange(_WIDTH, dtype=np.uint8)[:, None]
    digits *= place >= (_WIDTH - np.minimum(width, _WIDTH)).astype(np.uint8)
    is_point = digits == _POINT
    n_points = is_point.sum(axis=0, dtype=np.uint8)
    point = (is_point * place).sum(axis=0, dtype=np.uint8)
    # the digits before the point move into its place
    moved = digits[:-1] - digits[1:]
    moved *= place[1:] <= point
    digits[1:] += moved
    tens += n_points * (_WIDTH - 1.0 - point)
    pairs = digits[::2] * np.uint8(10) + digits[1::2]
    fours = pairs[::2] * np.uint16(100) + pairs[1::2]
    millions, rest = _FOURS @ fours[:3], _FOURS @ fours[3:]
    read &= (n_points < width) & (width < _WIDTH) & (digits <= 9).all(axis=0)
    read &= (millions < _MOST_MILLIONS) & (tens < _TENS.size)
    whole = np.where(read, millions, 0).astype(np.int64) * 10**12 + rest.astype(np.int64)
    quotient = whole / _TENS[np.where(read, tens, 0).astype(np.intp)]
    values = quotient.astype(np.float64)
    read &= 2 * np.abs((quotient - values).astype(np.float64)) != np.spacing(values)
    return np.where(signed, -values, values), read
