"""The sentences, word by word."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fcnm_bids.specificity import (
    FOCUS_NULLS,
    LabelTest,
    NullAssessment,
    SplitTest,
    degree_sentence,
    label_sentence,
    null_sentence,
    split_sentence,
)

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


def test_degree() -> None:
    assert degree_sentence(0.614, 0.701, 0.512) == (
        "The connectome's own degree maps explain 61% of the variance of the mean map over voxels "
        "(r = 0.70 with the positive strength, 0.51 with the signed one)."
    )
    assert "cannot be said" in degree_sentence(float("nan"), 0.1, 0.1)


def test_a_map_that_does_not_follow_the_hubs_is_told_so() -> None:
    against = degree_sentence(0.96, -0.8, -0.75)
    assert "r = -0.80 with the positive strength, -0.75 with the signed one" in against
    assert against.endswith(
        "The map does not follow the hubs: it is lower where strength is higher."
    )


@pytest.mark.parametrize(
    ("null", "match", "than"),
    [
        ("random", "strata", "foci scattered in grey matter would give"),
        ("strength", "strata", "foci of equal strength would give"),
        ("strength", "nearest20", "foci of about equal strength would give"),
    ],
)
def test_a_null_of_foci_is_named(null: str, match: str, than: str) -> None:
    foci = FOCUS_NULLS[null].expected({"strength_match": match})
    assert null_sentence(foci, RESULT, NETWORK, 0.05) == (
        f"50% of the network is shared by more contrasts than {than} (family-wise p at most 0.05, "
        "1,999 draws)."
    )
    nothing = replace(RESULT, p_fwe=np.full(5, 0.3))
    assert null_sentence(foci, nothing, NETWORK, 0.05) == (
        f"No part of the network is shared by more contrasts than {than} (family-wise p at most "
        "0.05, 1,999 draws)."
    )


def test_voxels_outside_of_the_network_do_not_count() -> None:
    outside = replace(RESULT, p_fwe=np.array([0.5, 0.5, 0.5, 0.5, 0.01]))
    assert null_sentence("foci scattered in grey matter", outside, NETWORK, 0.05).startswith(
        "No part of the network"
    )


def test_too_few_draws_and_no_network() -> None:
    few = replace(RESULT, n_draws=9)
    assert null_sentence("foci scattered in grey matter", few, NETWORK, 0.05) == (
        "9 draws cannot reach p = 0.05: nothing can be said."
    )
    assert null_sentence("foci scattered in grey matter", RESULT, ~NETWORK & False, 0.05) == (
        "There is no network to compare."
    )


def test_labels() -> None:
    assert label_sentence("a", "b", LABELS, 0.05) == (
        "The map is specific: 2 voxels belong to a and 1 to b beyond what exchanged labels give "
        "(family-wise p at most 0.05)."
    )
    nothing = replace(LABELS, p_fwe=np.full(5, 0.3))
    assert label_sentence("a", "b", nothing, 0.05) == (
        "No voxel tells a from b when studies exchange their labels (family-wise p at most 0.05): "
        "the map is not shown to be specific to either."
    )


def test_five_pairs_are_told_that_they_cannot_reject() -> None:
    five = replace(LABELS, n_labellings=32, n_possible=32, smallest_p=2 / 32)
    assert label_sentence("a", "b", five, 0.05) == (
        "The labels a and b can be exchanged in 32 ways only: the smallest possible p is 0.062, so "
        "that this test cannot reject at all, and whether the map is specific cannot be said."
    )


def test_few_draws_are_not_taken_for_few_studies() -> None:
    few = replace(LABELS, n_labellings=10, n_possible=2016, exact=False, smallest_p=0.1)
    assert label_sentence("a", "b", few, 0.05) == (
        "9 of 2,016 ways to exchange the labels a and b were drawn; with so few the smallest p is "
        "0.1, and whether the map is specific cannot be said: raise --n-permutations."
    )


def test_split() -> None:
    result = SplitTest(4, (0, 2, 0, 1), (3, 0))
    assert split_sentence("a", "b", result) == (
        "50% of 4 random halves of the contrasts, whatever their label, show a cluster that one "
        "half shares and the other does not; a against b shows 3, b against a 0."
    )


@pytest.mark.parametrize("foci", ["foci scattered in grey matter", "foci of equal strength"])
@pytest.mark.parametrize("draws", [9, 1999])
def test_no_null_of_foci_speaks_of_specificity(foci: str, draws: int) -> None:
    for network in (NETWORK, ~NETWORK & False):
        sentence = null_sentence(foci, replace(RESULT, n_draws=draws), network, 0.05)
        assert "specific" not in sentence
    assert "specific" not in degree_sentence(0.5, -0.5, 0.5)
