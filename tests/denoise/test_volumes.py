"""Which volumes are kept."""

from __future__ import annotations

import numpy as np
import pytest

from fcnm_bids.denoise import Confounds, keep_volumes
from fcnm_bids.errors import RunError

N = 8


def table(fd: list[float] | None = None, **marks: int) -> Confounds:
    """A table of N rows; each mark is a column that is 1 in one row."""
    columns = {name: (np.arange(N) == row).astype(float) for name, row in marks.items()}
    if fd is not None:
        columns["framewise_displacement"] = np.array([np.nan, *fd])
    columns["csf"] = np.zeros(N)
    return Confounds(tuple(columns), np.column_stack(list(columns.values())))


STILL = [0.1] * (N - 1)
MOVING = [0.1, 0.6, 0.5, 0.1, 0.1, 0.1, 2.0]


def test_without_marks_and_motion_all_are_kept() -> None:
    volumes = keep_volumes(table(STILL), dummy_scans="auto", fd_threshold=0.5)
    assert volumes.kept.tolist() == [True] * N
    assert (volumes.n_dummy, volumes.n_censored) == (0, 0)


def test_marked_volumes_and_all_before_them_are_dropped() -> None:
    marked = table(STILL, non_steady_state_outlier00=0, non_steady_state_outlier01=2)
    volumes = keep_volumes(marked, dummy_scans="auto", fd_threshold=0.5)
    assert volumes.kept.tolist() == [False] * 3 + [True] * (N - 3)
    assert volumes.n_dummy == 3


@pytest.mark.parametrize(("dummies", "first"), [(0, 0), (1, 1), (5, 5), (N, N), (99, N)])
def test_a_number_of_dummies_overrides_the_marks(dummies: int, first: int) -> None:
    marked = table(STILL, non_steady_state_outlier00=2)
    volumes = keep_volumes(marked, dummy_scans=dummies, fd_threshold=0.5)
    assert volumes.kept.tolist() == [i >= first for i in range(N)]
    assert volumes.n_dummy == first


def test_motion_outlier_columns_are_not_marks() -> None:
    volumes = keep_volumes(table(STILL, motion_outlier00=4), dummy_scans="auto", fd_threshold=0.5)
    assert volumes.kept.all()


def test_volumes_above_the_threshold_are_dropped() -> None:
    volumes = keep_volumes(table(MOVING), dummy_scans="auto", fd_threshold=0.5)
    assert np.flatnonzero(~volumes.kept).tolist() == [2, 7]
    assert volumes.n_censored == 2


def test_zero_censors_nothing() -> None:
    volumes = keep_volumes(table(MOVING), dummy_scans=0, fd_threshold=0)
    assert volumes.kept.all()
    assert volumes.n_censored == 0


def test_the_first_volume_has_not_moved() -> None:
    assert keep_volumes(table(MOVING), dummy_scans=0, fd_threshold=1e-3).kept[0]


def test_a_first_volume_with_a_value_is_judged_by_it() -> None:
    still = table(STILL)
    displacement = still["framewise_displacement"]
    displacement[0] = 3.0
    moved = Confounds(("framewise_displacement",), displacement[:, None])
    assert not keep_volumes(moved, dummy_scans=0, fd_threshold=0.5).kept[0]


def test_a_dropped_volume_that_moved_counts_once() -> None:
    volumes = keep_volumes(table(MOVING), dummy_scans=4, fd_threshold=0.5)
    assert (volumes.n_dummy, volumes.n_censored) == (4, 1)
    assert volumes.kept.sum() == N - 5


def test_the_mean_displacement_is_over_all_volumes_that_have_one() -> None:
    volumes = keep_volumes(table(MOVING), dummy_scans=4, fd_threshold=0.5)
    assert volumes.mean_fd == pytest.approx(np.mean(MOVING))


def test_without_displacement_there_is_no_mean() -> None:
    assert np.isnan(keep_volumes(table(), dummy_scans=0, fd_threshold=0).mean_fd)
    hollow = table([np.nan] * (N - 1))
    assert np.isnan(keep_volumes(hollow, dummy_scans=0, fd_threshold=0).mean_fd)


def test_censoring_needs_the_displacement() -> None:
    with pytest.raises(RunError, match=r"no column framewise_displacement.*--fd-threshold 0"):
        keep_volumes(table(), dummy_scans="auto", fd_threshold=0.5)


def test_a_hole_in_the_displacement_names_its_row() -> None:
    holed = table([0.1, 0.1, np.nan, 0.1, 0.1, 0.1, 0.1])
    with pytest.raises(RunError, match="no value in row 5"):
        keep_volumes(holed, dummy_scans="auto", fd_threshold=0.5)
    assert keep_volumes(holed, dummy_scans="auto", fd_threshold=0).kept.all()


def test_an_infinite_displacement_is_censored_and_not_averaged() -> None:
    volumes = keep_volumes(
        table([np.inf, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2]), dummy_scans=0, fd_threshold=0.5
    )
    assert np.flatnonzero(~volumes.kept).tolist() == [1]
    assert volumes.mean_fd == pytest.approx(0.2)
