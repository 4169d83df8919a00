"""Scattered foci as an entry of the registry."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.seeds import Contrast, Focus
from fcnm_bids.specificity.nulls.base import DrawInputs
from fcnm_bids.specificity.nulls.random import RANDOM
from fcnm_bids.specificity.places import FocusPlaces

GRID = Grid((12, 10, 8), np.diag([4.0, 4.0, 4.0, 1.0]) @ np.eye(4), "MNI")
PLACES = FocusPlaces(GRID, np.arange(GRID.n_voxels))
STUDY = Contrast(
    "a",
    "up",
    ("s",),
    tuple(Focus(x, 8.0, 8.0, "MNI152", "s", "a", "up", 9, "") for x in (4.0, 12.0, 36.0)),
    9,
)


def drawn(seed: int, **options: bool) -> np.ndarray:
    settings = {"keep_distances": False, "keep_hemisphere": False, **options}
    draw = RANDOM.prepare(DrawInputs(PLACES, np.ones(GRID.n_voxels), settings))
    (moved,) = draw((STUDY,), np.random.default_rng(seed))
    assert (moved.name, moved.effect, moved.n) == ("a", "up", 9)
    return np.array([(f.x, f.y, f.z) for f in moved.foci])


def test_a_draw_follows_its_random_numbers_alone() -> None:
    np.testing.assert_array_equal(drawn(1), drawn(1))
    assert all((a != b).all() for a, b in pairwise(drawn(seed) for seed in range(4)))


def test_options_reach_the_draw() -> None:
    with pytest.raises(RequestError, match="cannot both"):
        drawn(0, keep_distances=True, keep_hemisphere=True)
    for seed in range(5):
        assert (drawn(seed, keep_hemisphere=True)[:, 0] >= -2).all()


def test_texts_name_what_was_kept() -> None:
    about = RANDOM.describe(
        {"keep_distances": True, "keep_hemisphere": False, "base_rate": "rate.nii.gz"}
    )
    assert about == {"KeepDistances": True, "KeepHemisphere": False, "BaseRate": "rate.nii.gz"}
    assert RANDOM.named(about) == "foci scattered over a base rate"
    assert RANDOM.named({}) == "foci scattered in grey matter"
    text = RANDOM.methods(about, "rate.nii.gz")
    assert "drawn from the base rate rate.nii.gz" in text
    assert "as one rigid body" in text
    assert "hemisphere" not in text
    assert "hemisphere" in RANDOM.methods({"KeepHemisphere": True}, None)
