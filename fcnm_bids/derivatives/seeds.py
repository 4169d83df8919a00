"""Images and sidecars of seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.bids.write import atomic_path
from fcnm_bids.config import Config, SeedSettings
from fcnm_bids.grid import Grid
from fcnm_bids.seeds import Contrast, SeedMatrix, coverage, write_foci

SEED_TABLE_COLUMNS = {
    "seed": "Name of the contrast",
    "n_voxels": "Voxels of the grid of the data",
    "volume_mm3": "Their volume in cubic mm",
    "centre_x": "Centre of mass in mm, weighted by the seed",
    "centre_y": "Centre of mass in mm, weighted by the seed",
    "centre_z": "Centre of mass in mm, weighted by the seed",
    "coverage": "Share of the seed on voxels of the analysis",
}


def is_binary(seeds: SeedMatrix, number: int) -> bool:
    """Return True if the weights of a seed are all 1."""
    return bool((seeds.weights[[number]].data == 1).all())


def seed_image(names: OutputNames, label: str, seeds: SeedMatrix, number: int) -> Path:
    """The image of a seed: a mask, or a map of weights."""
    return names.seed(label, "mask" if is_binary(seeds, number) else "probseg")


def describe_contrast(contrast: Contrast, settings: SeedSettings) -> dict[str, Any]:
    """Return the sidecar entries of a seed."""
    described: dict[str, Any] = {
        "Contrast": contrast.name,
        "Effect": contrast.effect,
        "Studies": list(contrast.studies),
        "SampleSize": contrast.n,
    }
    if contrast.foci:
        described["Foci"] = [[focus.x, focus.y, focus.z] for focus in contrast.foci]
        described["FociUnits"] = "mm"
        described["SphereRadius"] = settings.radius
        described["SphereConvention"] = settings.sphere
    return described


def write_used_foci(seeds: SeedMatrix, config: Config) -> list[Path]:
    """Write the foci as they were used, once per table."""
    foci = [focus for contrast in seeds.contrasts for focus in contrast.foci]
    path = Path(config.output_dir) / "foci.tsv"
    if not foci:
        return []
    if config.seeds.coordinates and Path(config.seeds.coordinates).resolve() != path.resolve():
        with atomic_path(path) as temporary:
            write_foci(foci, temporary)
    return [path]


def seed_volumes(weights: sparse.csr_array, grid: Grid) -> NDArray[np.float64]:
    """Return the volume of the voxels of each seed in cubic mm, shape (K,)."""
    return np.diff(weights.indptr) * grid.voxel_volume


def seed_table(
    names: Sequence[str], weights: sparse.csr_array, grid: Grid, index: NDArray[np.intp]
) -> pd.DataFrame:
    """Return volume, centre and coverage of seeds.

    Parameters
    ----------
    names
        One per seed.
    weights
        Shape (K, grid.n_voxels).
    grid
        The voxel grid.
    index
        Voxel numbers of the analysis.
    """
    size = abs(weights)
    total = np.asarray(size.sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        centres = (size @ grid.positions(np.arange(grid.n_voxels))) / total[:, None]
    columns = [names, np.diff(weights.indptr), seed_volumes(weights, grid), *centres.T]
    columns.append(coverage(weights, index))
    return pd.DataFrame(dict(zip(SEED_TABLE_COLUMNS, columns, strict=True)))
