"""Room on disk is looked at before a run, and named after one that found none."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from fcnm_bids.bids.write import atomic_path
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.resources import disk_space as space
from fcnm_bids.resources.disk_space import check_space, room_left
from fcnm_bids.resources.forecast import Needs

NEEDS = {"project": Needs(output=6e9), "map": Needs(output=1e9), "sums": Needs(work=3e9)}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    config = Config("in", str(tmp_path / "out"), "group")
    return config.update({"running": {"work_dir": str(tmp_path / "work")}})


def free(monkeypatch: pytest.MonkeyPatch, size: float) -> None:
    monkeypatch.setattr(space.shutil, "disk_usage", lambda _: SimpleNamespace(free=size))


def test_folders_of_one_disk_are_counted_together(
    config: Config, monkeypatch: pytest.MonkeyPatch, said: pytest.LogCaptureFixture
) -> None:
    free(monkeypatch, 10e9)
    check_space(config, NEEDS)
    assert said.messages == []
    free(monkeypatch, 9.9e9)
    check_space(config, NEEDS)
    (line,) = said.messages
    assert f"{config.output_dir}, {config.connectome_path}, {config.running.work_dir}: " in line
    assert "about 10.0 GB will be needed, only 9.9 GB is free" in line


def test_far_too_little_is_refused(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    free(monkeypatch, 4.9e9)
    with pytest.raises(RequestError, match=r"10\.0 GB will be needed, only 4\.9 GB is free"):
        check_space(config, NEEDS)
    check_space(config, {})


def test_a_full_disk_is_named_with_what_is_free(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 2e6)
    assert room_left(config, ["RuntimeError: something else"]) is None
    full = room_left(config, [f"OSError: [Errno 28] {os.strerror(errno.ENOSPC)}: '/x'"])
    assert full == (
        f"a disk is full (2 MB free in {config.output_dir}, 2 MB free in {config.connectome_path}, "
        f"2 MB free in {config.running.work_dir}); free some space and run the same command again"
    )


def test_a_file_that_found_no_room_is_named(tmp_path: Path) -> None:
    path = tmp_path / "map.nii.gz"
    with pytest.raises(OSError, match=r"map\.nii\.gz") as failed, atomic_path(path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert failed.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []
