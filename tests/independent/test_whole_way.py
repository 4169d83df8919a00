"""The command line against the independent reference: every participant, every contrast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from fcnm_bids.simulate import SimulationDesign, simulate_dataset

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent


def run_both_levels(dataset: Path, output: Path, coordinates: Path, options: Sequence[str]) -> None:
    for level in ("participant", "group"):
        command = [sys.executable, REPOSITORY / "run.py", dataset, output, level]
        command += ["--coordinates", coordinates, "-w", output.parent / "work"]
        command += ["--reports", "none", *options]
        subprocess.run(list(map(str, command)), check=True, timeout=900)


def assert_reference_agrees(
    dataset: Path, output: Path, coordinates: Path, options: Sequence[str]
) -> None:
    """Within 1e-4 of every r and 1e-3 (relative) of every t, or it exits with 1."""
    command = [sys.executable, HERE / "reference.py", dataset, coordinates, "--radius", "4"]
    ended = subprocess.run(
        [*map(str, command), *options, "--compare", str(output)],
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        env={**os.environ, "PYTHONPATH": str(HERE)},
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-2000:]
    assert ended.stdout.count("\nok ") >= 4


def test_simulated_participants_with_27p_censoring_and_several_runs(tmp_path: Path) -> None:
    design = SimulationDesign(
        n_participants=5, n_runs=(2, 1), voxel_size=8, n_studies=4, random_seed=3
    )
    simulate_dataset(tmp_path / "data", design)
    dataset, coordinates = tmp_path / "data" / "fmriprep", tmp_path / "data" / "coordinates.tsv"
    run_both_levels(dataset, tmp_path / "out", coordinates, [])
    assert_reference_agrees(
        dataset,
        tmp_path / "out",
        coordinates,
        ["--columns", "24P,white_matter,csf,global_signal", "--fwhm", "6", "--fd-threshold", "0.5"],
    )


@pytest.mark.slow
@pytest.mark.parametrize("fwhm", ["0", "6"])
def test_real_participants_without_motion_columns(
    fwhm: str, tmp_path: Path, shared_data: Path
) -> None:
    dataset, coordinates = shared_data / "rest24", shared_data / "coordinates" / "ketamine.tsv"
    strategy = tmp_path / "strategy.json"
    strategy.write_text(json.dumps({"confounds": ["white_matter", "csf"]}))
    options = ["-p", str(strategy), "--fd-threshold", "0", "--smoothing", fwhm]
    run_both_levels(dataset, tmp_path / "out", coordinates, options)
    assert_reference_agrees(
        dataset, tmp_path / "out", coordinates, ["--columns", "white_matter,csf", "--fwhm", fwhm]
    )
