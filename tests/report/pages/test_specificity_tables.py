"""Tables about a network's specificity, from tables made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fcnm_bids.report.pages.html import Folded, Note, Prose, Table
from fcnm_bids.report.pages.specificity_tables import (
    degree_blocks,
    label_blocks,
    merged_levels,
    percent,
    region_blocks,
    table_of_tests,
)
from fcnm_bids.report.results.group import NetworkOutputs
from fcnm_bids.report.results.specificity import SpecificityResult


class Folder:
    """A result folder with one network."""

    def __init__(self, root: Path) -> None:
        self.group = root / "group"
        self.group.mkdir()
        self.mask = self.group / "network-up_space-MNI152NLin6Asym_mask.nii.gz"

    def write(self, desc: str, rows: list[dict[str, Any]], **said: Any) -> None:
        path = self.group / f"network-up_desc-{desc}_metrics.tsv"
        pd.DataFrame(rows).to_csv(path, sep="\t", index=False, na_rep="n/a")
        path.with_suffix(".json").write_text(json.dumps(said))

    @property
    def found(self) -> SpecificityResult:
        return SpecificityResult(NetworkOutputs("up", {}, self.mask, self.mask))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_tests_have_their_names_and_shares(folder: Folder) -> None:
    assert table_of_tests(folder.found) is None
    rows = [
        {"test": "random", "n_draws": 99, "share_surviving": 0.125, "verdict": "so.", "levels": 4},
        {"test": "split", "n_draws": None, "share_surviving": None, "verdict": "so."},
    ]
    folder.write("specificity", rows, Alpha=0.05)
    folder.write("randomdraws", [{"draw": 0}], BaseRate="rate.nii.gz")
    table = table_of_tests(folder.found)
    assert table is not None
    assert table.columns == ("Compared with", "Draws", "Share of the network that survives")
    assert table.rows == (("Foci scattered over a base rate", "99", "12.5 %"),)
    assert table.caption.endswith("p ≤ 0.05")


def test_a_table_without_numbers_is_none(folder: Folder) -> None:
    folder.write("specificity", [{"test": "degree", "n_draws": None, "verdict": "so."}])
    assert table_of_tests(folder.found) is None


def test_single_contrasts_are_folded_below_the_map(folder: Folder) -> None:
    (note,) = degree_blocks(folder.found)
    assert isinstance(note, Note)
    rows = [
        {"map": name, "r2": 0.5} for name in ("contrast a", "probability", "mean", "contrast b")
    ]
    folder.write(
        *("degree", rows),
        Targets=2000, EigenvalueShares=[0.1, 0.05], Iterations=7, LastChange=1.5e-9,
    )  # fmt: skip
    whole, folded, prose = degree_blocks(folder.found)
    assert isinstance(whole, Table)
    assert [row[0] for row in whole.rows] == [
        *("Mean over the contrasts of their mean Fisher z", "Probability map"),
    ]
    assert isinstance(folded, Folded)
    assert folded.title == "Degree, contrast by contrast (2)"
    assert [row[0] for row in folded.blocks[0].rows] == ["a", "b"]
    assert isinstance(prose, Prose)
    assert "2,000 random voxels" in prose.paragraphs[0]
    assert "15.0 %" in prose.paragraphs[0]


@pytest.mark.parametrize("n_regions", [2, 31])
def test_nulls_of_canonical_networks_stand_side_by_side(folder: Folder, n_regions: int) -> None:
    assert region_blocks(folder.found) == []
    rows = [
        {"test": null, "name": f"N{n}", "n_overlap": n, "n_overlap_null": n + 0.5, "p": p}
        for null, p in (("random", 0.25), ("strength", 0.5), ("old", 1.0))
        for n in range(n_regions)
    ]
    folder.write("canonicalnull", rows)
    folder.write("specificity", [{"test": "random"}, {"test": "strength"}])
    blocks = region_blocks(folder.found)
    if n_regions > 30:
        (folded,) = blocks
        assert folded.title == "All 31 canonical networks"
        blocks = list(folded.blocks)
    table, prose = blocks
    assert len(table.rows) == n_regions
    assert table.rows[1] == ("N1", "1", "1.5", "0.25", "1.5", "0.5")
    assert f"not corrected for the number of networks ({n_regions})" in prose.paragraphs[0]


@pytest.mark.parametrize("exact", [True, False])
def test_labels_state_how_many_ways_there_are(folder: Folder, exact: bool) -> None:
    assert label_blocks(folder.found) == []
    folder.write(
        *("labels", [{"label": "up", "n_contrasts": 3}]), Labels=["up", "down"], FociThinnedTo=4
    )
    image = folder.group / "network-up_space-MNI152NLin6Asym_desc-labels_stat-z_statmap.nii.gz"
    image.touch()
    said = {"Labellings": 20, "LabellingsPossible": 1000, "LabellingsExact": exact}
    Path(str(image).replace(".nii.gz", ".json")).write_text(json.dumps(said))
    table, prose = label_blocks(folder.found)
    assert table.caption == "What the labels up and down stand for"
    thinned, ways = prose.paragraphs
    assert "thinned to 4 foci" in thinned
    assert ways.startswith("All 1,000 ways" if exact else "20 of 1,000 ways")


def test_levels_are_listed_once_where_nulls_share_them(folder: Folder) -> None:
    for null, levels in (("random", [0, 0.5, 1]), ("strength", [0, 0.5, 1])):
        folder.write(f"{null}draws", [{"draw": 0}], Levels=levels)
    nulls = ("random", "strength")
    assert merged_levels(folder.found, nulls, most=5) == "0, 0.5, 1"
    assert merged_levels(folder.found, nulls, most=2) is None
    folder.write("strengthdraws", [{"draw": 0}], Levels=[0, 1])
    text = merged_levels(folder.found, nulls, most=5)
    assert text is not None
    assert text.split("; ")[1].startswith("0, 1 (foci of equal strength")


@pytest.mark.parametrize(
    ("share", "text"), [("0.1234", "12.3 %"), (1, "100.0 %"), ("n/a", "n/a"), (None, "n/a")]
)
def test_shares_are_per_cent(share: Any, text: str) -> None:
    assert percent(share) == text
