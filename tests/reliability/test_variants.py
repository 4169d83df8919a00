"""Data sets of other versions and shapes: found and read, or refused with the reason."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids.cli.parser import parse
from fcnm_bids.config import Config
from fcnm_bids.connectome import open_run
from fcnm_bids.errors import RequestError
from fcnm_bids.interfaces.participant import store_run
from fcnm_bids.planning.input_settings import adopt_layout
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.plan import ParticipantPlan

Participants = Callable[..., Path]

OLD_COLUMNS = {
    "csf": "CSF",
    "white_matter": "WhiteMatter",
    "global_signal": "GlobalSignal",
    "std_dvars": "stdDVARS",
    "dvars": "non-stdDVARS",
    "framewise_displacement": "FramewiseDisplacement",
    **{f"trans_{axis}": axis.upper() for axis in "xyz"},
    **{f"rot_{axis}": f"Rot{axis.upper()}" for axis in "xyz"},
}


def request(root: Path, output: Path, *options: object) -> ParticipantPlan:
    words = [str(root), str(output), "participant", "--connectome-only", "--nprocs", "1"]
    words += ["-w", str(output.parent / "work"), *map(str, options)]
    asked = parse(words)
    return plan_participant_level(adopt_layout(asked.config, asked.explicit))


def dofs(plan: ParticipantPlan) -> list[list[int]]:
    return [[run.dof for run in participant.runs] for participant in plan.participants]


def rename(root: Path, *changes: tuple[str, str]) -> None:
    """Change names of files, and of folders, by regular expressions."""
    for path in sorted(root.rglob("*"), key=lambda p: -len(p.parts)):
        name = path.name
        for old, new in changes:
            name = re.sub(old, new, name)
        path.rename(path.with_name(name))


def rewrite_tables(root: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    for path in root.rglob("*confounds*.tsv"):
        table = change(pd.read_csv(path, sep="\t", na_values="n/a"))
        table.to_csv(path, sep="\t", index=False, na_rep="n/a")


def as_version_1_0(root: Path) -> None:
    """The same data under the names that fMRIPrep 1.0 and 1.1 gave them."""
    rename(
        root,
        (
            r"_task-rest_(space-[^_]+)(_res-\d+)?_desc-preproc_bold\.",
            r"_task-rest_bold_\1_preproc.",
        ),
        (
            r"_task-rest_(space-[^_]+)(_res-\d+)?_desc-brain_mask\.",
            r"_task-rest_bold_\1_brainmask.",
        ),
        (r"_desc-confounds_timeseries\.", "_bold_confounds."),
    )
    for path in root.rglob("*.json"):
        path.unlink()

    def old(table: pd.DataFrame) -> pd.DataFrame:
        table = table[[c for c in table if "derivative1" not in c and "power2" not in c]]
        table = table.rename(columns=OLD_COLUMNS)
        return table.rename(
            columns=lambda c: (
                re.sub(r"^([at])_comp_cor_", r"\1CompCor", c)
                .replace("cosine", "Cosine")
                .replace("non_steady_state_outlier", "NonSteadyStateOutlier")
            )
        )

    rewrite_tables(root, old)


def test_names_and_columns_of_fmriprep_1_0_give_the_same(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01", "02")
    today = dofs(request(root, tmp_path / "out"))
    as_version_1_0(root)
    plan = request(root, tmp_path / "out")
    assert plan.left_out == []
    assert dofs(plan) == today
    [run] = plan.participants[0].runs
    assert run.files.confounds.endswith("_bold_confounds.tsv")
    assert run.files.mask.endswith("_brainmask.nii.gz")
    assert Path(run.files.stored).name == (
        "sub-01_task-rest_space-MNI152NLin6Asym_desc-projected_timeseries.h5"
    )


def test_confounds_of_1_0_to_1_3_are_completed_to_what_later_versions_write(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01")
    [today] = request(root, tmp_path / "a").participants[0].runs
    store_run(today.files, request_settings(root), root.parent)
    as_version_1_0(root)
    [old] = request(root, tmp_path / "b").participants[0].runs
    store_run(old.files, request_settings(root), root.parent)
    now, before = (open_run(Path(run.files.stored)) for run in (today, old))
    assert before.attributes["confounds"] == now.attributes["confounds"]
    # each projection has axes of its own; what counts is what they say of pairs of voxels
    correlations = []
    for run in (now, before):
        loaded = run.load()
        columns = loaded.remove(loaded.columns(slice(0, 60)))
        columns /= np.linalg.norm(columns, axis=0)
        correlations.append(columns.T @ columns)
    np.testing.assert_allclose(*correlations, atol=1e-4)


def request_settings(root: Path) -> object:
    return Config(str(root), "out", "participant").denoising


@pytest.mark.parametrize("suffix", ["regressors", "timeseries"])
def test_both_suffixes_of_confounds(
    participants: Participants, tmp_path: Path, suffix: str
) -> None:
    root = participants("01", "02")
    rename(root, (r"_timeseries\.", f"_{suffix}."))
    assert request(root, tmp_path / "out").left_out == []


def test_columns_that_cannot_be_computed_are_named(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01", "02")
    rewrite_tables(root, lambda table: table.drop(columns=[c for c in table if "rot_z" in c]))
    with pytest.raises(RequestError, match="rot_z, rot_z_derivative1"):
        request(root, tmp_path / "out")


def test_a_sidecar_without_repetition_time_leaves_it_to_the_header(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01", "02")
    today = dofs(request(root, tmp_path / "out"))
    for path in root.rglob("*_bold.json"):
        path.write_text(json.dumps({"SkullStripped": False}))
    assert dofs(request(root, tmp_path / "out")) == today


@pytest.mark.parametrize(
    ("before_space", "runs"),
    [
        ("_ses-1", 1),
        ("_dir-AP", 1),
        ("_acq-mb3_dir-PA_run-1", 1),
        ("_rec-norm_run-02", 1),
        ("_part-mag", 1),
        ("_part-phase", 0),
        ("_echo-2", 0),
    ],
)
def test_entities_of_runs(
    participants: Participants, tmp_path: Path, before_space: str, runs: int
) -> None:
    root = participants("01", "02")
    func = root / "sub-01" / "func"
    session = "_ses-1" in before_space
    rename(func, (r"sub-01(_ses-1)?_task-rest", f"sub-01{'_ses-1' if session else ''}_task-rest"))
    if session:
        (root / "sub-01" / "ses-1").mkdir()
        func.rename(root / "sub-01" / "ses-1" / "func")
    else:
        rename(func, (r"_task-rest", f"_task-rest{before_space}"))
    found = {
        participant.subject: len(participant.runs)
        for participant in request(root, tmp_path / "out").participants
    }
    assert found.get("01", 0) == runs
    assert found["02"] == 1


def test_several_sessions_and_runs_are_kept_apart(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01")
    func = root / "sub-01" / "func"
    files = sorted(func.iterdir())
    for session in ("pre", "post"):
        folder = root / "sub-01" / f"ses-{session}" / "func"
        folder.mkdir(parents=True)
        for run in (1, 2):
            for path in files:
                name = path.name.replace("_task-rest", f"_ses-{session}_task-rest_run-{run}")
                shutil.copy(path, folder / name)
    shutil.rmtree(func)
    [participant] = request(root, tmp_path / "out").participants
    assert len({run.files.stored for run in participant.runs}) == 4
    [participant] = request(root, tmp_path / "out", "--session-id", "ses-post").participants
    assert len(participant.runs) == 2


def test_echoes_beside_their_combination_are_not_runs(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01")
    for path in list((root / "sub-01" / "func").iterdir()):
        for echo in (1, 2, 3):
            shutil.copy(path, path.with_name(path.name.replace("rest", f"rest_echo-{echo}")))
    [participant] = request(root, tmp_path / "out").participants
    assert len(participant.runs) == 1


def test_cohorts_are_templates_of_their_own(participants: Participants, tmp_path: Path) -> None:
    root = participants("01", "02")
    for label, cohort in (("01", 2), ("02", 3)):
        changes = (r"space-MNI152NLin6Asym", f"space-MNIPediatricAsym_cohort-{cohort}")
        rename(root / f"sub-{label}", changes)
    with pytest.raises(RequestError, match=r"differ in cohort: 2, 3; .*--space SPACE:cohort-N"):
        request(root, tmp_path / "out")
    [participant] = request(
        root, tmp_path / "out", "--space", "MNIPediatricAsym:cohort-3"
    ).participants
    assert participant.subject == "02"
    assert "cohort-3" in participant.runs[0].files.stored


def test_one_resolution_of_several_is_chosen(participants: Participants, tmp_path: Path) -> None:
    root = participants("01")
    for path in list((root / "sub-01" / "func").glob("*_res-8_*")):
        shutil.copy(path, path.with_name(path.name.replace("_res-8_", "_res-2_")))
    with pytest.raises(RequestError, match="differ in res"):
        request(root, tmp_path / "out")
    for options in (("--resolution", "8"), ("--space", "MNI152NLin6Asym:res-8")):
        [run] = request(root, tmp_path / "out", *options).participants[0].runs
        assert "_res-8_" in run.files.bold


@pytest.mark.parametrize("folder", ["fmriprep", "fMRIPrep-25.1.0", "my fmriprep ø 数据"])
def test_a_raw_data_set_with_derivatives_inside(
    participants: Participants, tmp_path: Path, folder: str
) -> None:
    derivatives = participants("01")
    raw = tmp_path / "raw"
    (raw / "sub-01" / "anat").mkdir(parents=True)
    (raw / "dataset_description.json").write_text('{"Name": "raw", "BIDSVersion": "1.8.0"}')
    (raw / "derivatives").mkdir()
    derivatives.rename(raw / "derivatives" / folder)
    assert len(request(raw, tmp_path / "out").participants) == 1


@pytest.mark.parametrize("named", ["", "fmriprep="])
def test_derivatives_beside_a_raw_data_set(
    participants: Participants, tmp_path: Path, named: str
) -> None:
    derivatives = participants("01")
    raw = tmp_path / "raw"
    (raw / "sub-01" / "func").mkdir(parents=True)
    (raw / "dataset_description.json").write_text('{"Name": "raw", "BIDSVersion": "1.8.0"}')
    plan = request(raw, tmp_path / "out", "-d", f"{named}{derivatives}")
    assert plan.source == derivatives
    assert [len(participant.runs) for participant in plan.participants] == [1]


def test_the_folder_of_one_participant_is_explained(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01", "02")
    with pytest.raises(RequestError, match="--participant-label 02"):
        request(root / "sub-02", tmp_path / "out")


def test_derivatives_of_one_participant_are_a_data_set(
    participants: Participants, tmp_path: Path
) -> None:
    assert len(request(participants("02"), tmp_path / "out").participants) == 1


def denoise(root: Path, desc: str) -> None:
    """The data set as a denoising program leaves it: no confounds, images called otherwise."""
    rename(root, (r"_desc-preproc_bold\.", f"_desc-{desc}_bold."))
    for path in root.rglob("*confounds*"):
        path.unlink()


def test_output_of_xcp_d_is_recognised_and_not_denoised_again(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01", "02")
    denoise(root, "denoised")
    plan = request(root, tmp_path / "out")
    assert plan.left_out == []
    # nothing but the mean and the trend has been taken out
    assert dofs(plan) == [[118], [118]]


def test_without_a_mask_the_voxels_of_a_denoised_image_that_vary_are_taken(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01")
    denoise(root, "denoised")
    [path] = root.rglob("*desc-denoised_bold.nii.gz")
    [mask] = root.rglob("*desc-brain_mask.nii.gz")
    inside = np.asarray(nib.load(mask).dataobj) > 0
    image = nib.load(path)
    values = np.where(inside[..., None], np.asarray(image.dataobj), 7)
    path.unlink()
    nib.save(nib.Nifti1Image(values, image.affine, image.header), path)
    for part in root.rglob("*desc-brain_mask.*"):
        part.unlink()
    plan = request(root, tmp_path / "out")
    assert plan.left_out == []
    [note] = plan.notes
    assert "no brain mask; the voxels that vary over time" in note
    [run] = plan.participants[0].runs
    asked = parse([str(root), str(tmp_path / "out"), "participant"])
    stored = store_run(run.files, adopt_layout(asked.config, asked.explicit).denoising, tmp_path)
    assert stored.header["n_masked"] == np.count_nonzero(inside)
    assert stored.attributes["mask"] == "voxels that vary over time"
    np.testing.assert_array_equal(
        stored.load().index, np.flatnonzero(inside.reshape(-1, order="F"))
    )


def test_any_denoised_image_with_a_mask_is_taken_as_it_is(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01")
    denoise(root, "clean")
    with pytest.raises(RequestError, match="no preprocessed run"):
        request(root, tmp_path / "out")
    plan = request(root, tmp_path / "out", "--denoised")
    [run] = plan.participants[0].runs
    asked = parse([str(root), str(tmp_path / "out"), "participant", "--denoised"])
    settings = adopt_layout(asked.config, asked.explicit).denoising
    assert settings.smoothing == 0
    store_run(run.files, settings, tmp_path)
    stored = open_run(Path(run.files.stored)).load()
    bold = np.asarray(nib.load(run.files.bold).dataobj, dtype=float)
    series = bold.reshape(-1, 120, order="F")[stored.index[:40]].T
    time = np.column_stack([np.ones(120), np.arange(120)])
    series -= time @ np.linalg.lstsq(time, series, rcond=None)[0]
    r = np.corrcoef(series.T)
    columns = stored.columns(slice(0, 40))
    columns /= np.linalg.norm(columns, axis=0)
    np.testing.assert_allclose(columns.T @ columns, r, atol=1e-4)


@pytest.mark.parametrize("option", [("--high-pass", 0.02), ("-p", "24P"), ("-f", 0.4)])
def test_denoising_what_is_denoised_is_refused(
    participants: Participants, tmp_path: Path, option: tuple[object, ...]
) -> None:
    root = participants("01")
    denoise(root, "denoised")
    with pytest.raises(RequestError, match="already denoised"):
        request(root, tmp_path / "out", *option)


def test_several_kinds_of_denoised_images_are_listed(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01")
    denoise(root, "denoised")
    for path in list(root.rglob("*_desc-denoised_bold.*")):
        shutil.copy(path, path.with_name(path.name.replace("denoised", "denoisedSmoothed")))
    with pytest.raises(RequestError, match="differ in desc: denoised, denoisedSmoothed"):
        request(root, tmp_path / "out", "--denoised")
    choice = tmp_path / "filter.json"
    choice.write_text('{"bold": {"desc": "denoised"}}')
    plan = request(root, tmp_path / "out", "--denoised", "--bids-filter-file", choice)
    assert len(plan.participants[0].runs) == 1


def test_runs_that_only_fmriprep_has_seen_are_not_taken_for_denoised_ones(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01")
    with pytest.raises(RequestError, match="no denoised run"):
        request(root, tmp_path / "out", "--denoised")
