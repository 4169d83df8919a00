"""Participants, and the voxels at which enough of them have signal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, open_run, write_run
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.mapping import Participant, analysis_voxels, stored_participant
from tests.kept_rows import Projection

GRID = Grid((5, 4, 3), np.eye(4), "MNI152NLin6Asym")


def participant(voxels: Sequence[int]) -> Participant:
    def no_runs() -> Sequence[ProjectedRun]:
        raise AssertionError("the runs are not needed to find the voxels")

    return Participant("x", no_runs, lambda: np.array(voxels, dtype=np.intp))


def write(path: Path, index: Sequence[int], m: int) -> Path:
    values = np.random.default_rng(m).standard_normal((m, len(index))).astype(np.float32)
    run = ProjectedRun(values, np.array(index), GRID)
    projected = Projected(run, 60, np.empty((m, 0), np.float32), np.empty(0, np.intp), "")
    image = RunImage(path, GRID, m, 2.0, np.dtype("<i2"), 1.0, 0.0, 352)
    projection = Projection(np.eye(m), np.ones(m, dtype=bool), ())
    write_run(path, projected, projection.stored, image, key="", attributes={})
    return path


@pytest.mark.parametrize(
    ("min_subjects", "expected"),
    [(0.0, [1, 2, 3, 4]), (1 / 3, [1, 2, 3, 4]), (0.34, [2, 3]), (2 / 3, [2, 3]), (1.0, [3])],
)
def test_voxels_where_enough_participants_have_signal(
    min_subjects: float, expected: list[int]
) -> None:
    participants = [participant([1, 2, 3]), participant([3]), participant([2, 3, 4])]
    assert analysis_voxels(participants, GRID, min_subjects=min_subjects).tolist() == expected


@given(
    st.lists(st.sets(st.integers(0, 59)), min_size=1, max_size=12),
    st.sampled_from([0.1, 0.3, 0.5, 0.7, 0.9, 1.0]),
)
def test_the_share_of_participants_is_counted_without_rounding(
    voxels: list[set[int]], min_subjects: float
) -> None:
    participants = [participant(sorted(v)) for v in voxels]
    tenths = round(10 * min_subjects)
    expected = [i for i in range(60) if 10 * sum(i in v for v in voxels) >= tenths * len(voxels)]
    expected = [i for i in expected if any(i in v for v in voxels)]
    found: list[int] = []
    if expected:
        found = analysis_voxels(participants, GRID, min_subjects=min_subjects).tolist()
    else:
        with pytest.raises(RequestError):
            analysis_voxels(participants, GRID, min_subjects=min_subjects)
    assert found == expected


def test_no_voxel_at_all() -> None:
    with pytest.raises(
        RequestError, match=r"no voxel has signal in 2 of 2 participants.*--min-subjects"
    ):
        analysis_voxels([participant([1, 2]), participant([3])], GRID, min_subjects=0.9)


def test_a_stored_participant_has_the_voxels_of_all_runs(tmp_path: Path) -> None:
    paths = [write(tmp_path / "a.h5", [3, 5, 8], 4), write(tmp_path / "b.h5", [1, 5], 6)]
    stored = stored_participant("01", [open_run(path) for path in paths])
    assert stored.name == "01"
    assert stored.voxels().tolist() == [1, 3, 5, 8]


def test_runs_are_opened_when_they_are_asked_for_each_time_anew(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", [3, 5, 8], 4)
    stored = stored_participant("01", [open_run(path)])
    for opens in (stored.open_runs, stored.open_runs):
        (run,) = opens()
        assert run.index.tolist() == [3, 5, 8]
        assert run.dof == 4
        assert isinstance(run.values, np.memmap)


def test_participants_made_in_a_loop_keep_their_own_runs(tmp_path: Path) -> None:
    participants: list[Participant] = []
    for m in (3, 4, 5):
        participants.append(
            stored_participant(str(m), [open_run(write(tmp_path / f"{m}.h5", [m], m))])
        )
    opened: list[Callable[[], Sequence[ProjectedRun]]] = [p.open_runs for p in participants]
    assert [opens()[0].dof for opens in opened] == [3, 4, 5]
    assert [p.voxels().tolist() for p in participants] == [[3], [4], [5]]
