"""Settings of the environment that the command line makes before libraries are imported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fcnm_bids.cli.run import _prepare
from fcnm_bids.config import Config


@pytest.mark.parametrize("readable", [True, False])
def test_a_home_that_may_not_be_read_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    """PyBIDS looks for a file there when it is imported: AFS and other users' homes refuse."""
    home = tmp_path / "home"
    monkeypatch.setattr(os, "environ", {**os.environ, "HOME": str(home)})
    if not readable:

        def refuse(path: Path) -> bool:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "exists", refuse)
    _prepare(Config("in", "out", "group").update({"running": {"work_dir": str(tmp_path / "w")}}))
    expected = home if readable else tmp_path / "w" / "matplotlib"
    assert os.environ["HOME"] == str(expected)
