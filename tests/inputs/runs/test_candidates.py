"""Files that may belong to a run, of BIDS names and of layouts without them."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.config import SelectionSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.dataset import identify_dataset
from fcnm_bids.inputs.runs.absence import MissingParticipants
from fcnm_bids.inputs.runs.candidates import FoundFile, found_files
from fcnm_bids.inputs.runs.find import find_runs

HCP = "{}/MNINonLinear/Results/rfMRI_REST1_LR/rfMRI_REST1_LR{}.nii.gz"


def _tree(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


@pytest.mark.parametrize("asked", ["IS001-1-0001", "IS00110001", "sub-IS00110001"])
def test_a_participant_is_asked_for_by_either_name(asked: str, tmp_path: Path) -> None:
    root = _tree(tmp_path, *(f"FunVoluWCF/IS001-1-000{n}/x.nii" for n in (1, 2)))
    [run] = find_runs(root, SelectionSettings(participant_label=(asked,)), layout="dpabisurf")
    assert (run.subject, run.entities["original_id"]) == ("IS00110001", "IS001-1-0001")


def test_names_that_become_one_label_are_refused(tmp_path: Path) -> None:
    root = _tree(tmp_path, "FunImgARW/Sub_1/x.nii", "FunImgARW/sub1/x.nii")
    with pytest.raises(RequestError, match="Sub_1 and sub1 have the same label"):
        find_runs(root, SelectionSettings(), layout="dparsf")
    _tree(tmp_path, "FunImgARW/Sub_2/x.nii")
    [run] = find_runs(root, SelectionSettings(participant_label=("Sub_2",)), layout="dparsf")
    assert run.subject == "Sub2"


def test_several_stages_are_listed(tmp_path: Path) -> None:
    root = _tree(tmp_path, HCP.format(100, ""), HCP.format(100, "_hp2000_clean"))
    with pytest.raises(RequestError, match=r"hp2000_clean, minimal; choose one with --input-var"):
        find_runs(root, SelectionSettings(), layout="hcp")
    [run] = find_runs(root, SelectionSettings(input_variant="minimal"), layout="hcp")
    assert (run.entities["run"], run.entities["direction"]) == (1, "LR")


def test_native_space_is_refused_with_what_would_work(tmp_path: Path) -> None:
    root = _tree(tmp_path, "FunImgAR/S1/x.nii")
    with pytest.raises(RequestError, match=r"AR: native space .*warp the images to MNI"):
        find_runs(root, SelectionSettings(), layout="dparsf")
    _tree(tmp_path, "FunImgARW/S1/x.nii")
    assert [
        r.entities["variant"] for r in find_runs(root, SelectionSettings(), layout="dparsf")
    ] == ["ARW"]


@pytest.mark.parametrize(
    ("layout", "folder", "reason"),
    [
        ("dparsf", "FunImgARWX", "ARWX: letters that DPARSF does not write"),
        ("dparsf", "FunImgARWCFB", r"scrubbed \(B\): .*choose the stage before it"),
        ("dparsf", "FunImgARWsymS", "symmetric template"),
        ("dpabisurf", "FunVoluWQ", "letters that DPABISurf does not write"),
        ("dpabisurf", "FunVoluWI", "ICA-AROMA"),
    ],
)
def test_stages_of_which_too_little_is_known_are_refused(
    tmp_path: Path, layout: str, folder: str, reason: str
) -> None:
    root = _tree(tmp_path, f"{folder}/S1/x.nii")
    with pytest.raises(RequestError, match=reason):
        find_runs(root, SelectionSettings(), layout=layout)


@pytest.mark.parametrize("letters", ["ARW", "ARWSDCF", "ARglobalCWF", "ARCWFS"])
def test_stages_that_dparsf_writes_are_used(tmp_path: Path, letters: str) -> None:
    root = _tree(tmp_path, f"FunImg{letters}/S1/x.nii")
    assert len(find_runs(root, SelectionSettings(), layout="dparsf")) == 1


def test_the_session_without_prefix_is_the_first_where_there_is_a_second(tmp_path: Path) -> None:
    root = _tree(tmp_path, "FunImgARW/S1/x.nii", "FunImgARW/S2/x.nii")
    assert all(
        "session" not in r.entities for r in find_runs(root, SelectionSettings(), layout="dparsf")
    )
    _tree(tmp_path, "S2_FunImgARW/S1/x.nii")
    runs = find_runs(root, SelectionSettings(), layout="dparsf")
    assert [(r.subject, r.entities["session"]) for r in runs] == [
        ("S1", "1"),
        ("S1", "2"),
        ("S2", "1"),
    ]


@pytest.mark.parametrize(
    ("file", "layout"),
    [
        ("FunImgARW/S1/x.nii", "dparsf"),
        (HCP.format(100, ""), "hcp"),
        ("sub-0001/func/sub-0001_bld001_rest_x_finalmask.nii.gz", "gsp1000"),
        ("results/preprocessing/niftiDATA_Subject001_Condition000.nii", "conn"),
    ],
)
def test_a_layout_is_found_out(file: str, layout: str, tmp_path: Path) -> None:
    assert identify_dataset(_tree(tmp_path, file)).layout == layout


@pytest.mark.parametrize(
    ("files", "told"),
    [
        (("FunImgARW/S1/x.nii", HCP.format(100, "")), "several layouts at once"),
        (("1_2_0/fMRI/rfMRI.ica/filtered_func_data_clean.nii.gz",), "UK Biobank: .*native space"),
        (("sub-1/ses-1/func/sub-1_ses-1_task-rest_space-MNI_bold.nii.gz",), "DCAN"),
        (("FunImARW/S1/x.nii", "x.txt"), "FunImARW looks like a misspelled FunImgARW of DPARSF"),
        (("project/FunImgARW/S1/x.nii",), "project looks like DPARSF"),
        ((), r"\(it is empty\); BIDS_DIR has to be"),
        (
            ("a/FunImgARW/S1/x.nii", f"b/{HCP.format(100, '')}"),
            "a looks like DPARSF.*b looks like Human.*: give one of them as BIDS_DIR$",
        ),
        (
            ("100/MNINonlinear/x",),
            "MNINonlinear looks like a misspelled MNINonLinear of Human.*; rename it$",
        ),
        (
            ("derivative/halfpipe/x",),
            "derivative/halfpipe looks like a misspelled derivatives/halfpipe of",
        ),
        (("reslts/x",), "reslts looks like a misspelled results of CONN; rename it$"),
        (("funimgARW/S1/x.nii",), "funimgARW looks like a misspelled FunImgARW of DPARSF"),
        (
            ("fmriprep/sub-01/func/sub-01_desc-preproc_bold.nii", "dparsf/FunImgARW/S1/x.nii"),
            r"fmriprep looks like fMRIPrep's output: .*; or .*dparsf looks like DPARSF",
        ),
        (
            ("Sub-01/func/x.nii",),
            r"only Sub-01\); Sub-01 looks like a misspelled sub-01; rename it$",
        ),
        (
            ("sbu-a1/func/x.nii", "y.txt"),
            r"only sbu-a1, y.txt\); sbu-a1 looks like a misspelled sub-a1",
        ),
    ],
)
def test_wrong_guesses_are_explained(files: tuple[str, ...], told: str, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=told):
        identify_dataset(_tree(tmp_path, *files))


def test_the_child_of_the_right_folder_is_explained(tmp_path: Path) -> None:
    root = _tree(tmp_path, "FunImgARW/S1/x.nii")
    with pytest.raises(RequestError, match=f"{tmp_path.name} looks like DPARSF"):
        identify_dataset(root / "FunImgARW")


def test_a_named_layout_says_what_it_expected(tmp_path: Path) -> None:
    root = _tree(tmp_path, "FunImgARW/S1/x.nii")
    with pytest.raises(RequestError, match=r"no <subject>/MNINonLinear.*only FunImgARW"):
        identify_dataset(root, "hcp")
    with pytest.raises(RequestError, match="there is no such layout; choose from auto, conn"):
        identify_dataset(root, "hpc")


def _found(root: Path, *participants: str) -> list[FoundFile]:
    selection = SelectionSettings(participant_label=participants)
    return list(found_files(root, selection, MissingParticipants(root, participants)))


SPACE = "space-MNI152NLin6Asym"


def test_only_files_of_runs_are_found_participants_in_order(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        f"sub-02/ses-b/func/sub-02_ses-b_task-rest_{SPACE}_desc-preproc_bold.nii.gz",
        f"sub-02/func/sub-02_task-rest_{SPACE}_desc-brain_mask.nii.gz",
        "sub-01/func/sub-01_task-rest_desc-confounds_timeseries.tsv",
        f"sub-01/func/sub-01_task-rest_{SPACE}_desc-preproc_bold.json",
        f"sub-01/func/sub-01_task-rest_{SPACE}_boldref.nii.gz",
        f"sub-01/anat/sub-01_{SPACE}_desc-brain_mask.nii.gz",
        "sub-01/func/deeper/sub-01_task-rest_desc-confounds_timeseries.tsv",
        "sub-03",
        f"func/sub-01_task-rest_{SPACE}_desc-preproc_bold.nii.gz",
    )
    assert [(f.path.name.split("_")[0], f.entities["suffix"]) for f in _found(root)] == [
        ("sub-01", "timeseries"),
        ("sub-01", "bold"),
        ("sub-02", "mask"),
        ("sub-02", "bold"),
    ]
    assert {f.entities["subject"] for f in _found(root, "02")} == {"02"}


def test_a_run_in_the_folder_of_another_participant_is_left_out(tmp_path: Path) -> None:
    name = f"sub-02_task-rest_{SPACE}_desc-preproc_bold.nii.gz"
    root = _tree(tmp_path, f"sub-01/func/{name}", f"sub-01/func/{name[:-6]}json")
    [found] = _found(root)
    assert (found.entities["subject"], found.left_out) == (
        *("01", "its name has sub-02, but its folder is sub-01; move or rename it"),
    )


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"cannot be read \(No such file"):
        _found(tmp_path / "gone")


def test_runs_differ_by_their_entities_and_files_by_further_ones() -> None:
    one, other = (
        FoundFile(Path("x"), {"subject": "01", "task": "rest", "run": run, "desc": desc})
        for run, desc in ((1, "preproc"), (1, "brain"))
    )
    assert one.identity() == other.identity()
    assert one.identity("desc") != other.identity("desc")
