"""The parent is killed at any moment; the same command again gives the same bytes."""

from __future__ import annotations

import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from fcnm_bids.simulate import Truth
from tests.cli.desk import Desk
from tests.reliability.conftest import Job
from tests.reliability.outputs import contents

pytestmark = [pytest.mark.faults, pytest.mark.slow]

MOMENTS = {"participant": 12, "group": 8}


@dataclass(frozen=True)
class Undisturbed:
    """Both levels, as they are when nothing happens, and the seconds that each takes."""

    job: Job
    before: dict[str, Path]
    after: dict[str, dict[str, str]]
    seconds: dict[str, float]


@pytest.fixture(scope="module")
def defer_signals(three: Truth, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    folder = tmp_path_factory.mktemp("killed")
    # reports hold the command, so all of it happens in one place
    job = Job(Desk(folder), three, folder / "out")
    before = {"participant": folder / "nothing", "group": folder / "participants"}
    before["participant"].mkdir()
    after, seconds = {}, {}
    for level in MOMENTS:
        started = time.monotonic()
        ended = job.run(level)
        seconds[level] = time.monotonic() - started
        assert ended.code == 0, ended.out + ended.err
        after[level] = contents(job.output)
        if level == "participant":
            shutil.copytree(job.output, before["group"])
    return Undisturbed(job, before, after, seconds)


@pytest.mark.parametrize(
    ("level", "number"), [(level, n) for level, count in MOMENTS.items() for n in range(count)]
)
def test_killed_at_any_moment_a_rerun_gives_the_same_bytes(
    defer_signals: Undisturbed, level: str, number: int
) -> None:
    job = defer_signals.job
    shutil.rmtree(job.output)
    shutil.copytree(defer_signals.before[level], job.output)
    command = job.desk.start(*getattr(job, level), "--nprocs", "2")
    # spread over the whole of it: somewhere in each of so many parts of its time
    share = (number + random.Random(f"{level}{number}").random()) / MOMENTS[level]
    time.sleep(share * defer_signals.seconds[level])
    command.kill()
    command.wait()
    ended = job.run(level)
    assert ended.code == 0, ended.out + ended.err
    assert contents(job.output) == defer_signals.after[level]
