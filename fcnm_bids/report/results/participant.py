"""A participant's outputs read back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from fcnm_bids.bids.names import parse_entities
from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.inputs.store import open_stored
from fcnm_bids.report.results.group import read_tsv
from fcnm_bids.report.results.logs import latest_run


@dataclass(frozen=True)
class ParticipantOutputs:
    """One participant's part of an output folder.

    Parameters
    ----------
    root
        The output folder.
    subject
        Participant label.
    """

    root: Path
    subject: str

    @property
    def folder(self) -> Path:
        """The participant's own folder."""
        return self.root / f"sub-{self.subject}"

    @cached_property
    def config(self) -> Config | None:
        """The request of the last participant-level run."""
        record = latest_run(self.root, "participant")
        return record.config if record else None

    def table(self, desc: str) -> pd.DataFrame | None:
        """A table about the participant's runs: "qc" or "coverage"."""
        found = sorted((self.folder / "func").glob(f"*_desc-{desc}_metrics.tsv"))
        return read_tsv(found[-1]) if found else None

    def volumes(self) -> list[Path]:
        """A table of volumes for each run in the analysis."""
        return sorted(self.folder.glob("**/func/*_desc-volumes_timeseries.tsv"))

    def maps(self) -> list[Path]:
        """The participant's maps, in the order of the coverage table."""
        found = sorted((self.folder / "func").glob("*_stat-fisherz_statmap.nii.gz"))
        table = self.table("coverage")
        order = list(table["seed"].unique()) if table is not None and "seed" in table else []
        labels = {path: str(parse_entities(path).get("seed")) for path in found}
        found = [path for path in found if not order or labels[path] in order]
        return sorted(found, key=lambda path: order.index(labels[path]) if order else 0)

    def stored_run(self, volumes: Path) -> StoredRun | None:
        """The projected run that a table of volumes belongs to."""
        if self.config is None:
            return None
        name = volumes.name.replace("_desc-volumes_timeseries.tsv", "_desc-projected_timeseries.h5")
        place = volumes.relative_to(self.root).parent / name
        try:
            return open_stored(self.config.connectome_path / place, self.config.denoising)
        except (RequestError, StoreError):
            return None
