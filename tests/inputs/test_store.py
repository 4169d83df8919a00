"""Projected runs of a store as participants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.config import DenoisingSettings
from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, write_run
from fcnm_bids.errors import ReplacedRunError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.store import open_participants, open_stored, run_paths
from tests.kept_rows import Projection

NOTHING = DenoisingSettings(nuisance_regressors="none", dummy_scans="0", fd_threshold=0.0)
GRID = Grid((5, 4, 3), np.eye(4), "MNI152NLin6Asym")


def project(path: Path, key: str, seed: int = 0) -> None:
    """Write a run of 60 voxels and 8 components."""
    values = np.random.default_rng(seed).standard_normal((8, 60)).astype(np.float32)
    run = ProjectedRun(values, np.arange(60), GRID)
    projected = Projected(run, 60, np.empty((8, 0), np.float32), np.empty(0, np.intp), "")
    image = RunImage(path, GRID, 8, 2.0, np.dtype("<i2"), 1.0, 0.0, 352)
    projection = Projection(np.eye(8), np.ones(8, dtype=bool), ())
    write_run(path, projected, projection.stored, image, key=key, attributes={})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "run.h5"
    project(path, "before")
    return path


def test_a_run_that_was_projected_again_is_refused(path: Path) -> None:
    participants = run_paths([("01", [open_stored(path, NOTHING)])])
    [participant] = open_participants(participants, NOTHING)
    project(path, "after", seed=1)
    with pytest.raises(ReplacedRunError, match=r"run\.h5 was projected again .* same command"):
        open_participants(participants, NOTHING)
    # opened before, and read after
    with pytest.raises(ReplacedRunError):
        participant.open_runs()
    with pytest.raises(ReplacedRunError):
        participant.voxels()


def test_the_same_run_projected_again_is_the_same(path: Path) -> None:
    participants = run_paths([("01", [open_stored(path, NOTHING)])])
    [participant] = open_participants(participants, NOTHING)
    before = path.stat().st_ino
    project(path, "before")
    assert path.stat().st_ino != before
    np.testing.assert_array_equal(
        participant.open_runs()[0].columns(slice(None)),
        open_participants(participants, NOTHING)[0].open_runs()[0].columns(slice(None)),
    )
