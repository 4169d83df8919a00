"""Compact runs: what 8 bits change, and what a file leaves out."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from fcnm_bids.connectivity import correlate
from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, StoredRun, open_run, write_run
from fcnm_bids.denoise import (
    Confounds,
    RunDenoising,
    Strategy,
    band_basis,
    choose_within_band,
    complete_confounds,
)
from fcnm_bids.errors import StoreError
from fcnm_bids.grid import Grid
from tests.stored import seal_again

GRID = Grid((11, 9, 7), np.diag([3.0, 3, 3, 1]), "MNI152NLin6Asym")
N = 120
BAND = {"repetition_time": 2.0, "high_pass": 0.01, "low_pass": 0.1}
BASIS = band_basis(N, **BAND)
M = len(BASIS)
CONFOUNDS = Confounds(("csf",), np.random.default_rng(7).standard_normal((N, 1)).cumsum(axis=0))


def denoising(*names: str) -> RunDenoising:
    strategy = Strategy("own", names, "")
    return choose_within_band(BASIS, CONFOUNDS, {}, strategy, dummy_scans=0, fd_threshold=0)


def stored(
    folder: Path, values: np.ndarray, index: np.ndarray | None = None, **options: Any
) -> StoredRun:
    if index is None:
        index = np.arange(values.shape[1])
    run = ProjectedRun(values.astype(np.float32), index, GRID)
    carpet = np.zeros((N, 3), dtype=np.float32)
    write_run(
        folder / "run.h5",
        Projected(run, index.size, carpet, np.arange(3), ""),
        denoising(),
        RunImage(folder / "bold.nii", GRID, N, 2.0, np.dtype("<i2"), 1.0, 0.0, 352),
        key="k",
        attributes={"settings": {"nuisance_regressors": {"name": "none"}}},
        **{"precision": "int8", "band": BAND, "confounds": CONFOUNDS, **options},
    )
    return open_run(folder / "run.h5")


def series(seed: int, n_voxels: int = 500, shared: float = 1.0) -> np.ndarray:
    """Components of voxels that share some of their series, of all amplitudes."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((M, n_voxels))
    values += shared * rng.uniform(-1, 1, n_voxels) * rng.standard_normal((M, 1))
    values *= 10 ** rng.uniform(-3, 4, n_voxels)
    return values.astype(np.float32).astype(np.float64)


def single_voxels(n_seeds: int, n_voxels: int) -> csr_array:
    return csr_array(
        (np.ones(n_seeds), np.arange(n_seeds), np.arange(n_seeds + 1)), shape=(n_seeds, n_voxels)
    )


def test_components_are_bytes_in_steps_of_the_largest(tmp_path: Path) -> None:
    values = series(1)
    run = stored(tmp_path, values)
    loaded = run.load()
    assert loaded.values.dtype == np.int8
    assert isinstance(loaded.values, np.memmap)
    largest = np.abs(values).max(axis=0)
    np.testing.assert_array_equal(np.abs(loaded.values).max(axis=0), 127)
    assert (np.abs(loaded.columns(slice(None)) - values) <= 0.5001 * largest / 127).all()


@given(st.sets(st.integers(0, GRID.n_voxels - 1), min_size=1, max_size=200))
def test_any_voxels_are_found_again(
    tmp_path_factory: pytest.TempPathFactory, voxels: set[int]
) -> None:
    index = np.array(sorted(voxels))
    folder = tmp_path_factory.mktemp("index")
    run = stored(folder, series(2, index.size), index)
    np.testing.assert_array_equal(run.index(), index)
    assert run.index().dtype == np.intp
    run.verify()


