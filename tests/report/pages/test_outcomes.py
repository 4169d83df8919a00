"""Sections about outcomes of the seeds, from files made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fcnm_bids.report.pages.html import Folded, Note, Prose, Section, Table
from fcnm_bids.report.pages.outcomes import outcome_sections
from fcnm_bids.report.results.group import GroupOutputs


def outcome(root: Path, n_clusters: int = 1, **said: Any) -> Section:
    group = root / "group"
    group.mkdir(exist_ok=True)
    stem = group / "outcome-pain_space-MNI152NLin6Asym_desc-significant_mask"
    Path(f"{stem}.nii.gz").touch()
    sidecar = {"Outcome": "Pain now", "Seeds": ["a", "b"], "Alpha": 0.05, **said}
    Path(f"{stem}.json").write_text(json.dumps(sidecar))
    frames = {
        "tests_metrics": pd.DataFrame({"test": ["voxelwise association"], "p": ["0.01"]}),
        "clusters_clusters": pd.DataFrame({"sign": ["positive"] * n_clusters, "mean_t": 3.2}),
        "seeds_metrics": pd.DataFrame({"seed": ["01", "02"], "outcome": ["1", "0"]}),
    }
    for name, frame in frames.items():
        frame.to_csv(group / f"outcome-pain_desc-{name}.tsv", sep="\t", index=False)
    (section,) = outcome_sections(GroupOutputs(root))
    return section


def test_an_outcome_has_its_tables(tmp_path: Path) -> None:
    assert outcome_sections(GroupOutputs(tmp_path)) == []
    section = outcome(tmp_path, Covariates=["age"], Cohorts=["x", "y", "z"])
    assert (section.anchor, section.title) == ("outcome-pain", "Outcome: Pain now")
    first, tests, clusters, seeds = section.blocks
    assert first.paragraphs == ("Pain now: 2 seeds, covariates: age; permuted within 3 cohorts.",)
    assert isinstance(tests, Table)
    assert isinstance(clusters, Table)
    assert isinstance(seeds, Folded)
    assert seeds.title == "All 2 seeds"
    assert [row[0] for row in seeds.blocks[0].rows] == ["01", "02"]


def test_what_is_not_found_is_stated(tmp_path: Path) -> None:
    blocks = outcome(tmp_path, n_clusters=0).blocks
    text = [p for block in blocks if isinstance(block, Prose) for p in block.paragraphs]
    assert "No voxel is associated with the outcome at a corrected p of 0.05." in text


@pytest.mark.parametrize("smallest", [0.01, 0.1])
def test_too_few_permutations_are_a_warning(tmp_path: Path, smallest: float) -> None:
    notes = [b for b in outcome(tmp_path, SmallestP=smallest).blocks if isinstance(b, Note)]
    assert bool(notes) is (smallest > 0.05)


def test_words_of_lesion_mapping_are_explained_for_groups(tmp_path: Path) -> None:
    (what, words) = outcome(tmp_path, IsGroup=True).blocks[0].paragraphs
    assert what.startswith("Cases against controls: 2 seeds, covariates: none.")
    assert "not the diagnostic measures" in words
