"""The command line, run once for everybody."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fcnm_bids.simulate import Truth
from tests.cli.desk import Desk, Finished, snapshot

NAMES = ("../../x", "ύπνος")
"""What the contrasts of the whole run are called."""


@pytest.fixture(scope="session")
def finished(simulated: Truth, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """Two contrasts of one effect, with names that could do harm, in four participants."""
    desk = Desk(tmp_path_factory.mktemp("desk"), fonts_known=False)
    foci = simulated.foci.query("effect == 'increase'").drop(columns="on_network")
    foci = foci.replace({"contrast": dict(zip(foci["contrast"].unique(), NAMES, strict=True))})
    coordinates = desk.folder / "publiziert 1.tsv"
    foci.to_csv(coordinates, sep="\t", index=False)
    before = snapshot(simulated.folder)
    output = desk.folder / "résultats 1"
    participant = desk.run(simulated.fmriprep, output, "participant", "--coordinates", coordinates)
    group = desk.run(simulated.fmriprep, output, "group")
    return Finished(desk, simulated.fmriprep, coordinates, output, participant, group, before)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A fresh place to work."""
    return Desk(tmp_path)


@pytest.fixture
def output(finished: Finished, tmp_path: Path) -> Path:
    """The outputs of both levels, moved to another place, to be changed."""
    return Path(shutil.copytree(finished.output, tmp_path / "moved"))
