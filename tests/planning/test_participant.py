"""What is found out before anything is computed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.plan import ParticipantPlan
from fcnm_bids.simulate import Truth

Make = Callable[..., Config]


def problems(config: Config) -> list[str]:
    with pytest.raises(RequestError) as refused:
        plan_participant_level(config)
    return list(refused.value.problems)


def the(root: Path, pattern: str) -> Path:
    [path] = root.rglob(pattern)
    return path


def reasons(plan: ParticipantPlan) -> dict[str, str]:
    """Why runs are left out, by the entities before their space."""
    return {Path(run.name).name.split("_space")[0]: run.reason for run in plan.left_out}


def change_json(path: Path, **content: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **content}))


def change_table(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    table = change(pd.read_csv(path, sep="\t", na_values="n/a"))
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")


def save_like(path: Path, change: Callable[[nib.Nifti1Image], nib.Nifti1Image]) -> None:
    image = nib.load(path)
    changed = change(nib.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header))
    path.unlink()
    nib.save(changed, path)


def moved(image: nib.Nifti1Image) -> nib.Nifti1Image:
    affine = image.affine.copy()
    affine[0, 3] += 2
    return nib.Nifti1Image(np.asarray(image.dataobj), affine, image.header)


def cropped(image: nib.Nifti1Image) -> nib.Nifti1Image:
    return image.slicer[:-1]


def test_a_dry_run_hashes_only_what_may_be_done_already(request_for: Make, tmp_path: Path) -> None:
    keys = [participant.key for participant in plan_participant_level(request_for()).participants]
    dry = request_for(running={"dry_run": True})
    done = tmp_path / "out" / "sub-02"
    done.mkdir(parents=True)
    (done / "manifest.json").touch()
    planned = plan_participant_level(dry).participants
    assert [bool(run.key) for one in planned for run in one.runs] == [
        one.subject == "02" for one in planned for _ in one.runs
    ]
    assert [one.key for one in planned].index(keys[1]) == 1


def test_a_sound_data_set_is_planned_whole(request_for: Make, simulated: Truth) -> None:
    plan = plan_participant_level(request_for())
    assert [participant.subject for participant in plan.participants] == ["01", "02", "03", "04"]
    assert [len(participant.runs) for participant in plan.participants] == [1, 2, 1, 2]
    assert plan.left_out == []
    assert plan.grid.difference(simulated.grid) is None
    assert plan.entities == {"space": "MNI152NLin6Asym", "res": "8", "task": "rest"}
    assert {contrast.name for contrast in plan.contrasts} == set(simulated.foci["contrast"])
    for participant in plan.participants:
        assert not participant.done
        for run in participant.runs:
            assert not run.stored
            assert run.n_volumes == 120
            assert 30 <= run.dof < run.n_kept <= 120
            assert run.itemsize == 2


def test_looking_writes_nothing(request_for: Make, dataset: Callable[..., Path]) -> None:
    root = dataset("01")
    before = {path: path.stat().st_mtime_ns for path in root.parent.rglob("*")}
    plan_participant_level(request_for(root))
    assert {path: path.stat().st_mtime_ns for path in root.parent.rglob("*")} == before


def test_a_key_depends_on_content_and_settings_alone(
    request_for: Make, dataset: Callable[..., Path]
) -> None:
    def keys(config: Config) -> list[str]:
        return [participant.key for participant in plan_participant_level(config).participants]

    here = keys(request_for(selection={"participant_label": ("01",)}))
    assert keys(request_for(dataset("01"))) == here
    same = request_for(selection={"participant_label": ("01",)})
    elsewhere = same.update(
        {
            "running": {"work_dir": "/elsewhere", "verbose": 2},
            "resources": {"nprocs": 3, "omp_nthreads": 2, "mem_gb": 1.0},
            "connectome": {"connectome_dir": "/elsewhere/store"},
            "group": {"alpha": 0.01},
        }
    )
    assert keys(elsewhere) == here
    for section, option, value in (
        ("denoising", "smoothing", 4.0),
        ("denoising", "nuisance_regressors", "24P"),
        ("seeds", "radius", 6.0),
        ("seeds", "min_coverage", 0.4),
        ("seeds", "unit", "focus"),
    ):
        assert keys(same.update({section: {option: value}})) != here


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("sub-02_*run-1*desc-brain_mask.nii.gz", "no brain mask"),
        ("sub-02_*run-1*desc-confounds_timeseries.tsv", "no confound table"),
    ],
)
def test_a_run_without_its_files_is_left_out_with_the_reason(
    request_for: Make, dataset: Callable[..., Path], pattern: str, told: str
) -> None:
    root = dataset("01", "02")
    the(root, pattern).unlink()
    plan = plan_participant_level(request_for(root))
    [(run, reason)] = reasons(plan).items()
    assert run == "sub-02_task-rest_run-1"
    assert told in reason
    assert [len(participant.runs) for participant in plan.participants] == [1, 1]


@pytest.mark.parametrize(("change", "told"), [(moved, "affine"), (cropped, "shape (22, 28, 23)")])
def test_a_run_on_another_grid_is_left_out_with_the_difference(
    request_for: Make,
    dataset: Callable[..., Path],
    change: Callable[[nib.Nifti1Image], nib.Nifti1Image],
    told: str,
) -> None:
    root = dataset("01", "03", "04")
    for pattern in ("sub-01_*_bold.nii.gz", "sub-01_*_mask.nii.gz"):
        save_like(the(root, pattern), change)
    plan = plan_participant_level(request_for(root))
    [(run, reason)] = reasons(plan).items()
    assert run == "sub-01_task-rest"
    assert reason.startswith("not on the grid of the other runs: ")
    assert reason.endswith("with --resolution, or make its images again on their grid")
    assert told in reason
    assert plan.participants[0].runs == ()


def shorter(table: pd.DataFrame) -> pd.DataFrame:
    return table[:-1]


def without_motion(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=["trans_x", "framewise_displacement"])


def with_a_hole(table: pd.DataFrame) -> pd.DataFrame:
    table.loc[60, "white_matter"] = np.nan
    return table


def restless(table: pd.DataFrame) -> pd.DataFrame:
    table.loc[20:, "framewise_displacement"] = 3.0
    return table


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (shorter, "120 volumes, but 119 rows"),
        (without_motion, "trans_x"),
        (with_a_hole, "white_matter"),
        (restless, "--min-time"),
    ],
)
def test_a_run_whose_confounds_are_no_use_is_left_out(
    request_for: Make,
    dataset: Callable[..., Path],
    change: Callable[[pd.DataFrame], pd.DataFrame],
    told: str,
) -> None:
    root = dataset("01", "03")
    change_table(the(root, "sub-01_*_timeseries.tsv"), change)
    [reason] = reasons(plan_participant_level(request_for(root))).values()
    assert told in reason


@pytest.mark.parametrize(
    ("repetition_time", "told"),
    [(3000, "milliseconds"), ("3", "'3'"), (0, "0"), (-3, "-3"), (True, "True")],
)
def test_a_repetition_time_that_is_none_is_told(
    request_for: Make, dataset: Callable[..., Path], repetition_time: Any, told: str
) -> None:
    root = dataset("01", "03")
    change_json(the(root, "sub-01_*_bold.json"), RepetitionTime=repetition_time)
    [reason] = reasons(plan_participant_level(request_for(root))).values()
    assert "RepetitionTime" in reason
    assert told in reason


@pytest.mark.parametrize(("stated", "notes"), [(3.02, 0), (3.3, 1)])
def test_a_repetition_time_that_is_not_the_headers_is_told(
    request_for: Make, dataset: Callable[..., Path], stated: float, notes: int
) -> None:
    root = dataset("01", "03")
    change_json(the(root, "sub-01_*_bold.json"), RepetitionTime=stated)
    plan = plan_participant_level(request_for(root, connectome={"connectome_only": True}))
    assert plan.left_out == []
    assert len(plan.notes) == notes
    assert all("3.3 s, but the image's header states 3 s" in note for note in plan.notes)
    assert all("sub-01" in note and "sub-03" not in note for note in plan.notes)


def test_participants_without_a_run_stop_nobody(
    request_for: Make, dataset: Callable[..., Path]
) -> None:
    root = dataset("01", "03")
    (root / "sub-02").mkdir()
    plan = plan_participant_level(request_for(root, connectome={"connectome_only": True}))
    assert [participant.subject for participant in plan.participants] == ["01", "03"]
    told = "1 participant has no requested run: 02 (empty folder; run datalad get -n sub-02)"
    assert plan.notes == (told,)


def test_the_runs_of_another_participant_are_left_out(
    request_for: Make, dataset: Callable[..., Path]
) -> None:
    root = dataset("01", "03")
    for path in (root / "sub-01" / "func").iterdir():
        shutil.copy(path, root / "sub-03" / "func")
    participants = {
        participant.subject: participant
        for participant in plan_participant_level(request_for(root)).participants
    }
    assert [len(participant.runs) for participant in participants.values()] == [1, 1]
    [run] = participants["03"].left_out
    assert run.reason == "its name has sub-01, but its folder is sub-03; move or rename it"


@pytest.mark.parametrize(("unit", "value"), [("sec", 3.0), ("msec", 3000.0), ("usec", 3e6)])
def test_without_a_sidecar_the_header_has_the_repetition_time(
    request_for: Make, dataset: Callable[..., Path], unit: str, value: float
) -> None:
    def stated(image: nib.Nifti1Image) -> nib.Nifti1Image:
        image.header.set_xyzt_units("mm", unit)
        image.header["pixdim"][4] = value
        return image

    root = dataset("01")
    [usual] = plan_participant_level(request_for(root)).participants[0].runs
    the(root, "sub-01_*_bold.json").unlink()
    save_like(the(root, "sub-01_*_bold.nii.gz"), stated)
    plan = plan_participant_level(request_for(root))
    [run] = plan.participants[0].runs
    assert run.dof == usual.dof
    assert "the 3 s of the image's header are used" in plan.notes[0]


def test_no_repetition_time_anywhere_is_told(
    request_for: Make, dataset: Callable[..., Path]
) -> None:
    def silent(image: nib.Nifti1Image) -> nib.Nifti1Image:
        image.header["pixdim"][4] = 0
        return image

    root = dataset("01", "03")
    the(root, "sub-01_*_bold.json").unlink()
    save_like(the(root, "sub-01_*_bold.nii.gz"), silent)
    [reason] = reasons(plan_participant_level(request_for(root))).values()
    assert "no RepetitionTime in a JSON file, and the header states 0 s" in reason
    assert "--tr" in reason


def test_a_header_of_1_s_is_no_repetition_time(
    request_for: Make, dataset: Callable[..., Path]
) -> None:
    def one(image: nib.Nifti1Image) -> nib.Nifti1Image:
        image.header["pixdim"][4] = 1
        return image

    root = dataset("01", "03")
    [usual] = plan_participant_level(request_for(root)).participants[0].runs
    the(root, "sub-01_*_bold.json").unlink()
    save_like(the(root, "sub-01_*_bold.nii.gz"), one)
    [reason] = reasons(plan_participant_level(request_for(root))).values()
    assert "the header states 1 s" in reason
    plan = plan_participant_level(request_for(root, denoising={"tr": 3.0}))
    assert plan.left_out == []
    assert plan.participants[0].runs[0].dof == usual.dof


@pytest.mark.parametrize(
    ("pattern", "content", "told"),
    [
        ("sub-01_*_bold.nii.gz", b"not an image", "cannot be read as NIfTI"),
        ("sub-01_*_bold.nii.gz", b"", "cannot be read as NIfTI"),
        ("sub-01_*_bold.json", b"{", "not valid JSON"),
        ("sub-01_*_timeseries.json", b"[]", "not a JSON object"),
        ("sub-01_*_timeseries.tsv", b"", "timeseries.tsv"),
        ("sub-01_*_timeseries.tsv", b"\xff\xfe\x00", "timeseries.tsv"),
    ],
)
def test_a_run_with_a_broken_file_is_left_out(
    request_for: Make, dataset: Callable[..., Path], pattern: str, content: bytes, told: str
) -> None:
    root = dataset("01", "03")
    the(root, pattern).write_bytes(content)
    [(run, reason)] = reasons(plan_participant_level(request_for(root))).items()
    assert run == "sub-01_task-rest"
    assert told in reason


def test_when_no_run_is_left_all_reasons_are_told(
    request_for: Make, dataset: Callable[..., Path]
) -> None:
    root = dataset("01", "02")
    the(root, "sub-01_*_mask.nii.gz").unlink()
    first, *rest = problems(request_for(root, denoising={"min_dof": 100}))
    assert first == "no usable run is left"
    assert any("no brain mask" in line and "sub-01" in line for line in rest)
    assert any("--min-dof asks for 100" in line and "--low-pass 0" in line for line in rest)


def test_stopping_at_the_first_unusable_run_is_an_option(
    request_for: Make, dataset: Callable[..., Path]
) -> None:
    root = dataset("01", "03")
    the(root, "sub-01_*_mask.nii.gz").unlink()
    [problem] = problems(request_for(root, running={"stop_on_first_crash": True}))
    assert "no brain mask" in problem
