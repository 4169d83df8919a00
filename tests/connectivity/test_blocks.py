"""Seed maps in single precision, against those of `participant_maps` in float64."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array
from threadpoolctl import threadpool_limits

from fcnm_bids.connectivity import (
    BlockMaps,
    MappedBlock,
    blocks,
    map_buffer,
    mapped_blocks,
    participant_maps,
)
from fcnm_bids.connectivity.blocks import RunSeeds, n_blocks, participant_seeds
from fcnm_bids.connectome import ProjectedRun
from fcnm_bids.grid import Grid
from fcnm_bids.kernels.threads import n_threads
from fcnm_bids.seeds import Contrast, SeedMatrix

GRID = Grid((13, 11, 12), np.diag([-2.0, 2.0, 2.0, 1.0]), "MNI152NLin6Asym")
"""Several tiles of 492 voxels, and a rest."""

EVERYWHERE = np.arange(GRID.n_voxels)
HUGE_Z = np.arctanh(1 - 1e-7)

HALF_STEP = 2.0**-24
"""Rounding of a value in single precision, relative to it."""


def run_of(
    m: int, index: NDArray[np.intp] = EVERYWHERE, seed: int = 1, dtype: type = np.float32
) -> ProjectedRun:
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((m, 2)) @ rng.standard_normal((2, GRID.n_voxels))
    values = (rng.standard_normal((m, GRID.n_voxels)) + shared)[:, index]
    return ProjectedRun(values.astype(dtype), index, GRID)


def seed_matrix(table: NDArray) -> SeedMatrix:
    contrasts = tuple(Contrast(f"c{i}", "up", ("s",), (), None) for i in range(len(table)))
    return SeedMatrix(csr_array(table), contrasts, GRID)


def seeds_at(*voxels: list[int]) -> SeedMatrix:
    table = np.zeros((len(voxels), GRID.n_voxels))
    for row, numbers in zip(table, voxels, strict=True):
        row[numbers] = 1
    return seed_matrix(table)


def random_seeds(n: int, seed: int = 3) -> SeedMatrix:
    rng = np.random.default_rng(seed)
    table = rng.random((n, GRID.n_voxels)) * (rng.random((n, GRID.n_voxels)) < 0.005)
    table[np.arange(n), rng.integers(0, GRID.n_voxels, n)] = 1
    return seed_matrix(table)


def of_seeds(seeds: SeedMatrix, chosen: Sequence[int]) -> SeedMatrix:
    own = tuple(seeds.contrasts[seed] for seed in chosen)
    return SeedMatrix(csr_array(seeds.weights[list(chosen)]), own, GRID)


def mapped(
    participants: Sequence[Sequence[ProjectedRun]],
    seeds: SeedMatrix,
    index: NDArray[np.intp] = EVERYWHERE,
    min_coverage: float = 0.5,
    prepared: Sequence[Sequence[RunSeeds]] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """z and where it was clipped, both of shape (participants, seeds, voxels)."""
    own = [
        BlockMaps(
            runs,
            seeds,
            min_coverage=min_coverage,
            index=index,
            prepared=None if prepared is None else prepared[number],
        )
        for number, runs in enumerate(participants)
    ]
    n_seeds = len(seeds.contrasts)
    buffer = map_buffer(len(own), n_seeds, index.size)
    buffer.fill(1e30)  # what another group left
    z = np.full((len(own), n_seeds, index.size), 7, np.float32)
    clipped = np.zeros(z.shape, dtype=bool)
    for block in mapped_blocks(own, n_seeds, buffer):
        for lane, seed in enumerate(block.seeds):
            z[:, seed] = block.z[:, :, lane]
        for participant, places in enumerate(block.clipped):
            for seed, voxels in places.items():
                assert seed in block.seeds
                clipped[participant, seed, np.concatenate(voxels)] = True
    return z, clipped


def one(
    runs: Sequence[ProjectedRun],
    seeds: SeedMatrix,
    index: NDArray[np.intp] = EVERYWHERE,
    min_coverage: float = 0.5,
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """`mapped` of one participant."""
    z, clipped = mapped([runs], seeds, index, min_coverage)
    return z[0], clipped[0]


def allowed(z: NDArray[np.float64], run: ProjectedRun, index: NDArray[np.intp]) -> NDArray:
    """Largest error of z of a run.

    r is a sum of m products of series of unit length, and its error is multiplied by the slope of
    Fisher's transform; that of the transform itself is 6e-7 of z. Correlations beyond 0.95 are
    exact but for the rounding of z.
    """
    slope = np.where(np.abs(np.tanh(z)) > 0.951, 0, np.cosh(np.minimum(np.abs(z), 2)) ** 2)
    return (run.n_components + 4) * HALF_STEP * slope + 7e-7 * np.abs(z)


def check(
    runs: Sequence[ProjectedRun],
    seeds: SeedMatrix,
    index: NDArray[np.intp] = EVERYWHERE,
    min_coverage: float = 0.5,
) -> NDArray[np.float32]:
    """Compare the maps of one participant with those in float64, and return them."""
    z, clipped = one(runs, seeds, index, min_coverage)
    exact = participant_maps(runs, seeds, min_coverage=min_coverage, index=index)
    np.testing.assert_array_equal(np.isnan(z), np.isnan(exact.z))
    np.testing.assert_array_equal(clipped, exact.clipped)
    error, weight = np.zeros(z.shape), np.zeros(z.shape)
    for run in runs:
        alone = participant_maps([run], seeds, min_coverage=min_coverage, index=index).z
        there = np.isfinite(alone)
        error += (run.dof - 2) * np.where(there, allowed(np.nan_to_num(alone), run, index), 0)
        weight += (run.dof - 2) * there
    some = weight > 0
    error = error[some] / weight[some] + 4 * len(runs) * HALF_STEP * np.abs(exact.z[some])
    assert (np.abs(z[some] - exact.z[some]) <= error).all()
    return z


@pytest.mark.parametrize("m", [3, 20, 101])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_run(m: int, dtype: type) -> None:
    z = check([run_of(m, dtype=dtype)], random_seeds(21))
    assert np.isfinite(z).all()


def test_one_run_by_corrcoef() -> None:
    run = run_of(25)
    columns = run.columns(slice(None))
    # mean zero, with the same inner products
    series = np.vstack([columns, -columns])
    mean = series[:, [5, 700, 701]].mean(axis=1)
    r = [np.corrcoef(mean, voxel)[0, 1] for voxel in series.T]
    z, _ = one([run], seeds_at([5, 700, 701]))
    np.testing.assert_allclose(z[0], np.arctanh(r), atol=2e-5)


@pytest.mark.parametrize("n_seeds", [1, 5, 16, 17, 32, 70])
def test_seeds_need_not_fill_blocks(n_seeds: int) -> None:
    assert n_blocks(n_seeds) == -(-n_seeds // 16)
    check([run_of(9)], random_seeds(n_seeds))


def test_several_runs_weigh_m_minus_two() -> None:
    runs = [run_of(m, seed=m) for m in (7, 30, 102)]
    seeds = random_seeds(18)
    z = check(runs, seeds)
    each = [check([run], seeds) for run in runs]
    np.testing.assert_allclose(z, np.average(each, axis=0, weights=[5, 28, 100]), atol=1e-6)


def test_runs_of_different_voxels() -> None:
    first = run_of(12, np.setdiff1d(EVERYWHERE, [40, 41, 1000]), seed=1)
    second = run_of(22, np.setdiff1d(EVERYWHERE, [41, 42, 900]), seed=2)
    z = check([first, second], seeds_at([1, 2, 6], [40, 42]))
    assert np.flatnonzero(np.isnan(z[0])).tolist() == [41]


def test_degrees_of_freedom_that_were_applied_count_as_lost() -> None:
    long, short = run_of(40, seed=1), run_of(12, seed=2)
    lost = ProjectedRun(long.values, long.index, GRID, applied=30)
    seeds = random_seeds(3)
    z = check([lost, short], seeds)
    assert (z != one([long, short], seeds)[0]).any()


@pytest.mark.parametrize("min_coverage", [0.0, 0.5, 0.75, 1.0])
def test_a_seed_that_a_run_does_not_cover(min_coverage: float) -> None:
    whole, cut = run_of(12, seed=1), run_of(52, np.setdiff1d(EVERYWHERE, [1, 2, 3]), seed=2)
    seeds = seeds_at([1, 2, 3, 4], [20], [3, 4], [1, 2])
    check([whole, cut], seeds, min_coverage=min_coverage)
    z = check([cut], seeds, min_coverage=min_coverage)
    has_map = [True, True, True, False]
    if min_coverage > 0:
        has_map = [False, True, min_coverage <= 0.5, False]
    np.testing.assert_array_equal(np.isfinite(z[:, 4]), has_map)


def test_seeds_without_voxels_and_without_variance_have_no_map() -> None:
    run = run_of(12)
    run.values[:, 9] = -run.values[:, 8]
    z = check(
        [run, run_of(20, np.delete(EVERYWHERE, [8, 9]))], seeds_at([], [8, 9], [30]), min_coverage=0
    )
    np.testing.assert_array_equal(np.isnan(z).all(axis=1), [True, True, False])


def test_a_voxel_without_variance_has_no_value() -> None:
    still, other = run_of(12, seed=1), run_of(20, seed=2)
    still.values[:, 7] = 0
    seeds = random_seeds(4)
    assert np.flatnonzero(np.isnan(check([still], seeds)).any(axis=0)).tolist() == [7]
    assert np.isfinite(check([still, other], seeds)).all()


@pytest.mark.parametrize("m", [0, 1, 2])
def test_a_run_without_degrees_of_freedom_counts_for_nothing(m: int) -> None:
    long, short = run_of(20, seed=1), run_of(m, seed=2)
    seeds = random_seeds(2)
    np.testing.assert_array_equal(one([short, long], seeds)[0], one([long], seeds)[0])
    z, clipped = one([short], seeds)
    assert np.isnan(z).all()
    assert not clipped.any()


@pytest.mark.parametrize("place", [0, 15, 16, 69])
def test_a_seed_of_one_voxel_is_clipped_there(place: int) -> None:
    seeds = random_seeds(70)
    table = seeds.weights.toarray()
    table[place] = np.eye(1, GRID.n_voxels, 600)
    seeds = seed_matrix(table)
    for runs in ([run_of(30)], [run_of(12, seed=1), run_of(30, seed=2)]):
        z, clipped = one(runs, seeds)
        assert np.argwhere(clipped).tolist() == [[place, 600]]
        np.testing.assert_allclose(z[place, 600], HUGE_Z, rtol=2 * HALF_STEP)
        check(runs, seeds)


def test_a_seed_with_one_voxel_left_in_one_run_is_clipped() -> None:
    cut = run_of(12, np.setdiff1d(EVERYWHERE, [18]), seed=1)
    runs, seeds = [cut, run_of(30, seed=2)], seeds_at([17, 18])
    z = check(runs, seeds)
    assert np.argwhere(one(runs, seeds)[1]).tolist() == [[0, 17]]
    assert z[0, 17] < HUGE_Z


def test_the_opposite_of_the_seed_is_clipped_from_below() -> None:
    run = run_of(12)
    run.values[:, 5] = -3 * run.values[:, 17]
    z = check([run], seeds_at([17]))
    np.testing.assert_allclose(z[0, [5, 17]], [-HUGE_Z, HUGE_Z], rtol=2 * HALF_STEP)


@pytest.mark.parametrize(("m", "rank"), [(31, 0), (127, 0), (401, 0), (31, 9), (127, 50)])
def test_correlations_near_one_are_exact(m: int, rank: int) -> None:
    """Correlations whose rounding Fisher's transform would multiply by 10 and more."""
    rng = np.random.default_rng(m)
    noise = np.geomspace(1e-5, 30, GRID.n_voxels)
    values = rng.standard_normal((m, 1)) + noise * rng.standard_normal((m, GRID.n_voxels))
    values[:, ::3] *= -1
    run = ProjectedRun(values.astype(np.float32), EVERYWHERE, GRID)
    run = with_directions(run, rank) if rank else run
    seeds = seeds_at([0], [300], [5, 600], [1300, 800])
    z = check([run], seeds)
    exact = participant_maps([run], seeds, min_coverage=0.5, index=EVERYWHERE).z
    near = np.abs(np.tanh(exact)) > 0.951
    assert 0.1 < near.mean() < 0.9
    assert np.abs(exact).max() > 8
    np.testing.assert_allclose(z[near], exact[near], rtol=0, atol=1e-6)


