"""Strengths and the first eigenvector, against the whole voxel x voxel matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, open_run, write_run
from fcnm_bids.grid import Grid
from fcnm_bids.mapping import Participant, stored_participant
from fcnm_bids.specificity import Strength, choose_targets, measure_strength, participant_columns
from tests.kept_rows import build_projection

GRID = Grid((6, 5, 4), np.diag([4.0, 4.0, 4.0, 1.0]), "MNI152NLin6Asym")
V = GRID.n_voxels
INDEX = np.arange(3, V - 2)
TARGETS = np.arange(0, V, 3)


def simulated_runs(*, no_global: bool, several: bool, missing: bool) -> list[list[ProjectedRun]]:
    rng = np.random.default_rng(4)
    loadings = np.abs(rng.standard_normal((2, V)))
    participants = []
    for participant in range(4):
        runs = []
        for number in range(1 + (several and participant % 2)):
            index = np.arange(V)
            if missing and participant < 3:
                index = np.setdiff1d(index, rng.choice(V, 10, replace=False))
            m = 20 + 7 * participant + 5 * number
            values = rng.standard_normal((m, 2)) @ loadings + rng.standard_normal((m, V))
            values *= rng.uniform(0.5, 20, V)
            values = values[:, index]
            if no_global:
                length = np.linalg.norm(values, axis=0)
                unit = values / length
                for _ in range(200):  # until the columns of unit length sum to 0
                    unit -= unit.mean(axis=1, keepdims=True)
                    unit /= np.linalg.norm(unit, axis=0)
                values = unit * length
            runs.append(ProjectedRun(values.astype(np.float32), index, GRID))
        participants.append(runs)
    return participants


def in_memory(participants: list[list[ProjectedRun]]) -> list[Participant]:
    return [
        Participant(str(n), lambda runs=runs: runs, lambda: np.arange(V))  # type: ignore[misc]
        for n, runs in enumerate(participants)
    ]


def in_store(participants: list[list[ProjectedRun]], folder: Path) -> list[Participant]:
    rng = np.random.default_rng(0)
    stored = []
    for name, runs in enumerate(participants):
        paths = []
        for number, run in enumerate(runs):
            n = run.dof + 1
            time = build_projection(
                rng.standard_normal((n, 0)), np.ones(n, bool), 2.0, high_pass=0.0, low_pass=0.0
            )
            path = folder / f"{name}_{number}.h5"
            projected = Projected(run, V, np.zeros((60, 1)), np.zeros(1, np.intp), "")
            image = RunImage(path, GRID, n, 2.0, np.dtype("<i2"), 1.0, 0.0, 352)
            write_run(path, projected, time.stored, image, key="", attributes={})
            paths.append(path)
        stored.append(stored_participant(str(name), [open_run(path) for path in paths]))
    return stored


def participant_matrix(runs: list[ProjectedRun]) -> np.ndarray:
    """r over the grid, from the runs' series of unit variance one after the other."""
    stacked = []
    for run in runs:
        series = np.zeros((run.dof, V))
        own = run.values.astype(np.float64)
        series[:, run.index] = own / np.sqrt((own**2).sum(axis=0)) * np.sqrt(run.dof - 2)
        stacked.append(series)
    series = np.concatenate(stacked)
    length = np.sqrt((series**2).sum(axis=0))
    length[length == 0] = np.inf
    return (series.T @ series) / np.outer(length, length)


def by_hand(participants: list[list[ProjectedRun]]) -> dict[str, np.ndarray]:
    matrices = [participant_matrix(runs)[np.ix_(INDEX, INDEX)] for runs in participants]
    positive, signed = [], []
    for r in matrices:
        has = np.diag(r) > 0
        own_positive, own_signed = np.full(INDEX.size, np.nan), np.full(INDEX.size, np.nan)
        for v in np.flatnonzero(has):
            others = has.copy()
            others[v] = False
            own_signed[v] = r[v, others].mean()
            own_positive[v] = np.maximum(r[v, others & np.isin(INDEX, TARGETS)], 0).mean()
        positive.append(own_positive)
        signed.append(own_signed)
    values, vectors = np.linalg.eigh(np.mean(matrices, axis=0))
    first = (vectors[:, :-4:-1] * np.sign(vectors[:, :-4:-1].sum(axis=0))).T
    return {
        "positive": np.nanmean(positive, axis=0),
        "signed": np.nanmean(signed, axis=0),
        "eigenvectors": first,
        "share": values[:-4:-1] / np.trace(np.mean(matrices, axis=0)),
    }


