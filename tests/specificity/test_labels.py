"""Labels exchanged and contrasts split, by enumeration."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.seeds import Contrast, Focus, study_units
from fcnm_bids.specificity import (
    LabelledContrasts,
    LabelTest,
    label_test,
    relabellings,
    split_test,
    thinned,
)

V = 30


def labelled(
    is_first: list[int],
    unit: list[int],
    *,
    seed: int = 0,
    weights: list[float] | None = None,
    holes: bool = False,
) -> LabelledContrasts:
    rng = np.random.default_rng(seed)
    first = np.array(is_first, dtype=bool)
    chance = np.where(first[:, None], rng.random(V), rng.random(V))
    masks = rng.random((first.size, V)) < chance
    masks[:, 2] = False
    counted = np.ones(masks.shape, dtype=bool)
    if holes:
        counted[0, 4] = False
        counted[-1, 5] = False
    return LabelledContrasts(
        masks & counted,
        counted,
        first,
        np.array(unit),
        None if weights is None else np.array(weights),
    )


PAIRS = labelled([1, 1, 1, 1, 1, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 0, 1, 2, 3, 4])
SEPARATE = labelled([1, 1, 1, 0, 0], [0, 1, 2, 3, 4])
MIXED = labelled([1, 0, 1, 1, 0, 0, 1], [0, 0, 1, 1, 2, 3, 4])
DESIGNS = {"pairs": PAIRS, "separate": SEPARATE, "mixed": MIXED}


def by_enumeration(design: LabelledContrasts) -> set[tuple[bool, ...]]:
    """Of all ways to label contrasts, those that exchange whole studies."""
    members = [np.flatnonzero(design.unit == u) for u in np.unique(design.unit)]
    both = [len(set(design.is_first[own].tolist())) == 2 for own in members]
    n_first = sum(
        bool(design.is_first[own[0]]) for own, two in zip(members, both, strict=True) if not two
    )
    found = set()
    for row in itertools.product((False, True), repeat=design.is_first.size):
        labels = np.array(row)
        allowed, given_first = True, 0
        for own, two in zip(members, both, strict=True):
            if two:
                exchanged = labels[own] ^ design.is_first[own]
                allowed &= exchanged.all() or not exchanged.any()
            else:
                allowed &= labels[own].all() or not labels[own].any()
                given_first += bool(labels[own[0]])
        if allowed and given_first == n_first:
            found.add(row)
    return found


@pytest.mark.parametrize(("name", "n"), [("pairs", 32), ("separate", 10), ("mixed", 12)])
def test_all_relabellings(name: str, n: int) -> None:
    design = DESIGNS[name]
    rows, exact = relabellings(design, 100, 0)
    assert exact
    assert design.n_relabellings == len(rows) == n
    assert {tuple(row) for row in rows.tolist()} == by_enumeration(design)
    np.testing.assert_array_equal(rows[0], design.is_first)


@given(data=st.data())
def test_all_relabellings_of_any_design(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 7))
    is_first = data.draw(
        st.lists(st.integers(0, 1), min_size=n, max_size=n).filter(lambda x: 0 < sum(x) < len(x))
    )
    unit = data.draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
    design = labelled(is_first, unit)
    if not all(_one_or_two_labels(design, u) for u in np.unique(design.unit)):
        return
    rows, exact = relabellings(design, 1000, 0)
    assert exact
    assert {tuple(row) for row in rows.tolist()} == by_enumeration(design)
    assert len(rows) == design.n_relabellings


def _one_or_two_labels(design: LabelledContrasts, unit: int) -> bool:
    return len(set(design.is_first[design.unit == unit].tolist())) in (1, 2)


def test_which_studies_are_paired() -> None:
    np.testing.assert_array_equal(MIXED.paired, [0])
    np.testing.assert_array_equal(MIXED.unpaired, [1, 2, 3, 4])


def test_too_many_relabellings_are_drawn_at_random_and_again() -> None:
    rows, exact = relabellings(PAIRS, 20, 3)
    assert not exact
    assert rows.shape == (21, 10)
    np.testing.assert_array_equal(rows[0], PAIRS.is_first)
    np.testing.assert_array_equal(rows, relabellings(PAIRS, 20, 3)[0])
    assert not np.array_equal(rows, relabellings(PAIRS, 20, 4)[0])
    allowed = by_enumeration(PAIRS)
    assert {tuple(row) for row in rows.tolist()} <= allowed


def test_random_relabellings_are_uniform() -> None:
    design = labelled([1, 0, 1, 0] * 5, [n // 2 for n in range(20)])
    rows, exact = relabellings(design, 1000, 0)
    assert not exact  # 1,024 of them
    exchanged = (rows[1:] ^ design.is_first)[:, ::2]
    np.testing.assert_allclose(exchanged.mean(axis=0), 0.5, atol=0.07)
    np.testing.assert_allclose(np.corrcoef(exchanged, rowvar=False), np.eye(10), atol=0.15)


def test_labels_of_separate_studies_are_dealt_out_evenly() -> None:
    design = labelled([1] * 4 + [0] * 9, list(range(13)))
    rows, exact = relabellings(design, 700, 0)
    assert not exact  # 715 of them
    assert (rows.sum(axis=1) == 4).all()
    np.testing.assert_allclose(rows[1:].mean(axis=0), 4 / 13, atol=0.08)


def by_hand(design: LabelledContrasts, rows: np.ndarray) -> dict[str, np.ndarray]:
    weights = np.ones(design.is_first.size) if design.weights is None else design.weights
    kept = design.counted.any(axis=1)
    maps = []
    for row in rows:
        sides = []
        for side in (row & kept, ~row & kept):
            if not side.any():
                break
            sides.append(weights[side] @ design.masks[side] / weights[side].sum())
        else:
            maps.append(sides[0] - sides[1])
    table = np.array(maps)
    table[:, ~design.counted[kept].all(axis=0)] = np.nan
    mean, sd = table.mean(axis=0), table.std(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = np.where(sd > 1e-6, (table - mean) / sd, np.nan)
    varies = np.isfinite(t[0])
    largest = np.abs(t[:, varies]).max(axis=1)
    p, p_fwe = np.where(np.isfinite(table[0]), 1.0, np.nan), np.full(V, np.nan)
    for v in np.flatnonzero(varies):
        p[v] = np.mean(np.abs(t[:, v]) >= abs(t[0, v]) - 1e-9)
        p_fwe[v] = np.mean(largest >= abs(t[0, v]) - 1e-9)
    return {"difference": table[0], "z": t[0], "p": p, "p_fwe": p_fwe}


def agrees(found: LabelTest, expected: dict[str, np.ndarray]) -> None:
    for name, values in expected.items():
        np.testing.assert_allclose(getattr(found, name), values, atol=1e-9, err_msg=name)


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", DESIGNS)
@pytest.mark.parametrize("n_draws", [8, 1000])
def test_label_test_by_brute_force(name: str, weighted: bool, holes: bool, n_draws: int) -> None:
    base = DESIGNS[name]
    n = base.is_first.size
    design = labelled(
        base.is_first.astype(int).tolist(),
        base.unit.tolist(),
        seed=5,
        weights=[1.0 + (7 * i) % 5 for i in range(n)] if weighted else None,
        holes=holes,
    )
    found = label_test(design, n_draws=n_draws, seed=2)
    rows, exact = relabellings(design, n_draws, 2)
    agrees(found, by_hand(design, rows))
    assert found.exact == exact
    assert found.n_possible == design.n_relabellings
    assert np.isnan(found.p_fwe[2])
    assert found.p[2] == 1
    if holes:
        assert np.isnan(found.difference[[4, 5]]).all()


def test_tiles_of_voxels_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = label_test(MIXED, n_draws=100, seed=0)
    monkeypatch.setattr("fcnm_bids.specificity.labels._TILE_NUMBERS", 50)
    tiled = label_test(MIXED, n_draws=100, seed=0)
    for name in ("difference", "p", "p_fwe", "z"):
        np.testing.assert_array_equal(getattr(tiled, name), getattr(whole, name))


def test_five_pairs_cannot_reach_less_than_2_of_32() -> None:
    design = replace(PAIRS, masks=np.repeat(PAIRS.is_first[:, None], V, axis=1))
    found = label_test(design, n_draws=1000, seed=0)
    assert found.smallest_p == 2 / 32
    assert (found.difference == 1).all()
    assert (found.p == 2 / 32).all()
    assert (found.p_fwe == 2 / 32).all()


@given(seed=st.integers(0, 1000), name=st.sampled_from(list(DESIGNS)))
def test_the_smallest_p_is_a_bound(seed: int, name: str) -> None:
    base = DESIGNS[name]
    design = labelled(base.is_first.astype(int).tolist(), base.unit.tolist(), seed=seed)
    found = label_test(design, n_draws=1000, seed=0)
    assert np.nanmin(found.p) >= found.smallest_p - 1e-12
    assert np.nanmin(found.p_fwe) >= np.nanmin(found.p) - 1e-12


@given(seed=st.integers(0, 1000))
def test_effects_that_change_places_change_the_sign_alone(seed: int) -> None:
    design = labelled([1, 0, 1, 1, 0, 0, 1], [0, 0, 1, 2, 3, 4, 2], seed=seed)
    first = label_test(design, n_draws=1000, seed=0)
    second = label_test(replace(design, is_first=~design.is_first), n_draws=1000, seed=0)
    np.testing.assert_allclose(second.difference, -first.difference, atol=1e-12)
    np.testing.assert_allclose(second.p, first.p, atol=1e-12)
    np.testing.assert_allclose(second.p_fwe, first.p_fwe, atol=1e-12)


def test_a_contrast_without_any_tested_voxel_is_left_out() -> None:
    counted = PAIRS.counted.copy()
    counted[3] = False
    silent = replace(PAIRS, counted=counted, masks=PAIRS.masks & counted)
    found = label_test(silent, n_draws=1000, seed=0)
    agrees(found, by_hand(silent, relabellings(silent, 1000, 0)[0]))
    assert np.isfinite(found.difference).all()


def test_an_effect_without_any_tested_contrast_says_nothing() -> None:
    counted = SEPARATE.counted & ~SEPARATE.is_first[:, None]
    nothing = replace(SEPARATE, counted=counted, masks=SEPARATE.masks & counted)
    found = label_test(nothing, n_draws=100, seed=0)
    assert np.isnan(found.difference).all()
    assert found.smallest_p == 1


def contrast(name: str, *studies: str, n_foci: int = 1, effect: str = "up") -> Contrast:
    foci = tuple(
        Focus(float(i), 0.0, 0.0, "MNI152", studies[0], name, effect, None, "")
        for i in range(n_foci)
    )
    return Contrast(name, effect, studies, foci, None)


def test_studies_that_share_a_contrast_are_one() -> None:
    contrasts = [
        contrast("a", "A"),
        contrast("b", "B"),
        contrast("c", "C"),
        contrast("d", "A"),
        contrast("e", "B", "C"),
        contrast("f", "D"),
    ]
    units = study_units(contrasts)
    assert units[0] == units[3]
    assert units[1] == units[2] == units[4]
    assert len(np.unique(units)) == 3


def test_contrasts_of_no_study_stand_alone() -> None:
    lone = replace(contrast("a", "A"), studies=())
    assert len(np.unique(study_units([lone, lone, contrast("b", "B")]))) == 3


@given(st.lists(st.sets(st.sampled_from("ABCDEF"), min_size=1, max_size=3), min_size=1, max_size=8))
def test_units_are_the_connected_components(studies: list[set[str]]) -> None:
    units = study_units([contrast(str(n), *sorted(own)) for n, own in enumerate(studies)])
    n = len(studies)
    joined = np.array([[bool(a & b) for b in studies] for a in studies])
    reach = np.linalg.matrix_power(joined.astype(int), n) > 0
    np.testing.assert_array_equal(units[:, None] == units[None, :], reach)
    np.testing.assert_array_equal(np.unique(units), np.arange(units.max() + 1))


def n_runs(mask: np.ndarray) -> int:
    """Clusters of a mask on a line."""
    return int(np.count_nonzero(np.diff(np.r_[0, mask.astype(int)]) == 1))


@pytest.mark.parametrize("weighted", [False, True])
def test_split_by_brute_force(weighted: bool) -> None:
    weights = [1.0, 2.0, 3.0, 1.0, 2.0] if weighted else None
    design = labelled([1, 1, 0, 0, 0], [0, 1, 2, 3, 4], seed=8, weights=weights)
    w = np.ones(5) if design.weights is None else design.weights

    def alone(half: np.ndarray) -> int:
        one, two = (w[own] @ design.masks[own] / w[own].sum() for own in (half, ~half))
        return n_runs((one >= 0.6 - 1e-9) & (two <= 0.3 + 1e-9))

    halves = []
    for chosen in itertools.combinations(range(5), 2):
        half = np.zeros(5, dtype=bool)
        half[list(chosen)] = True
        halves.append(alone(half))
    found = split_test(design, n_runs, threshold=0.6, n_draws=4000, seed=0)
    assert found.n_draws == len(found.clusters) == 4000
    assert found.observed == (alone(design.is_first), alone(~design.is_first))
    expected = Counter(halves)
    seen = Counter(found.clusters)
    assert set(seen) == set(expected)
    assert len(expected) > 2
    for count, times in expected.items():
        share = times / len(halves)
        error = math.sqrt(share * (1 - share) / 4000)
        assert seen[count] / 4000 == pytest.approx(share, abs=4 * error)
    assert found.share == pytest.approx(np.mean(np.array(found.clusters) > 0))
    again = split_test(design, n_runs, threshold=0.6, n_draws=4000, seed=0)
    assert again == found


def test_the_first_half_is_never_the_larger() -> None:
    design = labelled([1, 1, 0, 0, 0], [0, 1, 2, 3, 4])
    masks = np.zeros((5, V), dtype=bool)
    masks[np.arange(5), np.arange(5)] = True
    # each contrast's own voxel has a share of 1/2 in a half of two, of 1/3 in a half of three
    found = split_test(
        replace(design, masks=masks), np.count_nonzero, threshold=0.5, n_draws=50, seed=0
    )
    assert found.clusters == (2,) * 50
    assert found.observed == (2, 0)


@given(counts=st.lists(st.integers(1, 9), min_size=1, max_size=6), seed=st.integers(0, 50))
def test_thinned_contrasts_have_equally_many_of_their_foci(counts: list[int], seed: int) -> None:
    before = [contrast(str(n), "A", n_foci=count) for n, count in enumerate(counts)]
    after = list(thinned(before, seed))
    assert [c.name for c in after] == [c.name for c in before]
    for old, new in zip(before, after, strict=True):
        assert len(new.foci) == min(counts)
        kept = [focus.x for focus in new.foci]
        assert kept == sorted(set(kept))
        assert set(new.foci) <= set(old.foci)
    assert after == list(thinned(before, seed))


def test_every_focus_may_stay() -> None:
    before = [contrast("a", "A", n_foci=6), contrast("b", "B", n_foci=1)]
    stayed = {next(iter(thinned(before, seed))).foci[0].x for seed in range(100)}
    assert stayed == set(range(6))


def test_a_study_with_one_label_does_not_halve_the_smallest_p() -> None:
    design = labelled([1] * 6 + [0] * 5, [0, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4], seed=4)
    assert design.n_relabellings == 32
    rows, exact = relabellings(design, 99, 1)
    assert exact
    for row in rows:
        found = label_test(replace(design, is_first=row), n_draws=99, seed=1)
        assert found.smallest_p == 2 / 32
        assert np.nanmin(found.p) >= 2 / 32
        perfect = replace(design, is_first=row, masks=np.repeat(row[:, None], V, axis=1))
        found = label_test(perfect, n_draws=99, seed=1)
        assert (found.p == 2 / 32).all()
        assert (found.p_fwe == 2 / 32).all()
