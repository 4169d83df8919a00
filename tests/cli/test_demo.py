"""The demonstration compares what it found with what was planted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.bids.write import write_image
from fcnm_bids.cli.demo import demonstrate, overlaps
from fcnm_bids.cli.run import WRONG_REQUEST
from fcnm_bids.grid import Grid
from fcnm_bids.simulate import SimulationDesign, Truth

GRID = Grid((4, 3, 2), np.diag([4.0, 4.0, 4.0, 1.0]), "MNI152NLin6Asym")


def test_overlaps_are_those_of_the_masks(tmp_path: Path) -> None:
    planted, found = np.zeros((2, GRID.n_voxels), bool)
    planted[:6] = True
    found[3:7] = True
    data, results = tmp_path / "data", tmp_path / "results"
    name = "network-{}_space-MNI152NLin6Asym_mask.nii.gz"
    for effect, own in (("down", found), ("up", planted)):
        write_image(data / "truth" / name.format(effect), planted, GRID, {})
        write_image(results / "group" / name.format(effect), own, GRID, {})
    assert overlaps(data, results) == {"down": 2 * 3 / (6 + 4), "up": 1.0}


def test_a_level_that_fails_ends_it_and_data_are_not_simulated_again(
    tmp_path: Path, simulated: Truth, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").symlink_to(simulated.fmriprep.parent)
    assert (tmp_path / "data" / "README.md").is_file()
    code = demonstrate(tmp_path, SimulationDesign(), ["--alpha", "2"])
    assert code == WRONG_REQUEST
    captured = capsys.readouterr()
    assert "simulating" not in captured.out
    assert captured.out.count("fcnm-bids ") == 1
    assert "--alpha 2" in captured.err
    assert not (tmp_path / "results").exists()
