"""One line on a network."""

from __future__ import annotations

import math

import pytest

from fcnm_bids.specificity import verdict

LABELS = {"share_surviving": 0.4, "min_pfwe": 0.01, "verdict": "a"}
STRENGTH = {"share_surviving": 0.3, "min_pfwe": 0.02, "verdict": "b", "withheld": False}
RANDOM = {"share_surviving": 0.9, "min_pfwe": 0.001, "verdict": "c", "withheld": False}


def test_every_kind_of_evidence_in_its_order() -> None:
    tests = {"random": RANDOM, "strength": STRENGTH, "labels": LABELS}
    found = verdict("up", 1234, 9872.0, tests, 0.93, 0.71)
    assert found["Line"] == (
        "up: 1,234 voxels (9.9 cm3); labels: 40% of the network survives; strength: 30% of the "
        "network survives (reliability 0.930); random: 90% of the network survives; robustness: "
        "Dice at least 0.71 whichever study is left out"
    )
    assert found["labels"] == {"ShareSurviving": 0.4, "SmallestPFWE": 0.01, "Sentence": "a"}


def test_a_study_that_carries_the_network_is_not_hidden() -> None:
    assert verdict("up", 5, 40.0, {}, 0.9, 0.0)["Line"].endswith(
        "robustness: no overlap with the network when one of its studies is left out (Dice 0)"
    )


@pytest.mark.parametrize(
    ("without", "shown"),
    [
        ([("a", 0)], "no network remains when a is left out"),
        ([("a", 0), ("b", 0)], "no network remains when a or b is left out"),
        ([("a", 0), ("b", 0), ("c", 7)], "no overlap with the network when a, b or c is left out"),
        ([(name, 0) for name in "abcd"], "no network remains when any one of 4 studies is left"),
    ],
)
def test_the_studies_that_carry_the_network_are_named(
    without: list[tuple[str, int]], shown: str
) -> None:
    found = verdict("up", 5, 40.0, {}, 0.9, 0.0, without)
    assert f"robustness: {shown}" in found["Line"]
    assert found["StudiesOfLowestDice"] == [name for name, _ in without]
    assert found["VoxelsWithoutThem"] == [remaining for _, remaining in without]


@pytest.mark.parametrize(("lowest", "shown"), [(0.9958, "0.99"), (1.0, "1.00"), (0.29, "0.29")])
def test_the_lowest_dice_is_not_rounded_up(lowest: float, shown: str) -> None:
    line = verdict("up", 5, 40.0, {}, 0.9, lowest)["Line"]
    assert f"Dice at least {shown} whichever" in line


def test_halves_of_the_participants_are_beside_the_studies() -> None:
    halves = [0.996, 0.5, math.nan, 0.0, 0.3]
    found = verdict("up", 5, 40.0, {}, 0.9, 0.7, (), halves)
    assert found["Line"].endswith(
        "robustness: Dice at least 0.70 whichever study is left out, and median Dice 0.40 between "
        "random halves of the participants (4 of 5 pairs, with no networks to compare in the other "
        "1)"
    )
    assert found["MedianDiceOfHalves"] == 0.4
    assert (found["PairsOfHalves"], found["PairsOfHalvesCompared"]) == (5, 4)
    line = verdict("up", 5, 40.0, {}, 0.9, None, (), [0.999, 0.996])["Line"]
    assert line.endswith(
        "robustness: median Dice 0.99 between random halves of the participants (2 pairs)"
    )
    line = verdict("up", 5, 40.0, {}, 0.9, None, (), [0.0, 0.0, 0.4])["Line"]
    assert line.endswith("median Dice 0 between random halves of the participants (3 pairs)")
    none = verdict("up", 5, 40.0, {}, 0.9, 0.7, (), [math.nan] * 20)
    assert none["Line"].endswith(
        ", and random halves of the participants have no networks to compare (20 pairs)"
    )
    assert none["MedianDiceOfHalves"] is None


def test_an_unreliable_strength_has_no_number() -> None:
    found = verdict("up", 1, 8.0, {"strength": {**STRENGTH, "withheld": True}}, 0.6, None)
    assert found["strength"]["ShareSurviving"] is found["strength"]["SmallestPFWE"] is None
    assert found["Line"] == (
        "up: 1 voxel (0.0 cm3); labels: not tested; strength: cannot be determined "
        "(reliability 0.600); random: not tested; robustness: cannot be determined"
    )


def test_numbers_have_four_digits() -> None:
    tests = {"random": {**RANDOM, "share_surviving": 2 / 3, "min_pfwe": 1 / 3000}}
    found = verdict("up", 3, 3 * 26.999999999999996, tests, 0.912345, 1 / 7)
    assert found["Volume"] == 81.0
    assert found["StrengthReliability"] == 0.9123
    assert found["LowestDiceWithoutAStudy"] == 0.1429
    assert found["random"]["ShareSurviving"] == 0.6667
    assert found["random"]["SmallestPFWE"] == 0.0003333


def test_random_foci_alone_are_said_to_be_alone() -> None:
    line = verdict("up", 5, 40.0, {"random": RANDOM}, math.nan, 0.5)["Line"]
    assert (
        "random: 90% of the network survives (on its own, this rules out only scattered foci)"
        in line
    )
    assert "strength: not tested (reliability unknown)" in line


def test_numbers_that_are_not_there_are_null() -> None:
    row = {"share_surviving": math.nan, "min_pfwe": math.nan, "verdict": "d"}
    found = verdict("up", 0, 0.0, {"random": row}, math.nan, None)
    assert found["Line"] == "up: no network"
    assert found["random"] == {"ShareSurviving": None, "SmallestPFWE": None, "Sentence": "d"}
    assert found["StrengthReliability"] is None
