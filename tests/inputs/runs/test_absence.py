"""Participants without a run of a request, and files in the folders of others, are told."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.config import SelectionSettings
from fcnm_bids.inputs.runs.absence import missing_summary
from fcnm_bids.inputs.runs.find import search_runs
from tests.inputs.runs.test_find import data_set, place, problems

REST = SelectionSettings(task_id="rest")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return data_set(tmp_path, "sub-01_task-rest", "sub-02_task-rest", "sub-03_task-rest")


def emptied(root: Path) -> None:
    shutil.rmtree(root / "sub-03")
    (root / "sub-03").mkdir()


def dangling(root: Path) -> None:
    shutil.rmtree(root / "sub-03")
    (root / "sub-03").symlink_to(root / "nowhere")


def only_anatomy(root: Path) -> None:
    (root / "sub-03" / "func").rename(root / "sub-03" / "anat")


def only_confounds(root: Path) -> None:
    for path in (root / "sub-03" / "func").glob("*_space-*"):
        path.unlink()


def other_task(root: Path) -> None:
    shutil.rmtree(root / "sub-03")
    place(root, "sub-03_task-nback")


def other_space(root: Path) -> None:
    shutil.rmtree(root / "sub-03")
    place(root, "sub-03_task-rest", space="space-T1w")


def only_an_echo(root: Path) -> None:
    shutil.rmtree(root / "sub-03")
    place(root, "sub-03_task-rest_echo-1")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (only_an_echo, "only echo 1"),
        (emptied, "empty folder; run datalad get -n sub-03"),
        (dangling, "a broken link; fetch or mount what it points to"),
        (only_anatomy, "no func folder"),
        (only_confounds, "no preprocessed run"),
        (other_task, "only task nback"),
        (other_space, "only space T1w"),
    ],
)
def test_why_a_participant_has_no_run_is_told(
    root: Path, change: Callable[[Path], None], told: str
) -> None:
    change(root)
    found = search_runs(root, REST)
    assert [run.subject for run in found.runs] == ["01", "02"]
    assert found.absent == {"03": told}
    [problem] = problems(root, task_id="rest", participant_label=("01", "03"))
    assert "03" in problem


def test_a_folder_that_cannot_be_read_costs_its_participant_alone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def locked(path: Any) -> Any:
        if Path(path).name == "sub-03":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", locked)
    found = search_runs(root, REST)
    assert [run.subject for run in found.runs] == ["01", "02"]
    assert found.absent == {"03": "cannot be read: Permission denied"}


def test_nobody_is_missed_where_everybody_has_a_run_or_was_not_asked_for(root: Path) -> None:
    (root / "sub-01.html").touch()
    assert search_runs(root, REST).absent == {}
    emptied(root)
    chosen = SelectionSettings(participant_label=("01",))
    assert search_runs(root, chosen).absent == {}
    assert missing_summary({}) is None


def test_all_are_told_in_one_line() -> None:
    line = missing_summary({f"{number:02d}": "no func folder" for number in range(15)})
    assert line is not None
    assert line.startswith("15 participants have no requested run: 00 (no func folder), 01 ")
    assert line.endswith("11 (no func folder) and 3 more")
    assert missing_summary({"7": "x"}) == "1 participant has no requested run: 7 (x)"


def test_a_run_in_the_folder_of_another_participant_is_left_out(root: Path) -> None:
    other = root / "sub-03" / "func"
    for path in list(other.iterdir()):
        path.rename(other / path.name.replace("sub-03", "sub-02"))
    runs = {run.bold.relative_to(root).parts[0]: run for run in search_runs(root, REST).runs}
    assert runs["sub-02"].left_out is None
    assert "mask" in runs["sub-02"].beside
    assert runs["sub-02"].beside["mask"].is_relative_to(root / "sub-02")
    assert runs["sub-03"].subject == "03"
    assert (
        runs["sub-03"].left_out
        == "its name has sub-02, but its folder is sub-03; move or rename it"
    )


def test_a_run_without_a_task_is_named(tmp_path: Path) -> None:
    [problem] = problems(data_set(tmp_path, "sub-01", "sub-02"))
    assert "sub-01_space" in problem
    assert "no task-<label> in its name" in problem


def denoised(root: Path, *runs: str) -> dict[str, str | None]:
    """Why denoised runs of these names are left out, by what tells them apart."""
    folder = root / "sub-01" / "func"
    folder.mkdir(parents=True)
    for run in runs:
        (folder / f"sub-01_{run}_space-MNI152NLin6Asym_desc-denoised_bold.nii.gz").touch()
    found = search_runs(root, SelectionSettings(), layout="xcpd").runs
    return {run.bold.name.split("sub-01_")[1].split("_space")[0]: run.left_out for run in found}


def test_what_was_put_together_from_the_runs_beside_it_is_left_out(tmp_path: Path) -> None:
    told = "contains the separate runs beside it, which are used instead"
    assert denoised(
        tmp_path,
        "task-rest",
        "task-rest_dir-AP_run-1",
        "task-rest_dir-PA_run-1",
        "task-rest_acq-short",
        "ses-b_task-rest",
    ) == {
        "task-rest": told,
        "task-rest_dir-AP_run-1": None,
        "task-rest_dir-PA_run-1": None,
        "task-rest_acq-short": None,
        "ses-b_task-rest": None,
    }
