"""The registry of height controls."""

from __future__ import annotations

import pytest

from fcnm_bids.stats.height_controls import HEIGHT_CONTROLS, control_names, find_control


@pytest.mark.parametrize(
    ("text", "value"), [("fwe", None), ("fdr", None), ("t=3.1", 3.1), ("bonferroni", None)]
)
def test_a_control_is_found_by_its_name(text: str, value: float | None) -> None:
    found = find_control(text)
    assert found is not None
    assert found[0] is HEIGHT_CONTROLS[text.partition("=")[0]]
    assert found[1] == value


@pytest.mark.parametrize("text", ["", "t", "t=", "t=0", "t=-1", "t=inf", "t=x", "fwe=3", "z=2"])
def test_other_texts_name_no_control(text: str) -> None:
    assert find_control(text) is None


def test_all_controls_are_named() -> None:
    assert control_names() == "fwe, fdr, permutation, bonferroni or t=VALUE"


def test_every_phrase_takes_its_numbers() -> None:
    for control in HEIGHT_CONTROLS.values():
        text = control.methods.format(alpha=0.05, n_permutations=1000, value="3")
        assert "{alpha" not in text
