"""Runs of a plan: files by absolute paths, reasons by name, notes that hold for several."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.config import Config
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.runs.find import find_runs
from fcnm_bids.inputs.runs.io_spec import io_specs
from fcnm_bids.inputs.runs.prepare import RunInput
from fcnm_bids.planning.plan import PlannedRun
from fcnm_bids.planning.runs import check_runs, run_input, run_notes, with_template_tissue
from fcnm_bids.simulate import Truth

GRID = Grid((2, 2, 2), np.eye(4), "MNI")


@pytest.fixture
def inputs(simulated: Truth, tmp_path: Path) -> list[RunInput]:
    root = simulated.fmriprep
    found = find_runs(root, Config("", "", "participant").selection)
    return [run_input(run, root, tmp_path / "store", io_specs()["fmriprep"]) for run in found]


def test_a_run_knows_its_files_and_where_its_projection_goes(
    inputs: list[RunInput], simulated: Truth, tmp_path: Path
) -> None:
    assert len(inputs) == 6
    run = inputs[0]
    assert simulated.fmriprep / run.name == Path(run.bold)
    assert all(path.is_file() and path.is_absolute() for path in run.paths)
    assert len(run.paths) == 5
    assert Path(run.stored).parent == tmp_path / "store" / "sub-01" / "func"
    assert (run.reader, run.original_id, run.session) == ("", "", "1")


@pytest.mark.parametrize("nprocs", [1, 3])
def test_usable_runs_and_reasons_are_told_apart(
    inputs: list[RunInput], nprocs: int, tmp_path: Path
) -> None:
    config = Config("", "", "participant").update({"resources": {"nprocs": nprocs}})
    (tmp_path / "empty.nii.gz").touch()
    broken = RunInput(**{**inputs[0].to_dict(), "bold": str(tmp_path / "empty.nii.gz")})
    usable, reasons = check_runs([broken, *inputs[1:]], config)
    assert list(usable) == [run.name for run in inputs[1:]]
    assert list(reasons) == [broken.name]
    run = next(iter(usable.values()))
    assert (run.n_volumes, run.stored, run.itemsize) == (120, False, 2)
    assert run.dof < run.n_components < run.n_kept <= run.n_volumes


def planned(name: str, *notes: str) -> PlannedRun:
    files = RunInput(name, "", "", "", "", "", "", "")
    return PlannedRun(files, "", GRID, False, 9, 9, 9, 9, 2, 8, notes)


def test_a_note_stands_once_with_the_runs_it_holds_for() -> None:
    usable = {f"a/{n}.nii": planned(n, *notes) for n, notes in
              (("1", ("odd",)), ("2", ()), ("3", ("odd", "old")))}  # fmt: skip
    assert run_notes({}, usable) == ("odd [1.nii, 3.nii]", "old [3.nii]")
    first, *rest = run_notes({"07": "no preprocessed run"}, {})
    assert "07" in first
    assert not rest


def test_tissues_of_the_template_are_for_other_layouts_alone(inputs: list[RunInput]) -> None:
    settings = Config("", "", "participant").denoising
    assert with_template_tissue(inputs, settings) == inputs


def test_a_run_is_hashed_where_its_key_may_be_compared(
    inputs: list[RunInput], tmp_path: Path
) -> None:
    config = Config("", "", "participant")
    keyed, _ = check_runs(inputs[:2], config)
    name = inputs[0].name
    unkeyed, _ = check_runs(inputs[:2], config, {name})
    assert (unkeyed[name].key, len(keyed[name].key)) == ("", 64)
    assert replace(unkeyed[name], key=keyed[name].key, grid=keyed[name].grid) == keyed[name]
    assert unkeyed[inputs[1].name].key == keyed[inputs[1].name].key
    Path(inputs[0].stored).parent.mkdir(parents=True)
    Path(inputs[0].stored).touch()
    assert check_runs(inputs[:1], config, {name})[0][name].key == keyed[name].key
