"""From seeds and participants to probability maps, against brute force on the time series."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage, stats
from scipy.sparse import csr_array

from fcnm_bids.connectivity import map_buffer
from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, open_run, write_run
from fcnm_bids.grid import Grid
from fcnm_bids.mapping import (
    MappingRule,
    NetworkMap,
    Participant,
    analysis_voxels,
    map_contrast,
    map_network,
    stored_participant,
    sum_over_participants,
)
from fcnm_bids.seeds import Contrast, SeedMatrix
from fcnm_bids.stats import PARTICIPANTS_AT_ONCE, HeightRule
from tests.kept_rows import Projection, build_projection

GRID = Grid((7, 6, 5), np.diag([-3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")
V = GRID.n_voxels
HEIGHT = HeightRule("t=3.0", 0.05, "positive", 0.0, 0, 0.6)
RULE = MappingRule(HEIGHT, min_coverage=0.5)
SEEDS: dict[str, tuple[str, list[int]]] = {
    "one": ("up", [20, 21, 27]),
    "two": ("down", [60, 61, 62, 68]),
    "three": ("up", [100, 101]),
    "four": ("up", [150]),
    "five": ("down", [180, 181, 187, 188]),
}
N_PARTICIPANTS = 6


@dataclass(frozen=True)
class Recording:
    """One run's raw series at the voxels with signal, and its projection."""

    raw: np.ndarray
    time: Projection
    index: np.ndarray


@cache
def recordings() -> tuple[tuple[Recording, ...], ...]:
    rng = np.random.default_rng(8)
    loadings = ndimage.gaussian_filter(rng.standard_normal((3, *GRID.shape)), (0, 1, 1, 1))
    loadings = 8 * loadings.reshape(3, V, order="F")
    participants = []
    for participant in range(N_PARTICIPANTS):
        runs = []
        for number in range(1 + participant % 2):
            n = 50 + 10 * participant
            kept = rng.random(n) > 0.1
            nuisance = rng.standard_normal((n, 3))
            time = build_projection(nuisance, kept, 2.0, high_pass=0.01, low_pass=0.2)
            raw = 80 + rng.standard_normal((n, 3)) @ loadings + 1.5 * rng.standard_normal((n, V))
            silent = rng.choice(V, 12, replace=False)
            if participant < 3:
                silent = np.append(silent, 209)  # untested: half of the participants lack it
            if participant == 2:
                silent = np.append(silent, [180, 181, 187])  # no map of the fifth contrast
            if participant == 3 and number == 0:
                silent = np.append(silent, [60, 61, 62])  # one of two runs lacks the second
            index = np.setdiff1d(np.arange(V), silent)
            runs.append(Recording(raw, time, np.union1d(index, [150])))
        participants.append(tuple(runs))
    return tuple(participants)


def seed_matrix(names: tuple[str, ...] = tuple(SEEDS)) -> SeedMatrix:
    table = np.zeros((len(names), V))
    for row, name in zip(table, names, strict=True):
        row[SEEDS[name][1]] = 1
    contrasts = tuple(Contrast(name, SEEDS[name][0], (name,), (), None) for name in names)
    return SeedMatrix(csr_array(table), contrasts, GRID)


def participants_in_memory(dtype: type = np.float64) -> list[Participant]:
    def participant(name: int, runs: tuple[Recording, ...]) -> Participant:
        projected = [
            ProjectedRun((r.time.basis @ r.raw[r.time.kept, :][:, r.index]).astype(dtype), r.index,
                         GRID)
            for r in runs
        ]  # fmt: skip
        voxels = np.unique(np.concatenate([r.index for r in runs]))
        return Participant(str(name), lambda: projected, lambda: voxels)

    return [participant(name, runs) for name, runs in enumerate(recordings())]


