"""Who is in the group, as a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from nipype.interfaces.base import TraitedSpec

from fcnm_bids.bids import OutputNames, find_participants, sidecar_files, write_table
from fcnm_bids.config import Config
from fcnm_bids.connectome import open_run
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, traits

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


class DescribePeopleInputSpec(ConfiguredInputSpec):
    """Inputs of `DescribePeople`."""

    people = traits.List(mandatory=True, desc="participant labels with their projected runs")
    excluded = traits.List(desc="participant label, name and reason of every run left out")


class DescribePeopleOutputSpec(TraitedSpec):
    """Outputs of `DescribePeople`."""

    promised = traits.List(traits.Str(), desc="files that should now be there")


class DescribePeople(ConfiguredInterface):
    """List the people of the group, beside what the data set says about them."""

    input_spec = DescribePeopleInputSpec
    output_spec = DescribePeopleOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        rows = []
        for name, runs in self.inputs.people:
            headers = [open_run(Path(path)).attributes for path in runs]
            displacements = [h["mean_fd"] for h in headers if h["mean_fd"] is not None]
            minutes = sum(h["n_kept"] * h["repetition_time"] for h in headers) / 60
            rows.append(
                (
                    f"sub-{name}",
                    len(runs),
                    round(minutes, 3),
                    sum(h["dof"] for h in headers),
                    float(np.mean(displacements)) if displacements else np.nan,
                )
            )
        table = pd.DataFrame(rows, columns=["participant_id", *PEOPLE_COLUMNS])
        path = Path(config.output_dir) / "participants.tsv"
        source = find_participants(Path(config.bids_dir))
        if source is not None and source.resolve() != path.resolve():
            known = pd.read_csv(
                source, sep="\t", dtype=str, keep_default_na=False, encoding_errors="replace"
            )
            if "participant_id" in known:
                known = known.drop(columns=[c for c in PEOPLE_COLUMNS if c in known])
                table = table.merge(
                    known.drop_duplicates("participant_id"), on="participant_id", how="left"
                )
        write_table(path, table, PEOPLE_COLUMNS)
        excluded = [(f"sub-{name}", *rest) for name, *rest in self.inputs.excluded or []]
        left_out = OutputNames(Path(config.output_dir), {}, "").excluded()
        write_table(
            left_out,
            pd.DataFrame(excluded, columns=list(EXCLUDED_COLUMNS)),
            EXCLUDED_COLUMNS,
            {"MaximumMeanFramewiseDisplacement": config.group.max_mean_fd},
        )
        files = [path, left_out]
        self._results["promised"] = [str(file) for file in (*files, *sidecar_files(files))]
