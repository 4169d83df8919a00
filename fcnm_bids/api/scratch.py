"""Folders of this Python process, which are removed when it ends."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path


@cache
def _root() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="fcnm-")


def scratch_folder() -> Path:
    """Return a new, empty folder."""
    return Path(tempfile.mkdtemp(dir=_root().name))
