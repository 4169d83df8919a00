"""Foci moved to equal strength, as an entry of the registry."""

from __future__ import annotations

import numpy as np
import pytest

from fcnm_bids.grid import Grid
from fcnm_bids.seeds import Contrast, Focus
from fcnm_bids.specificity.nulls.base import DrawInputs
from fcnm_bids.specificity.nulls.strength_matched import STRENGTH
from fcnm_bids.specificity.places import FocusPlaces

GRID = Grid((10, 9, 8), np.diag([40.0, 40.0, 40.0, 1.0]), "MNI")
PLACES = FocusPlaces(GRID, np.arange(0, GRID.n_voxels, 2))
POSITIVE = np.random.default_rng(0).permutation(PLACES.index.size).astype(float)
OPTIONS = {
    "strength_match": "strata",
    "strata": 6,
    "nearest_share": 0.2,
    "base_rate": None,
}


def ranks(seed: int, own: int, **options: object) -> int:
    """Rank of the strength of the place that a focus in place `own` is moved to."""
    x, y, z = PLACES.centres[own].tolist()
    study = Contrast("a", "up", ("s",), (Focus(x, y, z, "MNI152", "s", "a", "up", 9, ""),), 9)
    draw = STRENGTH.prepare(DrawInputs(PLACES, POSITIVE, OPTIONS | options))
    (moved,) = draw((study,), np.random.default_rng(seed))
    (focus,) = moved.foci
    return int(POSITIVE[PLACES.nearest(np.array([[focus.x, focus.y, focus.z]]))[0]])


@pytest.mark.parametrize("own", [0, 17, 300])
def test_a_focus_stays_in_its_stratum_or_near_its_strength(own: int) -> None:
    n = PLACES.index.size  # strengths are the ranks 0 to n - 1
    before = int(POSITIVE[own])
    stratum, nearest = before * 6 // n, 0.2 * n
    for seed in range(30):
        assert ranks(seed, own) * 6 // n == stratum
        after = ranks(seed, own, strength_match="nearest20")
        assert abs(after - before) <= nearest


def test_texts_name_how_strength_was_matched() -> None:
    about = STRENGTH.describe(OPTIONS)
    assert about == {"BaseRate": None, "StrengthMatch": "strata", "Strata": 6}
    assert STRENGTH.named(about) == STRENGTH.expected(OPTIONS) == "foci of equal strength"
    assert "in the same one of 6 quantile bins" in STRENGTH.methods(about, None)
    near = OPTIONS | {"strength_match": "nearest20"}
    assert "approximate" in STRENGTH.named(STRENGTH.describe(near))
    assert STRENGTH.expected(near) == "foci of about equal strength"
    text = STRENGTH.methods(STRENGTH.describe(near), "the rate")
    assert "20% of voxels where the rate is not 0" in text
