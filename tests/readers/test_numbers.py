"""Numbers in cells of tables."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.readers.numbers import is_number, parse_number


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_programs_write_is_read_to_the_digit(value: float) -> None:
    assert parse_number(repr(value)) == value


@pytest.mark.parametrize(
    "text", ["1_2", "inf", "nan", "infinity", "0x1F", "1,5", "", " ", "١٢", "1e"]
)
def test_what_python_or_nobody_takes_for_a_number_is_text(text: str) -> None:
    assert parse_number(text) is None
    assert not is_number(text)


def test_numbers_beyond_measure_are_none() -> None:
    assert parse_number("1e400") == math.inf
    assert not is_number("1e400")
    assert not is_number("-1e101")
    assert not is_number("1e-160")
    assert is_number("-1e99")
    assert is_number("0.000")