def participants_in_the_store(folder: Path) -> list[Participant]:
    participants = []
    for name, runs in enumerate(recordings()):
        paths = []
        for number, (r, run) in enumerate(
            zip(runs, participants_in_memory(np.float32)[name].open_runs(), strict=True)
        ):
            path = folder / f"{name}_{number}.h5"
            projected = Projected(run, V, np.zeros((60, 1)), np.zeros(1, np.intp), "")
            image = RunImage(path, GRID, len(r.raw), 2.0, np.dtype("<i2"), 1.0, 0.0, 352)
            write_run(path, projected, r.time.stored, image, key="", attributes={})
            paths.append(path)
        participants.append(stored_participant(str(name), [open_run(path) for path in paths]))
    return participants


def fisher_z_by_hand(r: Recording, voxels: list[int], min_coverage: float) -> np.ndarray:
    """z over the whole grid from denoised series; NaN throughout below the coverage."""
    z = np.full(V, np.nan)
    here = np.isin(r.index, voxels)
    if here.sum() / len(voxels) < min_coverage or not here.any():
        return z
    clean = r.time.basis.T @ (r.time.basis @ r.raw[r.time.kept][:, r.index])
    corr = np.corrcoef(clean[:, here].mean(axis=1), clean, rowvar=False)[0, 1:]
    z[r.index] = np.arctanh(np.clip(corr, -(1 - 1e-7), 1 - 1e-7))
    return z


@cache
def participants_by_hand(name: str, min_coverage: float = 0.5) -> np.ndarray:
    """Every participant's z of one contrast, shape (participants, voxels of the grid)."""
    combined = []
    for runs in recordings():
        each = np.stack([fisher_z_by_hand(r, SEEDS[name][1], min_coverage) for r in runs])
        weight = np.array([r.time.dof - 2.0 for r in runs])[:, None] * np.isfinite(each)
        with np.errstate(invalid="ignore"):
            combined.append(np.nansum(each * weight, axis=0) / weight.sum(axis=0))
    return np.stack(combined)


@dataclass(frozen=True)
class ByHand:
    t: np.ndarray
    mean: np.ndarray
    n: np.ndarray
    significant: np.ndarray
    counted: np.ndarray


def contrast_by_hand(name: str, height: HeightRule) -> ByHand:
    z = participants_by_hand(name)
    n = np.isfinite(z).sum(axis=0)
    voxels = SEEDS[name][1]
    clipped = np.isin(np.arange(V), voxels) if len(voxels) == 1 else np.zeros(V, dtype=bool)
    tested = (n >= max(2, math.ceil(height.min_subjects * len(z)))) & ~clipped
    with np.errstate(invalid="ignore"):
        t, _ = stats.ttest_1samp(z, 0, nan_policy="omit")
    t = np.where(tested, np.ma.filled(t, np.nan), np.nan)
    mean = np.nanmean(z, axis=0)
    upper = stats.t.sf(t[tested], n[tested] - 1)
    p = {"positive": upper, "negative": 1 - upper, "two-sided": 2 * np.minimum(upper, 1 - upper)}
    high = np.zeros(V, dtype=bool)
    if height.control.startswith("t="):
        sign = {"positive": t, "negative": -t, "two-sided": np.abs(t)}[height.tail]
        high[tested] = sign[tested] >= float(height.control[2:])
    elif height.control == "bonferroni":
        high[tested] = p[height.tail] <= height.alpha / tested.sum()
    else:
        high[tested] = stats.false_discovery_control(p[height.tail]) <= height.alpha
    significant = np.zeros(V, dtype=bool)
    for side in (1, -1):
        block = GRID.unflatten(high & (side * t > 0) & (side * mean >= height.min_mean_z))
        labels, n_clusters = ndimage.label(block, ndimage.generate_binary_structure(3, 2))
        for label in range(1, n_clusters + 1):
            if (labels == label).sum() >= height.min_cluster_voxels:
                significant |= GRID.flatten(labels == label)
    return ByHand(t, mean, n, significant, tested | (clipped & tested.any()))


