"""Cells of tables as reports show them."""

from __future__ import annotations

import pytest

from fcnm_bids.report.results.text import as_text


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("0.12345", "0.123"),
        ("12345.0", "12,345"),
        (3.0, "3"),
        ("-0.5", "-0.5"),
        ("1e-7", "1e-07"),
        ("NaN", "–"),
        ("n/a", "–"),
        ("", "–"),
        ("inf", "inf"),
        ("-Infinity", "-Infinity"),
        ("1e400", "1e400"),
        ("007", "007"),
        ("1_000", "1_000"),
        ("bochum", "bochum"),
    ],
)
def test_numbers_are_short_and_text_stays(cell: object, text: str) -> None:
    assert as_text(cell) == text
