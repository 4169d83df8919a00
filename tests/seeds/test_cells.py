"""Cells of coordinate files: numbers, names and sizes, and what is wrong with them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.errors import SeedError
from fcnm_bids.seeds.cells import (
    MAX_PROBLEMS,
    CellError,
    as_text,
    coordinate,
    is_missing,
    label,
    refuse,
    sample_size,
)


@given(number=st.floats(-110, 110))
def test_any_spelling_of_a_number_is_that_number(number: float) -> None:
    for cell in (number, repr(number), f" {number!r}\t", repr(number).replace("-", "−")):
        assert coordinate(cell) == number


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("", "missing"),
        (" N/A ", "missing"),
        (None, "missing"),
        ("12,5", "write 12.5"),
        ("nan", "'nan', not a number"),
        ("1e999", "not a finite number"),
        (math.inf, "not a finite number"),
        (10**400, "not a finite number"),
        (True, "True, not a number"),
        ("x" * 500, "not a number"),
        (-110.5, "farther than 110 mm"),
        ("٣", "not a number"),  # a digit, but of no number that a table means
    ],
)
def test_what_is_no_coordinate_is_explained(cell: object, told: str) -> None:
    with pytest.raises(CellError) as caught:
        coordinate(cell)
    assert told in str(caught.value)
    assert len(str(caught.value)) < 160


def test_the_farthest_distance_is_still_a_coordinate() -> None:
    assert coordinate(110) == 110
    assert coordinate("-150", farthest=150) == -150


@pytest.mark.parametrize(("cell", "n"), [("12", 12), (12.0, 12), ("1e2", 100), ("n/a", None)])
def test_a_sample_size_is_whole_or_missing(cell: object, n: int | None) -> None:
    assert sample_size(cell) == n


@pytest.mark.parametrize("cell", [0, -3, "2.5", "many", "1,5", math.inf, "nan"])
def test_other_sample_sizes_are_refused(cell: object) -> None:
    with pytest.raises(CellError, match="not a positive whole number"):
        sample_size(cell)


def test_names_are_composed_and_their_blanks_single() -> None:
    assert label("  Mu\u0308ller \u00a0 et\tal. ") == "Müller et al."


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        (3, "not text"),
        ("a\x07b", "invisible character"),
        ("\ud800", "not valid Unicode"),
        (" ", "missing"),
        ("n/a", "missing"),
    ],
)
def test_what_is_no_name_is_explained(cell: object, told: str) -> None:
    with pytest.raises(CellError, match=told):
        label(cell)


def test_what_counts_as_missing() -> None:
    assert [is_missing(cell) for cell in (None, "", " \t", "N/A", 0, "0", "na", False)] == [
        *(True, True, True, True, False, False, False, False),
    ]


@pytest.mark.parametrize("cell", ["a\nb", "x" * 10_000, ["y" * 999] * 999, "\x1b[2J"])
def test_cells_in_messages_stay_on_a_line(cell: object) -> None:
    assert as_text(cell).isprintable()
    assert len(as_text(cell)) < 500


@pytest.mark.parametrize("n", [0, 1, MAX_PROBLEMS, MAX_PROBLEMS + 5])
def test_problems_are_listed_up_to_a_number(n: int) -> None:
    problems = [f"row {i}" for i in range(n)]
    if not n:
        refuse(problems)
        return
    with pytest.raises(SeedError) as caught:
        refuse(problems)
    more = [f"and {n - MAX_PROBLEMS} more"] if n > MAX_PROBLEMS else []
    assert list(caught.value.problems) == problems[:MAX_PROBLEMS] + more
