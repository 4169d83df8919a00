"""Runs that turn out odd while they are projected."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from fcnm_bids.cli.run import DONE, main


def test_a_few_volumes_without_a_measurement_are_dropped(
    dataset: Callable[..., Path], tmp_path: Path
) -> None:
    derivatives = dataset("01")
    path = next(derivatives.rglob("*_desc-preproc_bold.nii.gz"))
    image = nib.load(path)
    values = np.asarray(image.dataobj)
    values[..., 50] = 0  # as a padded series has it
    values[..., 70] = values[..., 69]  # a frozen one
    nib.save(nib.Nifti1Image(values, image.affine, image.header), path)
    command = [str(derivatives), str(tmp_path / "out"), "participant", "--connectome-only"]
    assert main([*command, "--nprocs", "1", "--work-dir", str(tmp_path / "work")]) == DONE
    qc = pd.read_csv(next(tmp_path.rglob("*_desc-qc_metrics.tsv")), sep="\t")
    assert qc["n_blank"].tolist() == [2]
    row = qc.iloc[0]
    assert row["n_kept"] == row["n_volumes"] - row["n_dummy"] - row["n_censored"] - 2
    volumes = pd.read_csv(next(tmp_path.rglob("*_desc-volumes_timeseries.tsv")), sep="\t")
    assert np.flatnonzero(volumes["use"] == "blank").tolist() == [50, 70]
