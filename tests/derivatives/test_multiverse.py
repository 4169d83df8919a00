"""Table and map of specifications as files."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.derivatives.multiverse import MULTIVERSE_COLUMNS, write_multiverse
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.multiverse import VARIED
from tests.report.explorer.made import specification_rows

GRID = Grid((2, 2, 1), np.eye(4), "MNI152NLin6Asym")


def test_every_column_is_described_and_the_sentences_are_beside_it(tmp_path: Path) -> None:
    names = OutputNames(tmp_path, {"space": GRID.space}, "rest")
    held = np.array([0.0, 0.5, 1.0, np.nan])
    said = {"SpecificationsDropped": ["one"]}
    table, image = write_multiverse(names, "up", specification_rows(), held, GRID, said)
    assert table.name == "network-up_desc-multiverse_metrics.tsv"
    assert image.name == "network-up_space-MNI152NLin6Asym_desc-multiverse_probseg.nii.gz"
    sidecar = json.loads(table.with_suffix(".json").read_text())
    columns = list(pd.read_csv(table, sep="\t"))
    assert all(sidecar[name]["Description"] for name in columns)
    assert columns[-1] == "common_share_Vis"
    assert sidecar["NumberOfSpecifications"] == len(specification_rows())
    assert sidecar["Sentences"][0].startswith("In 2 of the 3 other specifications")
    shares = nib.load(image).get_fdata().ravel(order="F")
    np.testing.assert_array_equal(shares, held)


def test_every_option_that_varies_has_its_column() -> None:
    assert set(VARIED) < set(MULTIVERSE_COLUMNS)
