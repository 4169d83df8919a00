"""Numbers as text."""

from __future__ import annotations

from typing import Any


def shown(value: Any, digits: int = 3) -> str:
    """A cell: numbers short, nothing as a dash."""
    text = str(value).strip()
    if text in ("", "n/a", "nan", "None", "<NA>"):
        return "–"
    try:
        number = float(text)
    except ValueError:
        return text
    if number == int(number) and abs(number) < 1e15:
        return f"{int(number):,}" if abs(number) >= 10000 else str(int(number))
    if abs(number) >= 100:
        return f"{number:.0f}"
    return f"{number:.{digits}g}"
