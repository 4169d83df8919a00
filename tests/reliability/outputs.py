"""What a job has made, in a form that can be compared."""

from __future__ import annotations

import hashlib
from pathlib import Path


def contents(root: Path, *, but: str = "") -> dict[str, str]:
    """Hashes of all files of an output folder but its logs, by their places in it.

    Parameters
    ----------
    but
        An extension that is left out: reports hold the command, and with it the folder's name.
    """
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
        and path.relative_to(root).parts[0] != "logs"
        and not (but and path.suffix == f".{but}")
    }
