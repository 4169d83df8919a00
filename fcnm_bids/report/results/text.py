"""Numbers as text."""

from __future__ import annotations

import math
import re
from typing import Any

NUMBER = re.compile(r"[+-]?(0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?")
"""Texts that are numbers; 007 and 1_000 are names."""


def as_text(value: Any, digits: int = 3) -> str:
    """A cell: numbers short, nothing as a dash."""
    text = str(value).strip()
    if text.lower() in ("", "n/a", "nan", "none", "<na>"):
        return "–"
    # text that looks like a number to Python alone (007, 1_000, infinity) stays what it is
    if not NUMBER.fullmatch(text) or not math.isfinite(number := float(text)):
        return text
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}" if abs(number) >= 10000 else str(int(number))
    if abs(number) >= 100:
        return f"{number:.0f}"
    return f"{number:.{digits}g}"


def share_text(share: Any, n: int) -> str:
    """Write a share of `n` contrasts as a count beside the number, where it is a count."""
    value = float(share)
    count = value * n
    whole = n > 0 and abs(count - round(count)) < 1e-3
    return f"{round(count)} of {n} ({value:.3g})" if whole else f"{value:.3g}"
