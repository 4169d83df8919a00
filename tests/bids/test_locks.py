"""Processes that share folders wait for each other, and clear up what killed ones left.

A process's own work folder is cleared by others because of a marker, never because of a name.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from fcnm_bids.bids import locks
from fcnm_bids.bids.locks import lock_outputs, private_work_folder, remove_own_folder
from tests.bids.locked import hosts_can_be_made, said, somebody

PATTERN = "fcnm_*_wf_*"
LEFT = f".{'0123456789abcdef' * 2}.sub-01_statmap.nii.gz"
"""Name of a temporary file of a killed process."""


def leave(parent: Path) -> Path:
    """Make a work folder as a killed process leaves it."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from fcnm_bids.bids.locks import private_work_folder\n"
        "with private_work_folder(Path(sys.argv[1]), 'fcnm_group_wf_', 'nothing') as folder:\n"
        "    (folder / 'node').mkdir(); (folder / 'node' / 'file').touch()\n"
        "    print(folder, flush=True); os.kill(os.getpid(), 9)"
    )
    command = [sys.executable, "-c", code, str(parent)]
    ended = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2]
    )
    assert ended.returncode == -9, ended.stderr
    return Path(ended.stdout.strip())


def clear(parent: Path) -> None:
    """Do what the next process does first."""
    with private_work_folder(parent, "fcnm_group_wf_", PATTERN) as folder:
        remove_own_folder(folder)


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    left = leave(tmp_path)
    assert (left / "node" / "file").is_file()
    clear(tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("marker", [None, b"", b"another program's\n"])
def test_an_output_folder_with_such_a_name_stays(tmp_path: Path, marker: bytes | None) -> None:
    output = tmp_path / "fcnm_my_wf_results"
    output.mkdir()
    (output / locks.LOCK_FILE).touch()
    (output / "group.html").write_text("finished")
    if marker is not None:
        (output / locks._MARKER).write_bytes(marker)
    clear(tmp_path)
    assert (output / "group.html").read_text() == "finished"


def test_a_folder_in_use_stays(tmp_path: Path) -> None:
    with private_work_folder(tmp_path, "fcnm_group_wf_", PATTERN) as folder:
        code = (
            "import sys; from pathlib import Path\n"
            "from fcnm_bids.bids.locks import private_work_folder\n"
            f"with private_work_folder(Path(sys.argv[1]), 'fcnm_group_wf_', '{PATTERN}'): pass"
        )
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[2]
        )
        assert folder.is_dir()


@pytest.mark.parametrize("folder", ["", "results"])
def test_a_folder_of_others_is_not_removed(
    tmp_path: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "group.html").write_text("finished")
    monkeypatch.chdir(tmp_path)
    remove_own_folder(Path(folder))
    assert (tmp_path / "results" / "group.html").read_text() == "finished"


@pytest.mark.parametrize("stop", range(5))
def test_clearing_that_was_broken_off_is_finished_later(
    tmp_path: Path, stop: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = leave(tmp_path)
    steps = iter(range(10))

    class Killed(BaseException):
        pass

    def counted(step):  # type: ignore[no-untyped-def]
        def call(*args, **keywords):  # type: ignore[no-untyped-def]
            if next(steps) == stop:
                raise Killed
            return step(*args, **keywords)

        return call

    with monkeypatch.context() as broken:
        broken.setattr(Path, "unlink", counted(Path.unlink))
        broken.setattr(Path, "rmdir", counted(Path.rmdir))
        broken.setattr(locks.shutil, "rmtree", counted(locks.shutil.rmtree))
        with suppress(Killed):
            remove_own_folder(left)
    clear(tmp_path)
    # a folder that has nothing in it any more may be anybody's
    assert [path for path in tmp_path.iterdir() if any(path.iterdir())] == []


@pytest.mark.faults
def test_the_second_on_a_participant_waits_until_the_first_is_killed(tmp_path: Path) -> None:
    with somebody(tmp_path, "sub-01") as first:
        assert said(first) == "held"
        with somebody(tmp_path, "sub-01") as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(1)
            first.kill()
            assert said(second) == "waited"


@pytest.mark.faults
@pytest.mark.skipif(not hosts_can_be_made(), reason="needs namespaces of Linux")
def test_the_second_host_waits_until_the_process_of_the_first_is_killed(tmp_path: Path) -> None:
    with somebody(tmp_path, "sub-01", host="one") as first:
        assert said(first) == "held"
        with (
            somebody(tmp_path, "sub-01", host="two") as second,
            somebody(tmp_path, "sub-02", host="two") as beside,
        ):
            assert said(beside) == "held"
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(1)
            first.kill()
            assert said(second) == "waited"


@pytest.mark.faults
def test_different_participants_are_worked_on_side_by_side(tmp_path: Path) -> None:
    with somebody(tmp_path, "sub-01", "sub-02") as first, somebody(tmp_path, "sub-03") as second:
        assert said(first) == said(second) == "held"
        with lock_outputs([tmp_path], ["sub-04"]) as waited:
            assert not waited


@pytest.mark.faults
def test_what_a_killed_process_left_is_cleared_when_nobody_is_at_work(tmp_path: Path) -> None:
    left = [tmp_path / LEFT, tmp_path / "sub-01" / "func" / LEFT, tmp_path / "store" / LEFT]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "store" / ".lock").touch()
    (tmp_path / ".bidsignore").touch()
    with somebody(tmp_path, "sub-02") as other:
        # whoever comes first clears up, but not in a folder with locks of its own
        assert said(other) == "held"
        assert [path.exists() for path in left] == [False, False, True]
        left[0].touch()
        with lock_outputs([tmp_path], ["sub-01"]):
            assert left[0].exists()
    with lock_outputs([tmp_path, tmp_path / "store"], ["sub-01"]):
        assert not any(path.exists() for path in left)
    assert (tmp_path / ".bidsignore").exists()


@pytest.mark.faults
def test_a_file_system_without_locks_is_told_and_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(logging.getLogger("fcnm_bids"), "propagate", True)
    monkeypatch.setattr(fcntl, "lockf", none)
    with lock_outputs([tmp_path], ["sub-01"]) as waited:
        assert not waited
    assert "no locks on this file system" in caplog.text
