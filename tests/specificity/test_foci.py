"""Where foci of a null fall."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import pdist

from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.seeds import Contrast, Focus
from fcnm_bids.specificity import (
    FocusPlaces,
    focus_groups,
    matched_foci,
    nearest_foci,
    random_foci,
    strength_strata,
)

OBLIQUE = np.array(
    [[2.9, 0.4, 0.0, -14.0], [-0.3, 3.1, 0.2, -12.0], [0.1, 0.0, 3.5, -10.0], [0, 0, 0, 1]]
)
FINE = Grid((10, 9, 8), OBLIQUE, "MNI152NLin6Asym")
GRID = Grid((10, 9, 8), np.diag([1e3, 1e3, 1e3, 1]) @ OBLIQUE, "MNI152NLin6Asym")
"""So coarse that no two foci are near enough to move together."""

INDEX = np.flatnonzero(np.random.default_rng(1).random(GRID.n_voxels) < 0.5)
PLACES = FocusPlaces(GRID, INDEX)
STRENGTH = np.random.default_rng(2).gamma(2.0, size=INDEX.size)
FREE = {"keep_distances": False, "keep_hemisphere": False}


def contrast(positions: np.ndarray, name: str = "a") -> Contrast:
    foci = tuple(
        Focus(*map(float, p), "MNI152", f"study {name}", name, "up", 12, "x.tsv, row 2", (1, 2, 3))
        for p in np.atleast_2d(positions)
    )
    return Contrast(name, "up", (f"study {name}",), foci, 12)


def positions_of(moved: Contrast) -> np.ndarray:
    return np.array([(f.x, f.y, f.z) for f in moved.foci])


def voxels_of(moved: Contrast) -> np.ndarray:
    inverse = np.linalg.inv(GRID.affine)
    ijk = np.rint(positions_of(moved) @ inverse[:3, :3].T + inverse[:3, 3]).astype(int)
    return np.ravel_multi_index(tuple(ijk.T), GRID.shape, order="F")


def observed(n_foci: int, seed: int = 0, where: FocusPlaces = PLACES) -> Contrast:
    rng = np.random.default_rng(seed)
    return contrast(where.within(rng.choice(where.index.size, n_foci, replace=False), rng))


def places_of(moved: Contrast) -> np.ndarray:
    """Places by number; fails where a focus lies on none."""
    voxels = voxels_of(moved)
    assert np.isin(voxels, INDEX).all()
    return np.searchsorted(INDEX, voxels)


def goodness(counts: np.ndarray, expected: np.ndarray) -> float:
    return float(stats.chisquare(counts, expected / expected.sum() * counts.sum()).pvalue)


@given(n_foci=st.integers(1, 40), seed=st.integers(0, 1000), hemisphere=st.booleans())
def test_scattered_foci_are_as_many_in_places_and_in_voxels_of_their_own(
    n_foci: int, seed: int, hemisphere: bool
) -> None:
    before = (observed(n_foci, 3), observed(2, 4))
    moved = random_foci(
        before,
        PLACES,
        np.random.default_rng(seed),
        keep_distances=False,
        keep_hemisphere=hemisphere,
    )
    for old, new in zip(before, moved, strict=True):
        assert (new.name, new.effect, new.studies, new.n) == (
            old.name,
            old.effect,
            old.studies,
            old.n,
        )
        chosen = places_of(new)
        assert len(chosen) == len(old.foci)
        assert len(np.unique(chosen)) == len(chosen)
        assert all(focus.reported is None for focus in new.foci)


def test_scattered_foci_are_uniform_over_the_places() -> None:
    rng = np.random.default_rng(5)
    before = (observed(6),)
    counts = np.zeros(INDEX.size)
    groups = focus_groups(before)
    for _ in range(1500):
        (moved,) = random_foci(before, PLACES, rng, **FREE, groups=groups)
        counts[places_of(moved)] += 1
    assert goodness(counts, np.ones(INDEX.size)) > 1e-3


def test_a_base_rate_is_honoured() -> None:
    rate = np.random.default_rng(7).gamma(0.5, size=INDEX.size)
    rate[::3] = 0
    places = FocusPlaces(GRID, INDEX, rate)
    rng = np.random.default_rng(8)
    before = (observed(1),)
    counts = np.zeros(INDEX.size)
    groups = focus_groups(before)
    for _ in range(6000):
        (moved,) = random_foci(before, places, rng, **FREE, groups=groups)
        counts[places_of(moved)] += 1
    assert (counts[rate == 0] == 0).all()
    likely = rate / rate.sum() * counts.sum() >= 5
    seen = np.append(counts[likely], counts[~likely].sum())
    assert goodness(seen, np.append(rate[likely], rate[~likely].sum())) > 1e-3


def test_a_base_rate_is_honoured_where_distances_are_kept() -> None:
    rate = np.zeros(INDEX.size)
    rate[40] = 1.0
    places = FocusPlaces(GRID, INDEX, rate)
    (moved,) = random_foci(
        (observed(1),), places, np.random.default_rng(0), keep_distances=True, keep_hemisphere=False
    )
    np.testing.assert_array_equal(places_of(moved), [40])


@given(seed=st.integers(0, 300), n_foci=st.integers(1, 25))
def test_hemispheres_are_kept(seed: int, n_foci: int) -> None:
    """By the centres of voxels: a voxel may reach over the midline."""
    before = observed(n_foci, seed)
    (moved,) = random_foci(
        (before,),
        PLACES,
        np.random.default_rng(seed),
        keep_distances=False,
        keep_hemisphere=True,
    )
    side = np.sign(positions_of(before)[:, 0])
    np.testing.assert_array_equal(np.sign(PLACES.centres[places_of(moved), 0]), side)


def test_foci_in_the_midline_go_to_both_sides() -> None:
    middle = contrast(np.outer(np.arange(4), [0, 500, 0]))
    rng = np.random.default_rng(9)
    sides = Counter(
        float(side)
        for _ in range(50)
        for side in np.sign(
            PLACES.centres[
                places_of(
                    random_foci((middle,), PLACES, rng, keep_distances=False, keep_hemisphere=True)[
                        0
                    ]
                ),
                0,
            ]
        )
    )
    assert min(sides[-1.0], sides[1.0]) > 50


@given(seed=st.integers(0, 200), n_foci=st.integers(2, 6))
def test_distances_are_kept_but_for_foci_that_left_the_places(seed: int, n_foci: int) -> None:
    places = FocusPlaces(FINE, INDEX)
    before = observed(n_foci, seed, places)
    (moved,) = random_foci(
        (before,), places, np.random.default_rng(seed), keep_distances=True, keep_hemisphere=False
    )
    after = positions_of(moved)
    distance, nearest = places.tree.query(after)
    assert (distance <= FINE.voxel_sizes.max()).all()
    # those that were snapped sit in the centre of their voxel
    stayed = np.linalg.norm(after - places.centres[nearest], axis=1) > 1e-9
    np.testing.assert_allclose(pdist(after[stayed]), pdist(positions_of(before)[stayed]), atol=1e-9)


def test_rigid_bodies_are_turned_every_way_and_never_mirrored() -> None:
    open_space = FocusPlaces(Grid((1, 1, 1), np.diag([50.0, 50, 50, 1]), "MNI"), np.arange(1))
    before = contrast(np.array([[0, 0, 0], [3, 0, 0], [0, 4, 0], [0, 0, 5.0]]))
    frame = positions_of(before)[1:] / np.array([[3], [4], [5]])
    directions = []
    for seed in range(400):
        (moved,) = random_foci((before,), open_space, np.random.default_rng(seed), **FREE)
        after = positions_of(moved)
        turned = (after[1:] - after[0]) / np.array([[3], [4], [5]])
        assert np.linalg.det(turned) * np.linalg.det(frame) == pytest.approx(1, abs=1e-9)
        directions.append(turned[0])
    # a uniform direction has uniform coordinates on the unit interval (Archimedes)
    for coordinate in np.array(directions).T:
        assert stats.kstest(coordinate, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_distances_and_hemispheres_cannot_both_be_kept() -> None:
    with pytest.raises(RequestError, match="cannot both"):
        random_foci(
            (observed(2),),
            PLACES,
            np.random.default_rng(0),
            keep_distances=True,
            keep_hemisphere=True,
        )


def test_more_foci_than_places_are_refused() -> None:
    few = FocusPlaces(GRID, INDEX[:3])
    with pytest.raises(RequestError, match="4 foci of a contrast have to fall in 3 voxels"):
        random_foci((observed(4),), few, np.random.default_rng(0), **FREE)
    rated = FocusPlaces(GRID, INDEX[:3], np.array([0.0, 1.0, 1.0]))
    with pytest.raises(RequestError, match="3 foci of a contrast have to fall in 2 voxels"):
        random_foci((observed(3),), rated, np.random.default_rng(0), **FREE)


@given(
    n_strata=st.integers(1, 25),
    values=st.lists(st.integers(-4, 4), min_size=1, max_size=80),
)
def test_strata_are_of_equal_size_and_in_order(n_strata: int, values: list[int]) -> None:
    strength = np.array(values, dtype=float)
    strata = strength_strata(strength, n_strata)
    sizes = np.bincount(strata, minlength=n_strata)
    assert len(sizes) == n_strata
    assert np.ptp(sizes) <= 1
    order = np.lexsort((strata, strength))
    assert (np.diff(strata[order]) >= 0).all()


def test_strata_are_quantile_bins() -> None:
    strata = strength_strata(STRENGTH, 7)
    order = np.sort(STRENGTH)
    for stratum in range(7):
        low, high = np.ceil(np.array([stratum, stratum + 1]) * STRENGTH.size / 7).astype(int)
        np.testing.assert_array_equal(np.sort(STRENGTH[strata == stratum]), order[low:high])


@given(seed=st.integers(0, 500), n_foci=st.integers(1, 20))
def test_matched_foci_stay_in_their_stratum(seed: int, n_foci: int) -> None:
    strata = strength_strata(STRENGTH, 6)
    before = observed(n_foci, seed)
    (moved,) = matched_foci((before,), PLACES, strata, np.random.default_rng(seed))
    nearest = np.linalg.norm(positions_of(before)[:, None] - PLACES.centres[None], axis=2).argmin(
        axis=1
    )
    after = places_of(moved)
    np.testing.assert_array_equal(strata[after], strata[nearest])
    assert len(np.unique(after)) == n_foci


def test_matched_foci_are_uniform_within_their_stratum() -> None:
    strata = strength_strata(STRENGTH, 6)
    before = contrast(PLACES.centres[np.flatnonzero(strata == 4)[:3]])
    rng = np.random.default_rng(10)
    counts = np.zeros(INDEX.size)
    groups = focus_groups((before,))
    for _ in range(1000):
        (moved,) = matched_foci((before,), PLACES, strata, rng, groups=groups)
        counts[places_of(moved)] += 1
    assert goodness(counts[strata == 4], np.ones(np.count_nonzero(strata == 4))) > 1e-3


def test_foci_outside_of_the_places_take_the_nearest_stratum() -> None:
    strata = strength_strata(STRENGTH, 6)
    far = contrast(np.array([[4e5, 3e5, 2e5]]))
    own = np.linalg.norm(PLACES.centres - [4e5, 3e5, 2e5], axis=1).argmin()
    (moved,) = matched_foci((far,), PLACES, strata, np.random.default_rng(0))
    assert strata[places_of(moved)[0]] == strata[own]


def test_more_foci_in_a_stratum_than_it_has_voxels_are_refused() -> None:
    strata = strength_strata(STRENGTH, INDEX.size // 2)
    crowd = contrast(PLACES.centres[0] + 200 * np.eye(4, 3))
    with pytest.raises(RequestError, match="have to fall in"):
        matched_foci((crowd,), PLACES, strata, np.random.default_rng(0))


def test_a_base_rate_weights_the_voxels_of_a_stratum() -> None:
    strata = strength_strata(STRENGTH, 6)
    rate = np.random.default_rng(3).gamma(0.5, size=INDEX.size)
    before = contrast(PLACES.centres[np.flatnonzero(strata == 4)[:1]])
    rng, counts = np.random.default_rng(10), np.zeros(INDEX.size)
    places, groups = FocusPlaces(GRID, INDEX, rate), focus_groups((before,))
    for _ in range(3000):
        (moved,) = matched_foci((before,), places, strata, rng, groups=groups)
        counts[places_of(moved)] += 1
    own = rate[strata == 4]
    likely = own / own.sum() * 3000 >= 5
    seen = counts[strata == 4]
    seen, own = (np.append(x[likely], x[~likely].sum()) for x in (seen, own))
    assert goodness(seen, own) > 1e-3


@pytest.mark.parametrize("rank", [0, 5, 100, -10, -1])
def test_the_window_of_nearest_foci_is_that_of_the_nearest_in_strength(rank: int) -> None:
    own = int(np.argsort(STRENGTH)[rank])
    before = contrast(PLACES.centres[[own]])
    rng = np.random.default_rng(11)
    groups = focus_groups((before,))
    found = Counter(
        int(
            places_of(nearest_foci((before,), PLACES, STRENGTH, rng, share=0.2, groups=groups)[0])[
                0
            ]
        )
        for _ in range(2500)
    )
    size = round(0.2 * INDEX.size)
    nearest = np.argsort(np.abs(STRENGTH - STRENGTH[own]), kind="stable")[:size]
    assert set(found) == set(nearest.tolist())
    assert goodness(np.array([found[v] for v in nearest]), np.ones(size)) > 1e-3


@given(
    strengths=st.lists(st.integers(0, 5), min_size=30, max_size=30),
    share=st.floats(0.01, 1.0),
    seed=st.integers(0, 100),
)
def test_nearest_foci_with_ties(strengths: list[int], share: float, seed: int) -> None:
    strength = np.array(strengths, dtype=float)
    places = FocusPlaces(GRID, INDEX[:30])
    before = contrast(places.centres[[seed % 30]])
    (moved,) = nearest_foci((before,), places, strength, np.random.default_rng(seed), share=share)
    away = np.abs(strength - strength[seed % 30])
    size = max(1, round(share * 30))
    assert away[places_of(moved)[0]] <= np.sort(away)[size - 1]


def test_the_window_of_the_strongest_lies_below_them() -> None:
    """What makes the published variant approximate."""
    strongest = int(np.argmax(STRENGTH))
    before = contrast(PLACES.centres[[strongest]])
    rng = np.random.default_rng(12)
    drawn = [
        STRENGTH[places_of(nearest_foci((before,), PLACES, STRENGTH, rng, share=0.2)[0])[0]]
        for _ in range(200)
    ]
    assert np.mean(drawn) < STRENGTH[strongest]
    strata = strength_strata(STRENGTH, 20)
    kept = [
        STRENGTH[places_of(matched_foci((before,), PLACES, strata, rng)[0])[0]] for _ in range(200)
    ]
    assert np.mean(drawn) < np.mean(kept) - np.std(STRENGTH) / 2
