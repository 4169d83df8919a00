"""Cells of text tables, which are read to the same bits as by Python."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fcnm_bids.denoise.cells import TextCells, number

FORMATS = st.sampled_from(["", ".17g", ".3f", ".12f", ".18f", ".9e", ".17e", "g"])

WRITTEN = st.builds(
    format, st.one_of(st.floats(), st.floats(-9, 9), st.floats(-1e-3, 1e-3)), FORMATS
)

WHOLE = st.integers(-(10**25), 10**25).map(str)

DIGITS = st.text("0123456789.-e", min_size=1, max_size=26)


def bits(value: float) -> bytes:
    return b"nan" if math.isnan(value) else struct.pack("d", value)


def column(*written: str) -> TextCells:
    return TextCells("\n".join(["a\tb", *(f"{cell}\t0" for cell in written)]).encode())


@settings(max_examples=500)
@given(st.lists(st.one_of(WRITTEN, WHOLE, DIGITS), min_size=1, max_size=40))
@example(["9007199254740993", "9007199254740993.0", "-0.0", "-0", "1.", ".5", "-.5", "+1", "1e5"])
@example(["9223372036854775807", "9" * 18, "9" * 19, "9" * 23, "9" * 24, "0" * 23 + "1"])
@example(["1e-05", "-1.5e-07", "1.5e-300", "5e-324", "1e-28", "1e-27", "1_0", "inf", "-inf"])
@example([".", "-", "-.", "e-05", "-e-05", ".e-05", "1.2.3", "1-2", "--1", "", " 1 ", "\uff11"])
def test_a_number_is_the_one_that_python_reads(written: list[str]) -> None:
    values, text = column(*written).columns([0])
    wanted, words = [], []
    for cell in written:
        try:
            wanted.append(number(cell))
        except ValueError:
            words.append(cell)
            wanted.append(math.nan)
    assert bool(text) == bool(words)
    if not words:
        assert list(map(bits, values[:, 0])) == list(map(bits, wanted))


def test_columns_of_a_wide_table_come_as_they_are_asked_for() -> None:
    names = [f"c{n}" for n in range(100)]
    rows = np.random.default_rng(2).normal(size=(7, 100))
    lines = ["\t".join(map(repr, row)) for row in rows.tolist()]
    read = TextCells("\n".join(["\t".join(names), *lines]).encode())
    assert (read.names, len(read)) == (names, 7)
    order = [99, 0, 0, *range(50, 90), 1]
    np.testing.assert_array_equal(read.columns(order)[0], rows[:, order])


def test_columns_of_text_are_those_that_were_asked_for() -> None:
    read = TextCells(b"a\tb\tc\n1\tx\ty\n2\tx\t3\n")
    assert read.columns([2, 0])[1] == [2]
    assert read.columns([1, 0, 2])[1] == [1, 2]
    assert read.columns([0])[1] == []


@pytest.mark.parametrize(
    "content",
    [b"a\n1\n\n2", b"\n\na\n\n1\n2\n\n", b'"a"\r\n"1"\r\n2\r\n', b"a\r1\r\r2\r"],
)
def test_line_ends_quotation_marks_and_empty_lines_are_no_content(content: bytes) -> None:
    read = TextCells(content)
    np.testing.assert_array_equal(read.columns([0])[0], [[1], [2]])


def test_an_empty_cell_is_no_empty_line() -> None:
    values, text = TextCells(b"a\tb\n\t1\n2\t\n").columns([0, 1])
    np.testing.assert_array_equal(values, [[np.nan, 1], [2, np.nan]])
    assert not text


def test_control_characters_end_no_cell() -> None:
    assert TextCells(b"a\tb\n1\x02\t2\n").columns([0, 1])[1] == [0]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "has no rows"),
        (b"\n\n", "has no rows"),
        (b"a\tb\n\n", "has no rows"),
        (b"a\tb\n1\t2\n\n3\n", "has 1 values under 2 column names in row 3"),
        (b"a\tb\n1\t2\t3\n4\n", "has 3 values under 2 column names in row 2"),
    ],
)
def test_what_is_no_table(content: bytes, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}$"):
        TextCells(content)