def with_directions(run: ProjectedRun, rank: int) -> ProjectedRun:
    rng = np.random.default_rng(rank)
    directions, _ = np.linalg.qr(rng.standard_normal((run.n_components, rank)))
    return ProjectedRun(run.values, run.index, GRID, run.scale, directions=directions)


def test_directions_that_a_strategy_removes() -> None:
    run, seeds = with_directions(run_of(30), 5), random_seeds(20)
    z = check([run], seeds)
    assert np.nanmax(np.abs(z - one([run_of(30)], seeds)[0])) > 0.1
    check([run, run_of(12, seed=2)], seeds)


def quantised(run: ProjectedRun) -> ProjectedRun:
    scale = np.abs(run.values).max(axis=0) / 32767
    stored = np.rint(run.values / scale).astype(np.int16)
    return ProjectedRun(stored, run.index, GRID, scale.astype(np.float32))


def test_quantised_runs() -> None:
    run, seeds = quantised(run_of(30)), random_seeds(20)
    run.values[:, 100] //= 100
    check([run], seeds)
    check([run, with_directions(quantised(run_of(12, seed=2)), 3)], seeds)
    z, clipped = one([run], seeds_at([17]))
    assert np.argwhere(clipped).tolist() == [[0, 17]]
    np.testing.assert_allclose(z[0, 17], HUGE_Z, rtol=2 * HALF_STEP)


