"""Settings, versions, command and errors at the end of a report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.config import SECTIONS, Config
from fcnm_bids.report.pages.about import about_sections
from fcnm_bids.report.pages.html import Code, Facts, Folded, Html, Note, Section, Table
from fcnm_bids.report.results.logs import RunRecord, latest_run


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    logs = tmp_path / "out" / "logs" / "20260101-000000_x"
    logs.mkdir(parents=True)
    config = Config("/in", str(tmp_path / "out"), "participant", command_line="fcnm-bids /in out")
    config = config.update({"group": {"radii": (1.0, 7.0), "alpha": 0.05}})
    (logs / "config.toml").write_text(config.to_toml())
    said = {"Versions": {"numpy": "2.4"}, "PreprocessedBy": ["fMRIPrep 23.2", "other"]}
    (logs / "environment.json").write_text(json.dumps(said))
    found = latest_run(tmp_path / "out", "participant")
    assert found is not None
    return found


def sections(record: RunRecord, **given: Any) -> dict[str, Section]:
    found = about_sections(Path(record.config.output_dir), record, **given)
    return {section.anchor: section for section in found}


def test_without_a_log_the_lack_is_stated(tmp_path: Path) -> None:
    (section,) = about_sections(tmp_path, None)
    (note,) = section.blocks
    assert isinstance(note, Note)
    assert note.tone == "error"


def test_every_setting_is_listed_under_its_flag(record: RunRecord) -> None:
    found = sections(record)["settings"].blocks
    folded = {block.title: block for block in found if isinstance(block, Folded)}
    assert set(folded) == {name.capitalize() for name in SECTIONS}
    assert not folded["Resources"].open
    assert folded["Group"].open
    (table,) = folded["Group"].blocks
    assert isinstance(table, Table)
    rows = dict(table.rows)
    assert (rows["--radii"], rows["--alpha"], rows["--validation-dir"]) == ("1.0 7.0", "0.05", "–")


def test_command_versions_and_origin_are_named(record: RunRecord) -> None:
    blocks = sections(record)["about"].blocks
    (code,) = (block for block in blocks if isinstance(block, Code))
    assert code.text == "fcnm-bids /in out"
    (table,) = (block for block in blocks if isinstance(block, Table))
    assert table.rows == (("numpy", "2.4"),)
    (facts,) = (block for block in blocks if isinstance(block, Facts))
    assert facts.entries == (("Preprocessed by", "fMRIPrep 23.2, other"),)


def test_errors_are_counted_with_their_tracebacks(record: RunRecord) -> None:
    assert "No errors" in sections(record)["errors"].blocks[0].paragraphs[0]
    for name in ("crash-b.txt", "crash-a.txt"):
        (record.logs / name).write_text(f"ValueError: {name}")
    note, *folded = sections(record)["errors"].blocks
    assert (note.text, note.tone) == ("2 steps failed.", "error")
    assert [block.title for block in folded] == ["crash-a.txt", "crash-b.txt"]
    one = sections(record, crashes=[("x", "y")])["errors"].blocks
    assert one[0].text == "1 step failed."


def test_the_methods_are_there_as_markup(record: RunRecord) -> None:
    blocks = sections(record)["methods"].blocks
    (markup,) = (block for block in blocks if isinstance(block, Html))
    assert "<p>" in markup.markup
