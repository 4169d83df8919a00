"""What one cell of a coordinate file may hold, and how its problems are put into words."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Sequence
from pathlib import Path

from fcnm_bids.errors import SeedError

MAX_PROBLEMS = 20
"""Problems of one file that are listed; the rest are counted."""

FARTHEST_MM = 200.0
"""No template brain reaches farther from its origin; larger numbers are not millimetres."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
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
    """The text of a UTF-8 file, without its byte order mark.

    Raises
    ------
    SeedError
        There is no such file, it cannot be read, or it is not UTF-8.
    """
    content = read_bytes(path)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SeedError(
            f"{path.name}, line {line}: the text is not UTF-8: save the file as UTF-8"
        ) from error


def read_bytes(path: Path) -> bytes:
    """The content of a file; SeedError where there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise SeedError(f"{path}: there is no such file") from error
    except OSError as error:
        raise SeedError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise SeedError(f"{str(path)!r} is not the name of a file") from error


def coordinate(cell: object) -> float:
    """A coordinate in mm.

    A typographic minus sign, as it is copied from a PDF, counts as a minus.

    Raises
    ------
    CellError
        The cell is missing, not a finite number, or beyond `FARTHEST_MM`.
    """
    number = _number(cell)
    if not math.isfinite(number):
        raise CellError(f"{shown(cell)}, not a finite number")
    if abs(number) > FARTHEST_MM:
        raise CellError(
            f"{shown(cell)}, farther than {FARTHEST_MM:g} mm from the origin:"
            " coordinates are in millimetres"
        )
    return number


def sample_size(cell: object) -> int | None:
    """A number of people, at least 1; None where the cell is empty or ``n/a``.

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
        raise CellError(f"{shown(cell)}, not a positive whole number")
    return int(number)


def label(cell: object) -> str:
    """A name, with each run of white space made one blank.

    Raises
    ------
    CellError
        The cell is missing, not a text, or a text that no file can hold.
    """
    if is_missing(cell):
        raise CellError("missing")
    if not isinstance(cell, str):
        raise CellError(f"{shown(cell)}, not a text")
    try:
        cell.encode()
    except UnicodeEncodeError as error:
        raise CellError(f"{shown(cell)}, which is not valid Unicode") from error
    return " ".join(cell.split())


def is_missing(cell: object) -> bool:
    """Whether a cell is empty or says that it is (``n/a``, the BIDS convention)."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in ("", "n/a"))


def shown(cell: object) -> str:
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
        if _NUMBER.fullmatch(text):
            return float(text)
        if _DECIMAL_COMMA.fullmatch(text):
            point = text.replace(",", ".")
            raise CellError(f"{shown(cell)}, with a decimal comma: write {point}")
    raise CellError(f"{shown(cell)}, not a number")
