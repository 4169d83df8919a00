from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fcnm_bids.report.methods.citations import as_data
from fcnm_bids.report.methods.text import Methods, write_methods
from fcnm_bids.report.results.logs import RunRecord, latest_run


def record_of(root: Path, level: str = "group", **sections: dict[str, Any]) -> RunRecord:
    record = latest_run(root, level)
    assert record is not None
    return replace(record, config=record.config.update(sections))


def sentences(root: Path, level: str = "group", **sections: dict[str, Any]) -> list[str]:
    text = " ".join(Methods(root, record_of(root, level, **sections)).paragraphs())
    return re.split(r"(?<=[a-z)}³Tz])\. ", text)


def test_the_numbers_are_those_on_disk(finished: Path) -> None:
    text = ". ".join(sentences(finished))
    foci = pd.read_csv(finished / "foci.tsv", sep="\t")
    participants = pd.read_csv(finished / "participants.tsv", sep="\t")
    runs = pd.concat(
        [pd.read_csv(p, sep="\t") for p in finished.glob("sub-*/func/*_desc-qc_metrics.tsv")]
    )
    runs = runs[runs["included"]]
    assert f"{len(foci)} published foci" in text
    assert f"from {foci['study'].nunique()} studies" in text
    assert f"{participants['n_runs'].sum()} runs of {len(participants)} participants" in text
    dropped, censored = int(runs["n_dummy"].sum()), int(runs["n_censored"].sum())
    assert f"{dropped} and {censored} of {int(runs['n_volumes'].sum())} volumes" in text
    assert f"{runs['dof'].min():.0f} to {runs['dof'].max():.0f} residual degrees" in text


CHANGES: list[tuple[dict[str, dict[str, Any]], str, str]] = [
    (
        {"denoising": {"low_pass": 0.0, "smoothing": 0.0}},
        "below 0.01 Hz",
        "were not smoothed",
    ),
    (
        {"group": {"height_control": "fdr", "tail": "two-sided"}},
        "false discovery rate was held at 0.05",
        "Positive and negative connectivity",
    ),
    (
        {"seeds": {"radius": 7.0}, "denoising": {"fd_threshold": 0.0}},
        "within 7 mm of a focus",
        "no volumes were censored for motion",
    ),
    (
        {"selection": {"input_type": "dparsf"}},
        "preprocessed, in the layout of DPARSF",
        "No volumes were removed at the start",
    ),
]


@pytest.mark.parametrize(("sections", "first", "second"), CHANGES)
def test_texts_differ_where_settings_do_and_nowhere_else(
    finished: Path, sections: dict[str, dict[str, Any]], first: str, second: str
) -> None:
    before, after = sentences(finished), sentences(finished, **sections)
    changed = [text for text in after if text not in before]
    assert any(first in text for text in changed)
    assert any(second in text for text in changed)
    of_bids = "input_type" in sections.get("selection", {})
    assert len(changed) == 2 + of_bids


def test_settings_with_a_sentence_of_their_own_are_not_listed(finished: Path) -> None:
    sections = {"denoising": {"tr": 3.0}, "selection": {"diagnosis_from_id": True}}
    text = ". ".join(sentences(finished, **sections))
    assert "A repetition time of 3.0 s was stated for images whose metadata had none." in text
    assert "The diagnosis was read in the names of the participants." in text
    assert "--tr" not in text
    assert "--diagnosis-from-id" not in text


def test_settings_that_no_sentence_speaks_of_are_listed(finished: Path) -> None:
    text = sentences(finished, selection={"session_id": ("01", "02")})
    assert [t for t in text if "--session-id 01 02" in t]


def test_studies_converted_from_talairach_are_named(results: Path) -> None:
    table = pd.read_csv(results / "foci.tsv", sep="\t", dtype=str, keep_default_na=False)
    moved = table["study"] == table["study"].iloc[0]
    for axis in "xyz":
        table.loc[moved, f"reported_{axis}"] = "1"
    table.loc[moved, "reported_space"] = "TAL"
    table.to_csv(results / "foci.tsv", sep="\t", index=False)
    text = ". ".join(sentences(results))
    assert f"{moved.sum()} foci of 1 study ({table['study'].iloc[0]}) had been reported" in text
    assert "lancaster2007" in text


def test_where_all_foci_were_moved_none_was_used_as_it_was(results: Path) -> None:
    table = pd.read_csv(results / "foci.tsv", sep="\t", dtype=str, keep_default_na=False)
    for axis in "xyz":
        table[f"reported_{axis}"] = "1"
    table["reported_space"] = "TAL"
    table.to_csv(results / "foci.tsv", sep="\t", index=False)
    text = ". ".join(sentences(results))
    assert "used as they were" not in text
    studies = "; ".join(map(as_data, table["study"].unique()))
    assert f"({studies}) had been reported in Talairach space" in text


def test_a_contrast_that_left_the_count_is_named(results: Path) -> None:
    (path, *_) = sorted((results / "group").glob("network-*_mask.json"))
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "ContrastsLeftOut": ["B 2021 up"], "NumberOfContrasts": 2}))
    text = ". ".join(sentences(results))
    assert "1 contrast (B 2021 up) could not be tested at any voxel and was left out; the" in text
    assert f"network of {said['Effect']} is based on 2 contrasts" in text


def test_covariates_are_said_with_their_coding(results: Path) -> None:
    for path in (results / "group").glob("seed-*_desc-significant_mask.json"):
        said = {**json.loads(path.read_text()), "CovariateCoding": ["age: a number, centred at 30"]}
        path.write_text(json.dumps({**said, "DegreesOfFreedom": 9}))
    text = ". ".join(sentences(results, group={"covariates": ("age",)}))
    assert "with the centred covariates age (age: a number, centred at 30)" in text
    assert "the minimum per contrast was 9" in text


def test_the_participant_level_speaks_of_no_group(finished: Path) -> None:
    text = ". ".join(sentences(finished, "participant"))
    assert "Pearson correlation" in text
    assert "one-sample" not in text


def test_four_files_lie_in_the_logs(results: Path) -> None:
    record = record_of(results)
    names = [path.name for path in write_methods(results, record)]
    assert names == ["CITATION.md", "CITATION.html", "CITATION.tex", "CITATION.bib"]
    assert "fcnm\\_bids" in (record.logs / "CITATION.tex").read_text(encoding="utf-8")


def test_hostile_names_stay_text(results: Path) -> None:
    write_methods(results, record_of(results))
    logs = record_of(results).logs
    assert "<img" not in (logs / "CITATION.html").read_text(encoding="utf-8")
    assert "<img" not in (logs / "CITATION.tex").read_text(encoding="utf-8")


def test_runs_without_a_brain_mask_are_counted(results: Path) -> None:
    path = min(results.glob("sub-*/func/*_desc-qc_metrics.tsv"))
    [run, *_] = pd.read_csv(path, sep="\t")["run"]
    sidecar = path.with_suffix(".json")
    content = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**content, "MaskedByVariation": [run]}))
    text = ". ".join(sentences(results, denoising={"denoised": True}))
    assert re.search(r"\b(1|[Oo]ne) run had no brain mask; the voxels that vary", text)
