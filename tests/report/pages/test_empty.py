"""What the page of an empty network proposes."""

from __future__ import annotations

from pathlib import Path

from fcnm_bids.report.pages.empty import empty_blocks
from fcnm_bids.report.pages.html import Code, Facts, Prose, Table
from fcnm_bids.report.results.group import ContrastOutputs
from tests.report.results.test_empty import network


def test_the_report_proposes_the_threshold_of_the_first_cluster(tmp_path: Path) -> None:
    blocks = empty_blocks(network(tmp_path), [])
    (facts,) = (block for block in blocks if isinstance(block, Facts))
    assert dict(facts.entries)["First cluster at"] == "2 of 4 (0.5)"
    (code,) = (block for block in blocks if isinstance(block, Code))
    assert "group --rethreshold 0.5" in code.text
    (code,) = (b for b in empty_blocks(network(tmp_path, volume=192), []) if isinstance(b, Code))
    assert code.text.endswith("group --height-control fdr --overwrite")


def test_a_height_control_that_was_used_is_not_proposed(tmp_path: Path) -> None:
    own = ContrastOutputs("c", {"HeightControl": "fdr", "VoxelsSignificant": 1}, tmp_path)
    blocks = empty_blocks(network(tmp_path, volume=192), [own])
    text = [part for block in blocks if isinstance(block, Prose) for part in block.paragraphs]
    assert not any("height-control" in part for part in text)
    (code,) = (block for block in blocks if isinstance(block, Code))
    assert code.text.endswith("group --min-cluster-volume 0 --overwrite")


def test_voxels_left_are_shares_of_all(tmp_path: Path) -> None:
    (table,) = (b for b in empty_blocks(network(tmp_path), []) if isinstance(b, Table))
    assert [row[1] for row in table.rows] == ["119", "3", "1", "0"]
    assert table.rows[1][2] == "2.5 %"


def test_the_heights_that_voxels_had_to_reach_are_stated(tmp_path: Path) -> None:
    made = [
        ContrastOutputs(f"c{t}", {"Threshold": t, "VoxelsSignificant": 1}, tmp_path)
        for t in (5.25, 4.0, -4.5)
    ]
    (table,) = (b for b in empty_blocks(network(tmp_path), made) if isinstance(b, Table))
    where = "significant in at least one contrast"
    assert table.rows[1][0] == f"{where} (t at least 4.00 to 5.25, by contrast)"
    (table,) = (b for b in empty_blocks(network(tmp_path), made[:1]) if isinstance(b, Table))
    assert table.rows[1][0] == f"{where} (t at least 5.25)"


def test_contrasts_without_a_voxel_are_named_up_to_five(tmp_path: Path) -> None:
    silent = [
        ContrastOutputs(f"c{n}", {"VoxelsSignificant": int(n == 0)}, tmp_path) for n in range(8)
    ]
    text = [
        paragraph
        for block in empty_blocks(network(tmp_path), silent)
        if isinstance(block, Prose)
        for paragraph in block.paragraphs
    ]
    listed = "7 of 8 (c1, c2, c3, c4, c5 and 2 more)"
    assert f"Contrasts without a significant voxel: {listed}." in text
