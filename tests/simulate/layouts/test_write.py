from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids.simulate.layouts import WRITERS, write_layout
from fcnm_bids.simulate.layouts.source import source_runs

FILES = {
    "dparsf": (
        "FunImgARW/Sub_001/wraSub_001.nii",
        "S2_FunImgARW/Sub_002/wraSub_002.nii",
        "RealignParameter/Sub_001/rp_aSub_001.txt",
        "RealignParameter/Sub_001/S2_rp_aSub_001.txt",
        "RealignParameter/Sub_002/S2_FD_Power_Sub_002.txt",
        "Masks/AutoMasks/wS2_AutoMask_Sub_001.nii",
        "TRInfo.tsv",
    ),
    "dpabisurf": (
        "FunVoluW/IS001-2-0001/IS001-2-0001_task-rest_space-MNI152NLin6Asym_res-8_desc-preproc_bold"
        ".nii",
        "RealignParameter/IS001-1-0002/S2_rp_IS001-1-0002.txt",
        "TRInfo.tsv",
    ),
    "hcp": tuple(
        f"100001/MNINonLinear/Results/rfMRI_REST1_RL/{name}"
        for name in (
            "rfMRI_REST1_RL.nii.gz",
            "Movement_Regressors.txt",
            "Movement_RelativeRMS.txt",
            "brainmask_fs.2.nii.gz",
        )
    ),
    "gsp1000": (
        "sub-0002/func/sub-0002_bld002_rest_skip4_stc_mc_bp_0.0001_0.08_resid_FS1mm_MNI1mm_MNI2mm_"
        "sm7_finalmask.nii.gz",
    ),
    "leaddbs": ("dataset_info.json", "dataset_info.mat", "vol/sub-0002_run_2.mat"),
    "xcpd": ("sub-01/ses-1/func/sub-01_ses-1_task-rest_design.tsv",),
    "halfpipe": ("derivatives/halfpipe/sub-01/func/sub-01_task-rest_setting-fc_bold.nii.gz",),
    "conn": ("results/preprocessing/niftiDATA_Subject002_Condition000.nii",),
}


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_layout_has_the_names_of_its_program(name: str, tree: Path, tmp_path: Path) -> None:
    root = write_layout(name, tree, tmp_path / name)
    assert [file for file in FILES[name] if not (root / file).is_file()] == []


def test_images_that_nothing_was_done_to_keep_their_bytes(tree: Path, tmp_path: Path) -> None:
    root = write_layout("dparsf", tree, tmp_path / "dparsf")
    source = next(source_runs(tree))
    written = nib.load(root / "FunImgARW" / "Sub_001" / "wraSub_001.nii")
    assert written.get_data_dtype() == np.int16
    np.testing.assert_array_equal(written.dataobj, nib.load(source.bold).dataobj)


def test_spm_writes_radians_and_the_hcp_degrees(tree: Path, tmp_path: Path) -> None:
    motion = next(source_runs(tree)).motion
    spm = write_layout("dparsf", tree, tmp_path / "d") / "RealignParameter/Sub_001/rp_aSub_001.txt"
    np.testing.assert_allclose(np.loadtxt(spm), motion, rtol=1e-7)
    hcp = write_layout("hcp", tree, tmp_path / "h") / "100001/MNINonLinear/Results/rfMRI_REST1_LR"
    written = np.loadtxt(hcp / "Movement_Regressors.txt")
    assert written.shape == (120, 12)
    np.testing.assert_allclose(np.deg2rad(written[:, 3:6]), motion[:, 3:], atol=1e-8)


def test_trinfo_lists_the_repetition_time_of_every_session(tree: Path, tmp_path: Path) -> None:
    root = write_layout("dparsf", tree, tmp_path / "dparsf")
    table = pd.read_csv(root / "TRInfo.tsv", sep="\t")
    assert table.columns[:3].tolist() == ["Subject ID", "TR", "S2_TR"]
    assert table["S2_TR"].tolist() == [2, 2]


def test_denoised_series_have_nothing_outside_their_band(tree: Path, tmp_path: Path) -> None:
    root = write_layout("conn", tree, tmp_path / "conn")
    values = np.asarray(nib.load(root / FILES["conn"][0]).dataobj)
    series = values.reshape(-1, 120)[values.reshape(-1, 120).any(axis=1)]
    power = (np.abs(np.fft.rfft(series, axis=1)) ** 2).sum(axis=0)
    outside = np.fft.rfftfreq(120, 2.0) > 0.12
    assert power[outside].sum() < 0.02 * power.sum()