def measured(participants: list[Participant], **changes: float) -> Strength:
    settings = {"tolerance": 1e-11, "max_iterations": 300} | changes
    return measure_strength(participants, INDEX, TARGETS, **settings)  # type: ignore[arg-type]


def largest_difference(found: Strength, expected: dict[str, np.ndarray]) -> float:
    return max(
        np.abs(found.positive - expected["positive"]).max(),
        np.abs(found.signed - expected["signed"]).max(),
        np.abs(found.eigenvectors - expected["eigenvectors"])[:2].max(),
        float(np.abs(np.array(found.eigenvalue_shares) - expected["share"]).max()),
    )


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("no_global", [False, True])
def test_the_whole_matrix_says_the_same(
    no_global: bool, several: bool, missing: bool, tmp_path: Path
) -> None:
    participants = simulated_runs(no_global=no_global, several=several, missing=missing)
    expected = by_hand(participants)
    assert largest_difference(measured(in_memory(participants)), expected) < 1e-6
    assert largest_difference(measured(in_store(participants, tmp_path)), expected) < 1e-3


def test_participants_that_fit_in_memory_are_read_once_with_the_same_result() -> None:
    participants = in_memory(simulated_runs(no_global=False, several=True, missing=True))
    own = [participant_columns(one.open_runs(), INDEX).nbytes for one in participants]
    reads = dict.fromkeys(range(len(participants)), 0)

    def counted(number: int) -> Participant:
        def open_runs() -> Sequence[ProjectedRun]:
            reads[number] += 1
            return participants[number].open_runs()

        return replace(participants[number], open_runs=open_runs)

    every = [counted(number) for number in reads]
    alone, some = measured(participants), measured(every, keep_gb=1e-9 * (sum(own[:2]) + 1))
    assert alone.iterations > 2
    assert list(reads.values()) == [1, 1, *[1 + alone.iterations] * (len(own) - 2)]
    np.testing.assert_array_equal(some.eigenvectors, alone.eigenvectors)
    np.testing.assert_array_equal(some.positive, alone.positive)


def test_without_a_global_signal_the_signed_strength_says_little() -> None:
    """Why the positive one is what foci are matched on."""
    participants = simulated_runs(no_global=True, several=False, missing=False)
    whole = measure_strength(
        in_memory(participants), np.arange(V), np.arange(V), tolerance=1e-8, max_iterations=100
    )
    # every voxel's r, its own 1 included, sum to about 0
    np.testing.assert_allclose(whole.signed, -1 / (V - 1), atol=1e-5)
    assert whole.signed.std() < 0.01 * whole.positive.std()


def test_columns_of_one_run_give_its_correlations() -> None:
    (runs, *_) = simulated_runs(no_global=False, several=False, missing=True)
    columns = participant_columns(runs, np.arange(V))
    r = np.corrcoef(np.vstack([runs[0].values, -runs[0].values]), rowvar=False)
    own = runs[0].index
    np.testing.assert_allclose((columns.T @ columns)[np.ix_(own, own)], r, atol=1e-5)
    silent = np.setdiff1d(np.arange(V), own)
    assert silent.size
    assert (columns[:, silent] == 0).all()


def test_runs_too_short_for_a_correlation_are_left_out() -> None:
    (runs, *_) = simulated_runs(no_global=False, several=False, missing=False)
    stub = ProjectedRun(runs[0].values[:2], runs[0].index, GRID)
    np.testing.assert_array_equal(
        participant_columns([*runs, stub], INDEX), participant_columns(runs, INDEX)
    )


