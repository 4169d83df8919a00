from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.inputs.runs.io_spec import IoSpec, io_specs, laid_out_images

FIRST = "FunImgARW/Sub_001/wraSub_001.nii"


def _tree(root: Path, *files: str) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def _found(root: Path, name: str) -> list[dict[str, str]]:
    return [dict(image.groups) for image in laid_out_images(root, io_specs()[name])]


def test_every_layout_says_how_it_is_found_or_why_it_is_refused() -> None:
    for name, spec in io_specs().items():
        assert spec.title, name
        assert spec.refuse or spec.images or spec.files, name
        assert spec.refuse or spec.expects, name


@pytest.mark.parametrize(
    ("folder", "prefix", "session", "variant"),
    [
        ("FunImgARW", "", None, "ARW"),
        ("S2_FunImgARglobalCW", "S2_", "2", "ARglobalCW"),
        ("FunImg", "", None, ""),
    ],
)
def test_folders_of_dparsf_tell_session_and_stage(
    folder: str, prefix: str, session: str | None, variant: str, tmp_path: Path
) -> None:
    (groups,) = _found(_tree(tmp_path, f"{folder}/Sub-1/x.nii", "FunRaw/Sub-1/y.nii"), "dparsf")
    found = groups["prefix"], groups.get("session"), groups["variant"], groups["subject"]
    assert found == (prefix, session, variant, "Sub-1")


@pytest.mark.parametrize(
    ("letters", "facts"),
    [
        ("ARW", set()),
        ("ARWS", {"smoothed"}),
        ("ARCW", {"denoised"}),
        ("ARglobalCWFS", {"denoised", "filtered", "smoothed"}),
        ("AR", {"unusable"}),
    ],
)
def test_letters_of_dparsf_state_what_was_done(letters: str, facts: set[str]) -> None:
    known = {"smoothed", "denoised", "filtered", "unusable"}
    assert known & io_specs()["dparsf"].facts_of(letters).keys() == facts


def test_companions_belong_to_participant_and_session(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        "S2_FunImgARW/A1/a.nii",
        "RealignParameter/A1/rp_aA1.txt",
        "RealignParameter/A1/S2_rp_aA1.txt",
        "RealignParameter/A11/S2_rp_aA11.txt",
        "Masks/AutoMasks/wAutoMask_A1.nii",
        "Masks/AutoMasks/wS2_AutoMask_A1.nii",
        "Masks/AutoMasks/wS2_AutoMask_A11.nii",
    )
    (image,) = laid_out_images(root, io_specs()["dparsf"])
    there = {kind: path.relative_to(root).as_posix() for kind, path in image.companions.items()}
    assert there == {
        "mask": "Masks/AutoMasks/wS2_AutoMask_A1.nii",
        "confounds": "RealignParameter/A1/S2_rp_aA1.txt",
    }


def test_an_image_of_another_participant_is_none_of_the_folder(tmp_path: Path) -> None:
    names = "rfMRI_REST1_LR", "rfMRI_REST2_RL"
    root = _tree(
        tmp_path,
        *(f"100/MNINonLinear/Results/{name}/{name}.nii.gz" for name in names),
        "100/MNINonLinear/Results/rfMRI_REST1_LR/rfMRI_REST1_LR_SBRef.nii.gz",
        "100/MNINonLinear/Results/rfMRI_REST1_LR/rfMRI_REST2_RL.nii.gz",
        "100/MNINonLinear/Results/rfMRI_REST1_LR/rfMRI_REST1_LR_hp2000_clean.nii.gz",
    )
    found = [(g["run"], g["direction"], g["variant"]) for g in _found(root, "hcp")]
    assert sorted(found) == [
        ("1", "LR", "hp2000_clean"),
        ("1", "LR", "minimal"),
        ("2", "RL", "minimal"),
    ]


def test_names_with_characters_of_patterns_are_names(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        "sub-a+b/func/sub-a+b_bld001_rest_x_finalmask.nii.gz",
        "sub-a+b/func/sub-aab_bld002_rest_x_finalmask.nii.gz",
    )
    assert [g["run"] for g in _found(root, "gsp1000")] == ["001"]


def test_the_first_pattern_that_finds_an_image_names_it(tmp_path: Path) -> None:
    name = "IS001-1-0001_task-rest_space-MNI152NLin6Asym_res-2_desc-preproc_bold.nii"
    root = _tree(tmp_path, f"FunVoluW/IS001-1-0001/{name}", "FunVoluWCF/IS001-1-0001/Filtered.nii")
    plain, filtered = _found(root, "dpabisurf")
    assert (plain["space"], plain["res"]) == ("MNI152NLin6Asym", "2")
    assert (filtered["variant"], filtered["space"]) == ("WCF", "MNI152NLin2009cAsym")


@pytest.mark.parametrize("misspelled", ["FunImARW/S/x.nii", "FunImgARW/x.nii", "FunImgARW/S/x.img"])
def test_a_folder_one_letter_off_is_not_of_the_layout(misspelled: str, tmp_path: Path) -> None:
    assert not io_specs()["dparsf"].is_in(_tree(tmp_path, misspelled))


def test_a_layout_is_there_when_all_of_its_signs_are() -> None:
    spec = IoSpec("x", "X", detect=("a.json", "vol/*.mat"))
    assert not spec.is_in(Path(__file__).parent)
