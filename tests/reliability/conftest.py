"""What the tests of reliability start from: three participants, and a finished job of theirs."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from fcnm_bids.simulate import SimulationDesign, Truth, simulate_dataset
from tests.cli.desk import Desk, Ended


@pytest.fixture(scope="session")
def three(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Three participants with a run each; not to be changed."""
    design = SimulationDesign(
        n_participants=3,
        voxel_size=8.0,
        n_volumes=120,
        repetition_time=3.0,
        n_studies=2,
        n_shared_studies=1,
    )
    return simulate_dataset(tmp_path_factory.mktemp("three") / "participants", design)


@dataclass(frozen=True)
class Job:
    """A request that can be made again and again, always in the same place."""

    desk: Desk
    truth: Truth
    output: Path

    @property
    def participant(self) -> tuple[object, ...]:
        given = ("--coordinates", self.truth.coordinates)
        return (self.truth.fmriprep, self.output, "participant", *given)

    @property
    def group(self) -> tuple[object, ...]:
        return (self.truth.fmriprep, self.output, "group")

    def run(self, level: str = "participant", *options: object) -> Ended:
        words = self.participant if level == "participant" else self.group
        return self.desk.run(*words, *options)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A fresh place to work."""
    return Desk(tmp_path)


@pytest.fixture
def job(desk: Desk, three: Truth, tmp_path: Path) -> Job:
    """The three participants' job, not begun."""
    return Job(desk, three, tmp_path / "out")


@pytest.fixture(scope="session")
def done(three: Truth, tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The three participants' participant level, finished; not to be changed."""
    folder = tmp_path_factory.mktemp("done")
    job = Job(Desk(folder), three, folder / "out")
    ended = job.run()
    assert ended.code == 0, ended.out + ended.err
    return job


@pytest.fixture
def finished(job: Job, done: Job) -> Job:
    """A finished participant level of one's own."""
    shutil.copytree(done.output, job.output)
    return job


@pytest.fixture
def participants(three: Truth, tmp_path: Path) -> Callable[..., Path]:
    """Make a derivatives folder of one's own with some of the three participants."""

    def copy(*labels: str) -> Path:
        leave = {f"sub-{n:02d}" for n in (1, 2, 3)} - {f"sub-{label}" for label in labels}
        folder = tmp_path / "fmriprep"
        return Path(
            shutil.copytree(
                three.fmriprep, folder, ignore=shutil.ignore_patterns(*(leave if labels else ()))
            )
        )

    return copy
