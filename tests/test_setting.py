"""A setting refuses values outside of its bounds and accepts its earlier names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from fcnm_bids.setting import Setting, present_names, setting


@pytest.mark.parametrize(
    ("declared", "value", "problem"),
    [
        ({"above": 0}, 0.0, "not above 0"),
        ({"above": 0}, 1e-9, None),
        ({"above": 0, "most": 1}, 1.5, "not above 0 and at most 1"),
        ({"above": 0, "most": 1}, 1.0, None),
        ({"least": 3}, 2, "not at least 3"),
        ({"least": 3}, 3, None),
        ({"below": 1}, 1.0, "not below 1"),
        ({"above": 0}, (1.0, -2.0), "not above 0"),
        ({"above": 0}, None, None),
        ({}, float("nan"), "a finite number was expected"),
        ({}, True, None),
    ],
)
def test_bounds(declared: dict[str, float], value: Any, problem: str | None) -> None:
    assert Setting("help", **declared).problem(value) == problem


def test_earlier_names_lead_to_the_present_one() -> None:
    @dataclass(frozen=True)
    class Section:
        present: int = setting(0, "help", formerly=("first", "second"))

    assert present_names({"any": Section}) == {"first": "present", "second": "present"}


def test_an_unknown_cache_key_is_refused() -> None:
    with pytest.raises(AssertionError, match="maps"):
        setting(0, "help", affects="maps")
