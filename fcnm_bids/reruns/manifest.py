"""Manifests: the output files of a level, and the key of the request that they were made for."""

from __future__ import annotations

import csv
import json
import logging
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.bids.write import write_table
from fcnm_bids.readers.files import file_sha256

LOGGER = logging.getLogger("fcnm_bids")

_COLUMNS = {
    "path": "File, relative to the output folder",
    "status": "present, or missing although it belongs to the outputs",
    "size": "Bytes; n/a for figures and reports, which may be drawn again at any time",
    "trailer": "Last eight bytes of a gzip file, check sum and length of its content, hexadecimal",
    "sha256": "SHA-256; n/a for figures, reports and projected runs, which hold their own sums",
}

_DRAWN = (".html", ".svg", ".png")
"""Extensions of figures and reports."""


@dataclass(frozen=True)
class Manifest:
    """The output files of one participant, or of the group.

    Parameters
    ----------
    folder
        Where the manifest lies.
    root
        The output folder, to which the paths are relative.
    """

    folder: Path
    root: Path

    @property
    def table(self) -> Path:
        """The TSV file."""
        return self.folder / "manifest.tsv"

    @property
    def exists(self) -> bool:
        """True where there is a manifest, whatever it was made for."""
        return self._sidecar.exists()

    @property
    def _sidecar(self) -> Path:
        return self.folder / "manifest.json"

    def write(
        self,
        out_files: Iterable[Path],
        key: str,
        notes: Mapping[str, Any],
        *,
        remove_others: bool = False,
    ) -> list[Path]:
        """Write the manifest, last of all files; returns what is missing.

        Parameters
        ----------
        out_files
            Files that should be there.
        key
            Hash of what they were made for.
        notes
            Further entries of the sidecar.
        remove_others
            Whether to remove what was listed before and is not any more.
        """
        paths = sorted(set(out_files))
        missing = [path for path in paths if not path.is_file()]
        rows = [
            (
                Path(os.path.relpath(path, self.root)).as_posix(),
                "missing" if path in missing else "present",
                *((None, None) if path in missing or path.suffix in _DRAWN else _seen(path)),
                None if path in missing or path.suffix in (*_DRAWN, ".h5") else file_sha256(path),
            )
            for path in paths
        ]
        table = pd.DataFrame(rows, columns=list(_COLUMNS)).astype({"size": "Int64"})
        if remove_others:
            self._remove(set(self._listed()) - set(table["path"]))
        # without its table a manifest counts for nothing, whatever the sidecar says by then
        self.table.unlink(missing_ok=True)
        write_table(self.table, table, _COLUMNS, {"Key": key, **notes})
        return missing

    def complete(self, key: str) -> bool:
        """Return True if everything was made for this key, and is there as it was written.

        What is there is known by its size and, where it is compressed, by its last check sum.
        """
        try:
            made_for = json.loads(self._sidecar.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        if not isinstance(made_for, dict) or made_for.get("Key") != key:
            return False
        rows = self._rows()
        faults = [fault for row in rows if (fault := self._fault(row))]
        for fault in faults:
            LOGGER.info("%s; made again", fault)
        return bool(rows) and not faults

    def faults(self) -> list[str]:
        """Return a line for each file that is not what was written, all of it read."""
        return [fault for row in self._rows() if (fault := self._fault(row, whole=True))]

    def _fault(self, row: Mapping[str, str], *, whole: bool = False) -> str:
        """Return what is wrong with a file; nothing where nothing is."""
        path = self.root / row["path"]
        if not path.is_file():
            return f"{path} is not there"
        size, trailer = _seen(path)
        if not size and row.get("size", "") != "0":
            return f"{path} is empty"
        if row.get("size", "n/a") == "n/a":
            return ""
        if str(size) != row["size"]:
            return f"{path} has {size} bytes, {row['size']} were written"
        other = (trailer or "") != row["trailer"].replace("n/a", "")
        if whole and row["sha256"] != "n/a":
            other |= file_sha256(path) != row["sha256"]
        return f"{path} is not what was written" if other else ""

    def _rows(self) -> list[dict[str, str]]:
        try:
            with self.table.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file, delimiter="\t", restval="n/a"))
        except (OSError, ValueError, csv.Error):
            return []
        return [row for row in rows if row.get("path")]

    def _listed(self) -> list[str]:
        return [row["path"] for row in self._rows()]

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            path = self.root / name
            # a projected run took long to make, and may serve another output folder
            if path.suffix != ".h5" and ".." not in path.parts and path.is_relative_to(self.root):
                path.unlink(missing_ok=True)


def _seen(path: Path) -> tuple[int, str | None]:
    """Return the size of a file and, of a gzip file, its last eight bytes."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if path.suffix != ".gz":
            return size, None
        file.seek(max(0, size - 8))
        return size, file.read().hex()
