"""What kind of data set a folder is, and what makes an output folder one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.bids.dataset_description import describe_dataset
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.dataset import holds_other_dataset, identify_dataset

RAW = {"Name": "raw", "BIDSVersion": "1.8.0", "DatasetType": "raw"}
DERIVATIVE = {
    "Name": "fMRIPrep outputs",
    "BIDSVersion": "1.4.0",
    "DatasetType": "derivative",
    "GeneratedBy": [{"Name": "fMRIPrep", "Version": "23.2.0"}],
}


def folder(path: Path, description: Mapping[str, Any] | None, *participants: str) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    if description is not None:
        (path / "dataset_description.json").write_text(json.dumps(description))
    for participant in participants:
        (path / participant / "func").mkdir(parents=True)
    return path


def refused(path: Path) -> str:
    with pytest.raises(RequestError) as error:
        identify_dataset(path)
    [problem] = error.value.problems
    assert str(path) in problem
    return problem


def test_derivatives(tmp_path: Path) -> None:
    folder(tmp_path, DERIVATIVE, "sub-01")
    assert identify_dataset(tmp_path).root == tmp_path
    assert identify_dataset(tmp_path).kind == "derivatives"


@pytest.mark.parametrize("name", ["fmriprep", "fMRIPrep-23.2.0", "ds000_fmriprep"])
@pytest.mark.parametrize("description", [DERIVATIVE, None])
def test_a_raw_data_set_with_derivatives_inside(
    tmp_path: Path, name: str, description: dict[str, Any] | None
) -> None:
    folder(tmp_path, RAW, "sub-01")
    inside = folder(tmp_path / "derivatives" / name, description, "sub-01")
    folder(tmp_path / "derivatives" / "mriqc", DERIVATIVE, "sub-01")
    assert identify_dataset(tmp_path).root == inside


def test_several_derivatives_inside_are_listed(tmp_path: Path) -> None:
    folder(tmp_path, RAW, "sub-01")
    for version in ("20", "23"):
        folder(tmp_path / "derivatives" / f"fmriprep-{version}", DERIVATIVE, "sub-01")
    assert "fmriprep-20, fmriprep-23" in refused(tmp_path)


def test_derivatives_without_a_description(tmp_path: Path) -> None:
    assert identify_dataset(folder(tmp_path, None, "sub-01")).kind == "derivatives"


def test_a_store_of_projected_runs(tmp_path: Path) -> None:
    describe_dataset(tmp_path, "store", tmp_path / "fmriprep", projected_runs=True)
    assert identify_dataset(tmp_path).root == tmp_path
    assert identify_dataset(tmp_path).kind == "connectome"


def test_an_output_folder_stands_for_the_store_in_it(tmp_path: Path) -> None:
    describe_dataset(tmp_path, "results", tmp_path / "fmriprep")
    store = tmp_path / "connectome"
    describe_dataset(store, "store", tmp_path / "fmriprep", projected_runs=True)
    assert identify_dataset(tmp_path).root == store
    assert identify_dataset(tmp_path).kind == "connectome"


def test_an_output_folder_without_a_store_is_explained(tmp_path: Path) -> None:
    describe_dataset(tmp_path, "results", tmp_path / "fmriprep")
    assert "without a connectome" in refused(tmp_path)


def test_an_empty_folder_is_explained(tmp_path: Path) -> None:
    problem = refused(tmp_path)
    assert "sub-*" in problem
    assert "derivatives/fmriprep" in problem


def test_nonsense_is_explained(tmp_path: Path) -> None:
    assert "no such folder" in refused(tmp_path / "absent")
    (tmp_path / "file").touch()
    assert "no such folder" in refused(tmp_path / "file")
    folder(tmp_path / "photos", None)
    (tmp_path / "photos" / "sub-01.jpg").touch()
    assert "sub-*" in refused(tmp_path / "photos")


@pytest.mark.parametrize("text", ["{", "[]", ""])
def test_a_broken_description_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset_description.json").write_text(text)
    assert "dataset_description.json" in refused(tmp_path)


@pytest.mark.parametrize("generators", ["fcnm_bids", {"Name": "fcnm_bids"}, [None], ["x"], []])
def test_odd_generators_do_no_harm(tmp_path: Path, generators: Any) -> None:
    folder(tmp_path, {**DERIVATIVE, "GeneratedBy": generators}, "sub-01")
    assert identify_dataset(tmp_path).kind == "derivatives"


@pytest.mark.parametrize(
    ("description", "other"),
    [(None, False), (RAW, True), (DERIVATIVE, True)],
)
def test_whether_a_folder_belongs_to_another_program(
    tmp_path: Path, description: dict[str, Any] | None, other: bool
) -> None:
    assert holds_other_dataset(folder(tmp_path / "x", description)) is other


def test_our_own_folders_belong_to_us(tmp_path: Path) -> None:
    describe_dataset(tmp_path, "Results", tmp_path / "fmriprep")
    assert not holds_other_dataset(tmp_path)


@pytest.mark.parametrize(
    ("given", "inside"),
    [("study", "fmriprep"), ("derivatives", "fmriprep-23"), ("all", "ds/derivatives/fMRIPrep")],
)
def test_a_folder_above_the_derivatives_says_which_one_is_meant(
    tmp_path: Path, given: str, inside: str
) -> None:
    near = folder(tmp_path / given / inside, DERIVATIVE, "sub-01")
    assert f"{near} looks like fMRIPrep's output" in refused(tmp_path / given)


def test_raw_data_are_named_as_such(tmp_path: Path) -> None:
    folder(tmp_path, RAW, "sub-01")
    assert "this is a raw data set without derivatives/fmriprep" in refused(tmp_path)
    # copied beside a raw data set's description
    (tmp_path / "sub-01" / "func" / "sub-01_task-rest_desc-preproc_bold.nii.gz").touch()
    assert identify_dataset(tmp_path).kind == "derivatives"
