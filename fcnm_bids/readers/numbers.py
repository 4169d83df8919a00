"""Numbers in the cells of tables."""

from __future__ import annotations

import re

LARGEST, SMALLEST = 1e100, 1e-100
"""Beyond, no measurement lies, and squares leave the range of floating-point numbers."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def parse_number(text: str) -> float | None:
    """Return the number that a cell states in decimal digits, infinite where it is too large.

    What Python alone takes for a number (``1_2``, ``infinity``, digits of other scripts) is text.
    """
    return float(text) if _NUMBER.fullmatch(text) else None


def is_number(text: str) -> bool:
    """Return True if a cell states 0, or a number from `SMALLEST` to `LARGEST` of either sign."""
    number = parse_number(text)
    return number is not None and (number == 0 or SMALLEST <= abs(number) <= LARGEST)
