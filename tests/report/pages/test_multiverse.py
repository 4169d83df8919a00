"""The section on every specification, from a table that was made up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.derivatives.multiverse import write_multiverse
from fcnm_bids.grid import Grid
from fcnm_bids.report.figures.multiverse import draw_multiverse
from fcnm_bids.report.figures.network import network_figure
from fcnm_bids.report.methods.robustness import multiverse_text
from fcnm_bids.report.pages.html import Figure, Note, Prose, Table
from fcnm_bids.report.pages.multiverse import multiverse_blocks
from fcnm_bids.report.results.group import GroupOutputs
from tests.report.explorer.made import make_results, specification_rows

GRID = Grid((2, 2, 1), np.eye(4), "MNI152NLin6Asym")


def test_sentences_curve_and_table_come_from_the_files(tmp_path: Path) -> None:
    root = make_results(tmp_path / "out", voxel=16.0, contrasts=3)
    network = GroupOutputs(root).networks[0]
    assert multiverse_blocks(GroupOutputs(root), network) == []
    assert multiverse_text(GroupOutputs(root)) == ""
    names = OutputNames(root, {"space": GRID.space}, "rest")
    said = {"SpecificationsDropped": ["dropped 2 specifications"]}
    write_multiverse(names, network.label, specification_rows(), np.zeros(4), GRID, said)
    table = network.multiverse
    assert table is not None
    draw_multiverse(network_figure(root, network.label, "multiverse"), table)
    prose, note, figure, shown = multiverse_blocks(GroupOutputs(root), network)
    assert isinstance(prose, Prose)
    assert prose.paragraphs[0].startswith("In 2 of the 3 other specifications")
    assert isinstance(note, Note)
    assert isinstance(figure, Figure)
    assert isinstance(shown, Table)
    assert "nuisance regressors" in shown.columns
    assert "radius" not in shown.columns
    text = multiverse_text(GroupOutputs(root))
    assert "4 specifications that differed in nuisance regressors; the one reported" in text
    assert f"{network.effect}: In 2 of the 3 other" in text
