"""Networks of the signs of connectivity."""

from __future__ import annotations

import pytest

from fcnm_bids.mapping import effect_and_sign, network_names, signs

EFFECTS = ["up", "down (negative)", "up", "增加"]


@pytest.mark.parametrize("tail", ["positive", "negative", "two-sided"])
def test_every_network_has_an_effect_and_a_sign(tail: str) -> None:
    names = network_names(EFFECTS, tail)
    found = [effect_and_sign(name, tail) for name in names]
    assert found == [(e, s) for e in ("up", "down (negative)", "增加") for s in signs(tail)]
    assert len(set(names)) == len(names)


def test_one_tail_keeps_the_names_of_effects() -> None:
    assert network_names(EFFECTS, "negative") == ["up", "down (negative)", "增加"]
    assert signs("negative") == (-1,)
    assert network_names(["up"], "two-sided") == ["up (positive)", "up (negative)"]


def test_a_name_of_another_tail_is_refused() -> None:
    with pytest.raises(ValueError, match="two-sided"):
        effect_and_sign("up", "two-sided")
