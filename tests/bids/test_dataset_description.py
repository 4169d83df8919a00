"""An output folder describes itself and its sources."""

from __future__ import annotations

import json
from pathlib import Path

from fcnm_bids.bids.dataset_description import BIDSIGNORE, describe_dataset


def test_what_an_output_folder_says_about_itself(tmp_path: Path) -> None:
    source = tmp_path / "räume und"
    describe_dataset(tmp_path / "out", "Results", source)
    description = json.loads((tmp_path / "out" / "dataset_description.json").read_text())
    assert description["Name"] == "Results"
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "fcnm_bids"
    assert description["DatasetLinks"] == {"preprocessed": source.as_uri()}
    assert "ProjectedRuns" not in description


def test_describing_again_writes_nothing(tmp_path: Path) -> None:
    describe_dataset(tmp_path, "Results", tmp_path / "fmriprep")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert {path.name for path in before} == {"dataset_description.json", ".bidsignore"}
    describe_dataset(tmp_path, "Results", tmp_path / "fmriprep")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_every_ignored_pattern_has_its_reason(tmp_path: Path) -> None:
    describe_dataset(tmp_path, "Results", tmp_path / "fmriprep")
    assert (tmp_path / ".bidsignore").read_text() == BIDSIGNORE
    explained = False
    for line in BIDSIGNORE.splitlines():
        explained = line.startswith("# ") or explained
        assert explained
        assert line == line.strip() != ""


def test_a_store_is_marked_and_linked_where_it_lies_elsewhere(tmp_path: Path) -> None:
    out, store = tmp_path / "out", tmp_path / "store"
    links = []
    for place in (out / "connectome", store):
        describe_dataset(out, "Results", tmp_path / "in", connectome=place)
        description = json.loads((out / "dataset_description.json").read_text())
        links.append(description["DatasetLinks"].get("connectome"))
    assert links == [None, store.as_uri()]
    describe_dataset(store, "Store", tmp_path / "in", projected_runs=True)
    assert json.loads((store / "dataset_description.json").read_text())["ProjectedRuns"] is True
    assert (store / ".bidsignore").read_text() == "**/*.h5\n"


def test_what_changed_is_written_again(tmp_path: Path) -> None:
    describe_dataset(tmp_path, "Results", tmp_path / "in")
    (tmp_path / ".bidsignore").write_text("/mine\n")
    describe_dataset(tmp_path, "Other", tmp_path / "in")
    assert json.loads((tmp_path / "dataset_description.json").read_text())["Name"] == "Other"
    assert (tmp_path / ".bidsignore").read_text() == BIDSIGNORE
