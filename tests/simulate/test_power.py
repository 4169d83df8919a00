"""The command, the table and the page of the power simulation."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.simulate import ConnectomeDesign
from fcnm_bids.simulate.power import build_parser, main, power_page, read_design
from fcnm_bids.simulate.power_simulation import POWER_COLUMNS, QUICK, PowerDesign, simulate_power

SMALL = PowerDesign(
    participants=(8, 16),
    contrasts=(4, 8),
    shares=(0.0, 1.0),
    backbones=(0.0,),
    repetitions=1,
    connectome=ConnectomeDesign(
        shape=(16, 18, 16), voxel_size=8.0, dof=40, n_networks=2, n_nodes=2, network_strength=1.0
    ),
)


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return simulate_power(SMALL)


def test_the_page_has_a_table_for_each_share(results: pd.DataFrame) -> None:
    page = power_page(SMALL, results, command="the command")
    assert "## Networks alone" in page
    assert "`the command`" in page
    assert "## Random coordinates" in page
    assert "## 100% of the foci in the network" in page
    assert page.count("| 16 |") == 3
    middle = results.query("participants == 16 and contrasts == 8 and share == 1")["dice"].median()
    assert f"{middle:.2f}" in page


def test_the_command_line_changes_what_is_named() -> None:
    def design(*words: str) -> PowerDesign:
        return read_design(build_parser().parse_args(["out", *words]))

    assert design() == PowerDesign()
    assert design("--quick") == QUICK
    assert design("--quick", "--participants", "40", "30").participants == (30, 40)
    assert design("--quick", "--participants", "40", "30").contrasts == QUICK.contrasts
    assert design("--min-mean-z", "0.1").min_mean_z == 0.1
    assert design("--dof", "90").connectome == replace(PowerDesign().connectome, dof=90)
    with pytest.raises(RequestError, match="between 0 and 1"):
        design("--shares", "1.5")


def test_the_command_writes_the_table_and_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--quick", "--participants", "4", "--contrasts", "2", "--shares", "0.5"]
    assert main([str(tmp_path / "out"), *words, "--repetitions", "1"]) == 0
    table = pd.read_csv(tmp_path / "out" / "power.tsv", sep="\t")
    assert len(table) == 1
    assert np.isfinite(table["dice"]).all()
    sidecar = json.loads((tmp_path / "out" / "power.json").read_text())
    assert set(POWER_COLUMNS) <= set(sidecar)
    assert str(tmp_path) not in (tmp_path / "out" / "power.md").read_text()
    assert "1 of 1 literatures" in capsys.readouterr().out


def test_a_design_that_makes_no_sense_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["out", "--participants", "1"]) == 2
    assert "at least two participants" in capsys.readouterr().err