def test_values_may_lie_in_memory_in_any_way() -> None:
    run, seeds = run_of(12), random_seeds(3)
    turned = ProjectedRun(np.asfortranarray(run.values), run.index, GRID)
    np.testing.assert_array_equal(one([turned], seeds)[0], one([run], seeds)[0])


def test_voxels_beyond_those_of_the_run_are_nan() -> None:
    run = run_of(12, np.setdiff1d(EVERYWHERE, [0, 41, 1700]))
    asked = np.array([0, 3, 40, 41, 42, 1700])
    z = check([run], random_seeds(3), asked)
    np.testing.assert_array_equal(np.isnan(z), [[True, False, False, True, False, True]] * 3)
    check([run, run_of(20, np.arange(500))], random_seeds(3), asked)
    outside = np.array([0, 41])
    assert np.isnan(check([run], random_seeds(3), outside)).all()


@settings(max_examples=40)
@given(
    st.integers(1, 3),
    st.integers(1, 20),
    st.floats(0.02, 1),
    st.floats(0.02, 1),
    st.sampled_from([0.0, 0.3, 0.5, 1.0]),
    st.integers(0, 2**31),
)
def test_any_runs_and_voxels(
    n_runs: int, n_seeds: int, share: float, asked: float, min_coverage: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    runs = []
    for number in range(n_runs):
        own = np.flatnonzero(rng.random(GRID.n_voxels) < share)
        run = run_of(int(rng.integers(2, 30)), own, seed=number)
        run = quantised(run) if rng.random() < 0.3 else run
        runs.append(with_directions(run, 1) if rng.random() < 0.3 else run)
    index = np.flatnonzero(rng.random(GRID.n_voxels) < asked)
    check(runs, random_seeds(n_seeds, seed), index, min_coverage)


def assert_same(found: tuple[NDArray, NDArray], expected: tuple[NDArray, NDArray]) -> None:
    for one_, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one_, other)


