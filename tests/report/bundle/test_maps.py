"""Maps and foci of a bundle are those of the results."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from fcnm_bids.report.bundle.maps import nimads_studyset
from fcnm_bids.report.results.group import GroupOutputs
from fcnm_bids.seeds import read_foci


def test_maps_equal_those_of_the_results(root: Path, bundle: Path) -> None:
    with (bundle / "maps" / "neurovault_metadata.csv").open(encoding="utf-8") as file:
        rows = {row["Filename"]: row for row in csv.DictReader(file)}
    results = GroupOutputs(root)
    assert len(rows) == 3 + 2 * len(results.contrasts)
    for contrast in results.contrasts:
        own = bundle / "maps" / contrast.map("t").name
        t, mask = (np.asarray(nib.load(p).dataobj) for p in (contrast.map("t"), contrast.mask))
        np.testing.assert_array_equal(np.asarray(nib.load(own).dataobj), t)
        cut = own.with_name(own.name.replace("_stat-t_", "_desc-thresholded_stat-t_"))
        values = np.asarray(nib.load(cut).dataobj)
        np.testing.assert_array_equal(values[mask > 0], t[mask > 0])
        assert set(np.unique(values[(mask == 0) & np.isfinite(t)])) == {0}
        assert rows[own.name]["map_type"] == "T map"
        assert rows[own.name]["number_of_subjects"] == "8"
        assert (rows[own.name]["is_thresholded"], rows[cut.name]["is_thresholded"]) == (
            "False",
            "True",
        )


def test_the_study_set_is_read_back_as_the_foci(root: Path, bundle: Path) -> None:
    back = read_foci(bundle / "foci_nimads.json", effect="increase")
    used = read_foci(root / "foci.tsv", effect=None)
    assert [(f.x, f.y, f.z, f.study, f.contrast, f.n) for f in back] == [
        (f.x, f.y, f.z, f.study, f.contrast, f.n) for f in used
    ]
    notes = nimads_studyset(pd.read_csv(root / "foci.tsv", sep="\t"))["annotations"][0]["notes"]
    assert {note["note"]["effect"] for note in notes} == {"increase"}
