"""What the independent reference starts from: files, confounds, kept volumes, spheres."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

MOTION = [f"{kind}_{axis}" for kind in ("trans", "rot") for axis in "xyz"]
EXPANSIONS = ("", "_derivative1", "_power2", "_derivative1_power2")


def read_confounds(path: Path | str, columns: Sequence[str]) -> np.ndarray:
    """Named confound columns; ``n/a`` in the first rows becomes the first finite value."""
    table = pd.read_csv(path, sep="\t", na_values="n/a")[list(columns)].astype(float)
    filled = table.bfill()
    if (table.isna() & table.ffill().notna()).any(axis=None) or filled.isna().any(axis=None):
        raise ValueError(f"{path}: n/a after the first finite value")
    return filled.to_numpy()


def kept_volumes(path: Path | str, fd_threshold: float) -> np.ndarray:
    """Volumes that are neither non-steady nor above the framewise displacement threshold (mm)."""
    table = pd.read_csv(path, sep="\t", na_values="n/a")
    keep = np.ones(len(table), bool)
    for name in table.filter(regex="^non_steady_state_outlier"):
        keep &= ~(table[name].to_numpy() > 0)
    if fd_threshold > 0:
        displacement = table["framewise_displacement"].to_numpy(float, copy=True)
        displacement[0] = np.nan_to_num(displacement[0])
        keep &= displacement <= fd_threshold
    return keep


def files_of(bold: Path) -> tuple[Path, Path, float]:
    """Brain mask and confounds that belong to a BOLD file, and its repetition time (s)."""
    mask = bold.with_name(bold.name.replace("_desc-preproc_bold", "_desc-brain_mask"))
    stem = re.sub(r"_(space|res|desc)-[^_]+", "", bold.name).removesuffix("_bold.nii.gz")
    confounds = bold.with_name(f"{stem}_desc-confounds_timeseries.tsv")
    if not confounds.exists():
        confounds = bold.with_name(f"{stem}_desc-confounds_regressors.tsv")
    sidecar = bold.with_name(bold.name.replace(".nii.gz", ".json"))
    settings = json.loads(sidecar.read_text()) if sidecar.exists() else {}
    tr = settings.get("RepetitionTime", nib.load(bold).header.get_zooms()[3])
    return mask, confounds, float(tr)


FACE = 1e-4


def expand_columns(columns: str) -> list[str]:
    """Confound names from a list with commas, where ``24P`` means all motion columns."""
    motion = ",".join(name + suffix for name in MOTION for suffix in EXPANSIONS)
    return [name for name in columns.replace("24P", motion).split(",") if name]


def reference_spheres(
    foci_xyz: np.ndarray, shape: tuple[int, int, int], affine: np.ndarray, radius: float
) -> np.ndarray:
    """One boolean volume per focus (mm), by the distance of every voxel centre to it.

    A sphere without a voxel centre becomes the voxel that holds the focus; of several that share
    it on a face, the one whose centre is farthest from the template's origin (of equally far
    ones, that of the highest indices). A focus outside the grid owns no voxel.
    """
    centres = nib.affines.apply_affine(affine, np.stack(np.indices(shape), axis=-1))
    spheres = []
    for focus in np.atleast_2d(np.asarray(foci_xyz, float)):
        sphere = ((centres - focus) ** 2).sum(axis=-1) <= radius**2 + 1e-3
        if not sphere.any():
            index = nib.affines.apply_affine(np.linalg.inv(affine), focus)
            every = np.argwhere(np.ones(shape, bool))
            holders = every[(np.abs(every - index) <= 0.5 + FACE).all(axis=1)]
            if len(holders):
                far = np.abs(nib.affines.apply_affine(affine, holders)).sum(axis=1)
                sphere[tuple(holders[far >= far.max() - FACE][-1])] = True
        spheres.append(sphere)
    return np.stack(spheres)


def ambiguous_foci(
    foci_xyz: np.ndarray, shape: tuple[int, int, int], affine: np.ndarray, radius: float
) -> np.ndarray:
    """Foci without a voxel centre within the radius that lie on a face between voxels."""
    empty = reference_spheres(foci_xyz, shape, affine, radius).sum(axis=(1, 2, 3)) <= 1
    index = nib.affines.apply_affine(np.linalg.inv(affine), np.asarray(foci_xyz, float))
    nearest = nib.affines.apply_affine(affine, np.floor(index + 0.5))
    beyond = ((nearest - foci_xyz) ** 2).sum(axis=1) > radius**2 + 1e-3
    on_face = (np.abs(index - np.floor(index) - 0.5) < 1e-6).any(axis=1)
    return np.asarray(foci_xyz)[empty & beyond & on_face]
