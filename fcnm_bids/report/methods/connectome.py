"""Methods text of the connectome."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd

from fcnm_bids.bids.outputs import MASKED_BY_VARIATION
from fcnm_bids.config import Config
from fcnm_bids.denoise import load_strategy, median_dof
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.runs.io_spec import io_specs
from fcnm_bids.report.methods.citations import as_data, number_of, was
from fcnm_bids.report.results.group import GroupOutputs
from fcnm_bids.report.results.logs import RunRecord


def layout_title(config: Config) -> str:
    """Return the title of a layout without BIDS names, "" of one with them."""
    spec = io_specs().get(config.selection.input_type)
    return spec.title if spec and not spec.files else ""


@dataclass(frozen=True)
class ConnectomeText:
    """The paragraph on the connectome.

    Parameters
    ----------
    root
        Output folder.
    record
        The run.
    results
        What the output folder holds.
    """

    root: Path
    record: RunRecord
    results: GroupOutputs

    @property
    def config(self) -> Config:
        """The request."""
        return self.record.config

    def paragraph(self) -> str:
        """The text; citations stand as in `report.citations`."""
        settings = self.config.denoising
        table = self._runs
        text = f"{self._participants()} "
        if settings.denoised:
            text += self._denoised_before()
            if without := int(table["varying"].sum()):
                text += (
                    f"{number_of(without, 'run').capitalize()} had no brain mask; the "
                    "voxels that vary over time served as the mask. "
                )
        else:
            text += self._denoising(table)
        text += (
            f"Runs with less than {settings.min_time:g} s or fewer than {settings.min_dof} "
            f"residual degrees of freedom left were excluded{self._left_out(table)}."
        )
        if settings.store_voxel_size is not None:
            text += (
                f" The data were averaged over the volume of voxels of "
                f"{settings.store_voxel_size:g} mm."
            )
        if settings.smoothing > 0:
            text += (
                f" The data were smoothed within the brain mask with a Gaussian kernel of "
                f"{settings.smoothing:g} mm full width at half maximum."
            )
        else:
            text += (
                " The images had been smoothed before."
                if self._facts().get("smoothed")
                else " The data were not smoothed."
            )
        if settings.store_precision == "int8":
            text += " The projected runs were stored as 8-bit integers, scaled voxel by voxel."
        return text

    def _denoised_before(self) -> str:
        """Describe what was done to denoised images, before and here."""
        settings = self.config.denoising
        low, high = settings.applied_band or (0.0, 0.0)
        before, here = "", "only their mean and linear trend were removed"
        if high > 0:
            within = f"{low:g} to {high:g} Hz" if low > 0 else f"frequencies below {high:g} Hz"
            before = f" and filtered to {within}"
            here = "their mean, linear trend and any signal outside that band were removed"
        if settings.applied_regressors:
            removed = number_of(settings.applied_regressors, "regressor")
            before += (
                f", and {removed} had been removed, each of which counts as a degree of freedom"
            )
        return (
            f"The images had already been denoised{before}; all of their volumes were used, and "
            f"{here}. "
        )

    def _denoising(self, table: pd.DataFrame) -> str:
        settings = self.config.denoising
        text = ""
        if settings.dummy_scans == "auto" and not self._layout():
            text += "Initial volumes that fMRIPrep had marked as not in a steady state were removed"
        elif settings.dummy_scans in ("auto", "0"):
            text += "No volumes were removed at the start"
        else:
            text += f"The first {settings.dummy_scans} volumes were removed"
        if settings.fd_threshold > 0:
            text += f", and volumes with a {self._displacement()} were censored"
        else:
            text += "; no volumes were censored for motion"
        text += f"{self._censored(table)}. "
        try:
            strategy = load_strategy(settings.nuisance_regressors)
            removed = as_data(strategy.description)
        except RequestError:
            removed = f"the confounds of the strategy {as_data(settings.nuisance_regressors)}"
        text += (
            f"An intercept, a linear trend, {removed}, and the discrete cosine functions "
            f"{self._band()} were projected out of the kept volumes in one step, so that no "
            "step restored what another had removed {{hallquist2013 lindquist2019}}. "
            if settings.high_pass > 0 or settings.low_pass > 0
            else f"An intercept, a linear trend and {removed} were projected out of the kept "
            "volumes in one step. "
        )
        return text

    def _layout(self) -> str:
        return layout_title(self.config)

    def _facts(self) -> Mapping[str, Any]:
        """Return what the layout states of the stage that was used."""
        selection = self.config.selection
        spec = io_specs().get(selection.input_type)
        return spec.facts_of(selection.input_variant or "") if spec else {}

    def _displacement(self) -> str:
        stated = self._facts().get("displacement")
        limit = f"above {self.config.denoising.fd_threshold:g} mm"
        return (
            f"{stated} {limit}" if stated else f"framewise displacement {limit} {{{{power2012}}}}"
        )

    def _participants(self) -> str:
        by = self.record.environment.get("PreprocessedBy") or []
        fmriprep = next((name for name in by if str(name).lower().startswith("fmriprep")), None)
        layout = self._layout()
        made = (
            f"preprocessed, in the layout of {layout}"
            if layout
            else f"preprocessed with {as_data(fmriprep)} {{{{esteban2019}}}}"
            if fmriprep
            else (
                "preprocessed with fMRIPrep {{esteban2019}}"
                if not by
                else f"preprocessed with {as_data(', '.join(map(str, by)))}"
            )
        )
        if self.config.analysis_level == "group" and self.results.participants is not None:
            participants = len(self.results.participants)
            runs = pd.to_numeric(self.results.participants["n_runs"], errors="coerce").sum()
        else:
            table = self._runs
            used = table[table["included"] == "True"]
            participants, runs = used["participant_id"].nunique(), len(used)
        of = f"{number_of(int(runs), 'run')} of {number_of(participants, 'participant')}"
        counted = f"{of} {was(int(runs))}" if participants else "Runs were"
        return f"{counted} used, {made}{self._grid()}."

    def _grid(self) -> str:
        images = [network.mask for network in self.results.networks]
        images += sorted((self.root / "seeds").glob("*.nii.gz"))[:1]
        space = self.config.selection.space
        for path in images:
            sizes = np.sqrt((nib.load(path).affine[:3, :3] ** 2).sum(axis=0))
            found = [p for p in path.name.split("_") if p.startswith("space-")]
            space = found[0].removeprefix("space-") if found else space
            edges = " × ".join(f"{size:.3g}" for size in sizes)
            return f", in {space} space at {edges} mm" if space else f", at {edges} mm"
        return f", in {space} space" if space else ""

    @cached_property
    def _runs(self) -> pd.DataFrame:
        """The tables of runs of all participants, as texts, with `participant_id` and `varying`."""
        rows: list[Mapping[str, Any]] = []
        participants = self.results.participants
        members = None
        if self.config.analysis_level == "group" and participants is not None:
            members = set(participants["participant_id"])
        for path in sorted(self.root.glob("sub-*/func/*_desc-qc_metrics.tsv")):
            subject = path.parent.parent.name
            if members is None or subject in members:
                rows += _rows_of(subject, *map(_content, (path, path.with_suffix(".json"))))
        columns = ["participant_id", "included", "n_volumes", "n_dummy", "n_censored", "dof"]
        return pd.DataFrame(rows) if rows else pd.DataFrame(columns=[*columns, "varying"])

    def _censored(self, table: pd.DataFrame) -> str:
        used = table[table["included"] == "True"]
        numbers = used[["n_volumes", "n_dummy", "n_censored", "dof"]].apply(
            pd.to_numeric, errors="coerce"
        )
        total = numbers["n_volumes"].sum()
        if not total:
            return ""
        dropped, censored = int(numbers["n_dummy"].sum()), int(numbers["n_censored"].sum())
        dof = numbers["dof"].dropna()
        return (
            f" ({dropped} and {censored} of {int(total)} volumes; {dof.min():.0f} to "
            f"{dof.max():.0f} residual degrees of freedom per run, median "
            f"{median_dof(dof.tolist())})"
        )

    def _left_out(self, table: pd.DataFrame) -> str:
        if table.empty:
            return ""
        lost = int((table["included"] != "True").sum())
        return f" ({number_of(lost, 'run')} excluded for this or another reason)" if lost else ""

    def _band(self) -> str:
        low, high = self.config.denoising.high_pass, self.config.denoising.low_pass
        if low > 0 and high > 0:
            return f"outside {low:g} to {high:g} Hz"
        return f"below {low:g} Hz" if low > 0 else f"above {high:g} Hz"


def _content(path: Path) -> str:
    """Return the text of a file; nothing where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""


@lru_cache(maxsize=4096)
def _rows_of(subject: str, table: str, sidecar: str) -> tuple[Mapping[str, Any], ...]:
    """Return the rows of a participant's table of runs; the report of each one states all."""
    rows = list(csv.DictReader(io.StringIO(table, newline=""), delimiter="\t", restval=""))
    if any(None in row for row in rows):
        return ()
    try:
        varying = json.loads(sidecar).get(MASKED_BY_VARIATION)
    except (ValueError, AttributeError):
        varying = None
    found = varying if isinstance(varying, list) else ()
    return tuple(
        {**row, "participant_id": subject, "varying": row.get("run") in found} for row in rows
    )
