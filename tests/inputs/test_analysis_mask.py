from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.analysis_mask import find_analysis_mask

ENTITIES = {"space": "MNI152NLin6Asym", "res": "2"}
PARTICIPANTS = ["01", "02"]


@pytest.fixture(autouse=True)
def templates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "templates"))
    return tmp_path / "templates"


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"image")
    return path


def grey(root: Path, label: str, rest: str) -> Path:
    return touch(root / f"sub-{label}" / "anat" / f"sub-{label}_{rest}_label-GM_probseg.nii.gz")


def test_the_brain_takes_no_image(tmp_path: Path) -> None:
    assert find_analysis_mask("brain", tmp_path, PARTICIPANTS, ENTITIES) == []


def test_a_file_has_to_be_there(tmp_path: Path) -> None:
    path = touch(tmp_path / "mask.nii.gz")
    assert find_analysis_mask(str(path), tmp_path, PARTICIPANTS, ENTITIES) == [path]
    with pytest.raises(RequestError, match="there is no such file"):
        find_analysis_mask(str(tmp_path / "other.nii"), tmp_path, PARTICIPANTS, ENTITIES)


def test_participants_s_own_grey_matter_in_the_space_and_at_the_resolution(tmp_path: Path) -> None:
    grey(tmp_path, "01", "space-MNI152NLin2009cAsym_res-2")
    grey(tmp_path, "01", "space-MNI152NLin6Asym_res-1")
    wanted = [grey(tmp_path, label, "space-MNI152NLin6Asym_res-2") for label in PARTICIPANTS]
    assert find_analysis_mask("gm", tmp_path, PARTICIPANTS, ENTITIES) == wanted


def test_participants_without_grey_matter_are_named(tmp_path: Path) -> None:
    grey(tmp_path, "01", "space-MNI152NLin6Asym_res-2")
    with pytest.raises(RequestError, match=r"for sub-02; give a mask FILE"):
        find_analysis_mask("gm", tmp_path, PARTICIPANTS, ENTITIES)


def test_the_template_s_where_no_participant_has_one(tmp_path: Path, templates: Path) -> None:
    with pytest.raises(RequestError, match="give a mask FILE on the grid of the data"):
        find_analysis_mask("gm", tmp_path, PARTICIPANTS, ENTITIES)
    name = "tpl-MNI152NLin6Asym_res-02_label-GM_probseg.nii.gz"
    path = touch(templates / "tpl-MNI152NLin6Asym" / name)
    assert find_analysis_mask("gm", tmp_path, PARTICIPANTS, ENTITIES) == [path]
