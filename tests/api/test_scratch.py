"""Folders that are removed when Python ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fcnm_bids.api.scratch import scratch_folder


def test_folders_are_new_and_empty() -> None:
    one, other = scratch_folder(), scratch_folder()
    assert one != other
    assert not any(one.iterdir())


def test_folders_are_removed_when_python_ends() -> None:
    code = "from fcnm_bids.api.scratch import scratch_folder as f; print(f()); f()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path = Path(ended.stdout.strip())
    assert path.name
    assert not path.parent.exists()
