"""The description of an output folder."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcnm_bids._version import __version__
from fcnm_bids.bids.dataset_description import describe_dataset

ENVIRONMENT = ("FCNM_BIDS_IMAGE", "APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"FCNM_BIDS_IMAGE": "fcnm_bids"}, "docker"),
        ({"FCNM_BIDS_IMAGE": "fcnm_bids", "APPTAINER_CONTAINER": "/x/y.sif"}, "singularity"),
        # another image, in which the program was installed
        ({"APPTAINER_CONTAINER": "/x/y.sif"}, None),
    ],
)
def test_the_image_that_made_it_is_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    expected: str | None,
) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    describe_dataset(tmp_path, "name", tmp_path)
    [made] = json.loads((tmp_path / "dataset_description.json").read_text())["GeneratedBy"]
    wanted = {"Type": expected, "Tag": f"fcnm_bids:{__version__}"} if expected else None
    assert made.get("Container") == wanted
