"""Who is in the group, as a table."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fcnm_bids.bids import OutputNames, describe_columns, find_participants, write_table
from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.errors import RequestError
from fcnm_bids.interfaces.base import ConfiguredInterface, PromisingOutputSpec, traits
from fcnm_bids.interfaces.stored_people import PeopleInputSpec

LOGGER = logging.getLogger("fcnm_bids")

PEOPLE_COLUMNS = {
    "n_runs": "Runs in the analysis",
    "minutes_kept": "Minutes of kept volumes over all runs",
    "dof": "Residual degrees of freedom over all runs",
    "mean_fd": "Mean over runs of the mean framewise displacement, in mm",
}

EXCLUDED_COLUMNS = {
    "participant_id": "Participant",
    "run": "Projected run, relative to its store",
    "reason": "Why it is not in the analysis",
}


class DescribePeopleInputSpec(PeopleInputSpec):
    """Inputs of `DescribePeople`."""

    excluded = traits.List(desc="participant label, name and reason of every run left out")


class DescribePeople(ConfiguredInterface):
    """List the people of the group, beside what the data set says about them."""

    input_spec = DescribePeopleInputSpec
    output_spec = PromisingOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        rows = []
        for name, paths in self.inputs.people:
            runs = [open_run(Path(path)) for path in paths]
            headers = [run.attributes for run in runs]
            minutes = sum(h["n_kept"] * h["repetition_time"] for h in headers) / 60
            moved = mean_displacement(runs)
            rows.append(
                (
                    f"sub-{name}",
                    len(runs),
                    round(minutes, 3),
                    sum(h["dof"] for h in headers),
                    np.nan if moved is None else moved,
                )
            )
        table = pd.DataFrame(rows, columns=["participant_id", *PEOPLE_COLUMNS])
        path = Path(config.output_dir) / "participants.tsv"
        folders = (Path(config.bids_dir), config.source_path)
        source = next(filter(None, map(find_participants, folders)), None)
        described: dict[str, dict[str, Any]] = {}
        if source is not None:
            known = pd.read_csv(
                source, sep="\t", dtype=str, keep_default_na=False, encoding_errors="replace"
            )
            if "participant_id" in known:
                known = known.drop(columns=[c for c in PEOPLE_COLUMNS if c in known])
                table = table.merge(
                    known.drop_duplicates("participant_id"), on="participant_id", how="left"
                )
                described = _described(source, [str(c) for c in known if c in table])
        write_table(path, table, PEOPLE_COLUMNS, described)
        excluded = [(f"sub-{name}", *rest) for name, *rest in self.inputs.excluded or []]
        left_out = OutputNames(Path(config.output_dir), {}, "").excluded()
        write_table(
            left_out,
            pd.DataFrame(excluded, columns=list(EXCLUDED_COLUMNS)),
            EXCLUDED_COLUMNS,
            {"MaximumMeanFramewiseDisplacement": config.group.max_mean_fd},
        )
        self._promise([path, left_out])


def _described(source: Path, columns: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the source says of columns: with its levels and units they are coded as there."""
    try:
        said = describe_columns(source)
    except RequestError as error:
        LOGGER.warning("%s; what it says of columns is not copied", error)
        return {}
    return {name: said[name] for name in columns if name in said}


def mean_displacement(runs: Sequence[StoredRun]) -> float | None:
    """Mean over a person's runs of the mean framewise displacement in mm, where it is known."""
    known = [run.attributes["mean_fd"] for run in runs if run.attributes["mean_fd"] is not None]
    return float(np.mean(known)) if known else None
