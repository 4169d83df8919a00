"""Foci of one study that lie together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import pdist

from fcnm_bids.grid import Grid
from fcnm_bids.seeds import Contrast, Focus, focus_positions
from fcnm_bids.specificity import (
    FocusPlaces,
    focus_groups,
    kept_strata,
    matched_foci,
    nearest_foci,
    random_foci,
    strength_strata,
)

GRID = Grid(
    (20, 22, 20), np.array([[8, 0, 0, -80], [0, 8, 0, -90], [0, 0, 8, -70], [0, 0, 0, 1.0]]), "MNI"
)
_CENTRES = GRID.positions(np.arange(GRID.n_voxels))
INDEX = np.flatnonzero(np.linalg.norm(_CENTRES, axis=1) < 65)
PLACES = FocusPlaces(GRID, INDEX)
STRENGTH = np.cos(PLACES.centres / 20).sum(axis=1)
FREE = {"keep_distances": False, "keep_hemisphere": False}


def contrast(
    positions: np.ndarray, name: str = "a", study: str = "s", effect: str = "up"
) -> Contrast:
    foci = tuple(
        Focus(*map(float, p), "MNI152", study, name, effect, None, "x")
        for p in np.atleast_2d(positions)
    )
    return Contrast(name, effect, (study,), foci, None)


def literature(seed: int) -> tuple[Contrast, ...]:
    """Three contrasts of one study, nearly the same, and one of another."""
    rng = np.random.default_rng(seed)
    base = PLACES.centres[rng.choice(INDEX.size, 3, replace=False)]
    near = [contrast(base + rng.uniform(-3, 3, base.shape), name) for name in "abc"]
    return (*near, contrast(base + 1, "d", "other"))


def reference_groups(positions: np.ndarray, diameter: float) -> set[frozenset[int]]:
    """Complete linkage, by the book."""
    groups = [{i} for i in range(len(positions))]

    def farthest(a: set[int], b: set[int]) -> float:
        return max(float(np.linalg.norm(positions[i] - positions[j])) for i in a for j in b)

    while len(groups) > 1:
        pairs = [
            (farthest(a, b), i, j)
            for i, a in enumerate(groups)
            for j, b in enumerate(groups)
            if i < j
        ]
        height, i, j = min(pairs)
        if height > diameter:
            break
        groups[i] |= groups.pop(j)
    return {frozenset(group) for group in groups}


@given(seed=st.integers(0, 10_000), n=st.integers(1, 12))
def test_groups_are_those_of_complete_linkage(seed: int, n: int) -> None:
    positions = np.random.default_rng(seed).uniform(-15, 15, (n, 3))
    found = focus_groups([contrast(positions)])
    assert {frozenset(g.focus.tolist()) for g in found} == reference_groups(positions, 12.0)
    for group in found:
        if group.size > 1:
            assert pdist(group.positions).max() <= 12
        sums = [np.linalg.norm(group.positions - p, axis=1).sum() for p in group.positions]
        assert sums[group.medoid] == pytest.approx(min(sums))


def test_groups_span_the_contrasts_of_a_study_but_not_studies_or_effects() -> None:
    same = np.array([[0, 0, 0.0]])
    contrasts = [
        contrast(same, "a"),
        contrast(same + 1, "b"),
        contrast(same, "c", effect="down"),
        contrast(same, "d", study="t"),
    ]
    found = {frozenset(g.contrast.tolist()) for g in focus_groups(contrasts)}
    assert found == {frozenset({0, 1}), frozenset({2}), frozenset({3})}


@pytest.mark.parametrize(("apart", "together"), [(19.9, True), (20.1, False)])
def test_a_finding_that_a_study_repeats_may_lie_20_mm_apart(apart: float, together: bool) -> None:
    moved = contrast(np.array([[apart, 0, 0]]), "b")
    groups = focus_groups([contrast(np.zeros((1, 3))), moved])
    assert [group.size for group in groups] == ([2] if together else [1, 1])


def test_repeated_findings_join_foci_of_one_contrast_only_within_12_mm() -> None:
    positions = np.array([[0, 0, 0], [13.0, 0, 0]])
    groups = focus_groups([contrast(positions), contrast(positions + 1, "b")])
    assert sorted(sorted(group.focus.tolist()) for group in groups) == [[0, 0], [1, 1]]


def test_of_equal_medoids_the_first_of_the_table_is_taken() -> None:
    (group,) = focus_groups([contrast(np.array([[4.0, 0, 0], [0, 0, 0]]))])
    assert group.focus[group.medoid] == 0


@pytest.mark.parametrize("null", ["random", "strength", "nearest"])
@pytest.mark.parametrize("seed", range(5))
def test_near_foci_of_a_study_stay_together_over_its_contrasts(null: str, seed: int) -> None:
    before = literature(seed)
    rng = np.random.default_rng(seed)
    if null == "random":
        after = random_foci(before, PLACES, rng, **FREE)
    elif null == "strength":
        after = matched_foci(before, PLACES, strength_strata(STRENGTH, 4), rng)
    else:
        after = nearest_foci(before, PLACES, STRENGTH, rng, share=0.5)
    assert [c.name for c in after] == [c.name for c in before]
    moved = [focus_positions(c) for c in after]
    for group in focus_groups(before):
        own = np.array([moved[c][f] for c, f in zip(group.contrast, group.focus, strict=True)])
        assert (PLACES.tree.query(own)[0] <= 8).all()
        np.testing.assert_allclose(pdist(own), pdist(group.positions), atol=1e-9)
    assert not np.allclose(moved[0][0], focus_positions(before[0])[0])


def test_members_of_a_contrast_keep_voxels_of_their_own() -> None:
    before = (contrast(np.array([[0, 0, 0], [8, 0, 0], [0, 8, 0.0]])),)
    for seed in range(30):
        (after,) = random_foci(before, PLACES, np.random.default_rng(seed), **FREE)
        assert len(set(PLACES.nearest(focus_positions(after)).tolist())) == 3


def test_a_medoid_stays_in_its_stratum_and_members_near_theirs() -> None:
    strata = strength_strata(STRENGTH, 6)
    for seed in range(20):
        before = literature(seed)
        after = matched_foci(before, PLACES, strata, np.random.default_rng(seed))
        assert kept_strata(before, after, PLACES, strata) > 0.6
        for group in focus_groups(before):
            medoid = group.contrast[group.medoid], group.focus[group.medoid]
            moved = focus_positions(after[medoid[0]])[medoid[1]]
            own = group.positions[group.medoid]
            assert strata[PLACES.nearest(moved)] == strata[PLACES.nearest(own)]


def test_the_share_in_strata_counts_groups_alone() -> None:
    strata = strength_strata(STRENGTH, 6)
    before = literature(0)
    assert kept_strata(before, before, PLACES, strata) == 1
    lone = (contrast(np.array([[0.0, 0, 0], [40, 0, 0]])),)
    assert np.isnan(kept_strata(lone, lone, PLACES, strata))


def test_groups_keep_their_hemisphere() -> None:
    before = (contrast(np.array([[20, 0, 0], [24, 0, 0], [28, 3, 0.0]])),)
    for seed in range(20):
        (after,) = random_foci(
            before, PLACES, np.random.default_rng(seed), keep_distances=False, keep_hemisphere=True
        )
        assert (focus_positions(after)[:, 0] > 0).all()


def test_a_group_too_large_for_the_places_falls_on_them_as_well_as_it_can() -> None:
    places = FocusPlaces(GRID, INDEX[:2])
    far = contrast(np.array([[0, 0, 0], [60, 0, 0], [0, 60, 0.0]]))
    (after,) = random_foci(
        (far,), places, np.random.default_rng(0), keep_distances=True, keep_hemisphere=False
    )
    assert (places.tree.query(focus_positions(after))[0] <= 8).all()


def test_a_base_rate_weights_the_places_of_a_medoid() -> None:
    rate = (PLACES.centres[:, 0] > 20).astype(float)
    rated = FocusPlaces(GRID, INDEX, rate)
    before = (contrast(np.array([[0, 0, 0], [3, 0, 0], [-3, 0, 0.0]])),)
    for seed in range(10):
        (after,) = random_foci(before, rated, np.random.default_rng(seed), **FREE)
        assert focus_positions(after)[0, 0] > 16


def test_studies_are_told_apart_by_the_contrast_not_by_its_foci() -> None:
    first = contrast(np.zeros((1, 3)), "a")
    merged = replace(first, name="b", studies=("s", "t"))
    (group,) = focus_groups([first, merged])
    assert group.size == 2
