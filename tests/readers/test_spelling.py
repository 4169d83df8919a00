"""When two spellings are one name."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.readers.spelling import canonical, look_alikes, skeleton, unprintable


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Smith 2019", "smith  2019"),
        ("Smith 2019", "Smith2019"),
        ("Smith\u00ad 2019", "Smith 2019"),
        ("O'Brien", "O\N{RIGHT SINGLE QUOTATION MARK}Brien"),
        ("pre-post", "pre\N{EN DASH}post"),
        ("Сох", "Cox"),
        ("Νagoya", "Nagoya"),
        ("ﬁeld", "field"),
        ("STRASSE", "straße"),
    ],
)
def test_spellings_of_one_name(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)
    (problem,) = look_alikes([(one, "row 2"), ("Jones", "row 3"), (other, "row 4")], "study")
    assert "(row 2)" in problem
    assert "(row 4)" in problem


@pytest.mark.parametrize(
    ("one", "other"),
    [("a > b", "a < b"), ("1", "-1"), ("1", "+1"), ("Müller", "Muller"), ("1.1", "11"), ("α", "β")],
)
def test_other_names_stay_apart(one: str, other: str) -> None:
    assert not look_alikes([(one, "1"), (other, "2")], "study")


def test_letters_of_other_scripts_are_shown_as_codes() -> None:
    (problem,) = look_alikes([("Cox", "1"), ("Сох", "2")], "study")
    assert "'Cox' (1)" in problem
    assert r"'\u0421\u043e\u0445' (2)" in problem


@given(st.text())
def test_canonical_names_are_composed_and_stay_as_they_are(text: str) -> None:
    name = canonical(text)
    assert canonical(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert skeleton(name) == skeleton(unicodedata.normalize("NFD", name))


def test_characters_that_no_name_holds() -> None:
    assert unprintable("a\u202eb") == "U+202E"
    assert unprintable("a\x00") == "U+0000"
    assert unprintable("a\u00a0b\tc") is None
