"""Bytes and seconds as text."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Seconds as participants say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def size_text(size: float) -> str:
    """Bytes as participants say them."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size / 1e6:.0f} MB"
