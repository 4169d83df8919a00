"""What is wrong with a request itself: seeds, names, folders."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.bids.dataset_description import describe_dataset
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.request import check_output_names, check_request, focus_notes, log_masks
from fcnm_bids.seeds import Contrast, Focus
from fcnm_bids.seeds.masks import MaskRecord
from fcnm_bids.simulate import Truth

Make = Callable[..., Config]


def problems(config: Config) -> list[str]:
    with pytest.raises(RequestError) as refused:
        plan_participant_level(config)
    return list(refused.value.problems)


def table_of(folder: Path, *contrasts: tuple[str, str]) -> dict[str, dict[str, str]]:
    path = folder / "foci.tsv"
    rows = [f"{name}\t{name}\t{effect}\t0\t20\t30\tMNI152" for name, effect in contrasts]
    path.write_text("\n".join(["study\tcontrast\teffect\tx\ty\tz\tspace", *rows]), encoding="utf-8")
    return {"seeds": {"coordinates": str(path)}}


def test_names_in_any_script_are_planned(request_for: Make, tmp_path: Path) -> None:
    names = ["ύπνος", "睡眠", "../../x", "Schläfrigkeit", "pain 1", "pain-1"]
    plan = plan_participant_level(
        request_for(**table_of(tmp_path, *((n, "wirkung ↑") for n in names)))
    )
    assert [contrast.name for contrast in plan.contrasts] == names


def test_a_table_that_is_not_there_is_named(request_for: Make) -> None:
    [problem] = problems(request_for(seeds={"coordinates": "/absent/foci.tsv"}))
    assert "/absent/foci.tsv" in problem


def test_a_strategy_that_does_not_exist_lists_those_that_do(request_for: Make) -> None:
    [problem] = problems(request_for(denoising={"nuisance_regressors": "9P"}))
    assert "27P" in problem
    assert "acompcor" in problem


@pytest.mark.parametrize(
    ("masks", "told"),
    [
        (["absent.nii.gz"], "no such file"),
        (["lesion.txt"], "a mask is a NIfTI file"),
        (["empty"], "no NIfTI file"),
        (["one/x.nii", "two/x.nii"], "2 are called x"),
        (["lesion.nii"], "lesion.nii cannot be read"),
    ],
)
def test_masks_are_looked_at_before_computing(
    request_for: Make, tmp_path: Path, masks: list[str], told: str
) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("lesion.txt", "a b.nii", "a-b.nii", "one/x.nii", "two/x.nii", "lesion.nii"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    named = tuple(str(tmp_path / mask) for mask in masks)
    [problem] = problems(request_for(seeds={"coordinates": None, "masks": named}))
    assert told in problem


HEAD = "study\tcontrast\teffect\tx\ty\tz\tspace\n"


@pytest.mark.parametrize(
    ("contrast", "effect", "told"),
    [
        ("pain\u200b", "up", "U+200B"),
        ("pain", "u\u202ep", "U+202E"),
    ],
)
def test_characters_that_nobody_sees_are_refused(
    request_for: Make, tmp_path: Path, contrast: str, effect: str, told: str
) -> None:
    table = tmp_path / "foci.tsv"
    table.write_text(f"{HEAD}S\t{contrast}\t{effect}\t-30\t20\t10\tMNI\n", encoding="utf-8")
    [problem] = problems(request_for(seeds={"coordinates": str(table)}))
    assert told in problem
    assert "remove it" in problem


def test_names_that_pass_what_the_file_system_allows_are_refused(request_for: Make) -> None:
    config = request_for()
    entities = {"task": "rest", "space": "MNI152NLin6Asym"}
    assert check_output_names(config, entities, ()) == []
    assert check_output_names(config, entities, ["01", "02"]) == []
    [problem] = check_output_names(config, {**entities, "space": "S" * 170}, ())[:1]
    assert "bytes (34 more while it is written), and the file system allows" in problem
    [problem] = check_output_names(config, {**entities, "task": "t" * 200}, ["01"])
    assert "shorten the names" in problem


def test_two_long_effects_fit_into_one_name(request_for: Make, tmp_path: Path) -> None:
    table = tmp_path / "foci.tsv"
    rows = (f"S{i}\tC{i}\t{letter * 120}\t-30\t20\t10\tMNI\n" for i, letter in enumerate("ab"))
    table.write_text(HEAD + "".join(rows))
    config = request_for(seeds={"coordinates": str(table)})
    entities = {"task": "rest", "space": "MNI152NLin2009cAsym", "cohort": "1", "res": "2"}
    assert check_output_names(config, entities, ()) == []


def test_seeds_are_needed_unless_only_the_connectome_is_wanted(request_for: Make) -> None:
    none = {"coordinates": None}
    [problem] = problems(request_for(seeds=none))
    assert "--coordinates" in problem
    assert "--connectome-only" in problem
    plan = plan_participant_level(request_for(seeds=none, connectome={"connectome_only": True}))
    assert plan.contrasts == ()


def test_coordinates_and_masks_exclude_each_other(request_for: Make) -> None:
    [problem] = problems(request_for(seeds={"masks": ("x.nii",)}))
    assert "give only one of them" in problem


@pytest.mark.parametrize("place", ["", "work", "sub-01/x", "../fmriprep/./work"])
def test_a_work_folder_inside_the_data_is_refused(
    request_for: Make, dataset: Callable[..., Path], place: str
) -> None:
    root = dataset("01")
    [problem] = problems(request_for(root, running={"work_dir": str(root / place)}))
    assert "--work-dir" in problem
    assert "BIDS_DIR" in problem


def test_a_work_folder_that_links_into_the_data_is_refused(
    request_for: Make, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    root = dataset("01")
    (tmp_path / "link").symlink_to(root)
    config = request_for(root, running={"work_dir": str(tmp_path / "link" / "work")})
    assert "lies inside BIDS_DIR" in problems(config)[0]


def written_to(config: Config, folder: Path) -> Config:
    return Config(config.bids_dir, str(folder), config.analysis_level, config.seeds).update(
        {"running": {"work_dir": config.running.work_dir}}
    )


def test_an_output_folder_that_is_the_input_is_refused(
    request_for: Make, dataset: Callable[..., Path]
) -> None:
    root = dataset("01")
    [problem] = problems(written_to(request_for(root), root))
    assert "OUTPUT_DIR is BIDS_DIR" in problem


def test_the_derivatives_inside_a_raw_data_set_are_never_written_to(
    request_for: Make, dataset: Callable[..., Path], tmp_path: Path
) -> None:
    raw = tmp_path / "raw"
    (raw / "derivatives").mkdir(parents=True)
    (raw / "sub-01").mkdir()
    derivatives = raw / "derivatives" / "fmriprep"
    dataset("01").rename(derivatives)
    (raw / "dataset_description.json").write_text('{"Name": "raw", "BIDSVersion": "1.8.0"}')
    plan = plan_participant_level(request_for(raw))
    assert plan.source == derivatives
    [problem] = problems(written_to(request_for(raw), derivatives))
    assert "OUTPUT_DIR is BIDS_DIR" in problem
    beside = written_to(request_for(raw), raw / "derivatives" / "fcnm")
    assert plan_participant_level(beside).source == derivatives


@pytest.mark.parametrize("other", ["out", "fmriprep"])
def test_a_store_has_a_folder_of_its_own(
    request_for: Make, dataset: Callable[..., Path], tmp_path: Path, other: str
) -> None:
    root = dataset("01")
    config = request_for(root, connectome={"connectome_dir": str(tmp_path / other)})
    [problem] = problems(config)
    assert "--connectome-dir" in problem


def test_a_data_set_of_another_program_is_not_written_into(
    request_for: Make, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    description = {"Name": "x", "GeneratedBy": [{"Name": "MRIQC"}]}
    (tmp_path / "out" / "dataset_description.json").write_text(json.dumps(description))
    [problem] = problems(request_for())
    assert "another program" in problem
    describe_dataset(tmp_path / "out", "ours", tmp_path)
    (tmp_path / "out" / "dataset_description.json").unlink()
    assert len(plan_participant_level(request_for()).participants) == 4


def test_folders_that_cannot_be_written_to_are_told(
    request_for: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    config = written_to(request_for(), tmp_path / "file" / "out")
    found = problems(config.update({"running": {"work_dir": str(tmp_path / "file")}}))
    assert [line.split()[0] for line in found] == ["--work-dir", "OUTPUT_DIR", "--connectome-dir"]
    assert all("is not a folder" in line for line in found)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert "cannot be written to" in problems(request_for())[0]


@pytest.mark.parametrize("control", ["nonsense", "t=", "t=-1", "permutation2"])
def test_a_height_control_that_does_not_exist_is_refused_at_group_level(
    request_for: Make, control: str
) -> None:
    with pytest.raises(RequestError) as refused:
        check_request(request_for(level="group", group={"height_control": control}))
    assert "fwe" in str(refused.value)


def test_all_problems_of_a_request_are_told_at_once(request_for: Make, tmp_path: Path) -> None:
    config = request_for(tmp_path / "absent", seeds={"coordinates": None}, level="group")
    config = config.update({"group": {"height_control": "x"}})
    with pytest.raises(RequestError) as refused:
        check_request(config)
    assert len(refused.value.problems) == 3


def test_participants_who_are_not_there_are_named_with_those_who_are(request_for: Make) -> None:
    chosen = request_for(selection={"participant_label": ("01,02",)})
    [problem] = problems(chosen)
    assert problem.startswith("--participant-label 01,02: no such participants in ")
    assert problem.endswith("there are 01, 02, 03, 04 (labels are separated by spaces)")


def test_the_group_level_asks_for_the_participant_level_before_coordinates(
    request_for: Make,
) -> None:
    with pytest.raises(RequestError) as refused:
        check_request(request_for(level="group", seeds={"coordinates": None}))
    [problem] = refused.value.problems
    assert "run the participant level first" in problem


def test_folders_that_are_taken_are_refused(
    request_for: Make, simulated: Truth, tmp_path: Path
) -> None:
    both = request_for(running={"work_dir": str(tmp_path / "out")})
    assert any("is OUTPUT_DIR; name a separate folder" in line for line in problems(both))
    inside = written_to(request_for(), simulated.fmriprep / "sub-01" / "fcnm")
    assert any("lies in a participant's folder" in line for line in problems(inside))


def at(*positions: tuple[float, float, float]) -> list[Contrast]:
    foci = tuple(Focus(*own, "MNI152", "Far 2020", "", "", None, "") for own in positions)
    return [Contrast("a", "", ("Far 2020",), foci, None)]


def test_foci_outside_of_the_image_are_named(request_for: Make) -> None:
    grid = Grid((20, 20, 20), np.diag([2.0, 2, 2, 1]), "MNI152NLin6Asym")
    assert focus_notes(request_for(), at((0, 0, 0), (38, 38, 38)), grid) == ()
    [note] = focus_notes(request_for(), at((0, 0, 0), (90, 0, 0)), grid)
    assert note.startswith("1 of 2 foci lie outside the image;")
    assert note.endswith(": Far 2020 (90, 0, 0)")
    [note] = focus_notes(request_for(), at(*[(-90.0, 0, 0)] * 6), grid)
    assert note.count("Far 2020") == 5
    assert note.endswith(" ...")
    assert focus_notes(request_for(), [], grid) == ()


@pytest.mark.parametrize(
    ("voxel", "radius", "single"), [(3, 4, 0), (3, 3, 0), (3, 2, 2), (6, 4, 2), (9, 4, 3)]
)
def test_spheres_of_a_single_voxel_are_counted(
    request_for: Make, voxel: float, radius: float, single: int
) -> None:
    grid = Grid((20, 20, 20), np.diag([voxel, voxel, voxel, 1.0]), "MNI152NLin6Asym")
    middle = 10.0 * voxel
    foci = at(*[(middle + shift * voxel, middle, middle) for shift in (0, 0.2, 0.45)])
    config = request_for(seeds={"radius": radius})
    averaged = config.update({"denoising": {"store_voxel_size": voxel}})
    for request, remedies in ((config, 1), (averaged, 2)):
        notes = focus_notes(request, foci, grid)
        assert len(notes) == bool(single)
        for note in notes:
            assert note.startswith(f"around {single} of 3 foci, the sphere of {radius} mm is a ")
            assert f"({voxel} x {voxel} x {voxel} mm)" in note
            assert ("--radius" in note) + ("--store-voxel-size" in note) == remedies


@pytest.mark.parametrize(
    ("volumes", "expected"),
    [
        ([(1866.24, 0.512)], "1 mask, 1866 ml in the files, 0.512 ml on the grid"),
        ([(0.033, 2), (24.6, 2)], "2 masks, 0.033 to 24.6 ml in the files, 2 ml on the grid"),
    ],
)
def test_numbers_and_volumes_of_masks_are_logged(
    caplog: pytest.LogCaptureFixture, volumes: list[tuple[float, float]], expected: str
) -> None:
    with caplog.at_level(logging.INFO, "fcnm_bids"):
        log_masks([MaskRecord("a", *own) for own in volumes], [])
    assert expected in caplog.text
