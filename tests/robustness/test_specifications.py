"""Measures and sentences of specifications, by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from fcnm_bids.network import Atlas
from fcnm_bids.robustness import BoxNetwork, specification_measures, specification_sentences


def box(values: list[float], network: list[int], n_contrasts: int = 2) -> BoxNetwork:
    return BoxNetwork(np.array(values), np.array(network, dtype=bool), n_contrasts)


def test_measures_of_five_voxels() -> None:
    primary = box([1.0, 0.5, 0.5, 0.0, math.nan], [1, 1, 0, 0, 0])
    found = box([1.0, 1.0, 0.0, 0.0, 1.0], [1, 1, 0, 0, 1])
    regions = np.array([1, 2, 2, 0, 2], dtype=np.int32)
    atlas = Atlas("two", regions, {1: "a", 2: "b"}, {"A": (1,), "B": (2,)})
    measures = specification_measures(found, primary, 8.0, atlas)
    r = np.corrcoef([1, 0.5, 0.5, 0], [1, 1, 0, 0])[0, 1]
    assert measures == {
        "n_contrasts": 2,
        "n_voxels": 3,
        "volume_mm3": 24.0,
        "dice": 2 * 2 / 5,
        "correlation": pytest.approx(r, abs=1e-12),
        "share_A": pytest.approx(1 / 3),
        "share_B": pytest.approx(2 / 3),
    }


def test_what_could_not_be_tested_has_no_dice() -> None:
    primary, nothing = box([1.0, 0.0], [1, 0]), box([math.nan] * 2, [0, 0], n_contrasts=0)
    assert math.isnan(specification_measures(nothing, primary, 8.0, None)["dice"])


def row(dice: float, *, removed: bool = True, n: int = 9, common: float | None = None) -> Any:
    return {
        "dice": dice,
        "global_signal": removed,
        "n_voxels": 5,
        "n_participants": n,
        "common_n_participants": 9,
        "common_dice": dice if common is None else common,
    }


def test_sentences_leave_the_primary_specification_out_of_the_count() -> None:
    rows = [row(1.0), row(0.5), row(0.49), row(math.nan), row(0.9, removed=False)]
    first, split = specification_sentences(rows)
    assert first == (
        "In 2 of the 4 other specifications the network had a Dice overlap of at least 0.5 with "
        "the primary one (median 0.50, range 0.49 to 0.90)."
    )
    assert split == (
        "With the global signal among the confounds this held for 1 of 3, without it for 1 of 1."
    )


def test_participants_that_differ_have_a_sentence() -> None:
    rows = [row(1.0), row(0.2, n=12, common=0.8)]
    assert specification_sentences(rows)[1] == (
        "On the 9 participants common to all specifications this held for 1 of 1."
    )
    lone = [own | {"common_n_participants": 0, "common_dice": math.nan} for own in rows]
    assert specification_sentences(lone)[1] == (
        "Fewer than two participants are common to all specifications."
    )


def test_an_empty_primary_network_is_compared_with_nothing() -> None:
    rows = [row(math.nan) | {"n_voxels": 0}, row(0.0), row(math.nan) | {"n_voxels": 0}]
    assert specification_sentences(rows) == (
        "The primary specification has no network, and 1 of the 2 others have one.",
    )
