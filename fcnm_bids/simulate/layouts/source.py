"""Runs of an fMRIPrep tree, to be written in the layouts of other programs."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from fcnm_bids.bids.names import parse_entities
from fcnm_bids.grid import Grid
from fcnm_bids.simulate.images import header_bytes, open_gzip
from fcnm_bids.simulate.motion import MOTION_COLUMNS, framewise_displacement
from fcnm_bids.simulate.noise import FWHM_PER_SD


@dataclass(frozen=True, eq=False)
class SourceRun:
    """One run of an fMRIPrep tree.

    Parameters
    ----------
    number, ordinal
        Of the participant, and of the run among the participant's, counted from 1.
    entities
        Of the image's name.
    bold, mask
        Images.
    table
        Confounds.
    repetition_time
        Seconds.
    """

    number: int
    ordinal: int
    entities: dict[str, Any]
    bold: Path
    mask: Path
    table: pd.DataFrame
    repetition_time: float

    @property
    def motion(self) -> NDArray[np.float64]:
        """Six parameters in mm and radians, shape (volumes, 6); 0 where the tree has none."""
        known = self.table.reindex(columns=list(MOTION_COLUMNS)).to_numpy(float)
        return np.nan_to_num(known)

    @property
    def displacement(self) -> NDArray[np.float64]:
        """Framewise displacement in mm, 0 in the first volume, shape (volumes,)."""
        return np.nan_to_num(framewise_displacement(self.motion))

    def grid(self) -> Grid:
        """Grid of the image."""
        image = nib.load(self.bold)
        nx, ny, nz = image.shape[:3]
        return Grid((nx, ny, nz), image.affine, str(self.entities["space"]))

    def inside(self) -> NDArray[np.intp]:
        """Voxel numbers of the brain mask."""
        mask = np.asarray(nib.load(self.mask).dataobj)
        return np.flatnonzero(mask.ravel(order="F") > 0)

    def series(self) -> NDArray[np.float64]:
        """Series of the brain mask, shape (volumes, voxels)."""
        values = np.asarray(nib.load(self.bold).dataobj, dtype=np.float64)
        return values.reshape(-1, values.shape[3], order="F")[self.inside()].T


def source_runs(fmriprep: Path) -> Iterator[SourceRun]:
    """Read the runs of an fMRIPrep tree in the order of their names."""
    runs: dict[str, int] = {}
    for bold in sorted(fmriprep.glob("sub-*/**/func/*_desc-preproc_bold.nii.gz")):
        entities = parse_entities(bold)
        subject = entities["subject"]
        runs[subject] = runs.get(subject, 0) + 1
        stem = bold.name.split("_space-")[0]
        sidecar = bold.with_name(bold.name.replace(".nii.gz", ".json"))
        yield SourceRun(
            list(runs).index(subject) + 1,
            runs[subject],
            entities,
            bold,
            bold.with_name(bold.name.replace("desc-preproc_bold", "desc-brain_mask")),
            pd.read_csv(bold.with_name(f"{stem}_desc-confounds_timeseries.tsv"), sep="\t"),
            float(json.loads(sidecar.read_text())["RepetitionTime"]),
        )


def denoised(
    run: SourceRun, columns: list[str], band: tuple[float, float], fwhm: float = 0.0
) -> NDArray[np.float64]:
    """Regress intercept, trend, confounds and the cosines outside a band out of a run.

    Parameters
    ----------
    columns
        Confounds; first rows without a value take the first one.
    band
        Edges in Hz; 0 leaves that side open.
    fwhm
        Smoothing in mm.

    Returns
    -------
    ndarray
        Shape (volumes, voxels of the brain mask).
    """
    series = run.series()
    n = len(series)
    order = np.arange(1, n)
    frequency = order / (2 * n * run.repetition_time)
    stopped = order[(frequency <= band[0]) | (frequency > (band[1] or np.inf))]
    cosines = np.cos(np.pi / n * np.outer(np.arange(n) + 0.5, stopped))
    nuisance = run.table[columns].bfill().to_numpy(float)
    design = np.column_stack([np.ones(n), np.linspace(-1, 1, n), cosines, nuisance])
    design /= np.abs(design).max(axis=0)
    basis, _ = np.linalg.qr(design)
    for _ in range(2):
        series = series - basis @ (basis.T @ series)
    if fwhm:
        grid, inside = run.grid(), run.inside()
        widths = fwhm / FWHM_PER_SD / grid.voxel_sizes
        weight = gaussian_filter(grid.unflatten(np.ones(inside.size), inside), widths)
        weight = grid.flatten(weight)[inside]
        for values in series:
            smooth = gaussian_filter(grid.unflatten(values, inside), widths)
            values[:] = grid.flatten(smooth)[inside] / weight
    return series


def write_series(path: Path, run: SourceRun, series: NDArray[np.floating]) -> None:
    """Write series of the brain mask as a float32 image, 0 elsewhere.

    Parameters
    ----------
    series
        Shape (volumes, voxels of the brain mask).
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    grid, inside = run.grid(), run.inside()
    box = np.zeros(grid.n_voxels, dtype="<f4")
    with open_gzip(path) if path.name.endswith(".gz") else path.open("wb") as stream:
        stream.write(
            header_bytes(grid, "<f4", n_volumes=len(series), repetition_time=run.repetition_time)
        )
        for values in series:
            box[inside] = values
            stream.write(box.tobytes())


def copy_image(source: Path, target: Path) -> None:
    """Copy an image, compressed or not as the names have it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == target.suffix:
        shutil.copyfile(source, target)
    elif source.suffix == ".gz":
        with gzip.open(source) as packed, target.open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    else:
        with source.open("rb") as plain, open_gzip(target) as packed:
            shutil.copyfileobj(plain, packed)


def write_columns(path: Path, values: NDArray[np.floating], cell: str, separator: str = "") -> None:
    """Write numbers as text, a row a volume.

    Parameters
    ----------
    cell
        Format of a number.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = np.atleast_2d(values.T).T
    lines = [separator.join(cell.format(value) for value in row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")