@given(scale=st.floats(1e-3, 1e3), sign=st.sampled_from([-1.0, 1.0]))
def test_units_and_the_sign_of_components_do_not_matter(scale: float, sign: float) -> None:
    (runs, *_) = simulated_runs(no_global=False, several=False, missing=False)
    other = replace(runs[0], values=(sign * scale * runs[0].values).astype(np.float32))
    first, second = (participant_columns([run], INDEX) for run in (runs[0], other))
    np.testing.assert_allclose(first.T @ first, second.T @ second, atol=1e-5)


def test_a_voxel_that_nobody_has_is_nan_and_a_silent_one_has_no_part() -> None:
    participants = simulated_runs(no_global=False, several=False, missing=False)
    cut = [
        [ProjectedRun(run.values[:, 20:], run.index[20:], GRID) for run in runs]
        for runs in participants
    ]
    with np.errstate(invalid="ignore"):
        found = measured(in_memory(cut))
    nobody = np.flatnonzero(INDEX < 20)
    assert np.isnan(found.positive[nobody]).all()
    assert np.isnan(found.signed[nobody]).all()
    np.testing.assert_allclose(found.eigenvectors[:, nobody], 0, atol=1e-12)
    assert np.isfinite(np.delete(found.positive, nobody)).all()


def test_targets_outside_are_left_out_and_some_are_needed() -> None:
    participants = in_memory(simulated_runs(no_global=False, several=False, missing=False))
    found = measured(participants)
    np.testing.assert_array_equal(found.targets, np.intersect1d(TARGETS, INDEX))
    with pytest.raises(ValueError, match="no target"):
        measure_strength(participants, INDEX, np.array([0]), tolerance=1e-6, max_iterations=1)


def test_iterations_end_at_the_tolerance_or_the_limit() -> None:
    participants = in_memory(simulated_runs(no_global=False, several=False, missing=False))
    few = measured(participants, max_iterations=1)
    assert few.iterations == 1
    settled = measured(participants, tolerance=1e-6)
    assert settled.change < 1e-6
    assert 1 < settled.iterations < 300


@given(n=st.integers(1, 60), n_targets=st.integers(1, 80), seed=st.integers(0, 5))
def test_targets_are_some_of_the_voxels_and_the_same_again(
    n: int, n_targets: int, seed: int
) -> None:
    where = np.random.default_rng(n).permutation(1000)[:n]
    chosen = choose_targets(where, n_targets, seed)
    assert chosen.size == min(n, n_targets)
    assert (np.diff(chosen) > 0).all()
    assert np.isin(chosen, where).all()
    np.testing.assert_array_equal(chosen, choose_targets(where, n_targets, seed))


def test_reliability_is_that_of_random_halves() -> None:
    participants = simulated_runs(no_global=False, several=False, missing=False)
    found = measured(in_memory(participants))
    each = []
    for runs in participants:
        r = participant_matrix(runs)[np.ix_(INDEX, INDEX)]
        np.fill_diagonal(r, 0)
        own = np.isin(INDEX, TARGETS)
        others = own.sum() - own
        each.append((np.maximum(r[:, own], 0).sum(axis=1) / others)[own])
    halves = [
        np.corrcoef(each[0] + each[i], sum(each[j] for j in range(1, 4) if j != i))[0, 1]
        for i in (1, 2, 3)
    ]
    assert min(halves) - 1e-6 <= found.half_correlation <= max(halves) + 1e-6
    r = found.half_correlation
    assert found.reliability == pytest.approx(2 * r / (1 + r))
    assert found.n_participants == 4


def test_participants_for_a_reliability_follow_spearman_and_brown() -> None:
    participants = in_memory(simulated_runs(no_global=False, several=False, missing=False))
    found = replace(measured(participants), half_correlation=0.5, n_participants=20)
    needed = found.participants_for(0.9)
    assert needed is not None
    per_participant = found.reliability / (1 - found.reliability) / 20
    assert needed * per_participant / (1 + needed * per_participant) >= 0.9 - 1e-12
    assert (needed - 1) * per_participant / (1 + (needed - 1) * per_participant) < 0.9
    assert replace(found, half_correlation=float("nan")).participants_for(0.9) is None
    assert replace(found, half_correlation=-0.2).participants_for(0.9) is None
