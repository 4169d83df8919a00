"""Which files of a derivatives folder are runs, and which files belong to them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.config import SelectionSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.runs.find import RunFiles, find_runs

SPACE = "space-MNI152NLin6Asym_res-2"
EVERYTHING = SelectionSettings()


def place(root: Path, run: str, space: str = SPACE, confounds: str = "timeseries") -> None:
    """Make the (empty) files of a run, named by the entities before its space."""
    entities = dict(part.split("-", 1) for part in run.split("_"))
    folder = root / f"sub-{entities['sub']}"
    if "ses" in entities:
        folder /= f"ses-{entities['ses']}"
    folder /= "func"
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"{run}_desc-confounds_{confounds}.{end}" for end in ("tsv", "json")]
    for kind in ("desc-preproc_bold", "desc-brain_mask"):
        names += [f"{run}_{space}_{kind}.{end}" for end in ("nii.gz", "json")]
    for name in names:
        (folder / name).touch()


def data_set(root: Path, *runs: str, **options: Any) -> Path:
    for run in runs:
        place(root, run, **options)
    return root


def names(runs: Iterable[RunFiles]) -> list[str]:
    return [run.bold.name.split("_space-")[0] for run in runs]


def problems(root: Path, **selection: Any) -> list[str]:
    with pytest.raises(RequestError) as refused:
        find_runs(root, SelectionSettings(**selection))
    return list(refused.value.problems)


def test_a_run_has_its_mask_confounds_and_sidecars(tmp_path: Path) -> None:
    [run] = find_runs(data_set(tmp_path, "sub-01_task-rest"), EVERYTHING)
    func, stem = tmp_path / "sub-01" / "func", "sub-01_task-rest"
    assert run.subject == "01"
    assert run.bold == func / f"{stem}_{SPACE}_desc-preproc_bold.nii.gz"
    assert run.beside["metadata"] == func / f"{stem}_{SPACE}_desc-preproc_bold.json"
    assert run.beside["mask"] == func / f"{stem}_{SPACE}_desc-brain_mask.nii.gz"
    assert run.beside["confounds"] == func / f"{stem}_desc-confounds_timeseries.tsv"
    assert run.beside["confounds_metadata"] == func / f"{stem}_desc-confounds_timeseries.json"


def test_confounds_of_older_fmriprep_versions_are_found(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest", confounds="regressors")
    [run] = find_runs(tmp_path, EVERYTHING)
    assert "confounds" in run.beside
    assert run.beside["confounds"].name == "sub-01_task-rest_desc-confounds_regressors.tsv"
    assert "confounds_metadata" in run.beside


def test_sessions_runs_directions_and_acquisitions_are_kept_apart(tmp_path: Path) -> None:
    runs = [
        "sub-01_ses-a_task-rest_run-1",
        "sub-01_ses-a_task-rest_run-2",
        "sub-01_ses-b_task-rest_acq-fast_dir-AP_run-1",
        "sub-01_ses-b_task-rest_acq-fast_dir-PA_run-1",
        "sub-01_ses-b_task-rest_acq-slow_dir-PA_run-1",
    ]
    found = find_runs(data_set(tmp_path, *runs), EVERYTHING)
    assert sorted(names(found)) == sorted(runs)
    for run, name in zip(found, names(found), strict=True):
        assert set(run.beside) == {"mask", "confounds", "confounds_metadata", "metadata"}
        for file in run.beside.values():
            assert file.name.startswith(f"{name}_")


def test_a_single_run_without_run_stands_beside_runs_with_it(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest", "sub-02_task-rest_run-1", "sub-02_task-rest_run-2")
    assert names(find_runs(tmp_path, EVERYTHING)) == [
        "sub-01_task-rest",
        "sub-02_task-rest_run-1",
        "sub-02_task-rest_run-2",
    ]


@pytest.mark.parametrize("extra", ["echo-1", "echo-2", "part-phase", "part-real"])
def test_single_echoes_and_phases_are_no_runs(tmp_path: Path, extra: str) -> None:
    data_set(tmp_path, "sub-01_task-rest", f"sub-01_task-rest_{extra}")
    assert names(find_runs(tmp_path, EVERYTHING)) == ["sub-01_task-rest"]


def test_magnitude_is_a_run(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest_part-mag")
    assert len(find_runs(tmp_path, EVERYTHING)) == 1


def test_other_images_are_no_runs(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    func = tmp_path / "sub-01" / "func"
    for name in (
        "sub-01_task-rest_space-T1w_desc-preproc_bold.nii.gz",
        "sub-01_task-rest_desc-preproc_bold.nii.gz",
        f"sub-01_task-rest_{SPACE}_boldref.nii.gz",
        f"sub-01_task-rest_{SPACE}_desc-smoothed_bold.nii.gz",
        "sub-01_task-rest_space-fsLR_den-91k_bold.dtseries.nii",
        f".sub-01_task-rest_{SPACE}_desc-preproc_bold.nii.gz",
        f"sub-é_task-rest_{SPACE}_desc-preproc_bold.nii.gz",
    ):
        (func / name).touch()
    (tmp_path / "sub-01" / "anat").mkdir()
    (tmp_path / "sub-01.html").touch()
    assert names(find_runs(tmp_path, EVERYTHING)) == ["sub-01_task-rest"]


def test_runs_come_in_one_order_whatever_the_folder_gives(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-10_task-rest", "sub-02_task-rest_run-2", "sub-02_task-rest_run-1")
    expected = ["sub-02_task-rest_run-1", "sub-02_task-rest_run-2", "sub-10_task-rest"]
    assert names(find_runs(tmp_path, EVERYTHING)) == expected


@pytest.mark.parametrize("folder", ["räume und 空格", "πειράματα", "sub-99_task-other"])
def test_any_path_may_lead_to_the_data(tmp_path: Path, folder: str) -> None:
    [run] = find_runs(data_set(tmp_path / folder, "sub-01_task-rest"), EVERYTHING)
    assert run.entities["subject"] == "01"
    assert "mask" in run.beside


def test_uncompressed_images_are_runs(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    for path in (tmp_path / "sub-01" / "func").glob("*.nii.gz"):
        path.rename(path.with_suffix(""))
    [run] = find_runs(tmp_path, EVERYTHING)
    assert run.bold.suffix == ".nii"
    assert "mask" in run.beside
    assert "metadata" in run.beside


def test_what_a_run_lacks_is_none(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    func = tmp_path / "sub-01" / "func"
    for path in (*func.glob("*mask*"), *func.glob("*confounds*"), *func.glob("*_bold.json")):
        path.unlink()
    [run] = find_runs(tmp_path, EVERYTHING)
    assert run.beside == {}


def test_a_mask_in_another_space_or_resolution_is_not_the_mask(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    func = tmp_path / "sub-01" / "func"
    [mask] = func.glob("*mask.nii.gz")
    mask.rename(str(mask).replace("res-2", "res-1"))
    (func / "sub-01_task-rest_space-T1w_desc-brain_mask.nii.gz").touch()
    [run] = find_runs(tmp_path, EVERYTHING)
    assert "mask" not in run.beside


def test_several_spaces_are_listed_and_one_can_be_chosen(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    data_set(tmp_path, "sub-01_task-rest", space="space-MNI152NLin2009cAsym_res-2")
    [problem] = problems(tmp_path)
    assert "MNI152NLin2009cAsym, MNI152NLin6Asym" in problem
    assert "--space" in problem
    [run] = find_runs(tmp_path, SelectionSettings(space="MNI152NLin2009cAsym"))
    assert "2009c" in run.bold.name
    assert "mask" in run.beside
    assert "2009c" in run.beside["mask"].name


def test_several_resolutions_are_listed_and_one_can_be_chosen(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    data_set(tmp_path, "sub-01_task-rest", space="space-MNI152NLin6Asym_res-native")
    data_set(tmp_path, "sub-01_task-rest", space="space-MNI152NLin6Asym")
    [problem] = problems(tmp_path)
    assert "2, native, none" in problem
    assert "--resolution" in problem
    [run] = find_runs(tmp_path, SelectionSettings(resolution="native"))
    assert "res-native" in run.bold.name
    [run] = find_runs(tmp_path, SelectionSettings(resolution="none"))
    assert "res-" not in run.bold.name


def test_several_tasks_are_listed_and_one_can_be_chosen(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest", "sub-01_task-nback", "sub-02_task-movie")
    [problem] = problems(tmp_path)
    assert "movie, nback, rest" in problem
    assert "--task-id" in problem
    assert names(find_runs(tmp_path, SelectionSettings(task_id="nback"))) == ["sub-01_task-nback"]


def test_a_long_list_is_cut_short(tmp_path: Path) -> None:
    data_set(tmp_path, *(f"sub-01_task-t{number:02d}" for number in range(15)))
    [problem] = problems(tmp_path)
    assert "t00, t01" in problem
    assert "and 3 more" in problem


def test_participants_and_sessions_can_be_chosen(tmp_path: Path) -> None:
    runs = [f"sub-{s}_ses-{t}_task-rest" for s in ("01", "02", "03") for t in ("a", "b")]
    data_set(tmp_path, *runs)
    chosen = SelectionSettings(participant_label=("03", "01"), session_id=("b",))
    assert names(find_runs(tmp_path, chosen)) == [
        "sub-01_ses-b_task-rest",
        "sub-03_ses-b_task-rest",
    ]


def test_participants_who_are_not_there_are_named(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    (tmp_path / "sub-02" / "anat").mkdir(parents=True)
    [problem] = problems(tmp_path, participant_label=("01", "02", "99"))
    assert "02 99" in problem


def test_somebody_asked_for_without_a_run_of_the_task_is_named(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest", "sub-01_task-nback", "sub-02_task-nback")
    [problem] = problems(tmp_path, participant_label=("01", "02"), task_id="rest")
    assert "no run of 02 matches task=rest" in problem


@pytest.mark.parametrize(
    ("selection", "told"),
    [
        ({"task_id": "reest"}, "task=reest; there is task: nback, rest"),
        ({"space": "MNI305"}, "space=MNI305; there is space: MNI152NLin6Asym"),
        ({"resolution": "1"}, "res=1; there is res: 2"),
        ({"session_id": ("x",)}, "there is session: none"),
    ],
)
def test_a_choice_that_matches_nothing_lists_what_there_is(
    tmp_path: Path, selection: dict[str, Any], told: str
) -> None:
    data_set(tmp_path, "sub-01_task-rest", "sub-01_task-nback")
    [problem] = problems(tmp_path, **selection)
    assert told in problem


def test_values_that_never_go_together_are_listed_as_they_do(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-nback")
    data_set(tmp_path, "sub-01_task-rest", space="space-MNI152NLin6Asym")
    [problem] = problems(tmp_path, task_id="rest", resolution="2")
    assert "matches task=rest, res=2; there is task=nback, res=2; task=rest, res=none" in problem


@pytest.mark.parametrize(
    ("run", "desc", "told"),
    [
        (
            "sub-01_task-rest_echo-1",
            "preproc",
            'there is echo: 1 (single echoes; --bids-filter-file with {"bold": {"echo": 1}}',
        ),
        ("sub-01_task-rest_part-phase", "preproc", "there is part: phase (no magnitude)"),
        (
            "sub-01_task-rest",
            "smoothAROMAnonaggr",
            "there is desc: smoothAROMAnonaggr (--denoised uses images as they are)",
        ),
    ],
)
def test_images_that_are_nearly_runs_are_told_with_what_takes_them(
    tmp_path: Path, run: str, desc: str, told: str
) -> None:
    data_set(tmp_path, run)
    for path in (tmp_path / "sub-01" / "func").glob("*_desc-preproc_*"):
        path.rename(str(path).replace("desc-preproc", f"desc-{desc}"))
    [problem] = problems(tmp_path)
    assert told in problem
    assert ("--denoised" in problem) == (desc != "preproc")
    assert "there is space" not in problem


def test_a_single_echo_is_taken_where_a_filter_names_it(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest_echo-1", "sub-02_task-rest_echo-1")
    chosen = tmp_path / "filter.json"
    chosen.write_text('{"bold": {"echo": 1}}')
    runs = find_runs(tmp_path, SelectionSettings(bids_filter_file=str(chosen)))
    assert names(runs) == ["sub-01_task-rest_echo-1", "sub-02_task-rest_echo-1"]
    assert all({"mask", "confounds"} <= set(run.beside) for run in runs)


def test_aroma_images_are_taken_as_denoised(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest")
    for path in (tmp_path / "sub-01" / "func").glob("*_desc-preproc_*"):
        path.rename(str(path).replace("desc-preproc", "desc-smoothAROMAnonaggr"))
    [run] = find_runs(tmp_path, EVERYTHING, layout="xcpd")
    assert "smoothAROMAnonaggr" in run.bold.name


def test_the_same_run_twice_is_refused_with_both_names(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest", "sub-02_task-rest")
    [bold] = (tmp_path / "sub-01" / "func").glob("*_bold.nii.gz")
    bold.with_suffix("").touch()
    [problem] = problems(tmp_path)
    assert bold.name in problem
    assert bold.with_suffix("").name in problem
    assert "sub-02" not in problem
    assert 'differ in extension: choose one with --bids-filter-file, such as {"bold": {"' in problem


def test_participants_without_runs_in_mni_space_are_explained(tmp_path: Path) -> None:
    data_set(tmp_path, "sub-01_task-rest", space="space-T1w")
    [problem] = problems(tmp_path)
    assert "MNI" in problem
    assert "there is space: T1w" in problem


def test_an_empty_folder_is_explained(tmp_path: Path) -> None:
    [problem] = problems(tmp_path)
    assert "BIDS_DIR has to be the folder with fMRIPrep's derivatives" in problem
    assert str(tmp_path) in problem
