"""What the tests of the workflows start from."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.bids.dataset_description import describe_dataset
from fcnm_bids.config import Config
from fcnm_bids.execution.workflow import configure
from fcnm_bids.interfaces.participant import store_run
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.simulate import Truth


@pytest.fixture
def request_for(simulated: Truth, tmp_path: Path) -> Callable[..., Config]:
    """Make a request for simulated participants; sections of settings are given by their names."""

    def make(
        bids_dir: Path | None = None, level: str = "participant", **sections: dict[str, Any]
    ) -> Config:
        config = Config(str(bids_dir or simulated.fmriprep), str(tmp_path / "out"), level)
        config = config.update(
            {
                "seeds": {"coordinates": str(simulated.coordinates)},
                "running": {"work_dir": str(tmp_path / "work")},
                "resources": {"nprocs": 1},
            }
        )
        return config.update(sections)

    return make


@pytest.fixture(scope="session")
def projected(simulated: Truth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The store of all simulated participants; not to be changed."""
    root = tmp_path_factory.mktemp("projected")
    config = Config(str(simulated.fmriprep), str(root / "out"), "participant").update(
        {
            "connectome": {"connectome_dir": str(root / "store"), "connectome_only": True},
            "running": {"work_dir": str(root / "work")},
        }
    )
    for participant in plan_participant_level(config).participants:
        for run in participant.runs:
            store_run(run.files, config.denoising, root)
    describe_dataset(root / "store", "store", simulated.fmriprep, projected_runs=True)
    return root / "store"


@pytest.fixture
def store(projected: Path, tmp_path: Path) -> Path:
    """A store of one's own, where a participant level in ``out`` would have put it."""
    return Path(shutil.copytree(projected, tmp_path / "out" / "connectome"))


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Config]:
    levels = {n: logging.getLogger(n).level for n in ("nipype", "nipype.workflow")}
    config = Config("in", str(tmp_path / "out"), "participant").update(
        {
            "running": {"work_dir": str(tmp_path / "work")},
            "resources": {"nprocs": 1, "mem_gb": 1.0},
        }
    )
    configure(config, tmp_path / "logs")
    yield config
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Any:
    """What the program says, which its own handler keeps from others."""
    monkeypatch.setattr(logging.getLogger("fcnm_bids"), "propagate", True)
    caplog.set_level(logging.INFO, "fcnm_bids")
    return caplog
