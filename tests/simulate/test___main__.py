"""The command that writes a simulated data set."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcnm_bids.simulate.__main__ import build_parser, main
from fcnm_bids.simulate.design import SimulationDesign


def test_the_command_writes_what_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    asked = [
        str(out),
        "--participants",
        "2",
        "--voxel-size",
        "8",
        "--volumes",
        "20",
        "--runs",
        "1",
        "2",
    ]
    assert main([*asked, "--studies", "2", "--coordinates", "random", "--seed", "4"]) == 0
    assert len(list(out.rglob("*_bold.nii.gz"))) == 3
    written = json.loads((out / "truth" / "design.json").read_text())
    assert (written["random_seed"], written["coordinates"]) == (4, "random")
    assert str(out) in capsys.readouterr().out
    assert main(asked) == 2
    assert "not an empty folder" in capsys.readouterr().err


def test_defaults_are_those_of_the_design() -> None:
    options = build_parser().parse_args(["out"])
    default = SimulationDesign()
    assert (options.participants, options.voxel_size, options.seed) == (
        *(default.n_participants, default.voxel_size, default.random_seed),
    )
    assert tuple(options.runs) == default.run_pattern


def test_a_design_that_makes_no_sense_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "out"), "--participants", "0"]) == 2
    assert capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_layout_and_its_stage_can_be_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    size = ["--participants", "1", "--voxel-size", "8", "--volumes", "20", "--studies", "2"]
    out = tmp_path / "out"
    assert main([str(out), *size, "--layout", "dparsf", "--variant", "ARWF"]) == 0
    assert (out / "dparsf" / "FunImgARWF" / "Sub_001" / "Filtered_4DVolume.nii").is_file()
    assert f"in {out / 'dparsf'}\n" in capsys.readouterr().out
