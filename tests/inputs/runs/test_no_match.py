"""Words for runs that are not found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.config import SelectionSettings
from fcnm_bids.inputs.runs.candidates import FoundFile
from fcnm_bids.inputs.runs.io_spec import io_specs
from fcnm_bids.inputs.runs.no_match import (
    nothing_found,
    of_participants,
    offered,
    shown_filters,
    values_of,
)

ROOT = Path("/data")


def found(why: str | None = None, **entities: Any) -> FoundFile:
    whole = {"subject": "01", "suffix": "bold", **entities}
    return FoundFile(ROOT / "sub-01" / "func" / "x.nii.gz", whole, why)


def told(*files: FoundFile, layout: str = "fmriprep", participants: tuple[str, ...] = ()) -> str:
    selection = SelectionSettings(participant_label=participants)
    return nothing_found(ROOT, selection, files, io_specs()[layout])


def test_values_are_sorted_and_cut_short() -> None:
    files = [found(run=f"{n:02}") for n in range(15)]
    assert values_of(files, "run").startswith("00, 01, 02")
    assert values_of(files, "run").endswith("11 and 3 more")
    assert values_of([found(task="rest"), found()], "task") == "none, rest"


@pytest.mark.parametrize(
    ("filters", "text"),
    [
        ({"task": "nap", "res": "2"}, "task: rest, walk"),
        ({"task": "rest"}, "task: rest, walk"),
        ({"task": "rest", "res": "1"}, "task=rest, res=2; task=walk, res=1"),
        ({"task": "nap", "res": "7"}, "task: rest, walk; res: 1, 2"),
    ],
)
def test_what_is_offered_answers_the_filters(filters: dict[str, str], text: str) -> None:
    files = [found(task="rest", res="2"), found(task="walk", res="1")]
    assert offered(files, filters) == text


def test_filters_and_participants_as_text() -> None:
    assert shown_filters({"task": "rest", "run": 1}) == "task=rest, run=1"
    assert shown_filters({}) == "the request"
    assert of_participants(["02", "01"]) == " of 01 02"
    assert of_participants([]) == ""


def test_other_spaces_and_near_misses_are_named_with_what_takes_them() -> None:
    assert "; there is space: T1w" in told(found(space="T1w", desc="preproc"))
    near = told(
        found(space="MNI152NLin6Asym", desc="preproc", echo=2),
        found(space="MNI152NLin6Asym", desc="preproc", part="phase"),
        found(space="MNI152NLin6Asym", desc="smoothAROMAnonaggr"),
        found(space="T1w", desc="preproc"),
    )
    assert 'echo: 2 (single echoes; --bids-filter-file with {"bold": {"echo": 2}} selects' in near
    assert "part: phase (no magnitude)" in near
    assert "(--denoised uses images as they are)" in near
    assert "T1w" not in near
    assert "(--denoised" not in told(found(space="MNI1", desc="other"), layout="xcpd")


def test_a_folder_without_anything_says_what_it_should_be() -> None:
    text = told(participants=("07",))
    assert text.startswith("/data: no preprocessed run in MNI space of 07 (")
    assert text.endswith("BIDS_DIR has to be the folder with fMRIPrep's derivatives")
    assert told(layout="xcpd").startswith("/data: no denoised run in MNI space (")


def test_cifti_and_unusable_stages_are_explained(tmp_path: Path) -> None:
    func = tmp_path / "sub-01" / "func"
    func.mkdir(parents=True)
    (func / "sub-01_task-rest_bold.dtseries.nii").touch()
    text = nothing_found(tmp_path, SelectionSettings(), [], io_specs()["fmriprep"])
    assert "sub-01_task-rest_bold.dtseries.nii is CIFTI, which is not supported" in text
    stage = found("native space", variant="AR")
    assert told(stage, stage, layout="dparsf").count("AR: native space") == 1
