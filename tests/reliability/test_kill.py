"""The parent is killed at any moment; the same command again gives the same bytes."""

from __future__ import annotations

import os
import random
import shutil
import signal
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
def undisturbed(three: Truth, tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
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
    undisturbed: Undisturbed, level: str, number: int
) -> None:
    job = undisturbed.job
    shutil.rmtree(job.output)
    shutil.copytree(undisturbed.before[level], job.output)
    command = job.desk.start(*getattr(job, level), "--nprocs", "2")
    # spread over the whole of it: somewhere in each of so many parts of its time
    share = (number + random.Random(f"{level}{number}").random()) / MOMENTS[level]
    time.sleep(share * undisturbed.seconds[level])
    command.kill()
    command.wait()
    ended = job.run(level)
    assert ended.code == 0, ended.out + ended.err
    assert contents(job.output) == undisturbed.after[level]


def children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in listed.split()]


def test_a_worker_killed_in_a_real_job_costs_nothing(job: Job, done: Job) -> None:
    command = job.desk.start(*job.participant, "--nprocs", "2")
    while command.poll() is None and not (workers := children(command.pid)):
        time.sleep(0.02)
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    ended = job.desk.wait(command)
    assert ended.code == 0, ended.out + ended.err
    assert contents(job.output, but="html") == contents(done.output, but="html")