def mapped(
    participants: list[Participant],
    height: HeightRule = HEIGHT,
    names: tuple[str, ...] = tuple(SEEDS),
) -> NetworkMap:
    index = analysis_voxels(participants, GRID, min_subjects=height.min_subjects)
    return map_network(seed_matrix(names), participants, replace(RULE, height=height), index)


@pytest.mark.filterwarnings("ignore:Precision loss occurred")  # a seed's z with itself
@pytest.mark.parametrize(
    "height",
    [
        HEIGHT,
        replace(HEIGHT, control="t=2.0", min_subjects=1.0),
        replace(HEIGHT, control="t=2.0", tail="negative"),
        replace(HEIGHT, control="t=2.0", tail="two-sided", min_cluster_voxels=4),
        replace(HEIGHT, control="t=1.0", min_mean_z=0.15, min_cluster_voxels=3),
        replace(HEIGHT, control="fdr"),
        replace(HEIGHT, control="fdr", tail="two-sided", alpha=0.1),
        replace(HEIGHT, control="bonferroni", alpha=0.2),
        replace(HEIGHT, control="bonferroni", tail="two-sided", alpha=0.4),
    ],
    ids=lambda h: f"{h.control} {h.tail}",
)
def test_the_whole_way_by_brute_force(height: HeightRule) -> None:
    # with voxels that too few participants have: they stay untested
    index = np.arange(V)
    rule = replace(RULE, height=height)
    found = map_network(seed_matrix(), participants_in_memory(), rule, index)
    by_hand = {name: contrast_by_hand(name, height) for name in SEEDS}
    for contrast, expected in zip(found.contrasts, by_hand.values(), strict=True):
        # maps in single precision
        np.testing.assert_allclose(contrast.test.mean, expected.mean[index], atol=1e-6)
        np.testing.assert_array_equal(contrast.test.n, expected.n[index])
        np.testing.assert_allclose(contrast.test.t, expected.t[index], rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(contrast.mask.significant, expected.significant[index])
        np.testing.assert_array_equal(contrast.counted, expected.counted[index])
    networks = {"up": ("up", 1), "down": ("down", 1)}
    if height.tail == "negative":
        networks = {"up": ("up", -1), "down": ("down", -1)}
    elif height.tail == "two-sided":
        networks = {
            f"{effect} ({sign})": (effect, factor)
            for effect in ("up", "down")
            for sign, factor in (("positive", 1), ("negative", -1))
        }
    assert list(found.probability) == list(found.convergence) == list(networks)
    for name, probability in found.probability.items():
        effect, sign = networks[name]
        all_of_it = [by_hand[name] for name, (label, _) in SEEDS.items() if label == effect]
        members = [m for m in all_of_it if m.counted.any()]
        share = np.mean([m.significant & (sign * m.mean > 0) for m in members], axis=0)
        counted = np.all([m.counted for m in members], axis=0)
        np.testing.assert_array_equal(probability, np.where(counted, share, np.nan)[index])


def test_convergence_is_the_mean_away_from_own_seeds() -> None:
    seeds, participants = seed_matrix(), participants_in_memory()
    found = map_network(
        seeds, participants, RULE, np.arange(V), weights=np.array([1.0, 1, 2, 3, 1])
    )
    up = [0, 2, 3]
    near = np.zeros((3, V), dtype=bool)
    centres = GRID.positions(np.arange(V))
    for row, number in enumerate(up):
        own = GRID.positions(SEEDS[seeds.contrasts[number].name][1])
        near[row] = np.linalg.norm(centres[:, None] - own[None], axis=2).min(axis=1) <= 10
    weight = np.where(near, 0, np.array([1.0, 2, 3])[:, None])
    means = np.stack(
        [np.where(found.contrasts[n].counted, found.contrasts[n].test.mean, np.nan) for n in up]
    )
    means = means.astype(np.float32).astype(np.float64)  # as the maps of contrasts are written
    with np.errstate(invalid="ignore"):
        expected = (weight * np.where(near, 0, means)).sum(axis=0) / weight.sum(axis=0)
    expected[(~near).sum(axis=0) < 2] = np.nan
    np.testing.assert_allclose(found.convergence["up"], expected, atol=1e-12)
    assert 0 < np.isnan(expected).sum() < V
    negative = replace(RULE, height=replace(HEIGHT, tail="negative"))
    lower = map_network(
        seeds, participants, negative, np.arange(V), weights=np.array([1.0, 1, 2, 3, 1])
    )
    np.testing.assert_array_equal(lower.convergence["up"], -found.convergence["up"])


def test_the_example_is_not_a_trivial_one() -> None:
    found = map_network(seed_matrix(), participants_in_memory(), RULE, np.arange(V))
    assert np.flatnonzero(np.isnan(found.probability["up"])).tolist() == [209]
    up = found.probability["up"]
    assert set(np.round(3 * up[np.isfinite(up)]).astype(int)) == {0, 1, 2, 3}
    assert [c.test.n.max() for c in found.contrasts] == [6, 6, 6, 6, 5]
    seed = np.flatnonzero(found.index == 150)[0]
    assert np.isnan(found.contrasts[3].test.t[seed])
    assert not found.contrasts[3].mask.significant[seed]
    assert np.isfinite(up[seed])


def test_the_random_field_threshold_is_no_higher_than_bonferroni() -> None:
    found = mapped(participants_in_memory(), replace(HEIGHT, control="fwe", min_subjects=0.8))
    for contrast in found.contrasts:
        test, mask = contrast.test, contrast.mask
        df = test.df[test.tested].min()
        bonferroni = stats.t.isf(0.05 / test.tested.sum(), df)
        assert 0 < mask.threshold <= bonferroni * (1 + 1e-9)
        expected = np.where(test.tested, test.t, -np.inf) >= mask.threshold
        np.testing.assert_array_equal(mask.significant, expected)
        assert mask.smoothness is not None


def test_stored_participants_give_what_participants_in_memory_give(tmp_path: Path) -> None:
    memory, store = mapped(participants_in_memory()), mapped(participants_in_the_store(tmp_path))
    np.testing.assert_array_equal(store.index, memory.index)
    for ours, exact in zip(store.contrasts, memory.contrasts, strict=True):
        np.testing.assert_array_equal(ours.test.n, exact.test.n)
        np.testing.assert_array_equal(ours.counted, exact.counted)
        np.testing.assert_allclose(ours.test.mean, exact.test.mean, atol=1e-4)
        clear = np.abs(exact.test.t - 3.0) > 0.01
        assert clear.mean() > 0.95
        np.testing.assert_array_equal(ours.mask.significant[clear], exact.mask.significant[clear])


@pytest.mark.parametrize("order", [[4, 3, 2, 1, 0], [2, 0, 4, 1, 3]])
@pytest.mark.parametrize("control", ["t=3.0", "fwe", "fdr"])
def test_the_order_of_contrasts_does_not_matter(order: list[int], control: str) -> None:
    names = tuple(SEEDS)
    height = replace(HEIGHT, control=control, alpha=0.2)
    first = mapped(participants_in_memory(), height)
    second = mapped(participants_in_memory(), height, tuple(names[i] for i in order))
    assert set(second.probability) == set(first.probability)
    for effect, probability in first.probability.items():
        np.testing.assert_array_equal(second.probability[effect], probability)
    for place, i in enumerate(order):
        np.testing.assert_allclose(
            second.contrasts[place].test.t, first.contrasts[i].test.t, rtol=1e-9
        )


def test_contrasts_do_not_see_each_other() -> None:
    together = mapped(participants_in_memory())
    for i, name in enumerate(SEEDS):
        alone = mapped(participants_in_memory(), names=(name,)).contrasts[0]
        np.testing.assert_allclose(alone.test.t, together.contrasts[i].test.t, rtol=1e-9)
        np.testing.assert_array_equal(
            alone.mask.significant, together.contrasts[i].mask.significant
        )


def test_the_same_contrast_twice_counts_twice() -> None:
    twice = mapped(participants_in_memory(), names=("one", "one", "three"))
    one, _, three = (c.mask.significant for c in twice.contrasts)
    tested = np.isfinite(twice.probability["up"])
    np.testing.assert_array_equal(
        twice.probability["up"][tested], ((2.0 * one + three) / 3)[tested]
    )


def test_map_network_is_its_three_steps() -> None:
    participants = participants_in_memory()
    whole = mapped(participants)
    done: list[int] = []
    group = sum_over_participants(
        seed_matrix(),
        participants,
        whole.index,
        min_coverage=0.5,
        smoothness=False,
        progress=done.append,
    )
    assert done == [6]
    expected = np.ones((N_PARTICIPANTS, 5), dtype=bool)
    expected[2, 4] = False
    np.testing.assert_array_equal(group.has_map, expected)
    for i, contrast in enumerate(whole.contrasts):
        again = map_contrast(group.moments.contrast(i), HEIGHT)
        np.testing.assert_array_equal(again.test.t, contrast.test.t)
        np.testing.assert_array_equal(again.mask.significant, contrast.mask.significant)


def test_runs_are_opened_once_per_participant() -> None:
    opened: list[str] = []

    def counting(participant: Participant) -> Participant:
        def open_runs() -> object:
            opened.append(participant.name)
            return participant.open_runs()

        return replace(participant, open_runs=open_runs)  # type: ignore[arg-type]

    mapped([counting(participant) for participant in participants_in_memory()])
    assert opened == ["0", "1", "2", "3", "4", "5"]


def test_maps_of_no_more_participants_are_held_than_are_added_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shapes = []

    def spy(*shape: int) -> np.ndarray:
        shapes.append(shape)
        return map_buffer(*shape)

    monkeypatch.setattr("fcnm_bids.mapping.network_map.map_buffer", spy)
    sum_over_participants(
        seed_matrix(), 3 * participants_in_memory(), np.arange(V), min_coverage=0.5, smoothness=True
    )
    assert shapes == [(PARTICIPANTS_AT_ONCE, 5, V)]


def only_covered_by(participant: int, seed: int) -> list[Participant]:
    """Participants of whom one alone has signal at a voxel."""
    participants = []
    for number, someone in enumerate(participants_in_memory()):
        runs = []
        for run in someone.open_runs():
            keep = (run.index != seed) | (number == participant)
            runs.append(ProjectedRun(run.values[:, keep], run.index[keep], GRID))
        participants.append(Participant(someone.name, lambda runs=runs: runs, someone.voxels))  # type: ignore[misc]
    return participants


def test_a_contrast_that_one_participant_alone_has_leaves_the_count() -> None:
    participants = only_covered_by(0, 150)
    index = analysis_voxels(participants_in_memory(), GRID, min_subjects=0.6)
    names = ("one", "three", "four")
    found = map_network(seed_matrix(names), participants, RULE, index)
    assert not found.contrasts[2].counted.any()
    one, three, _ = (c.mask.significant for c in found.contrasts)
    share = (one.astype(float) + three) / 2
    tested = np.isfinite(found.probability["up"])
    assert tested.mean() > 0.9
    np.testing.assert_array_equal(found.probability["up"][tested], share[tested])


def test_an_effect_of_which_nobody_has_a_map_has_no_probability_and_harms_no_other() -> None:
    participants = only_covered_by(-1, 150)
    index = analysis_voxels(participants, GRID, min_subjects=0.6)
    found = map_network(seed_matrix(("four", "two")), participants, RULE, index)
    alone = map_network(seed_matrix(("two",)), participants, RULE, index)
    assert np.isnan(found.probability["up"]).all()
    np.testing.assert_array_equal(found.probability["down"], alone.probability["down"])
