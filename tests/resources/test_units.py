"""Bytes and seconds as text."""

from __future__ import annotations

import pytest

from fcnm_bids.resources.units import duration, size_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (89.4, "89 s"),
        (90, "2 min"),
        (5399, "90 min"),
        (5400, "1.5 h"),
        (1e6, "277.8 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 MB"), (999e6, "999 MB"), (1e9, "1.0 GB"), (2.44e12, "2.4 TB")],
)
def test_sizes(size: float, text: str) -> None:
    assert size_text(size) == text