def nearly_alike(m: int, index: NDArray[np.intp] = EVERYWHERE, seed: int = 1) -> ProjectedRun:
    """Return a run in which the voxels around number 215 are nearly the same."""
    run = run_of(m, index, seed)
    run.values[:, 200:230] = run.values[:, [200]] + 0.15 * run.values[:, 200:230]
    return run


@pytest.fixture(scope="module", params=["one", "several", "quantised", "denoised"])
def runs(request: pytest.FixtureRequest) -> list[ProjectedRun]:
    """Runs of one participant, with voxels that are nearly alike."""
    if request.param == "one":
        return [nearly_alike(50)]
    if request.param == "several":
        return [nearly_alike(50), nearly_alike(30, EVERYWHERE[3:], seed=2)]
    if request.param == "denoised":
        pair = nearly_alike(50), nearly_alike(30, EVERYWHERE[3:], seed=2)
        return [with_directions(run, 6) for run in pair]
    return [with_directions(quantised(nearly_alike(50)), 3)]


def seeds_of_all_kinds(n: int) -> SeedMatrix:
    """Of many voxels and of one, some of them correlated beyond 0.95 with others."""
    table = random_seeds(n).weights.toarray()
    table[::5] = 0
    table[::5, 200:230:3] = np.eye(len(table[::5]), 10)
    return seed_matrix(table)


