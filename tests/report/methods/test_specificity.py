"""What the methods text says of the nulls, against the files it is made from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.report.methods.citations import cited
from fcnm_bids.report.methods.specificity import SpecificityText
from fcnm_bids.report.methods.text import Methods
from fcnm_bids.report.results.group import GroupOutputs
from fcnm_bids.report.results.logs import latest_run


def paragraph(root: Path) -> str:
    record = latest_run(root, "group")
    assert record is not None
    return SpecificityText(record.config, GroupOutputs(root)).paragraph()


def change(root: Path, pattern: str, **changes: Any) -> None:
    found = list((root / "group").glob(pattern))
    assert found
    for path in found:
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_it_stands_in_the_methods_with_its_references(finished: Path) -> None:
    record = latest_run(finished, "group")
    assert record is not None
    text = paragraph(finished)
    assert text in Methods(finished, record).paragraphs()
    assert {reference.key for reference in cited([text])} == {
        *("vandenheuvel2026", "zalesky2026", "petersen2026", "siddiqi2026"),
        *("westfall1993", "tusher2001"),
    }


def test_the_numbers_are_those_on_disk(finished: Path) -> None:
    text = paragraph(finished)
    (path, *_) = (finished / "group").glob("network-*_desc-degree_metrics.json")
    degree = json.loads(path.read_text())
    assert f"{degree['Targets']:,} random voxels in grey matter" in text
    assert f"({degree['Iterations']} block power iterations" in text
    assert text.count("compared with 19 draws of a null") == 2
    assert "in the same one of 20 quantile bins" in text
    # of few participants strength is not reliable, and the text does not pass its p on
    assert text.count("Its p-values are withheld") == 1
    assert text.index("Its p-values are withheld") > text.index(
        "in the same one of 20 quantile bins"
    )
    assert text.count("at most 12 mm apart within a contrast, 20 mm across contrasts") == 2
    assert "twice the smaller of the two one-sided p-values, at most 1" in text
    assert ("The strongest correlation" in text) == any(
        "draws of random foci" in path.read_text()
        for path in (finished / "group").glob("network-*_desc-specificity_metrics.tsv")
    )
    assert ("inside each canonical network" in text) == any(
        "p_difference" in path.read_text()
        for path in (finished / "group").glob("network-*_desc-canonicalnull_metrics.tsv")
    )
    assert "all 4 labellings; smallest possible p 0.5" in text
    assert "into random halves 19 times" in text
    assert "at least 50% of one half and at most 25% of the other" in text
    assert "reproduced the observed map exactly" in text


CHANGES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "*strengthdraws_metrics.json",
        {"StrengthMatch": "nearest20"},
        "nearest to its own in positive strength",
        "quantile bins",
    ),
    (
        "*randomdraws_metrics.json",
        {"KeepDistances": True},
        "moving and rotating as one rigid body",
        "hemisphere",
    ),
    (
        "*randomdraws_metrics.json",
        {"BaseRate": "/a/b/rate {{boes2015}}.nii.gz"},
        "drawn from the base rate rate { {boes2015} }.nii.gz",
        "uniformly",
    ),
    (
        "*draws_metrics.json",
        {"NullResolution": 12.0},
        "compared at voxels about 12 mm apart",
        "the observed map exactly",
    ),
    (
        "*desc-labels_metrics.json",
        {"FociThinnedTo": 3, "LabelCoordinates": "/a/other table.tsv"},
        "the latter from the table other table.tsv, were compared. Contrasts were thinned to 3 "
        "foci",
        "other effects",
    ),
    (
        "*desc-labels_stat-z_statmap.json",
        {"LabellingsExact": False, "Labellings": 20, "LabellingsPossible": 4096},
        "20 of 4,096 labellings, the observed one and randomly drawn ones",
        "all 4",
    ),
]


@pytest.mark.parametrize(("pattern", "changes", "there", "not_there"), CHANGES)
def test_what_was_done_is_what_the_files_say(
    results: Path, pattern: str, changes: dict[str, Any], there: str, not_there: str
) -> None:
    change(results, pattern, **changes)
    text = paragraph(results)
    assert there in text
    assert not_there not in text


def test_only_what_was_done_is_told(results: Path) -> None:
    for path in (results / "group").glob("network-*_desc-specificity_metrics.tsv"):
        kept = [line for line in path.read_text().splitlines() if line.startswith(("test", "deg"))]
        path.write_text("\n".join(kept) + "\n")
    text = paragraph(results)
    assert "first three eigenvectors" in text
    assert "draws" not in text
    assert "labels" not in text
    for path in (results / "group").glob("network-*_desc-degree_metrics.*"):
        path.unlink()
    assert paragraph(results) == ""


def test_hostile_labels_cannot_cite(finished: Path) -> None:
    text = paragraph(finished)
    assert "<img src=x onerror=alert(2)> and 增加 αύξηση were compared" in text
