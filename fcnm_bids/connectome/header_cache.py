"""Headers of stored runs, by the hash of everything in their files but the data.

HDF5 takes milliseconds to open a file, which are minutes where a store holds ten thousand. The
cache is a hidden file of the store. An entry is found by the content of the structure that the
seal guards, which is read and checked each time: a file that changed in any way has another hash,
whatever its name, size and dates.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from fcnm_bids._version import __version__
from fcnm_bids.connectome.header_checksum import check_seal
from fcnm_bids.connectome.store import FORMAT_VERSION, StoredRun, open_run
from fcnm_bids.grid import Grid

_FEWEST_NEW = 20
"""New entries from which the file is written again."""


class HeaderCache:
    """The headers of a store's runs.

    Parameters
    ----------
    store
        Root of the store. Where it cannot be written to, headers are read from the runs each time.
    """

    def __init__(self, store: Path) -> None:
        self._file = store / ".headers.json"
        self._known = self._read()
        self._used: dict[str, Any] = {}

    def open_run(self, path: Path) -> StoredRun:
        """Read the header of a stored run, as `fcnm_bids.connectome.open_run` does.

        Raises
        ------
        StoreError
            The file is damaged, not a projected run, or of another format version.
        """
        sha256 = check_seal(path, FORMAT_VERSION)
        entry = self._known.get(sha256)
        if entry is None:
            run = open_run(path)
            if check_seal(path, FORMAT_VERSION) != sha256:  # replaced meanwhile
                return run
            grid = run.grid
            place = [[int(n) for n in grid.shape], grid.affine.tolist(), grid.space]
            self._used[sha256] = [run.content_key, dict(run.header), place]
            return run
        self._used[sha256] = entry
        key, header, (shape, affine, space) = entry
        return StoredRun(path, key, header, Grid(tuple(shape), affine, space))

    def save(self) -> None:
        """Write the headers that were read, and no others, for the next time."""
        if len(self._used.keys() - self._known.keys()) < _FEWEST_NEW:
            return
        content = json.dumps(self._used)
        temporary = self._file.with_name(f".{uuid.uuid4().hex}.headers.tmp")
        with suppress(OSError):
            try:
                temporary.write_text(f"{_signature(content)}\n{content}", encoding="utf-8")
                temporary.replace(self._file)
            finally:
                temporary.unlink(missing_ok=True)

    def _read(self) -> dict[str, Any]:
        try:
            signature, content = self._file.read_text(encoding="utf-8").split("\n", 1)
            if signature == _signature(content):
                known: dict[str, Any] = json.loads(content)
                return known
        except (OSError, ValueError):
            pass
        return {}


def _signature(content: str) -> str:
    """Hash of a cache and of the program that made it."""
    return hashlib.sha256(f"{__version__} {FORMAT_VERSION} {content}".encode()).hexdigest()