def test_the_basis_is_made_from_the_band(tmp_path: Path) -> None:
    run = stored(tmp_path, series(3))
    with h5py.File(run.path) as file:
        assert file["basis"].shape == (0, N)
        assert file["index"].shape == (-(-GRID.n_voxels // 8),)
    np.testing.assert_array_equal(run.denoising().basis, BASIS)


def test_a_basis_that_no_band_gives_is_stored(tmp_path: Path) -> None:
    run = stored(tmp_path, series(3), band=None)
    with h5py.File(run.path) as file:
        np.testing.assert_array_equal(file["basis"][()], BASIS)
    np.testing.assert_array_equal(run.denoising().basis, BASIS)


@pytest.mark.parametrize(
    ("band", "problem"),
    [
        ({**BAND, "low_pass": 0.08}, "does not contain what its header states"),
        ({"low_pass": 0.1}, "states no usable band"),
        ({**BAND, "repetition_time": "two"}, "states no usable band"),
        ([1, 2], "states no usable band"),
    ],
)
def test_a_band_of_another_run_is_refused(tmp_path: Path, band: Any, problem: str) -> None:
    run = stored(tmp_path, series(3))
    changed = StoredRun(run.path, "k", {**run.header, "band": band}, GRID)
    with pytest.raises(StoreError, match=problem):
        changed.load()


@pytest.mark.parametrize("written", [True, False])
def test_the_confounds_are_those_of_the_plain_run(tmp_path: Path, written: bool) -> None:
    """Derivatives and squares may be computed, or come rounded from fMRIPrep's table."""
    rng = np.random.default_rng(4)
    names = ("csf", "trans_x", "rot_z", "global_signal", "dvars")
    table = Confounds(names, rng.standard_normal((N, len(names))).cumsum(axis=0))
    whole = complete_confounds(table)
    values = whole.select(whole.names)
    if written:
        values = np.array([[float(f"{number:.9g}") for number in row] for row in values])
    whole = Confounds(whole.names, values)
    strategy = ["csf*", "trans_x", "rot_z_derivative1_power2", "*_power2"]
    settings = {"nuisance_regressors": {"name": "own", "confounds": strategy}}
    found = []
    for precision in ("int8", "int16"):
        run = stored(tmp_path, series(3), precision=precision, confounds=whole)
        with h5py.File(run.path) as file:
            columns = file["confounds"].shape[1]
        assert columns == (len(names) if precision == "int8" and not written else len(whole.names))
        found.append(run.under(settings).denoising())
    assert found[0].confounds == found[1].confounds
    np.testing.assert_array_equal(found[0].directions.q, found[1].directions.q)


@pytest.mark.parametrize("change", ["longer", "shorter", "other voxels"])
def test_an_index_that_does_not_fit_is_refused(tmp_path: Path, change: str) -> None:
    run = stored(tmp_path, series(3))
    with h5py.File(run.path, "r+") as file:
        packed = file["index"][()]
        if change == "other voxels":
            packed[0] ^= 1
        del file["index"]
        file["index"] = (
            packed
            if change == "other voxels"
            else np.resize(packed, packed.size + (1 if change == "longer" else -1))
        )
        sums = file.attrs["checksums"]
        sums[2] = zlib.crc32(file["index"][()].tobytes())
        file.attrs["checksums"] = sums
    seal_again(run.path)
    with pytest.raises(StoreError, match="parts of unequal length"):
        open_run(run.path).load()


def exact_directions(values: np.ndarray, names: tuple[str, ...]) -> ProjectedRun:
    return ProjectedRun(
        values.astype(np.float32),
        np.arange(values.shape[1]),
        GRID,
        directions=denoising(*names).directions.q,
    )


@given(st.integers(0, 10**6), st.booleans(), st.floats(0.0, 3.0))
def test_correlations_are_within_what_the_steps_allow(
    tmp_path_factory: pytest.TempPathFactory, seed: int, strategy: bool, shared: float
) -> None:
    """A rounded vector is turned by no more than asin(|e| / |x|), |e| <= sqrt(m) step / 2."""
    names = ("csf",) if strategy else ()
    values = series(seed, 300, shared)
    run = stored(tmp_path_factory.mktemp("r"), values)
    settings = {"nuisance_regressors": {"name": "own", "confounds": list(names)}}
    loaded = run.under(settings).load()
    exact = exact_directions(values, names)
    step = np.abs(values).max(axis=0) / 127
    left = np.linalg.norm(exact.remove(values), axis=0)
    turned = np.arcsin(np.minimum(1, 0.5001 * np.sqrt(M) * step / left))[loaded.index]
    seeds = single_voxels(20, loaded.n_voxels)
    found = correlate(loaded, seeds)
    wanted = correlate(exact.at(loaded.index), seeds)
    assert (np.abs(found - wanted) <= turned[:20, None] + turned + 1e-6).all()


def test_correlations_are_rounded_without_bias(tmp_path: Path) -> None:
    """Beside the attenuation that independent noise of variance step^2 / 12 makes."""
    differences, shrunk = [], []
    for seed in range(40):
        values = series(seed, 600, 3.0)
        loaded = stored(tmp_path, values).load().columns(slice(None))
        step = np.abs(values).max(axis=0) / 127
        noise = M * step**2 / 12 / (values**2).sum(axis=0)
        unit, exact = (x / np.linalg.norm(x, axis=0) for x in (loaded, values))
        r, wanted = (np.einsum("ij,ij->j", x[:, ::2], x[:, 1::2]) for x in (unit, exact))
        differences.append(r - wanted)
        shrunk.append(wanted * (noise[::2] + noise[1::2]) / 2)
    difference, less = np.concatenate(differences), np.concatenate(shrunk)
    standard_error = difference.std() / np.sqrt(difference.size)
    assert abs((difference + less).mean()) < 4 * standard_error
    assert np.abs(less).max() < 2e-4
    # away from zero, too
    sign = np.sign(less)
    assert abs(((difference + less) * sign).mean()) < 4 * standard_error


@pytest.mark.parametrize(("steps", "kept"), [(0.4, False), (4.0, True)])
def test_a_voxel_of_which_a_strategy_leaves_less_than_a_step_is_left_out(
    tmp_path: Path, steps: float, kept: bool
) -> None:
    values = series(5)
    confound = denoising("csf").directions.q[:, 0]
    noise = np.random.default_rng(1).standard_normal(M)
    noise -= confound * (confound @ noise)
    step = np.abs(confound).max() / 127
    values[:, 7] = confound + steps * step * noise
    run = stored(tmp_path, values)
    loaded = run.under({"nuisance_regressors": {"name": "own", "confounds": ["csf"]}}).load()
    assert (7 in loaded.index) is kept
    assert 7 in run.load().index


def test_rounding_is_what_the_steps_leave_uncertain(tmp_path: Path) -> None:
    values = series(6)
    loaded = stored(tmp_path, values).load()
    error = loaded.columns(slice(None)) - values
    relative = np.linalg.norm(error, axis=0) / np.linalg.norm(values, axis=0)
    assert loaded.rounding == pytest.approx(np.percentile(relative, 99), rel=0.15)
    assert 0.003 < loaded.rounding < 0.02


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    values = series(8)
    first, second = (stored(tmp_path, values).path.read_bytes() for _ in range(2))
    assert first == second


def test_a_compact_run_takes_half(tmp_path: Path) -> None:
    values = series(9, GRID.n_voxels)
    compact = stored(tmp_path, values).path.stat().st_size
    plain = stored(tmp_path, values, precision="int16").path.stat().st_size
    saved = M * GRID.n_voxels + BASIS.nbytes + 4 * GRID.n_voxels - GRID.n_voxels // 8
    assert plain - compact == pytest.approx(saved, abs=200)
