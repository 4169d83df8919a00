"""Where outputs go."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.bids.names import parse_entities, to_label
from fcnm_bids.bids.outputs import OutputNames, place_in_store, sidecar_files, stored_run_name
from fcnm_bids.inputs.runs.find import RunFiles
from fcnm_bids.inputs.store import stored_files

ROOT = Path("/out")
NAMES = OutputNames.of(ROOT, {"space": "S", "res": "2", "task": "rest", "run": "1", "desc": "x"})
LABELLED: dict[str, Callable[[str], Path]] = {
    "seed": lambda label: NAMES.seed(label, "mask"),
    "participant map": lambda label: NAMES.participant_map("01", label),
    "contrast map": lambda label: NAMES.contrast_map(label, "t"),
    "contrast mask": NAMES.contrast_mask,
    "network": lambda label: NAMES.network(label, "probseg"),
    "table": lambda label: NAMES.network_table(label, "clusters", "clusters"),
}


def run(name: str) -> RunFiles:
    path = Path(name)
    return RunFiles("01", parse_entities(path), path, {})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (NAMES.seed("x", "mask"), "seeds/seed-x_space-S_res-2_mask.nii.gz"),
        (NAMES.seed("x", "probseg"), "seeds/seed-x_space-S_res-2_probseg.nii.gz"),
        (
            NAMES.participant_map("01", "x"),
            "sub-01/func/sub-01_task-rest_space-S_res-2_seed-x_stat-fisherz_statmap.nii.gz",
        ),
        (
            NAMES.participant_table("01", "qc"),
            "sub-01/func/sub-01_task-rest_space-S_res-2_desc-qc_metrics.tsv",
        ),
        (NAMES.contrast_map("x", "t"), "group/seed-x_space-S_res-2_stat-t_statmap.nii.gz"),
        (NAMES.contrast_mask("x"), "group/seed-x_space-S_res-2_desc-significant_mask.nii.gz"),
        (NAMES.network("up", "probseg"), "group/network-up_space-S_res-2_probseg.nii.gz"),
        (NAMES.network("up", "mask"), "group/network-up_space-S_res-2_mask.nii.gz"),
        (NAMES.network_mean("up"), "group/network-up_space-S_res-2_stat-effect_statmap.nii.gz"),
        (
            NAMES.network_part("up", "bootstrapLow", "probseg"),
            "group/network-up_space-S_res-2_desc-bootstrapLow_probseg.nii.gz",
        ),
        (
            NAMES.network_part("up", "versusdown", "dseg"),
            "group/network-up_space-S_res-2_desc-versusdown_dseg.nii.gz",
        ),
        (
            NAMES.network_part("up", "versusdown", "statmap", stat="difference"),
            "group/network-up_space-S_res-2_desc-versusdown_stat-difference_statmap.nii.gz",
        ),
        (NAMES.effects_table(), "group/desc-effects_metrics.tsv"),
        (
            NAMES.network_table("up", "clusters", "clusters"),
            "group/network-up_desc-clusters_clusters.tsv",
        ),
    ],
)
def test_the_documented_names(path: Path, expected: str) -> None:
    assert path == ROOT / expected


def test_entities_that_the_data_do_not_have_are_left_out() -> None:
    names = OutputNames.of(ROOT, {"space": "S", "task": "rest"})
    assert names.contrast_map("x", "t").name == "seed-x_space-S_stat-t_statmap.nii.gz"


def test_a_cohort_stays_with_its_space() -> None:
    names = OutputNames.of(ROOT, {"space": "MNIInfant", "cohort": "3", "task": "rest"})
    assert names.seed("x", "mask").name == "seed-x_space-MNIInfant_cohort-3_mask.nii.gz"


@pytest.mark.parametrize("kind", LABELLED)
@given(name=st.text())
def test_no_name_of_a_study_leads_out_of_its_folder(kind: str, name: str) -> None:
    harmless, path = LABELLED[kind]("x"), LABELLED[kind](to_label(name))
    assert path.parent == harmless.parent
    assert ".." not in path.parts


@pytest.mark.parametrize(
    ("bold", "stored"),
    [
        (
            "sub-01_task-rest_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz",
            "sub-01/func/sub-01_task-rest_space-MNI152NLin6Asym_desc-projected_timeseries.h5",
        ),
        (
            "sub-01_ses-b_task-rest_acq-x_rec-m_dir-AP_run-02_part-mag_space-MNI152NLin6Asym_res-2"
            "_desc-preproc_bold.nii",
            "sub-01/ses-b/func/sub-01_ses-b_task-rest_acq-x_rec-m_dir-AP_run-02"
            "_space-MNI152NLin6Asym_res-2_desc-projected_timeseries.h5",
        ),
        (
            "sub-01_task-rest_space-MNIInfant_cohort-1_chunk-1_desc-preproc_bold.nii.gz",
            "sub-01/func/sub-01_task-rest_space-MNIInfant_cohort-1_desc-projected_timeseries.h5",
        ),
    ],
)
def test_a_projected_run_keeps_the_entities_of_its_run(bold: str, stored: str) -> None:
    assert stored_run_name(run(bold).entities) == Path(stored)


def test_a_store_holds_the_runs_that_are_whole(tmp_path: Path) -> None:
    name = "sub-{}/func/sub-{}_task-rest_desc-projected_timeseries.h5"
    whole = [tmp_path / name.format(label, label) for label in ("01", "02")]
    written = whole[0].with_name(f".{'0' * 32}.{whole[0].name}")
    for path in (*reversed(whole), written, whole[0].with_suffix(".json")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert stored_files(tmp_path) == whole


def test_sidecars_lie_beside_images_and_tables() -> None:
    found = sidecar_files([Path("/out/a/x_mask.nii.gz"), Path("/out/y.z_metrics.tsv")])
    assert found == [Path("/out/a/x_mask.json"), Path("/out/y.z_metrics.json")]


def test_a_json_file_has_no_sidecar() -> None:
    assert sidecar_files([NAMES.network_verdict("up")]) == []


@pytest.mark.parametrize(
    ("voxel_size", "res"), [(None, "2"), (3, "3mm"), (2.5, "2p5mm"), (3.3333, "3p33mm")]
)
def test_larger_voxels_are_another_resolution(voxel_size: float | None, res: str) -> None:
    image = {"subject": "01", "space": "S", "res": "2", "task": "rest", "run": 1}
    place = place_in_store(image, voxel_size)
    assert place == {"space": "S", "res": res, "task": "rest"}
    path = OutputNames.of(ROOT, place).network("x", "mask")
    assert parse_entities(path)["res"] == res
    native = place_in_store({"space": "S", "task": "rest"}, voxel_size)
    assert native.get("res") == (None if voxel_size is None else res)
