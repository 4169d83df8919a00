"""Manifests: which files were promised, and for which request they were made."""

from __future__ import annotations

import json
import os
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

    def write(
        self,
        promised: Iterable[Path],
        key: str,
        notes: Mapping[str, Any],
        *,
        remove_others: bool = False,
    ) -> list[Path]:
        """Write the manifest, last of all files; returns what is missing.

        Parameters
        ----------
        promised
            Files that should be there.
        key
            Hash of what they were made for.
        notes
            Further entries of the sidecar.
        remove_others
            Whether to remove what was listed before and is not any more.
        """
        paths = sorted(set(promised))
        missing = [path for path in paths if not path.is_file()]
        rows = [
            (
                Path(os.path.relpath(path, self.root)).as_posix(),
                "missing" if path in missing else "present",
            )
            for path in paths
        ]
        table = pd.DataFrame(rows, columns=list(_COLUMNS))
        if remove_others:
            self._remove(set(self._listed()) - set(table["path"]))
        # without its table a manifest counts for nothing, whatever the sidecar says by then
        self.table.unlink(missing_ok=True)
        write_table(self.table, table, _COLUMNS, {"Key": key, **notes})
        return missing

    def complete(self, key: str) -> bool:
        """Whether everything was made for this key, and is still there."""
        try:
            made_for = json.loads((self.folder / "manifest.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        listed = self._listed()
        return (
            isinstance(made_for, dict)
            and made_for.get("Key") == key
            and bool(listed)
            and all((self.root / name).is_file() for name in listed)
        )

    def _listed(self) -> list[str]:
        try:
            table = pd.read_csv(self.table, sep="\t", dtype=str, keep_default_na=False)
        except (OSError, ValueError):
            return []
        return list(table.get("path", ()))

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            path = self.root / name
            # a projected run took long to make, and may serve another output folder
            if path.suffix != ".h5" and ".." not in path.parts and path.is_relative_to(self.root):
                path.unlink(missing_ok=True)
