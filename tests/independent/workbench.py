"""Seed-to-voxel Fisher z from Connectome Workbench (``wb_command``), a third opinion."""

from __future__ import annotations

import subprocess
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel import cifti2


def workbench_fisher_z(series: np.ndarray, roi: np.ndarray, folder: Path) -> np.ndarray:
    """Fisher z of every voxel with the mean series of a region, by Workbench.

    Parameters
    ----------
    series : ndarray, shape (n_volumes, n_voxels), float32
        All voxels of the grid of ``roi``, first index fastest (Fortran order).
    roi : ndarray, shape (x, y, z)
        The region, or weights.
    folder : Path
        An existing folder for the intermediate files.

    Returns
    -------
    ndarray, shape of ``roi``, float64
        ``atanh`` of the correlation, as computed in float32 by
        ``wb_command -cifti-average-roi-correlation``.

    Raises
    ------
    RuntimeError
        When ``wb_command`` fails; the message is its own.
    """
    if series.shape[1] != roi.size:
        raise ValueError(f"{series.shape[1]} series for a grid of {roi.size} voxels")
    affine = np.diag([-2.0, 2.0, 2.0, 1.0])
    voxels = np.column_stack(np.unravel_index(np.arange(roi.size), roi.shape, order="F"))
    space = cifti2.BrainModelAxis(
        "CIFTI_STRUCTURE_OTHER", voxel=voxels, affine=affine, volume_shape=roi.shape
    )
    times = cifti2.SeriesAxis(start=0, step=1, size=len(series))
    dense = cifti2.Cifti2Image(series.astype(np.float32), header=(times, space))
    dense.nifti_header.set_intent("NIFTI_INTENT_CONNECTIVITY_DENSE_SERIES")
    nib.save(dense, folder / "series.dtseries.nii")
    nib.save(nib.Nifti1Image(roi.astype(np.float32), affine), folder / "roi.nii.gz")
    command = ["wb_command", "-cifti-average-roi-correlation", "z.dscalar.nii"]
    command += ["-vol-roi", "roi.nii.gz", "-cifti", "series.dtseries.nii"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr or done.stdout)
    z = nib.load(folder / "z.dscalar.nii").get_fdata(dtype=np.float64)
    return z.reshape(roi.shape, order="F")
