"""A run that is told to end does so cleanly, and one that was killed leaves nothing for long."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fcnm_bids.simulate import Truth
from tests.cli.desk import Desk

_HEEDS_THE_KEYBOARD = (
    sys.executable,
    "-c",
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "os.execv(sys.argv[1], sys.argv[1:])",
)
"""Before a command: what was begun in the background by a shell ignores interrupts."""


def leftovers(desk: Desk) -> list[Path]:
    return list(desk.work.glob("fcnm_*_wf_*"))


def lock_outputs(desk: Desk, simulated: Truth, *options: object) -> subprocess.Popen[str]:
    """A participant level whose nodes run."""
    process = desk.start(
        *(simulated.fmriprep, desk.folder / "out", "participant"),
        *("--coordinates", simulated.coordinates, "--nprocs", 2, *options),
        before=_HEEDS_THE_KEYBOARD,
    )
    deadline = time.monotonic() + 60
    while not list(desk.work.glob("fcnm_*_wf_*/*")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return process


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in listed.read_text().split()]


@pytest.mark.parametrize(("told", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
def test_who_is_told_to_end_leaves_no_worker_and_no_folder(
    desk: Desk, simulated: Truth, told: signal.Signals, code: int
) -> None:
    process = lock_outputs(desk, simulated)
    while not (workers := children(process.pid)) and process.poll() is None:
        time.sleep(0.02)
    for pid in (*workers, process.pid) if told == signal.SIGINT else (process.pid,):
        os.kill(pid, told)  # the keyboard's goes to all
    ended = desk.wait(process)
    assert ended.code == code, ended.out + ended.err
    assert ended.err == "fcnm-bids: interrupted; run the same command again to go on\n"
    assert leftovers(desk) == []
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_what_a_killed_run_left_is_cleared_by_the_next(desk: Desk, simulated: Truth) -> None:
    process = lock_outputs(desk, simulated, "--reports", "none")
    process.kill()
    desk.wait(process)
    (left,) = leftovers(desk)
    in_use = desk.work / "fcnm_group_wf_new"
    in_use.mkdir()
    ended = desk.run(
        *(simulated.fmriprep, desk.folder / "out", "participant"),
        *("--coordinates", simulated.coordinates, "--reports", "none"),
    )
    assert ended.code == 0, ended.out + ended.err
    assert not left.exists()
    assert leftovers(desk) == [in_use]


def test_a_reader_that_goes_away_leaves_no_traceback(desk: Desk, simulated: Truth) -> None:
    process = desk.start(simulated.folder, desk.folder / "out", "participant", "--dry-run")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    said = process.stderr.read()
    process.wait(timeout=60)
    assert said.splitlines() == [line for line in said.splitlines() if "fcnm-bids: " in line]
    assert "Broken pipe" not in said
