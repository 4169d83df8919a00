"""Maps of outcomes over seeds, read from a results folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from fcnm_bids.api.html import figure
from fcnm_bids.api.scratch import scratch_folder
from fcnm_bids.report.results.group import GroupOutputs
from fcnm_bids.report.results.group import OutcomeResult as OutcomeFiles


@dataclass(frozen=True, eq=False)
class OutcomeMap:
    """The association of one outcome of the seeds with their connectivity.

    Parameters
    ----------
    name
        The outcome: a column of the table of scores, or ``group`` for cases against controls.
    is_group
        True for cases against controls.
    r_img, t_img, pfwe_img
        Partial correlation over seeds of the outcome with the mean Fisher z, its t, and its
        two-sided p corrected for all voxels; NaN where untested.
    mask_img
        Voxels with a corrected p of at most ``alpha``, 0 or 1.
    tests
        One row per test, as in ``desc-tests_metrics``.
    seeds
        One row per seed, as in ``desc-seeds_metrics``.
    """

    name: str
    is_group: bool
    r_img: nib.Nifti1Image = field(repr=False)
    t_img: nib.Nifti1Image = field(repr=False)
    pfwe_img: nib.Nifti1Image = field(repr=False)
    mask_img: nib.Nifti1Image = field(repr=False)
    tests: pd.DataFrame = field(repr=False)
    seeds: pd.DataFrame = field(repr=False)

    def plot(self, path: str | Path | None = None) -> Path:
        """Draw the t map on slices, with significant voxels outlined (as `SeedMap.plot`)."""
        from fcnm_bids.report.figures.contrast import draw_t_map
        from fcnm_bids.report.figures.template_slices import Volume

        path = scratch_folder() / "outcome.png" if path is None else Path(path)
        t, mask = Volume.of(self.t_img), Volume.of(self.mask_img)
        draw_t_map(path, t, mask, threshold=None, tail="two-sided")
        return path

    def _repr_html_(self) -> str:
        voxels = int(np.count_nonzero(np.asarray(self.mask_img.dataobj)))
        text = f"{self.name}: t over {len(self.seeds)} seeds, {voxels} significant voxels"
        return figure(self.plot(), text)


def stored_outcomes(files: GroupOutputs) -> dict[str, OutcomeMap]:
    """Return the outcomes of a results folder, by name."""
    return {own.name: _stored_outcome(own) for own in files.outcomes}


def _stored_outcome(files: OutcomeFiles) -> OutcomeMap:
    r, t, pfwe = (nib.load(files.map(stat)) for stat in ("r", "t", "pfwe"))
    tests, seeds = (_table(files, desc) for desc in ("tests", "seeds"))
    return OutcomeMap(files.name, files.is_group, r, t, pfwe, nib.load(files.mask), tests, seeds)


def _table(files: OutcomeFiles, desc: str) -> pd.DataFrame:
    path = files.mask.parent / f"outcome-{files.label}_desc-{desc}_metrics.tsv"
    return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False)
