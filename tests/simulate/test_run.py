"""One simulated run, on its own and as part of its data set."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids.simulate import SimulationDesign, Truth, simulate_run
from fcnm_bids.simulate.run import image_entities

DESIGN = SimulationDesign(
    n_participants=4,
    n_runs=(1, 2),
    voxel_size=8.0,
    n_volumes=120,
    repetition_time=3.0,
    n_studies=2,
    n_shared_studies=1,
)
"""That of the session's simulated participants."""


def test_a_run_alone_has_the_bytes_it_has_in_the_data_set(simulated: Truth, tmp_path: Path) -> None:
    files = simulate_run(tmp_path, DESIGN, participant=1, run=2)
    for path in (files.bold, files.mask, files.confounds):
        twin = simulated.fmriprep / path.relative_to(tmp_path)
        assert path.read_bytes() == twin.read_bytes()


def test_files_describe_one_another(tmp_path: Path) -> None:
    design = replace(DESIGN, n_volumes=20, sessions=("a",))
    files = simulate_run(tmp_path, design, session="a")
    assert files.bold.parent == tmp_path / "sub-01" / "ses-a" / "func"
    bold, mask = nib.load(files.bold), nib.load(files.mask)
    assert bold.shape == (*mask.shape, 20)
    np.testing.assert_allclose(bold.affine, mask.affine)
    sidecar = json.loads(Path(str(files.bold).replace(".nii.gz", ".json")).read_text())
    assert sidecar["RepetitionTime"] == bold.header.get_zooms()[3] == 3.0
    table = pd.read_csv(files.confounds, sep="\t", na_values="n/a")
    inside = np.asarray(bold.dataobj)[np.asarray(mask.dataobj) > 0]
    np.testing.assert_allclose(table["global_signal"], inside.mean(axis=0), rtol=1e-5)
    change = np.sqrt((np.diff(inside.astype(float), axis=1) ** 2).mean(axis=0))
    np.testing.assert_allclose(table["dvars"][1:], change, rtol=1e-5)


@pytest.mark.parametrize(("size", "entity"), [(2.0, "res-2"), (2.5, "res-2p5")])
def test_names_hold_the_resolution(size: float, entity: str) -> None:
    design = replace(DESIGN, voxel_size=size)
    assert image_entities(design) == f"space-{design.space}_{entity}"
