"""Check cells of a coordinate file, and word their problems."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Sequence
from pathlib import Path

from fcnm_bids.errors import FileError, SeedError
from fcnm_bids.readers import files
from fcnm_bids.readers.numbers import parse_number
from fcnm_bids.readers.spelling import canonical, unprintable

MAX_PROBLEMS = 20
"""Problems of one file that are listed; the rest are counted."""

_MOST_PARTICIPANTS = 10_000_000
"""No study has more."""

FARTHEST_MM = 110.0
"""No template brain reaches farther from its origin along an axis (the occipital pole: 107)."""

_DECIMAL_COMMA = re.compile(r"[+-]?[0-9]*,[0-9]+")
_SHORTENED = reprlib.Repr()
_SHORTENED.maxstring = _SHORTENED.maxother = 60
_SHORTENED.maxlevel = 2

_TYPESET_MINUS = str.maketrans({"\N{MINUS SIGN}": "-", "\N{EN DASH}": "-"})


class CellError(Exception):
    """A cell is not what it should be; the text continues a sentence that begins "x is"."""


def refuse(problems: Sequence[str]) -> None:
    """Raise a SeedError that lists the problems, if there are any.

    Raises
    ------
    SeedError
        At most `MAX_PROBLEMS` lines and one that counts the rest.
    """
    if not problems:
        return
    listed = list(problems[:MAX_PROBLEMS])
    if len(problems) > MAX_PROBLEMS:
        listed.append(f"and {len(problems) - MAX_PROBLEMS} more")
    raise SeedError(listed)


def read_text(path: Path) -> str:
    """The text of a file in UTF-8 or UTF-16, without its byte order mark.

    Raises
    ------
    SeedError
        There is no such file, it cannot be read, is too large, or is in another encoding.
    """
    try:
        return files.read_text(path)
    except FileError as error:
        raise SeedError(error.problems) from error


def read_bytes(path: Path) -> bytes:
    """The content of a file; SeedError where there is none."""
    try:
        return files.read_bytes(path)
    except FileError as error:
        raise SeedError(error.problems) from error


def coordinate(cell: object, farthest: float = FARTHEST_MM) -> float:
    """A coordinate in mm.

    A typographic minus sign, as it is copied from a PDF, counts as a minus.

    Parameters
    ----------
    cell
        The cell.
    farthest
        Distance from the origin, in mm, beyond which a number is refused.

    Raises
    ------
    CellError
        The cell is missing, not a finite number, or beyond `farthest`.
    """
    number = _number(cell)
    if not math.isfinite(number):
        raise CellError(f"{as_text(cell)}, not a finite number")
    if abs(number) > farthest:
        raise CellError(
            f"{as_text(cell)}, farther than {farthest:g} mm from the origin, outside any brain: "
            "give coordinates in millimetres"
        )
    return number


def sample_size(cell: object) -> int | None:
    """A number of participants from 1 to 10 million; None where the cell is empty or ``n/a``.

    Raises
    ------
    CellError
        The cell holds something else.
    """
    if is_missing(cell):
        return None
    try:
        number = _number(cell)
    except CellError:
        number = math.nan
    if not (math.isfinite(number) and number >= 1 and number == int(number)):
        raise CellError(f"{as_text(cell)}, not a positive whole number")
    if number > _MOST_PARTICIPANTS:
        raise CellError(f"{as_text(cell)}, more than 10 million participants; correct it")
    return int(number)


def label(cell: object) -> str:
    """A name in Unicode's composed form, with each run of white space made one blank.

    Raises
    ------
    CellError
        The cell is missing, not a text, or holds characters that no name can hold.
    """
    if is_missing(cell):
        raise CellError("missing")
    if not isinstance(cell, str):
        raise CellError(f"{as_text(cell)}, not text: format the cell as text")
    try:
        cell.encode()
    except UnicodeEncodeError as error:
        raise CellError(f"{as_text(cell)}, which is not valid Unicode: type it again") from error
    if code := unprintable(cell):
        raise CellError(f"{cell!a}, with the invisible character {code}: remove it")
    if not (name := canonical(cell)):
        raise CellError("missing")
    return name


def is_missing(cell: object) -> bool:
    """Return True if a cell is empty or states that it is (``n/a``, the BIDS convention)."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in ("", "n/a"))


def as_text(cell: object) -> str:
    """A cell as messages show it: quoted, escaped, and not longer than a line."""
    return _SHORTENED.repr(cell)


def _number(cell: object) -> float:
    if is_missing(cell):
        raise CellError("missing")
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        try:
            return float(cell)
        except OverflowError:
            return math.inf
    if isinstance(cell, str):
        text = cell.strip().translate(_TYPESET_MINUS)
        if (number := parse_number(text)) is not None:
            return number
        if _DECIMAL_COMMA.fullmatch(text):
            point = text.replace(",", ".")
            raise CellError(f"{as_text(cell)}, with a decimal comma: write {point}")
    raise CellError(f"{as_text(cell)}, not a number")
