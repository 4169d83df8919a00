"""Choosing runs with a filter file in the dialect of fMRIPrep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.config import SelectionSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.runs.find import find_runs


def data_set(root: Path, *runs: str) -> None:
    """Empty images, named by what stands between task and space."""
    for run in runs:
        func = root / run.split("_")[0] / "func"
        func.mkdir(parents=True, exist_ok=True)
        (func / f"{run}_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz").touch()


def filtered(root: Path, query: Any, **selection: Any) -> list[str]:
    path = root / "filter.json"
    path.write_text(json.dumps(query))
    found = find_runs(root, SelectionSettings(bids_filter_file=str(path), **selection))
    return [run.bold.name.split("_space-")[0] for run in found]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"acquisition": "x"}, ["acq-x_run-01", "acq-x_run-02"]),
        ({"acquisition": "*"}, ["acq-x_run-01", "acq-x_run-02", "acq-y"]),
        ({"acquisition": None}, ["run-03"]),
        ({"acquisition": ["y", None]}, ["acq-y", "run-03"]),
        ({"run": 1}, ["acq-x_run-01"]),
        ({"run": [1, "02"]}, ["acq-x_run-01", "acq-x_run-02"]),
        ({"run": "3"}, ["run-03"]),
        ({"run": None}, ["acq-y"]),
        ({"acquisition": "x", "run": 2}, ["acq-x_run-02"]),
        # the default query of fMRIPrep
        (
            {"datatype": "func", "suffix": "bold", "part": ["mag", None]},
            ["acq-x_run-01", "acq-x_run-02", "acq-y", "run-03"],
        ),
    ],
)
def test_filters_in_the_dialect_of_fmriprep(
    tmp_path: Path, query: dict[str, Any], expected: list[str]
) -> None:
    ends = ["acq-x_run-01", "acq-x_run-02", "acq-y", "run-03"]
    data_set(tmp_path, *(f"sub-01_task-rest_{end}" for end in ends))
    content = {"bold": query, "t1w": {"acquisition": "never"}}
    assert sorted(filtered(tmp_path, content)) == [f"sub-01_task-rest_{end}" for end in expected]


def test_an_option_goes_before_the_filter_file(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest", "sub-01_task-nback")
    assert filtered(tmp_path, {"bold": {"task": "rest"}}) == ["sub-01_task-rest"]
    assert filtered(tmp_path, {"bold": {"task": "rest"}}, task_id="nback") == ["sub-01_task-nback"]


def test_filters_that_match_nothing_print_themselves_and_what_there_is(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest_acq-x", "sub-02_task-rest")
    with pytest.raises(RequestError) as refused:
        filtered(tmp_path, {"bold": {"acquisition": "z", "task": "rest"}})
    [problem] = refused.value.problems
    assert "acquisition=z, task=rest" in problem
    assert "there is acquisition: none, x" in problem


@pytest.mark.parametrize(
    ("wrong", "meant"), [("acquisitions", "acquisition"), ("sesion", "session")]
)
def test_a_filter_by_an_entity_that_does_not_exist_is_refused(
    tmp_path: Path, wrong: str, meant: str
) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    with pytest.raises(RequestError) as refused:
        filtered(tmp_path, {"bold": {wrong: None}})
    [problem] = refused.value.problems
    assert wrong in problem
    assert f"'{meant}'?" in problem


@pytest.mark.parametrize("content", ["[]", '{"bold": []}', "{", ""])
def test_a_filter_file_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    path = tmp_path / "filter.json"
    path.write_text(content)
    with pytest.raises(RequestError, match=r"filter\.json"):
        find_runs(tmp_path, SelectionSettings(bids_filter_file=str(path)))


def test_a_filter_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    with pytest.raises(RequestError, match=r"absent\.json"):
        find_runs(tmp_path, SelectionSettings(bids_filter_file=str(tmp_path / "absent.json")))