def test_a_seed_has_the_same_bits_wherever_it_stands(runs: list[ProjectedRun]) -> None:
    seeds = seeds_of_all_kinds(40)
    together = one(runs, seeds)
    assert (np.abs(np.tanh(together[0])) > 0.95).sum() > 50
    assert together[1].any()
    order = np.random.default_rng(5).permutation(40)
    assert_same(one(runs, of_seeds(seeds, order)), (together[0][order], together[1][order]))
    for seed in (0, 5, 17, 39):
        alone = one(runs, of_seeds(seeds, [seed]))
        assert_same(alone, (together[0][[seed]], together[1][[seed]]))


def test_a_voxel_has_the_same_bits_whichever_are_asked_for(runs: list[ProjectedRun]) -> None:
    seeds = seeds_of_all_kinds(20)
    z, clipped = one(runs, seeds)
    for index in (np.arange(3, GRID.n_voxels, 7), np.array([201]), np.arange(480, 1000)):
        assert_same(one(runs, seeds, index), (z[:, index], clipped[:, index]))


WHOLE = np.setdiff1d(EVERYWHERE, [0, 7, 500, 501, 502])
"""Wanted voxels, divided into slabs."""


def in_slabs(
    runs: list[ProjectedRun], seeds: SeedMatrix, edges: Sequence[int], *, prepared: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Map one slab of the wanted voxels after the other, and put them together."""
    own = [participant_seeds(runs, seeds, min_coverage=0.5)] if prepared else None
    slabs = [
        mapped([runs], seeds, WHOLE[first:last], prepared=own)
        for first, last in itertools.pairwise(edges)
    ]
    z, clipped = (np.concatenate(part, axis=2)[0] for part in zip(*slabs, strict=True))
    return z, clipped


@pytest.fixture(scope="module")
def whole(runs: list[ProjectedRun]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Maps at all wanted voxels at once."""
    z, clipped = one(runs, seeds_of_all_kinds(20), WHOLE)
    assert (np.abs(np.tanh(z)) > 0.95).sum() > 20
    assert clipped.any()
    return z, clipped


@settings(max_examples=15)
@given(edges=st.lists(st.integers(0, WHOLE.size), max_size=4), prepared=st.booleans())
def test_slabs_of_voxels_have_the_bits_of_the_whole(
    edges: list[int],
    prepared: bool,
    runs: list[ProjectedRun],
    whole: tuple[NDArray[np.float32], NDArray[np.bool_]],
) -> None:
    found = in_slabs(
        runs, seeds_of_all_kinds(20), [0, *sorted(edges), WHOLE.size], prepared=prepared
    )
    assert_same(found, whole)


def test_slabs_within_which_a_run_has_no_voxel_have_the_bits_of_the_whole() -> None:
    covered = np.setdiff1d(EVERYWHERE, np.arange(300, 420))
    still = nearly_alike(50, seed=4)
    still.values[:, 205:212] = 0
    runs = [nearly_alike(30, covered), still, run_of(2), run_of(40, EVERYWHERE[:600], seed=6)]
    runs[0] = with_directions(runs[0], 4)
    seeds = seeds_of_all_kinds(20)
    expected = one(runs, seeds, WHOLE)
    for edges in ([0, 300, 400, WHOLE.size], [0, 201, 206, 207, 600, 601, 700, WHOLE.size]):
        assert_same(in_slabs(runs, seeds, edges), expected)
        assert_same(in_slabs(runs[:1], seeds, edges), one(runs[:1], seeds, WHOLE))


def test_prepared_seeds_give_the_same_maps(runs: list[ProjectedRun]) -> None:
    seeds = seeds_of_all_kinds(20)
    prepared = participant_seeds(runs, seeds, min_coverage=0.5)
    assert_same(
        tuple(own[0] for own in mapped([runs], seeds, prepared=[prepared])), one(runs, seeds)
    )


def test_seeds_are_prepared_for_runs_with_degrees_of_freedom_alone() -> None:
    runs, seeds = [run_of(2), run_of(20), run_of(1), run_of(9)], random_seeds(18)
    prepared = participant_seeds(runs, seeds, min_coverage=0.5)
    assert [own.series.shape for own in prepared] == [(18, 20), (18, 9)]
    assert [own.weights.shape for own in prepared] == [(2, 16)] * 2
    for own, weight in zip(prepared, (18, 7), strict=True):
        np.testing.assert_array_equal(own.weights.ravel(), [*[weight] * 18, *[1] * 14])
        np.testing.assert_allclose(np.linalg.norm(own.series, axis=1), 1, rtol=1e-14)
    with pytest.raises(ValueError, match="zip"):
        BlockMaps(runs, seeds, min_coverage=0.5, index=EVERYWHERE, prepared=prepared[:1])


@pytest.mark.parametrize(("m", "rank"), [(31, 7), (127, 40), (260, 60)])
def test_a_prepared_seed_has_the_same_bits_whichever_are_beside_it(m: int, rank: int) -> None:
    index = EVERYWHERE[::3]
    runs, seeds = [with_directions(run_of(m, index), rank)], random_seeds(35)
    (together,) = participant_seeds(runs, seeds, min_coverage=0.0)
    assert together.series.shape == (35, m - rank)
    assert (together.series != 0).any(axis=1).sum() > 20
    order = np.random.default_rng(m).permutation(35)
    for chosen in (order, order[:17], order[:3], *order[:, None]):
        (own,) = participant_seeds(runs, of_seeds(seeds, chosen), min_coverage=0.0)
        np.testing.assert_array_equal(own.series, together.series[chosen])
        weights = own.weights.ravel()[: len(chosen)]
        np.testing.assert_array_equal(weights, together.weights.ravel()[chosen])


@pytest.mark.parametrize(("m", "rank"), [(127, 40), (260, 60)])
def test_threads_do_not_change_prepared_seeds(m: int, rank: int) -> None:
    run, seeds, found = with_directions(run_of(m), rank), random_seeds(18), []
    for threads in (1, 2):
        with threadpool_limits(threads, user_api="blas"):
            found += participant_seeds([replace(run)], seeds, min_coverage=0.5)
    np.testing.assert_array_equal(found[0].series, found[1].series)


def test_a_seed_has_a_map_if_any_run_covers_it() -> None:
    first = run_of(12, np.setdiff1d(EVERYWHERE, [1, 2, 3]), seed=1)
    second = run_of(52, np.setdiff1d(EVERYWHERE, [20, 3, 4]), seed=2)
    seeds = seeds_at([1, 2], [20], [3], [30, 31], [])
    table = np.vstack([seeds.weights.toarray()] * 4)
    seeds = seed_matrix(table)

    def has_map(*runs: ProjectedRun) -> list[bool]:
        # wherever the maps are wanted
        own = [
            BlockMaps(runs, seeds, min_coverage=0.5, index=index).has_map.tolist()
            for index in (EVERYWHERE, EVERYWHERE[:0], EVERYWHERE[900:905])
        ]
        assert own[0] == own[1] == own[2]
        z, _ = one(runs, seeds)
        assert own[0] == np.isfinite(z).any(axis=1).tolist()
        return own[0]

    assert has_map(first, second) == [True, True, False, True, False] * 4
    assert has_map(first) == [False, True, False, True, False] * 4
    assert has_map(run_of(2), second) == [True, False, False, True, False] * 4
    assert has_map(run_of(2)) == [False] * 20


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_blocks_at_once_do_not_matter(
    at_once: int, runs: list[ProjectedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = seeds_of_all_kinds(75)
    expected = one(runs, seeds)
    monkeypatch.setattr(blocks, "BLOCKS_AT_ONCE", at_once)
    assert map_buffer(3, 75, 7).shape == (3, at_once, 7, 16)
    assert map_buffer(3, 16, 7).shape == (3, 1, 7, 16)
    assert_same(one(runs, seeds), expected)


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_do_not_matter(
    threads: int, runs: list[ProjectedRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = seeds_of_all_kinds(20)
    expected = one(runs, seeds)
    monkeypatch.setattr(blocks, "VOXELS_PER_CALL", 492)
    with threadpool_limits(threads, user_api="blas"):
        assert n_threads() == threads
        assert_same(one(runs, seeds), expected)


def test_participants_do_not_see_each_other() -> None:
    everyone = [
        [run_of(9)],
        [run_of(2)],
        [nearly_alike(50), nearly_alike(30, EVERYWHERE[3:], seed=2)],
        [run_of(20, EVERYWHERE[::2])],
    ]
    seeds = seeds_of_all_kinds(20)
    z, clipped = mapped(everyone, seeds)
    for number, own in enumerate(everyone):
        assert_same(one(own, seeds), (z[number], clipped[number]))
    assert np.isnan(z[1]).all()


def test_blocks_come_in_their_order_with_their_seeds() -> None:
    seeds = random_seeds(83)
    own = [BlockMaps([run_of(9)], seeds, min_coverage=0.5, index=EVERYWHERE[:10])]
    # for more participants than there are
    buffer = map_buffer(4, 83, 10)
    found: list[MappedBlock] = list(mapped_blocks(own, 83, buffer))
    assert [block.number for block in found] == [0, 1, 2, 3, 4, 5]
    assert [seed for block in found for seed in block.seeds] == list(range(83))
    assert {block.z.shape for block in found} == {(1, 10, 16)}
    assert all(len(block.clipped) == 1 for block in found)


def test_a_run_on_another_grid_is_refused() -> None:
    moved = Grid(GRID.shape, GRID.affine + np.diag([0, 0, 0.5, 0]), GRID.space)
    run = ProjectedRun(run_of(12).values, EVERYWHERE, moved)
    with pytest.raises(ValueError, match=r"not on the grid of the seeds.*shifts voxels"):
        BlockMaps([run_of(12), run], random_seeds(1), min_coverage=0.5, index=EVERYWHERE)
