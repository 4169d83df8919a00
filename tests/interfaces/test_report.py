"""The manifest of what nodes promised."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fcnm_bids.config import Config
from fcnm_bids.interfaces.report import ReportGroup, ReportParticipant, WriteManifest
from fcnm_bids.reruns.manifest import Manifest


def write(root: Path, *files: str, level: str = "participant", **sections: Any) -> list[str]:
    config = Config("in", str(root), level).update(sections)
    (root / "config.toml").write_text(config.to_toml())
    node = WriteManifest(
        config_file=str(root / "config.toml"),
        folder=str(root / "sub-01"),
        key="k",
        out_files=[[str(root / name)] for name in files],
    )
    return node.run(cwd=str(root)).outputs.missing


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "sub-01").mkdir()
    for name in ("a.tsv", "b.tsv"):
        (tmp_path / name).write_text(name)
    return tmp_path


def test_missing_files_are_named_and_listed(root: Path) -> None:
    missing = write(root, "a.tsv", "gone.tsv")
    assert missing == [str(root / "gone.tsv")]
    table = pd.read_csv(root / "sub-01" / "manifest.tsv", sep="\t").set_index("path")
    assert table["status"].to_dict() == {"a.tsv": "present", "gone.tsv": "missing"}
    manifest = Manifest(root / "sub-01", root)
    assert not manifest.complete("k")
    assert write(root, "a.tsv") == []
    assert manifest.complete("k")
    assert not manifest.complete("other")


@pytest.mark.parametrize(
    ("sections", "removed"),
    [
        ({}, True),
        ({"connectome": {"subject_maps": "none"}}, False),
        ({"connectome": {"subject_maps": "none"}, "running": {"overwrite": True}}, True),
    ],
)
def test_maps_that_a_run_does_not_make_may_still_be_wanted(
    root: Path, sections: dict[str, Any], removed: bool
) -> None:
    write(root, "a.tsv", "b.tsv")
    write(root, "a.tsv", **sections)
    assert (root / "b.tsv").exists() is not removed


@pytest.mark.parametrize("level", ["participant", "group"])
def test_a_page_is_written_of_whatever_is_there(tmp_path: Path, level: str) -> None:
    config = Config("in", str(tmp_path), level)
    (tmp_path / "config.toml").write_text(config.to_toml())
    interface, inputs = (
        (ReportParticipant, {"subject": "01"}) if level == "participant" else (ReportGroup, {})
    )
    before = [["a.tsv"], ["b.tsv", "c.tsv"]]
    node = interface(config_file=str(tmp_path / "config.toml"), after=before, **inputs)
    *passed_on, own = node.run(cwd=str(tmp_path)).outputs.out_files
    assert passed_on == before
    page = tmp_path / ("sub-01.html" if level == "participant" else "group.html")
    assert own == [str(page)]
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
