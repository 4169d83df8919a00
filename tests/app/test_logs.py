"""Logs of a run: the request, the software, the origin of the input, and how it ended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fcnm_bids._version import __version__
from fcnm_bids.app.logs import create_log_folder, describe_environment, end_level
from fcnm_bids.config import Config


def description(folder: Path, **content: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "dataset_description.json").write_text(json.dumps(content))
    return folder


def test_a_log_folder_holds_the_request_and_the_software(tmp_path: Path) -> None:
    config = Config(str(tmp_path), str(tmp_path / "out"), "group").update(
        {"group": {"alpha": 0.01}}
    )
    logs, config_file = create_log_folder(config)
    assert logs.parent == tmp_path / "out" / "logs"
    assert Config.read(config_file) == config
    environment = json.loads((logs / "environment.json").read_text())
    assert environment["Versions"]["fcnm_bids"] == __version__
    assert environment["Versions"]["numpy"] == np.__version__
    assert environment["PreprocessedBy"] == []
    again, _ = create_log_folder(config)
    assert again != logs


def test_the_program_before_ours_is_named(tmp_path: Path) -> None:
    by = [{"Name": "fMRIPrep", "Version": "23.2.1"}, {"Name": "other"}, "odd"]
    source = description(tmp_path / "fmri prep", GeneratedBy=by)
    store = description(
        tmp_path / "store",
        GeneratedBy=[{"Name": "fcnm_bids"}],
        DatasetLinks={"preprocessed": source.as_uri()},
    )
    for folder in (source, store):
        named = describe_environment(folder)["PreprocessedBy"]
        assert named == ["fMRIPrep 23.2.1", "other"]


@pytest.mark.parametrize("text", ["", "[]", '{"GeneratedBy": "x"}', '{"DatasetLinks": null}'])
def test_odd_descriptions_name_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / "dataset_description.json").write_text(text)
    assert describe_environment(tmp_path)["PreprocessedBy"] == []


def test_a_store_that_links_to_itself_names_itself(tmp_path: Path) -> None:
    by = [{"Name": "fcnm_bids", "Version": "1"}]
    store = description(tmp_path, GeneratedBy=by, DatasetLinks={"preprocessed": tmp_path.as_uri()})
    assert describe_environment(store)["PreprocessedBy"] == ["fcnm_bids 1"]


def test_an_end_is_good_without_failures_and_holes(
    tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    config = Config("in", str(tmp_path), "group")
    assert end_level([], {"group": True}, config, tmp_path / "logs")
    assert said.messages == [f"done: {tmp_path}"]
    said.clear()
    assert not end_level(["wf.x: ValueError: y\n"], {"group": True}, config, tmp_path / "logs")
    assert not end_level([], {"sub-01": True, "sub-02": False}, config, tmp_path / "logs")
    assert said.messages[0] == "wf.x: ValueError: y"
    assert "not everything was made; tracebacks are in" in said.messages[1]
    assert "not everything was made (sub-02)" in said.messages[2]
