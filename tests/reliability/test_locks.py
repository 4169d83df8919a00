"""Processes that share folders: the second on a participant waits, others go on side by side."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fcnm_bids.bids.locks import private_work_folder
from tests.bids.locked import said, somebody
from tests.cli.desk import Ended, read_table
from tests.reliability.conftest import Job

pytestmark = pytest.mark.faults


def wait_for(process: subprocess.Popen[str], words: str) -> str:
    """What a process has said up to the line that holds some words."""
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError(f"never said {words!r}: {''.join(lines)}")


def ended(process: subprocess.Popen[str]) -> Ended:
    out, err = process.communicate(timeout=300)
    return Ended(process.returncode, out, err)


@pytest.mark.slow
def test_a_second_command_on_a_participant_waits_and_goes_on_when_the_first_dies(job: Job) -> None:
    with somebody(job.output, "sub-02") as other:
        assert said(other) == "held"
        command = job.desk.start(*job.participant, "--connectome-only", "--nprocs", "1")
        wait_for(command, "another process works on sub-02")
        assert not list(job.output.rglob("*.h5"))
        other.kill()
    assert ended(command).code == 0
    assert len(list(job.output.rglob("*.h5"))) == 3


@pytest.mark.slow
def test_a_second_command_does_not_make_again_what_the_first_has_made(job: Job, done: Job) -> None:
    with somebody(job.output, "sub-02") as other:
        assert said(other) == "held"
        command = job.desk.start(*job.participant, "--nprocs", "1")
        wait_for(command, "another process works on sub-02")
        shutil.copytree(done.output, job.output, dirs_exist_ok=True)
    end = ended(command)
    assert end.code == 0, end.err
    assert "everything is there already; nothing to do" in end.out


@pytest.mark.slow
def test_a_participant_in_a_shared_store_is_waited_for_too(job: Job, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with somebody(store, "sub-03") as other:
        assert said(other) == "held"
        given = ("--connectome-only", "--connectome-dir", store, "--nprocs", "1")
        command = job.desk.start(*job.participant, *given)
        assert str(store) in wait_for(command, "another process works on sub-03")
    assert ended(command).code == 0
    assert len(list(store.rglob("*.h5"))) == 3


@pytest.mark.slow
def test_commands_on_different_participants_of_one_folder_run_side_by_side(job: Job) -> None:
    commands = [
        job.desk.start(
            *job.participant, "--participant-label", label, "--connectome-only", "--nprocs", "1"
        )
        for label in ("01", "02", "03")
    ]
    for end in map(ended, commands):
        assert end.code == 0, end.out + end.err
        assert "another process" not in end.out
    for label in ("01", "02", "03"):
        manifest = job.output / f"sub-{label}" / "manifest.tsv"
        assert set(read_table(manifest)["status"]) == {"present"}
    assert not [path for path in job.output.rglob(".*") if path.name.endswith(".tmp")]


CLEAR = """
import os, signal, sys
from pathlib import Path
from fcnm_bids.bids.locks import private_work_folder
remove, left = os.unlink, int(sys.argv[2])
def removing(*given, **options):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    remove(*given, **options)
os.unlink = removing
with private_work_folder(Path(sys.argv[1]), "fcnm_group_wf_", "fcnm_*_wf_*") as folder:
    print(folder.name, flush=True)
"""
N_NODES, N_FILES = 20, 10


def test_killed_while_it_clears_what_another_left_the_next_clears_the_rest(tmp_path: Path) -> None:
    with private_work_folder(tmp_path, "fcnm_group_wf_", "nothing") as left:
        for node in range(N_NODES):
            (left / f"node{node}").mkdir()
            for number in range(N_FILES):
                (left / f"node{node}" / f"{number}.nii").touch()
    foreign = tmp_path / "fcnm_results_wf_mine"
    shutil.copytree(left / "node0", foreign)
    root = Path(__file__).resolve().parents[2]

    def clear(files: int) -> subprocess.CompletedProcess[str]:
        """Clear until so many files have been removed, and die before the next."""
        command = [sys.executable, "-c", CLEAR, str(tmp_path), str(files)]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)

    remaining = N_NODES * N_FILES
    for files in (1, 2, N_FILES + 1, 100, 50):
        assert clear(files).returncode == -signal.SIGKILL
        remaining -= files - 1
        assert len(list(left.glob("node*/*.nii"))) == remaining
    # the marker of ownership is the last file
    assert clear(remaining + 1).returncode == -signal.SIGKILL
    assert not list(left.glob("node*"))
    assert left.is_dir()
    last = clear(0)
    assert last.returncode == 0, last.stderr
    used = last.stdout.strip()
    assert {path.name for path in tmp_path.iterdir()} == {used, foreign.name}
    assert len(list(foreign.iterdir())) == N_FILES
