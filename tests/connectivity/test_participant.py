"""Seed maps of one participant: coverage, and how runs are combined."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from fcnm_bids.connectivity import ParticipantMaps, correlate, fisher_z, participant_maps
from fcnm_bids.connectome import ProjectedRun
from fcnm_bids.grid import Grid
from fcnm_bids.seeds import Contrast, SeedMatrix
from tests.kept_rows import build_projection

GRID = Grid((5, 4, 3), np.diag([-2.0, 2.0, 2.0, 1.0]), "MNI152NLin6Asym")
EVERYWHERE = np.arange(GRID.n_voxels)
HUGE_Z = np.arctanh(1 - 1e-7)


def run_of(m: int, index: np.ndarray = EVERYWHERE, seed: int = 1) -> ProjectedRun:
    values = np.random.default_rng(seed).standard_normal((m, GRID.n_voxels))[:, index]
    return ProjectedRun(values, index, GRID)


def seeds_at(*voxels: list[int], weights: list[list[float]] | None = None) -> SeedMatrix:
    table = np.zeros((len(voxels), GRID.n_voxels))
    for i, numbers in enumerate(voxels):
        table[i, numbers] = weights[i] if weights else 1
    contrasts = tuple(Contrast(f"c{i}", "up", ("s",), (), None) for i in range(len(voxels)))
    return SeedMatrix(csr_array(table), contrasts, GRID)


def maps(runs: list[ProjectedRun], seeds: SeedMatrix, min_coverage: float = 0.5) -> ParticipantMaps:
    return participant_maps(runs, seeds, min_coverage=min_coverage)


def alone(run: ProjectedRun, voxels: list[int]) -> np.ndarray:
    """Fisher z of one seed in one run, over the whole grid, by np.corrcoef of centred series."""
    columns = run.columns(slice(None))
    here = np.isin(run.index, voxels)
    series = np.vstack([columns, -columns])  # mean zero, the same inner products
    mean = series[:, here].mean(axis=1)
    r = np.array([np.corrcoef(mean, voxel)[0, 1] for voxel in series.T])
    z = np.full(GRID.n_voxels, np.nan)
    z[run.index] = np.arctanh(np.clip(r, -(1 - 1e-7), 1 - 1e-7))
    return z


def test_one_run_is_fishers_z_of_its_correlations() -> None:
    run, seeds = run_of(20), seeds_at([1, 2, 6], [30, 31])
    found = maps([run], seeds)
    np.testing.assert_allclose(
        found.z, fisher_z(correlate(run, seeds.restrict(run.index))), atol=1e-12
    )
    np.testing.assert_allclose(found.z[0], alone(run, [1, 2, 6]), atol=1e-12)
    np.testing.assert_array_equal(found.index, EVERYWHERE)
    assert not found.clipped.any()


def test_runs_are_averaged_with_the_weight_m_minus_two() -> None:
    runs = [run_of(m, seed=m) for m in (7, 30, 102)]
    found = maps(runs, seeds_at([1, 2, 6]))
    each = np.stack([alone(run, [1, 2, 6]) for run in runs])
    np.testing.assert_allclose(found.z[0], np.average(each, axis=0, weights=[5, 28, 100]))


def test_the_variance_of_z_is_one_over_m_minus_two() -> None:
    n, n_pairs = 60, 20_000
    rng = np.random.default_rng(11)
    kept = rng.random(n) > 0.1
    nuisance = rng.standard_normal((n, 4))
    time = build_projection(nuisance, kept, 2.0, high_pass=0.01, low_pass=0.12)
    assert 10 <= time.dof <= 20
    first, second = (time.basis @ rng.standard_normal((time.basis.shape[1], n_pairs)) for _ in "ab")
    r = (first * second).sum(axis=0)
    r /= np.linalg.norm(first, axis=0) * np.linalg.norm(second, axis=0)
    squares = fisher_z(r) ** 2
    standard_error = squares.std() / np.sqrt(n_pairs)
    assert abs(squares.mean() - 1 / (time.dof - 2)) < 3 * standard_error
    # and not that of the neighbouring candidates
    for other in (time.dof - 3, time.dof - 1):
        assert abs(squares.mean() - 1 / other) > 3 * standard_error


def test_the_order_of_runs_does_not_matter() -> None:
    runs = [run_of(m, seed=m) for m in (7, 30, 102)]
    seeds = seeds_at([1, 2, 6])
    np.testing.assert_allclose(maps(runs, seeds).z, maps(runs[::-1], seeds).z, rtol=1e-13)


def test_where_one_run_has_no_signal_the_others_count() -> None:
    first = run_of(12, np.setdiff1d(EVERYWHERE, [40, 41]), seed=1)
    second = run_of(22, np.setdiff1d(EVERYWHERE, [41, 42]), seed=2)
    found = maps([first, second], seeds_at([1, 2, 6]))
    z1, z2 = alone(first, [1, 2, 6]), alone(second, [1, 2, 6])
    assert 41 not in found.index
    expected = (10 * z1 + 20 * z2) / 30
    expected[40], expected[42] = z2[40], z1[42]
    np.testing.assert_allclose(found.z[0], expected[found.index], atol=1e-12)


def test_voxels_that_are_asked_for_and_have_no_signal_are_nan() -> None:
    run = run_of(12, np.setdiff1d(EVERYWHERE, [0, 41, 59]))
    asked = np.array([0, 3, 40, 41, 42, 59])
    found = participant_maps([run], seeds_at([1, 2, 6]), min_coverage=0.5, index=asked)
    np.testing.assert_array_equal(found.index, asked)
    np.testing.assert_array_equal(np.isnan(found.z[0]), [True, False, False, True, False, True])
    np.testing.assert_allclose(found.z[0], alone(run, [1, 2, 6])[asked], atol=1e-12)


def test_the_seed_may_lie_outside_of_what_is_asked_for() -> None:
    found = participant_maps([run_of(12)], seeds_at([1]), min_coverage=0.5, index=np.array([4, 5]))
    np.testing.assert_allclose(found.z[0], alone(run_of(12), [1])[[4, 5]], atol=1e-12)
    assert not found.clipped.any()
    assert found.covered.tolist() == [True]


@pytest.mark.parametrize(
    ("silent", "min_coverage", "included"),
    [([], 1.0, True), ([3], 1.0, False), ([3], 0.75, True), ([3, 4], 0.75, False),
     ([3, 4], 0.5, True), ([2, 3, 4], 0.5, False), ([2, 3, 4], 0.0, True),
     ([1, 2, 3, 4], 0.0, False)],
)  # fmt: skip
def test_coverage_decides_whether_a_seed_has_a_map(
    silent: list[int], min_coverage: float, included: bool
) -> None:
    run = run_of(12, np.setdiff1d(EVERYWHERE, silent))
    found = maps([run], seeds_at([1, 2, 3, 4], [20, 21]), min_coverage)
    np.testing.assert_allclose(found.coverage, [[1 - len(silent) / 4, 1]])
    assert found.covered.tolist() == [included, True]
    assert np.isfinite(found.z[0]).all() == included
    if included:
        expected = alone(run, [1, 2, 3, 4])[found.index]
        np.testing.assert_allclose(found.z[0], expected, atol=1e-12)


def test_coverage_is_judged_run_by_run() -> None:
    whole, cut = run_of(12, seed=1), run_of(52, np.setdiff1d(EVERYWHERE, [1, 2, 3]), seed=2)
    found = maps([whole, cut], seeds_at([1, 2, 3, 4], [20]))
    np.testing.assert_allclose(found.coverage, [[1, 1], [0.25, 1]])
    np.testing.assert_allclose(found.z[0], alone(whole, [1, 2, 3, 4]), atol=1e-12)
    assert found.covered.all()


def test_one_bad_seed_does_not_harm_the_others() -> None:
    run = run_of(12, np.setdiff1d(EVERYWHERE, [1, 2]))
    found = maps([run], seeds_at([20, 21], [1, 2], [30]))
    assert found.covered.tolist() == [True, False, True]
    assert np.isnan(found.z[1]).all()
    np.testing.assert_allclose(found.z[0], alone(run, [20, 21])[found.index], atol=1e-12)


def test_a_seed_without_voxels_has_no_map() -> None:
    found = maps([run_of(12)], seeds_at([], [1]), min_coverage=0.0)
    assert found.covered.tolist() == [False, True]
    assert found.coverage.tolist() == [[0, 1]]


def test_a_seed_of_one_voxel_is_clipped_there_and_nowhere_else() -> None:
    found = maps([run_of(12, seed=1), run_of(30, seed=2)], seeds_at([17], [17, 18]))
    assert found.z[0, 17] == pytest.approx(HUGE_Z, rel=1e-12)
    assert np.argwhere(found.clipped).tolist() == [[0, 17]]


def test_a_seed_with_one_voxel_left_in_one_run_is_clipped() -> None:
    cut = run_of(12, np.setdiff1d(EVERYWHERE, [18]), seed=1)
    found = maps([cut, run_of(30, seed=2)], seeds_at([17, 18]))
    assert np.argwhere(found.clipped).tolist() == [[0, 17]]
    assert found.z[0, 17] < HUGE_Z


def test_a_quantised_run_is_clipped_as_well() -> None:
    exact = run_of(12)
    scale = np.abs(exact.values).max(axis=0) / 32767
    stored = np.rint(exact.values / scale).astype(np.int16)
    run = ProjectedRun(stored, exact.index, GRID, scale.astype(np.float32))
    found = maps([run], seeds_at([17]))
    assert np.argwhere(found.clipped).tolist() == [[0, 17]]


def test_the_opposite_of_the_seed_is_clipped_from_below() -> None:
    run = run_of(12)
    run.values[:, 5] = -3 * run.values[:, 17]
    found = maps([run], seeds_at([17]))
    assert found.z[0, 5] == pytest.approx(-HUGE_Z, rel=1e-12)
    assert found.clipped[0, [5, 17]].all()


def test_weights_of_a_lesion_mask_are_used() -> None:
    run = run_of(20)
    found = maps([run], seeds_at([3, 4, 9], weights=[[0.2, 0.5, 1.0]]))
    columns = run.columns(slice(None))
    mean = columns[:, [3, 4, 9]] @ [0.2, 0.5, 1.0]
    r = mean @ columns / np.linalg.norm(mean) / np.linalg.norm(columns, axis=0)
    np.testing.assert_allclose(found.z[0], np.arctanh(r), atol=1e-12)


def test_coverage_of_a_lesion_mask_is_by_weight() -> None:
    run = run_of(20, np.setdiff1d(EVERYWHERE, [9]))
    weights = [[0.2, 0.5, 1.0], [0.5, 0.6, 1.0]]
    found = maps([run], seeds_at([3, 4, 9], [3, 4, 9], weights=weights))
    np.testing.assert_allclose(found.coverage, [[0.7 / 1.7, 1.1 / 2.1]])
    assert found.covered.tolist() == [False, True]


@pytest.mark.parametrize("m", [0, 1, 2])
def test_a_run_without_degrees_of_freedom_counts_for_nothing(m: int) -> None:
    long, short = run_of(20, seed=1), run_of(m, seed=2)
    seeds = seeds_at([1, 2, 6])
    np.testing.assert_array_equal(maps([short, long], seeds).z, maps([long], seeds).z)
    assert not maps([short], seeds).covered.any()


def test_a_run_on_another_grid_is_refused() -> None:
    moved = Grid(GRID.shape, GRID.affine + np.diag([0, 0, 0.5, 0]), GRID.space)
    run = ProjectedRun(run_of(12).values, EVERYWHERE, moved)
    with pytest.raises(ValueError, match=r"not on the grid of the seeds.*shifts voxels"):
        maps([run_of(12), run], seeds_at([1]))


@pytest.mark.parametrize("n_runs", [1, 2])
def test_threads_do_not_matter(n_runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several tiles at once give the bits of one after the other, whichever seeds are covered."""
    monkeypatch.setattr("fcnm_bids.connectivity.correlation._VOXELS", 8)
    runs = [run_of(20, EVERYWHERE[number:], seed=number) for number in range(n_runs)]
    seeds = seeds_at([0, 1, 2], [5], [7, 8])
    found = []
    for threads in (1, 4):
        with threadpool_limits(threads, user_api="blas"):
            found.append(maps(runs, seeds, min_coverage=1.0))
    for name in ("z", "clipped", "coverage"):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name))
