"""Settings become arguments of the numeric packages."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from fcnm_bids.config import NULLS, Config, GroupSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.rules import (
    contrast_weights,
    describe_network_rule,
    height_rule,
    mapping_rule,
    network_rule,
    null_options,
)
from fcnm_bids.seeds import Contrast
from fcnm_bids.stats import HeightRule

CHANGED = {
    "height_control": "fdr",
    "alpha": 0.01,
    "tail": "two-sided",
    "min_mean_z": 0.1,
    "contrast_min_cluster": 7,
    "min_subjects": 0.8,
    "n_permutations": 99,
    "random_seed": 5,
}
NAMES = {"control": "height_control", "min_cluster_voxels": "contrast_min_cluster"}


def test_every_part_of_the_height_rule_is_a_setting() -> None:
    config = Config("in", "out", "group").update({"group": CHANGED})
    rule = height_rule(config.group)
    parts = {field.name: getattr(rule, field.name) for field in fields(HeightRule)}
    assert parts == {name: CHANGED[NAMES.get(name, name)] for name in parts}
    config = config.update({"seeds": {"min_coverage": 0.25}})
    assert mapping_rule(config).height == rule
    assert mapping_rule(config).min_coverage == 0.25


def test_a_network_is_what_threshold_and_volume_leave() -> None:
    grid = Grid((5, 1, 1), np.diag([2.0, 2.0, 2.0, 1.0]), "MNI")
    settings = GroupSettings(network_threshold=0.5, min_cluster_volume=16)
    rule = network_rule(settings, grid, np.array([0, 1, 3, 4]))
    np.testing.assert_array_equal(rule(np.array([0.5, 0.6, 0.9, 0.4])), [1, 1, 0, 0])
    described = describe_network_rule(settings)
    assert (described["Threshold"], described["MinimumClusterVolume"]) == (0.5, 16)


def test_nulls_have_their_options_and_the_constants() -> None:
    options = null_options(
        Config("in", "out", "group").update({"specificity": {"keep_hemisphere": True}})
    )
    assert options["keep_hemisphere"] is True
    assert options["strata"] == NULLS.strata


def contrasts(*sizes: int | None) -> list[Contrast]:
    return [Contrast(f"c{i}", "up", ("s",), (), n) for i, n in enumerate(sizes)]


@pytest.mark.parametrize(
    ("weights", "expected"), [("none", None), ("n", [16, 9]), ("sqrt-n", [4, 3])]
)
def test_weights_come_from_sample_sizes(weights: str, expected: list[float] | None) -> None:
    found = contrast_weights(GroupSettings(weights=weights), contrasts(16, 9))
    if expected is None:
        assert found is None
    else:
        np.testing.assert_array_equal(found, expected)


def test_contrasts_without_a_sample_size_are_named() -> None:
    assert contrast_weights(GroupSettings(weights="none"), contrasts(None)) is None
    with pytest.raises(RequestError, match="--weights n: no sample size n for c0, c2; add it"):
        contrast_weights(GroupSettings(weights="n"), contrasts(None, 5, None))
