"""The sentences, word by word."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from fcnm_bids.specificity import (
    FOCUS_NULLS,
    LabelTest,
    MapComparison,
    NullAssessment,
    SimilarityTest,
    SplitTest,
    Strength,
    degree_sentence,
    label_sentence,
    null_sentence,
    similarity_sentence,
    split_sentence,
    withheld_sentence,
)
from fcnm_bids.specificity.interpretation import p_text

P_FWE = np.array([0.01, 0.04, 0.2, np.nan, 0.01])
NONE = np.zeros(0)
RESULT = NullAssessment(
    n_draws=1999,
    p=P_FWE,
    p_fwe=P_FWE,
    z=P_FWE,
    sizes=NONE.astype(np.int64),
    overlaps=np.zeros((0, 0), dtype=np.int64),
    maxima=NONE,
    levels=(0.0, 1.0),
)
NETWORK = np.array([True, True, True, True, False])
LABELS = LabelTest(
    difference=np.array([0.5, 0.4, 0.1, np.nan, -0.5]),
    p=P_FWE,
    p_fwe=P_FWE,
    z=P_FWE,
    n_labellings=256,
    n_possible=256,
    exact=True,
    smallest_p=2 / 256,
)


AUDIT = {
    "probability": {
        "r_positive": 0.29,
        "r_signed": -0.1,
        "r_eigenvector": 0.75,
        "r_eigenvector2": 0.1,
        "r_eigenvector3": math.nan,
        "r2": 0.61,
    },
    "mean": {
        "r_positive": -0.8,
        "r_signed": -0.75,
        "r_eigenvector": 0.3,
        "r_eigenvector2": 0.0,
        "r_eigenvector3": 0.0,
        "r2": 0.96,
    },
}


def test_degree_names_the_strongest_account_of_both_maps() -> None:
    assert degree_sentence(AUDIT) == (
        "Two strengths and three eigenvectors explain 61% of the variance of the probability map "
        "across voxels (strongest correlation: the first eigenvector, r = 0.75) and 96% of the "
        "variance of the mean map across voxels (strongest correlation: the positive strength, "
        "r = -0.80)."
    )


def test_degree_is_compared_with_draws_where_there_are_any() -> None:
    names = ("r_positive", "r_eigenvector")
    draws = np.column_stack([np.linspace(0, 1, 39), np.linspace(-0.7, 0.7, 39)])
    found = MapComparison(names, ("pearson",) * 2, np.array([0.29, 0.75]), draws, 500)
    assert degree_sentence(AUDIT, found).startswith(
        "Two strengths and three eigenvectors explain 61% of the variance of the probability map "
        "across voxels (strongest correlation: the first eigenvector, r = 0.75, above the median "
        "of 0.00 in 39 draws of random foci; two-sided p = 0.05, for this measure alone) and"
    )


def test_less_likeness_than_draws_have_is_stated_so() -> None:
    draws = np.linspace(0.4, 1, 39)[:, None]
    found = MapComparison(("r_eigenvector",), ("pearson",), np.array([0.3]), draws, np.array([500]))
    row = AUDIT["probability"] | {"r_eigenvector": 0.3, "r_positive": 0.1}
    assert "r = 0.30, below the median of 0.70 in 39 draws of random foci; two-sided p = 0.05," in (
        degree_sentence({"probability": row, "mean": row}, found)
    )


def test_as_much_likeness_as_draws_have_is_neither_more_nor_less() -> None:
    draws = np.linspace(0.4, 1, 39)[:, None]
    found = MapComparison(("r_eigenvector",), ("pearson",), np.array([0.7]), draws, np.array([500]))
    row = AUDIT["probability"] | {"r_eigenvector": 0.7}
    assert "r = 0.70, equal to the median of 0.70 in 39 draws" in (
        degree_sentence({"probability": row, "mean": row}, found)
    )


def test_a_map_without_values_is_not_explained() -> None:
    nothing = dict.fromkeys(AUDIT["mean"], math.nan)
    assert degree_sentence({"probability": nothing, "mean": AUDIT["mean"]}).startswith(
        "Two strengths and three eigenvectors explain an undefined share of the variance of the "
        "probability map and 96%"
    )


STRENGTH = Strength(NONE, NONE, np.zeros((3, 0)), (), 1, 0.0, NONE, NONE, 12, 0.41)


def test_an_unreliable_strength_withholds_the_verdict() -> None:
    assert withheld_sentence(STRENGTH, 0.9) == (
        "With 12 participants it cannot be determined whether foci of equal strength explain the "
        "network: the reliability of strength is 0.581, below 0.9 (about 78 participants would "
        "reach it)."
    )
    assert withheld_sentence(replace(STRENGTH, half_correlation=math.nan), 0.9) == (
        "With 12 participants it cannot be determined whether foci of equal strength explain the "
        "network: the reliability of strength is unknown."
    )
    assert withheld_sentence(replace(STRENGTH, half_correlation=0.9), 0.9) is None


@pytest.mark.parametrize(
    ("null", "match", "than"),
    [
        ("random", "strata", "expected for foci scattered in grey matter"),
        ("strength", "strata", "expected for foci of equal strength"),
        ("strength", "nearest20", "expected for foci of about equal strength"),
    ],
)
def test_a_null_of_foci_is_named(null: str, match: str, than: str) -> None:
    foci = FOCUS_NULLS[null].expected({"strength_match": match})
    assert null_sentence(foci, RESULT, NETWORK, 0.05) == (
        f"50% of the network is shown to be shared by more contrasts than {than} (family-wise p at "
        "most 0.05, 1,999 draws)."
    )
    nothing = replace(RESULT, p_fwe=np.full(5, 0.3))
    assert null_sentence(foci, nothing, NETWORK, 0.05) == (
        f"No part of the network is shown to be shared by more contrasts than {than} "
        "(family-wise p at most 0.05, 1,999 draws)."
    )


def test_voxels_outside_of_the_network_do_not_count() -> None:
    outside = replace(RESULT, p_fwe=np.array([0.5, 0.5, 0.5, 0.5, 0.01]))
    assert null_sentence("foci scattered in grey matter", outside, NETWORK, 0.05).startswith(
        "No part of the network"
    )


def test_too_few_draws_and_no_network() -> None:
    few = replace(RESULT, n_draws=9)
    assert null_sentence("foci scattered in grey matter", few, NETWORK, 0.05) == (
        "9 draws cannot reach p = 0.05, so no conclusion is possible."
    )
    assert null_sentence("foci scattered in grey matter", RESULT, ~NETWORK & False, 0.05) == (
        "There is no network to compare."
    )


OTHER = np.array([False, False, False, False, True])
BOTH = (NETWORK, OTHER)
EXCHANGED = "(labels exchanged between studies, family-wise p at most 0.05)"


def test_labels_are_counted_inside_each_network() -> None:
    assert label_sentence("a", "b", LABELS, BOTH, 0.05) == (
        "2 of 4 voxels in the network of a are specific to a compared with b; 1 of 1 voxel in the "
        f"network of b is specific to b compared with a {EXCHANGED}."
    )


def test_labels_that_differ_outside_of_the_networks_are_specific_to_neither() -> None:
    swapped = (OTHER, np.array([False, False, True, False, False]))
    assert label_sentence("a", "b", LABELS, swapped, 0.05) == (
        "no voxel in the network of a is shown to be specific to a; no voxel in the network of b "
        f"is shown to be specific to b; 3 voxels outside the networks differ {EXCHANGED}."
    )


def test_labels_without_a_network() -> None:
    assert label_sentence("a", "b", LABELS, (NETWORK & False, OTHER), 0.05).startswith(
        "a has no network; 1 of 1 voxel in the network of b"
    )


def test_labels_that_differ_nowhere() -> None:
    nothing = replace(LABELS, p_fwe=np.full(5, 0.3))
    assert label_sentence("a", "b", nothing, BOTH, 0.05) == (
        f"a and b are not shown to differ at any voxel {EXCHANGED}, so neither network is shown "
        "to be specific."
    )


def test_five_pairs_are_told_that_they_cannot_reject() -> None:
    five = replace(LABELS, n_labellings=32, n_possible=32, smallest_p=2 / 32)
    assert label_sentence("a", "b", five, BOTH, 0.05) == (
        "The labels a and b can be exchanged in only 32 ways: the smallest possible p is 0.0625, "
        "so this test cannot reject at all, and whether the map is specific cannot be determined."
    )


def test_few_draws_are_not_taken_for_few_studies() -> None:
    few = replace(LABELS, n_labellings=10, n_possible=2016, exact=False, smallest_p=0.1)
    assert label_sentence("a", "b", few, BOTH, 0.05) == (
        "Only 9 of the 2,016 ways to exchange the labels a and b were drawn. The smallest possible "
        "p is therefore 0.1, and whether the map is specific cannot be determined: raise "
        "--n-permutations."
    )


@pytest.mark.parametrize(
    ("p", "n", "said"),
    [
        (
            0.01,
            100,
            "Left-out studies of a and b are more similar to the other studies of their own",
        ),
        (0.2, 100, "Left-out studies of a and b are not shown to be more similar to the other"),
        (0.25, 4, "The labels a and b can be exchanged in too few ways for left-out studies"),
        (
            np.nan,
            1,
            "Whether studies of a and b are more similar to those of their own effect cannot",
        ),
    ],
)
def test_left_out_studies(p: float, n: int, said: str) -> None:
    r = np.array([0.5, 0.3, np.nan])
    numbers, first = np.arange(3), np.array([True, False, True])
    found = SimilarityTest(r, r - 0.2, numbers, first, 0.2, p, n, n, True)
    sentence = similarity_sentence("a", "b", found, 0.05)
    assert sentence.startswith(said)
    if np.isfinite(p):
        numbers_of = f"mean r = 0.40 with their own effect and 0.20 with the other, p = {p:g} over"
        assert f"({numbers_of} {n} ways to exchange the labels)." in sentence


@pytest.mark.parametrize(
    ("p", "text"),
    [
        *((1 / 32, "0.0313"), (1 / 16, "0.0625"), (1 / 1001, "0.001"), (0.05, "0.05"), (1.0, "1")),
        *((2 * (1 / 40), "0.05"), (0.0123, "0.0123"), (0.9991, "1"), (0.07, "0.07")),
    ],
)
def test_a_p_is_never_written_below_itself(p: float, text: str) -> None:
    assert p_text(p) == text
    assert float(text) >= p - 1e-9


def test_split() -> None:
    result = SplitTest(4, (0, 2, 0, 1), (3, 0))
    assert split_sentence("a", "b", result) == (
        "In 50% of 4 random splits of the contrasts, regardless of label, one half shares a "
        "cluster that the other half does not. The effects themselves show 3 such clusters "
        "for a against b and 0 for b against a."
    )


@pytest.mark.parametrize("foci", ["foci scattered in grey matter", "foci of equal strength"])
@pytest.mark.parametrize("draws", [9, 1999])
def test_no_null_of_foci_speaks_of_specificity(foci: str, draws: int) -> None:
    for network in (NETWORK, ~NETWORK & False):
        sentence = null_sentence(foci, replace(RESULT, n_draws=draws), network, 0.05)
        assert "specific" not in sentence
    assert "specific" not in degree_sentence(AUDIT)
