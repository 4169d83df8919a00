"""Runs found through a PyBIDS database."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fcnm_bids.config import SelectionSettings
from fcnm_bids.inputs.runs.find import find_runs
from tests.inputs.runs.test_find import data_set, problems

RUNS = ("sub-01_task-rest_run-1", "sub-01_task-rest_run-2", "sub-02_ses-a_task-rest")


def described(root: Path) -> Path:
    (root / "dataset_description.json").write_text(
        '{"Name": "x", "BIDSVersion": "1.9.0", "DatasetType": "derivative"}'
    )
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return described(data_set(tmp_path / "données 1", *RUNS))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "index"


@pytest.mark.parametrize("labels", [(), ("02",)])
def test_a_database_gives_what_the_folders_give(
    root: Path, database: Path, labels: tuple[str, ...]
) -> None:
    wanted = find_runs(root, SelectionSettings(participant_label=labels))
    selection = SelectionSettings(participant_label=labels, bids_database_dir=str(database))
    for _ in ("made", "read"):
        assert find_runs(root, selection) == wanted
    assert list(database.iterdir())


def test_what_came_later_is_not_in_it_and_what_went_is_an_error(root: Path, database: Path) -> None:
    selection = SelectionSettings(bids_database_dir=str(database))
    assert len(find_runs(root, selection)) == 3
    data_set(root, "sub-03_task-rest")
    assert len(find_runs(root, selection)) == 3
    shutil.rmtree(root / "sub-02")
    [problem] = problems(root, bids_database_dir=str(database))
    assert "which no longer exists; delete the database" in problem


def test_a_database_of_another_data_set(root: Path, database: Path, tmp_path: Path) -> None:
    other = described(data_set(tmp_path / "other", "sub-09_task-rest"))
    find_runs(other, SelectionSettings(bids_database_dir=str(database)))
    [problem] = problems(root, bids_database_dir=str(database))
    assert problem.startswith(f"--bids-database-dir {database}: ")


def test_a_database_that_cannot_be_read(root: Path, database: Path) -> None:
    find_runs(root, SelectionSettings(bids_database_dir=str(database)))
    for path in database.rglob("*"):
        if path.is_file():
            path.write_bytes(b"no longer a database")
    [problem] = problems(root, bids_database_dir=str(database))
    assert problem.endswith("delete it, and it will be made again")
