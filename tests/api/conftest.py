"""One store made from Python, and the group level's results on it from the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from fcnm_bids import Connectome
from fcnm_bids.cli.run import DONE, main
from fcnm_bids.simulate import SimulationDesign, Truth, simulate_foci


@dataclass(frozen=True)
class Analysed:
    """A connectome, and the folder of the command line's results on it."""

    connectome: Connectome
    results: Path
    coordinates: Path


def write_literature(folder: Path) -> None:
    """Write ``peaks.tsv`` with six contrasts of each effect, and ``scores.tsv`` of all of them."""
    design = SimulationDesign(n_studies=6, n_shared_studies=2)
    table = simulate_foci(design).drop(columns="on_network")
    table.to_csv(folder / "peaks.tsv", sep="\t", index=False)
    names = table["contrast"].unique()
    scores = pd.DataFrame({"contrast": names, "weeks": [3 * n % 7 for n in range(len(names))]})
    scores.to_csv(folder / "scores.tsv", sep="\t", index=False)


@pytest.fixture(scope="session")
def analysed(simulated: Truth, tmp_path_factory: pytest.TempPathFactory) -> Analysed:
    """Simulated participants, stored from Python and mapped on the command line."""
    folder = tmp_path_factory.mktemp("api")
    connectome = Connectome.from_derivatives(simulated.fmriprep, folder / "store", nprocs=1)
    command = [str(folder / "store" / "connectome"), str(folder / "results"), "group"]
    command += ["--coordinates", str(simulated.coordinates), "--height-control", "t=3"]
    command += ["--reports", "none"]  # figures take most of the time
    assert main([*command, "--work-dir", str(folder / "work"), "--nprocs", "1"]) == DONE
    return Analysed(connectome, folder / "results", simulated.coordinates)
