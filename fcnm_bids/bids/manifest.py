"""Manifests: which files were promised, and for which request they were made."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.bids.write import write_table

_COLUMNS = {
    "path": "File, relative to the output folder",
    "status": "present, or missing although it was promised",
}


def digest(content: Mapping[str, Any]) -> str:
    """A hash of settings and content keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


@dataclass(frozen=True)
class Manifest:
    """The files promised by one person's, or the group's, results.

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

    def write(self, promised: Iterable[Path], key: str, notes: Mapping[str, Any]) -> list[Path]:
        """Write the manifest, last of all files; returns what is missing."""
        paths = sorted(set(promised))
        missing = [path for path in paths if not path.is_file()]
        rows = [
            (
                path.relative_to(self.root).as_posix(),
                "missing" if path in missing else "present",
            )
            for path in paths
        ]
        table = pd.DataFrame(rows, columns=list(_COLUMNS))
        # without its table a manifest counts for nothing, whatever the sidecar says by then
        self.table.unlink(missing_ok=True)
        write_table(self.table, table, _COLUMNS, {"Key": key, **notes})
        return missing

    def complete(self, key: str) -> bool:
        """Whether everything was made for this key, and is still there."""
        try:
            made_for = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
            table = pd.read_csv(self.table, sep="\t", dtype=str)
        except (OSError, ValueError):
            return False
        return (
            isinstance(made_for, dict)
            and made_for.get("Key") == key
            and "path" in table
            and all((self.root / path).is_file() for path in table["path"])
        )
