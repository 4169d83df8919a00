"""What the methods text states of the connectome, from tables made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from fcnm_bids.config import Config
from fcnm_bids.report.methods.connectome import ConnectomeText
from fcnm_bids.report.results.group import GroupOutputs
from fcnm_bids.report.results.logs import RunRecord

RUNS = {
    "01": [("True", 200, 4, 10, 80), ("False", 200, 4, 190, 2)],
    "02": [("True", 100, 2, 5, 41)],
}


def text(root: Path, level: str = "participant", **sections: dict[str, Any]) -> str:
    for subject, rows in RUNS.items():
        func = root / f"sub-{subject}" / "func"
        func.mkdir(parents=True, exist_ok=True)
        table = pd.DataFrame(
            [(f"run{n}", *row) for n, row in enumerate(rows)],
            columns=["run", "included", "n_volumes", "n_dummy", "n_censored", "dof"],
        )
        path = func / f"sub-{subject}_task-rest_desc-qc_metrics.tsv"
        table.to_csv(path, sep="\t", index=False)
        path.with_suffix(".json").write_text('{"MaskedByVariation": ["run0"]}')
    config = Config("in", str(root), level).update(sections)
    record = RunRecord(root / "logs", config)
    return ConnectomeText(root, record, GroupOutputs(root)).paragraph()


def test_runs_volumes_and_degrees_of_freedom_are_counted(tmp_path: Path) -> None:
    found = text(tmp_path)
    assert "runs of " in found
    assert "(6 and 15 of 300 volumes; 41 to 80 residual degrees of freedom per run" in found
    assert "(1 run excluded for this or another reason)" in found.replace("one run", "1 run")
    assert "outside 0.01 to 0.1 Hz" in found
    assert "preprocessed with fMRIPrep {{esteban2019}}" in found


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0.01, 0.0, "below 0.01 Hz"),
        (0.0, 0.1, "above 0.1 Hz"),
        (0.0, 0.0, "An intercept, a linear trend and "),
    ],
)
def test_the_band_is_what_was_projected_out(
    tmp_path: Path, low: float, high: float, words: str
) -> None:
    assert words in text(tmp_path, denoising={"high_pass": low, "low_pass": high})


@pytest.mark.parametrize(
    ("denoising", "words"),
    [
        ({"dummy_scans": "3"}, "The first 3 volumes were removed"),
        ({"dummy_scans": "0"}, "No volumes were removed at the start"),
        ({"fd_threshold": 0.0}, "no volumes were censored for motion"),
        ({"fd_threshold": 0.25}, "displacement above 0.25 mm"),
        ({"smoothing": 0.0}, "The data were not smoothed."),
        ({"store_voxel_size": 3.0}, "were averaged over the volume of voxels of 3 mm."),
        ({"store_precision": "int8"}, "were stored as 8-bit integers, scaled voxel by voxel."),
        ({"smoothing": 4.5}, "4.5 mm full width at half maximum"),
        ({"nuisance_regressors": "/gone{{x}}.json"}, "the confounds of the strategy /gone"),
    ],
)
def test_sentences_follow_the_settings(
    tmp_path: Path, denoising: dict[str, Any], words: str
) -> None:
    found = text(tmp_path, denoising=denoising)
    assert words in found
    assert "{{x}}" not in found


@pytest.mark.parametrize(
    ("denoising", "words"),
    [
        (
            {},
            "already been denoised; all of their volumes were used, and only their mean and linear",
        ),
        (
            {"applied_band": (0.01, 0.1)},
            "already been denoised and filtered to 0.01 to 0.1 Hz; all of",
        ),
        ({"applied_band": (0.0, 0.1)}, "filtered to frequencies below 0.1 Hz"),
        ({"applied_band": (0.01, 0.1)}, "mean, linear trend and any signal outside that"),
        ({"applied_regressors": 24}, ", and 24 regressors had been removed, each of which counts"),
    ],
)
def test_what_was_done_to_denoised_images_is_stated(
    tmp_path: Path, denoising: dict[str, Any], words: str
) -> None:
    assert words in text(tmp_path, denoising={"denoised": True, **denoising})


def test_texts_follow_what_a_layout_states(tmp_path: Path) -> None:
    hcp = text(tmp_path, selection={"input_type": "hcp", "input_variant": "minimal"})
    assert "volumes with a relative root mean square displacement" in hcp
    assert "power2012" not in hcp
    gsp = text(tmp_path, selection={"input_type": "gsp1000"}, denoising={"smoothing": 0.0})
    assert "The images had been smoothed before." in gsp


def test_denoised_images_say_what_stood_in_for_masks(tmp_path: Path) -> None:
    found = text(tmp_path, denoising={"denoised": True}).lower()
    assert "had already been denoised" in found
    assert "had no brain mask" in found
    assert "framewise displacement" not in found


def test_the_group_level_counts_its_own_participants(tmp_path: Path) -> None:
    table = "participant_id\tn_runs\nsub-02\t1\n"
    (tmp_path / "participants.tsv").write_text(table)
    found = text(tmp_path, level="group")
    assert "(2 and 5 of 100 volumes; 41 to 41" in found
    assert "left out for this" not in found
