"""Runs of a Lead-DBS connectome: MATLAB files of voxels x volumes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import h5py
import nibabel as nib
import numpy as np
import scipy
from numpy.typing import NDArray

from fcnm_bids.connectome.image import RunImage
from fcnm_bids.errors import RunError
from fcnm_bids.grid import Grid

_HEADER_BYTES = 352
_BLOCK = 32


def _broken() -> tuple[type[Exception], ...]:
    """Return the exceptions of files that cannot be read, or lack what is looked for."""
    unread: type[Exception] = scipy.io.matlab.MatReadError
    own = (OSError, ValueError, TypeError, KeyError, IndexError, NotImplementedError, RuntimeError)
    return (*own, AttributeError, StopIteration, unread)


@lru_cache(maxsize=4)
def read_voxels(info: Path, space: str) -> tuple[Grid, NDArray[np.intp]]:
    """Read the grid of a connectome and which of its voxels the runs hold.

    Parameters
    ----------
    info
        ``dataset_info.mat`` (variable ``dataset``) or ``dataset_volsurf.mat`` (variable ``vol``).
    space
        Template space.

    Returns
    -------
    grid
        From ``vol.space``, whose matrix counts voxels from 1 as SPM does.
    index
        ``vol.outidx`` counted from 0, in the order of the runs' rows.

    Raises
    ------
    RunError
        The file does not hold them.
    """
    try:
        if h5py.is_hdf5(info):
            with h5py.File(info) as file:
                vol = file["vol"] if "vol" in file else file["dataset/vol"]
                outidx = vol["outidx"][()]
                dim, matrix = vol["space/dim"][()], vol["space/mat"][()].T
        else:
            content = scipy.io.loadmat(info, squeeze_me=True, struct_as_record=False)
            struct = content["vol"] if "vol" in content else content["dataset"].vol
            outidx, dim, matrix = struct.outidx, struct.space.dim, struct.space.mat
        nx, ny, nz = (int(n) for n in np.ravel(dim)[:3])
        affine = np.array(matrix, dtype=np.float64).reshape(4, 4)
        affine[:3, 3] += affine[:3, :3].sum(axis=1)
        index = np.ravel(outidx).astype(np.intp) - 1
        grid = Grid((nx, ny, nz), affine, space)
    except _broken() as error:
        raise RunError(
            f"{info.name} does not contain vol.outidx and vol.space ({error}); make "
            "it again with Lead-DBS"
        ) from error
    if index.size == 0 or index.min() < 0 or index.max() >= grid.n_voxels:
        raise RunError(
            f"{info.name}: vol.outidx lies outside a volume of {grid.shape}; copy the folder again"
        )
    return grid, index


def open_run(path: Path, info: Path, space: str) -> tuple[RunImage, NDArray[np.bool_]]:
    """Read the header of a run, as of the NIfTI image that `as_nifti` makes of it.

    Returns
    -------
    image
        Without a repetition time, which the format does not have.
    mask
        Shape (voxels of the box,), True where the run has a row.

    Raises
    ------
    RunError
        It is not a run of the connectome.
    """
    grid, index = read_voxels(info, space)
    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                volumes, rows = file["gmtc"].shape
        else:
            rows, volumes = next(
                shape for name, shape, _ in scipy.io.whosmat(path) if name == "gmtc"
            )
    except _broken() as error:
        raise RunError(f"{path.name} has no matrix gmtc ({error}); copy it again") from error
    if rows != index.size:
        raise RunError(f"{path.name}: gmtc has {rows} rows, {info.name} lists {index.size} voxels")
    mask = np.zeros(grid.n_voxels, dtype=bool)
    mask[index] = True
    dtype = np.dtype("<f4")
    return RunImage(path, grid, int(volumes), 0.0, dtype, 1.0, 0.0, _HEADER_BYTES), mask


@contextmanager
def as_nifti(image: RunImage, info: Path, folder: Path) -> Iterator[RunImage]:
    """Write a run as an uncompressed NIfTI image for as long as it is used.

    Parameters
    ----------
    image
        As `open_run` gives it.
    folder
        Folder of the work, for a file of 4 bytes a voxel and volume.

    Raises
    ------
    RunError
        The matrix cannot be read.
    """
    _, index = read_voxels(info, image.grid.space)
    target = folder / f"{image.path.stem}.nii"
    try:
        try:
            with target.open("wb") as file:
                file.write(_header(image))
                box = np.zeros(image.grid.n_voxels, dtype=image.dtype)
                for values in _volumes(image.path):
                    box[index] = values
                    file.write(box.tobytes())
        except _broken() as error:
            raise RunError(f"{image.path.name} cannot be read: {error}") from error
        yield replace(image, path=target)
    finally:
        target.unlink(missing_ok=True)


def _volumes(path: Path) -> Iterator[NDArray[Any]]:
    if not h5py.is_hdf5(path):
        yield from scipy.io.loadmat(path, variable_names=["gmtc"])["gmtc"].T
        return
    with h5py.File(path) as file:
        data = file["gmtc"]
        for start in range(0, len(data), _BLOCK):
            yield from data[start : start + _BLOCK]


def _header(image: RunImage) -> bytes:
    header = nib.Nifti1Header()
    header.set_data_dtype(image.dtype)
    header.set_data_shape((*image.grid.shape, image.n_volumes))
    header.set_sform(image.grid.affine, 4)
    header["vox_offset"] = image.offset
    return bytes(header.binaryblock) + bytes(4)
