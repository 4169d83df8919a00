from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.denoise.confounds import complete_confounds
from fcnm_bids.errors import RunError
from fcnm_bids.inputs.layouts.motion import (
    MOTION,
    read_motion,
    read_numbers,
    read_repetition_time,
)
from fcnm_bids.simulate.motion import framewise_displacement, simulate_motion


@pytest.fixture
def motion() -> np.ndarray:
    return simulate_motion(np.random.default_rng(0), 60, mean_fd=0.15, spike_share=0.1)


def _write(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savetxt(path, values, "%16.9e")
    return path


def test_spm_parameters_are_read_as_they_are(motion: np.ndarray, tmp_path: Path) -> None:
    table = read_motion(_write(tmp_path / "Sub_1" / "rp_aSub_1.txt", motion), "dpabi")
    np.testing.assert_allclose(table.select(MOTION), motion, rtol=1e-9)
    expected = framewise_displacement(motion)
    np.testing.assert_allclose(table["framewise_displacement"], expected, rtol=1e-6)


def test_degrees_of_the_hcp_become_radians(motion: np.ndarray, tmp_path: Path) -> None:
    degrees = np.column_stack([motion[:, :3], np.rad2deg(motion[:, 3:]), np.zeros((60, 6))])
    path = _write(tmp_path / "Movement_Regressors.txt", degrees)
    _write(tmp_path / "Movement_RelativeRMS.txt", np.r_[0, np.full(59, 0.2)])
    table = read_motion(path, "hcp")
    np.testing.assert_allclose(table.select(MOTION), motion, rtol=1e-8, atol=1e-12)
    displacement = table["framewise_displacement"]
    assert np.isnan(displacement[0])
    np.testing.assert_allclose(displacement[1:], 0.2)


def test_degrees_in_a_file_of_radians_are_refused(motion: np.ndarray, tmp_path: Path) -> None:
    displacement = np.nan_to_num(framewise_displacement(motion))
    motion[:, 3:] = np.rad2deg(motion[:, 3:])
    path = _write(tmp_path / "S" / "rp_S.txt", motion)
    _write(tmp_path / "S" / "FD_Power_S.txt", displacement)
    with pytest.raises(RunError, match="rotations in degrees"):
        read_motion(path, "dpabi")


def test_rotations_that_no_head_makes_are_refused(motion: np.ndarray, tmp_path: Path) -> None:
    motion[30, 4] = 0.7
    with pytest.raises(RunError, match="cannot be radians"):
        read_motion(_write(tmp_path / "S" / "rp_S.txt", motion), "dpabi")


@pytest.mark.parametrize("prefix", ["", "S2_"])
def test_the_displacement_of_the_same_session_confirms_the_parameters(
    prefix: str, motion: np.ndarray, tmp_path: Path
) -> None:
    path = _write(tmp_path / "IS-1" / f"{prefix}rp_IS-1.txt", motion)
    beside = tmp_path / "IS-1" / f"{prefix}FD_Power_IS-1.txt"
    _write(beside, np.nan_to_num(framewise_displacement(motion)).round(4))
    _write(tmp_path / "IS-1" / f"{'' if prefix else 'S2_'}FD_Power_IS-1.txt", np.full(60, 9.0))
    read_motion(path, "dpabi")
    _write(beside, np.full(60, 9.0))
    with pytest.raises(RunError, match="belong to another run"):
        read_motion(path, "dpabi")


def test_a_displacement_of_another_length_is_refused(motion: np.ndarray, tmp_path: Path) -> None:
    path = _write(tmp_path / "S" / "rp_S.txt", motion)
    _write(tmp_path / "S" / "FD_Power_S.txt", np.zeros(59))
    with pytest.raises(RunError, match="59 rows"):
        read_motion(path, "dpabi")


def test_24_parameters_follow_as_in_fmriprep(motion: np.ndarray, tmp_path: Path) -> None:
    table = complete_confounds(read_motion(_write(tmp_path / "S" / "rp_S.txt", motion), "dpabi"))
    expected = np.r_[np.nan, np.diff(motion[:, 3]) ** 2]
    np.testing.assert_allclose(table["rot_x_derivative1_power2"], expected, rtol=1e-5, atol=1e-14)


@pytest.mark.parametrize("text", ["", "a b c\n", "1 2\n3\n", "1 nan 2 3 4 5\n"])
def test_what_is_no_table_of_numbers_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "rp_S.txt"
    path.write_text(text)
    with pytest.raises(RunError, match=r"rp_S\.txt"):
        read_numbers(path)


def test_a_repetition_time_is_that_of_participant_and_session(tmp_path: Path) -> None:
    path = tmp_path / "TRInfo.tsv"
    path.write_text("Subject ID\tTR\tS2_TR\tSlice Number\nSub_1\t2\t2.5\t33\nSub_2\t3\t3\t33\n")
    assert read_repetition_time(path, "Sub_1", "1") == 2
    assert read_repetition_time(path, "Sub_1", "2") == 2.5
    assert read_repetition_time(path, "Sub_3", "1") is None


@pytest.mark.parametrize("text", ["", "ID\tTR\n", "Subject ID\tS2_TR\nS\t2\n"])
def test_a_table_without_repetition_times_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "TRInfo.tsv"
    path.write_text(text)
    if text.startswith("ID"):
        assert read_repetition_time(path, "S", "1") is None
        return
    with pytest.raises(RunError, match="no numeric column TR"):
        read_repetition_time(path, "S", "1")
