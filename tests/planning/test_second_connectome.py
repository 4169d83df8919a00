from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.bids.dataset_description import describe_dataset
from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, write_run
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.store import design_columns
from fcnm_bids.planning.second_connectome import plan_validation
from tests.kept_rows import build_projection

GRID = Grid((3, 3, 3), np.diag([3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")
SETTINGS = {"smoothing": 6.0}


def add(root: Path, label: str, grid: Grid = GRID, mean_fd: float | None = None) -> None:
    rng = np.random.default_rng(0)
    time = build_projection(rng.standard_normal((40, 1)), np.ones(40, bool), 2.0, high_pass=0.01,
                            low_pass=0.2)  # fmt: skip
    values = (time.basis @ rng.standard_normal((40, grid.n_voxels))).astype(np.float32)
    run = ProjectedRun(values, np.arange(grid.n_voxels), grid)
    name = f"sub-{label}_task-rest_space-MNI152NLin6Asym_desc-projected_timeseries.h5"
    path = root / f"sub-{label}" / "func" / name
    image = RunImage(path, grid, 40, 2.0, np.dtype("<i2"), 1.0, 0.0, 352)
    projected = Projected(run, grid.n_voxels, np.zeros((40, 1)), np.zeros(1, np.intp), "")
    write_run(
        path,
        projected,
        time.stored,
        image,
        key=label,
        attributes={"settings": SETTINGS, "mean_fd": mean_fd},
    )


@pytest.fixture
def second(tmp_path: Path) -> Path:
    describe_dataset(tmp_path / "second", "store", tmp_path, projected_runs=True)
    for label in ("11", "12", "13"):
        add(tmp_path / "second", label)
    return tmp_path / "second"


def test_without_a_second_connectome_there_is_nobody() -> None:
    assert plan_validation(None, GRID, SETTINGS).participants == ()


def test_its_participants_in_order(second: Path) -> None:
    found = plan_validation(str(second), GRID, SETTINGS)
    assert [label for label, _ in found.participants] == ["11", "12", "13"]
    assert found.notes == ()


def test_other_settings_are_noted_once(second: Path) -> None:
    (note,) = plan_validation(str(second), GRID, {"smoothing": 4.0}).notes
    assert "a different band, smoothing" in note


def test_runs_that_cannot_be_used_are_noted(second: Path) -> None:
    add(second, "14", Grid((3, 3, 4), GRID.affine, GRID.space))
    next((second / "sub-13").glob("func/*.h5")).write_bytes(b"no store")
    found = plan_validation(str(second), GRID, SETTINGS)
    assert [label for label, _ in found.participants] == ["11", "12"]
    assert len(found.notes) == 2
    assert all(note.endswith("excluded") for note in found.notes)


def test_the_design_of_the_first_connectome_is_used_where_its_columns_are_there(
    second: Path,
) -> None:
    add(second, "14")
    rows = ["participant_id\tage", *(f"sub-{n}\t{n * n}" for n in (11, 12, 13, 14))]
    (second / "participants.tsv").write_text("\n".join(rows) + "\n")
    found = plan_validation(str(second), GRID, SETTINGS, covariates=("age",))
    assert found.notes == ()
    assert found.design.names == ("age",)
    ages = np.array([n * n for n in (11, 12, 13, 14)])
    assert np.corrcoef(found.design.columns[:, 0], ages)[0, 1] == pytest.approx(1)


def test_without_its_columns_it_is_said_that_it_is_mapped_without_covariates(second: Path) -> None:
    found = plan_validation(str(second), GRID, SETTINGS, covariates=("age",))
    assert found.design.names == ()
    # as a node passes it on
    assert design_columns(found.design.columns.tolist()).shape == (3, 0)
    (note,) = found.notes
    assert (
        "mapped without covariates, because --covariates age: there is no participants.tsv" in note
    )
    assert note.endswith("; correct its participants.tsv, or leave --covariates out")
    (second / "participants.tsv").write_text("participant_id\tage\nsub-11\t40\nsub-12\t50\n")
    (note,) = plan_validation(str(second), GRID, SETTINGS, covariates=("age",)).notes
    assert "covariate age: no value for sub-13" in note


def test_its_participants_may_not_have_moved_more_either(second: Path) -> None:
    for label, moved in (("11", 0.1), ("12", 0.2), ("13", 0.6)):
        add(second, label, mean_fd=moved)
    found = plan_validation(str(second), GRID, SETTINGS, max_mean_fd=0.3)
    assert [label for label, _ in found.participants] == ["11", "12"]
    (note,) = found.notes
    assert "sub-13: mean framewise displacement 0.600 mm" in note


def test_another_grid_is_refused(second: Path) -> None:
    with pytest.raises(RequestError) as error:
        plan_validation(str(second), Grid((4, 3, 3), GRID.affine, GRID.space), SETTINGS)
    first, *rest = error.value.problems
    assert "fewer than two usable participants" in first
    assert "shape (3, 3, 3) instead of (4, 3, 3)" in rest[0]


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sub-01").mkdir()
    with pytest.raises(RequestError, match="neither a store of projected runs"):
        plan_validation(str(tmp_path), GRID, SETTINGS)
