"""Volumes without a measurement, and numbers that no scanner writes."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.connectome import open_image, project_run
from fcnm_bids.connectome.blank_volumes import BlankVolumes, listed
from fcnm_bids.denoise import Confounds, plan_denoising
from fcnm_bids.denoise.strategy import Strategy
from fcnm_bids.errors import RunError
from tests.kept_rows import build_projection

SHAPE, N, TR = (5, 4, 3), 120, 2.0
VOXELS = int(np.prod(SHAPE))
NOTHING = Strategy("none", (), "nothing")


def series() -> np.ndarray:
    return (1000 + 50 * np.random.default_rng(1).standard_normal((*SHAPE, N))).astype("<i2")


def project(tmp_path: Path, stored: np.ndarray, blank: tuple[int, ...] = (), slope: float = 1.0):
    image = nib.Nifti1Image(stored, np.diag([3.0, 3, 3, 1]))
    image.header.set_slope_inter(slope, 0)
    path = tmp_path / "bold.nii"
    image.to_filename(path)
    planned = plan_denoising(
        Confounds((), np.empty((N, 0))), {}, NOTHING, n_volumes=N, repetition_time=TR,
        high_pass=0.0, low_pass=0.0, dummy_scans=0, fd_threshold=0, min_time=0, min_dof=1,
        blank=blank,
    )  # fmt: skip
    opened = open_image(path, "MNI152NLin6Asym")
    return project_run(opened, np.ones(VOXELS, bool), planned.basis, smoothing=0), planned


def test_a_few_blank_volumes_are_named_and_change_nothing(tmp_path: Path) -> None:
    stored = series()
    stored[..., 10:12] = 0
    stored[..., 50] = stored[..., 49]
    projected, _ = project(tmp_path, stored)
    every = np.ones(N, bool)
    assert projected.blank.numbers == projected.blank.among(every, "x") == [10, 11, 50]
    assert listed(projected.blank.numbers) == "11-12, 51"
    assert projected.blank.among(np.arange(N) > 10, "x") == [11, 50]
    _, planned = project(tmp_path, stored, blank=(10, 11, 50))
    assert (planned.volumes.n_blank, planned.volumes.n_censored) == (3, 0)
    kept = np.setdiff1d(np.arange(N), [10, 11, 50])
    whole = stored.reshape(VOXELS, N, order="F")[:, kept].T.astype(float)
    oracle = build_projection(
        np.zeros((N, 0)), np.isin(np.arange(N), kept), TR, high_pass=0.0, low_pass=0.0
    )
    first, second = oracle.basis @ whole, planned.directions.remove(projected.run.values)
    np.testing.assert_allclose(
        second.T @ second, first.T @ first, atol=1e-5 * np.abs(first.T @ first).max()
    )


@pytest.mark.parametrize("value", [0, np.nan])
def test_blank_volumes_at_the_start_count_as_the_first_measurement(
    tmp_path: Path, value: float
) -> None:
    stored = series().astype("<f4")
    stored[..., :3] = stored[..., [3]]
    expected, _ = project(tmp_path, stored)
    stored[..., :3] = value
    projected, _ = project(tmp_path, stored)
    assert projected.blank.numbers == [0, 1, 2]
    np.testing.assert_array_equal(projected.run.values, expected.run.values)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (
            lambda s: s.__setitem__((..., slice(60, None)), 0),
            r"60 volumes with one value .*\(61-120\)",
        ),
        (
            lambda s: s.__setitem__((..., slice(60, 70)), s[..., [60]]),
            r"9 volumes that repeat .*\(62-70\)",
        ),
    ],
)
def test_many_blank_volumes_leave_the_run_out(tmp_path: Path, damage, reason: str) -> None:
    stored = series()
    damage(stored)
    projected, _ = project(tmp_path, stored)
    with pytest.raises(RunError, match=f"{reason}, more than 5% of the 120 kept volumes"):
        projected.blank.among(np.ones(N, bool), "bold.nii")


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.integers(1, 7),
    st.sampled_from(["<i2", "<f4"]),
)
def test_blocks_make_no_difference(kinds: list[int], block: int, dtype: str) -> None:
    rng = np.random.default_rng(2)
    volumes: list[np.ndarray] = []
    constant, repeated = [], []
    for number, kind in enumerate(kinds):
        if kind == 1 or (kind == 3 and dtype == "<f4"):
            volumes.append(np.full(30, 0 if kind == 1 else np.nan))
            constant.append(number)
        elif kind == 2 and volumes and np.ptp(volumes[-1]) > 0:
            volumes.append(volumes[-1])
            repeated.append(number)
        else:
            volumes.append(rng.integers(1, 1000, 30).astype(float))
    stored = np.stack(volumes).astype(dtype)
    found = BlankVolumes()
    buffers = np.empty((2, block, 30), dtype)
    index = np.arange(5, 30)
    for number, start in enumerate(range(0, len(stored), block)):
        rows = buffers[number % 2, : min(block, len(stored) - start)]
        rows[:] = stored[start : start + block]
        found.add(rows, rows[:, index[::6]], index)
    assert found.constant == constant
    assert found.repeated == repeated


@pytest.mark.parametrize("slope", [1e38, 1e30, 1e-30])
def test_a_scale_that_leaves_float32_is_refused(tmp_path: Path, slope: float) -> None:
    with pytest.raises(RunError, match=r"which no scanner writes; .*scl_slope"):
        project(tmp_path, series(), slope=slope)
