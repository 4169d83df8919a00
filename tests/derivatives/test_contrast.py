"""Maps, sidecar entries and warnings of a contrast."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from fcnm_bids.config import Config, GroupSettings
from fcnm_bids.derivatives.contrast import (
    CONTRAST_STATS,
    MAP_MEANING,
    MAP_UNITS,
    MODEL_MEANING,
    contrast_warnings,
    describe_threshold,
    stat_values,
    store_source,
    without_clipped,
)
from fcnm_bids.mapping import MappedContrast
from fcnm_bids.stats import ContrastMap, MaxNull, OneSample, Smoothness

T = np.array([3.0, -2.5, 0.5, np.nan])
N = np.array([9, 9, 8, 1], dtype=np.int32)
TEST = OneSample(T, T / 10, N - 1, np.isfinite(T), np.ones(4), N)
NULL = MaxNull(np.array([3.0, 2.7, 2.0, 1.0]), exact=True)
MASK = ContrastMap(np.array([True, False, False, False]), 2.8, None, None, df=7, n_tested=3)
MAPPED = MappedContrast(TEST, MASK, np.isfinite(T))


def test_every_statistic_has_its_meaning_and_unit() -> None:
    assert {*CONTRAST_STATS, "pfwe"} == set(MAP_MEANING) == set(MAP_UNITS)
    assert set(MODEL_MEANING) < set(MAP_MEANING)


def test_statistics_are_those_of_the_test() -> None:
    for stat, expected in (("t", TEST.t), ("effect", TEST.mean), ("variance", TEST.variance)):
        assert stat_values(MAPPED, stat, "positive") is expected
    n = stat_values(MAPPED, "n", "positive")
    assert n.dtype == np.float32
    np.testing.assert_array_equal(n, N)
    z = stat_values(MAPPED, "z", "positive")
    np.testing.assert_allclose(stats.norm.sf(z[:3]), stats.t.sf(T[:3], N[:3] - 1), rtol=1e-9)
    assert np.isnan(z[3])


@pytest.mark.parametrize(
    ("tail", "p"),
    [
        ("positive", [1 / 4, 1, 1, np.nan]),
        ("negative", [1, 2 / 4, 1, np.nan]),
        ("two-sided", [1 / 4, 2 / 4, 1, np.nan]),
    ],
)
def test_p_counts_the_flips_that_reach_t_on_the_tails_side(tail: str, p: list[float]) -> None:
    permuted = replace(MAPPED, mask=replace(MASK, null=NULL))
    np.testing.assert_allclose(stat_values(permuted, "pfwe", tail), p)


def test_where_the_seed_met_itself_there_is_neither_mean_nor_variance() -> None:
    clipped = np.array([True, False, False, False])
    found = without_clipped(MAPPED, clipped).test
    np.testing.assert_array_equal(np.isnan(found.mean), [True, False, False, True])
    np.testing.assert_array_equal(np.isnan(found.variance), clipped)
    np.testing.assert_array_equal(found.t, T)


def test_sidecars_state_the_threshold_and_what_it_rests_on() -> None:
    settings = GroupSettings(height_control="fwe", alpha=0.01, random_seed=4)
    said = describe_threshold(MAPPED, settings)
    assert (said["Threshold"], said["ThresholdBasis"], said["Alpha"]) == (2.8, "fwe", 0.01)
    assert not {"Permutations", "SmoothnessFWHM"} & set(said)
    untested = replace(MASK, n_tested=0, threshold=math.inf)
    assert describe_threshold(replace(MAPPED, mask=untested), settings)["ThresholdBasis"] is None
    smooth = Smoothness((2.0, 2.5, 3.0), 1 / 15, 30)
    mask = replace(MASK, smoothness=smooth, resels=2.0, basis="random-field", null=NULL)
    said = describe_threshold(replace(MAPPED, mask=mask), settings)
    assert said["ThresholdBasis"] == "random-field"
    assert (said["SmoothnessFWHM"], said["SmoothnessVoxels"], said["Resels"]) == (
        *((2.0, 2.5, 3.0), 30, 2.0),
    )
    assert (said["Permutations"], said["PermutationsExact"], said["SmallestP"]) == (3, True, 0.25)
    assert said["RandomSeed"] == 4


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({}, None),
        ({"n_tested": 0}, "no voxel could be tested"),
        ({"significant": np.zeros(4, bool)}, "nothing survives the threshold of t = 2.8"),
        ({"significant": np.array([1, 1, 0, 0], bool)}, "67% of the tested voxels are significant"),
        ({"null": NULL, "threshold": np.inf}, "4 sign flips cannot reach alpha"),
    ],
)
def test_warnings_name_the_contrast(changed: dict[str, object], told: str | None) -> None:
    warnings = contrast_warnings("a > b", replace(MAPPED, mask=replace(MASK, **changed)))
    if told is None:
        assert warnings == []
    else:
        (warning,) = warnings
        assert warning.startswith("a > b: ")
        assert told in warning


def test_the_store_is_named_where_it_lies(tmp_path: Path) -> None:
    config = Config("in", str(tmp_path / "out"), "group")
    assert store_source(config) == "bids::connectome"
    elsewhere = config.update({"connectome": {"connectome_dir": str(tmp_path / "lab")}})
    assert store_source(elsewhere) == "bids:connectome:"
