"""Reading a four-dimensional NIfTI image once, block of volumes by block of volumes."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import nibabel as nib
import numpy as np
from isal import igzip_lib, igzip_threaded
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from numpy.typing import NDArray

from fcnm_bids.errors import RunError
from fcnm_bids.grid import Grid

_READ_BYTES = 1 << 20

_BROKEN: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    igzip_lib.IsalError,  # type: ignore[assignment]  # its stub calls it an instance
)
"""What the many layers below raise when a compressed file is cut short or damaged."""


@dataclass(frozen=True)
class RunImage:
    """A run's image file, its header read and its voxels still on disk.

    Parameters
    ----------
    path
        ``.nii`` or ``.nii.gz``.
    grid
        The grid of one volume.
    n_volumes
        Number of volumes.
    repetition_time
        Fourth voxel size of the header, in seconds; 0 where the header does not say.
    dtype
        Type of the stored numbers, in the file's byte order.
    slope, intercept
        A stored number x stands for slope * x + intercept.
    offset
        Position of the first voxel in the (uncompressed) file, in bytes.
    """

    path: Path
    grid: Grid
    n_volumes: int
    repetition_time: float
    dtype: np.dtype[Any]
    slope: float
    intercept: float
    offset: int

    @property
    def volume_bytes(self) -> int:
        """Size of one volume as stored, in bytes."""
        return self.grid.n_voxels * self.dtype.itemsize


def open_image(path: Path, space: str) -> RunImage:
    """Read the header of a four-dimensional NIfTI image.

    Raises
    ------
    RunError
        The file is not NIfTI, not four-dimensional, or holds complex or colour values.
    """
    try:
        image = nib.load(path)
        header = image.header
        proxy = image.dataobj
        shape = tuple(int(n) for n in image.shape)
        dtype = np.dtype(header.get_data_dtype())
        affine = np.asarray(image.affine, dtype=np.float64)
        unit = header.get_xyzt_units()[1]
        zooms = header.get_zooms()
    except FileNotFoundError as error:
        raise RunError(f"{path.name} is not there") from error
    except (
        *_BROKEN,
        AttributeError,
        HeaderDataError,
        ImageDataError,
        ImageFileError,
    ) as error:
        raise RunError(f"{path.name} cannot be read as NIfTI: {error}") from error
    if len(shape) != 4 or min(shape) < 1:
        raise RunError(f"{path.name} has shape {shape}; a run has four dimensions")
    if dtype.kind not in "iuf":
        raise RunError(f"{path.name} holds numbers of type {dtype}, not integers or reals")
    try:
        grid = Grid(shape[:3], affine, space)
    except ValueError as error:
        raise RunError(f"{path.name}: {error}") from error
    factor = {"msec": 1e-3, "usec": 1e-6}.get(unit, 1.0)
    return RunImage(
        path=path,
        grid=grid,
        n_volumes=shape[3],
        repetition_time=float(zooms[3]) * factor,
        dtype=dtype,
        slope=float(proxy.slope),
        intercept=float(proxy.inter),
        offset=int(proxy.offset),
    )


def read_volume(path: Path, grid: Grid) -> NDArray[np.float64]:
    """A three-dimensional image as a vector over voxel numbers, checked against the grid.

    Raises
    ------
    RunError
        The image cannot be read or lies on another grid.
    """
    try:
        image = nib.load(path)
        values = np.asarray(image.dataobj, dtype=np.float64)
        affine = np.asarray(image.affine, dtype=np.float64)
    except FileNotFoundError as error:
        raise RunError(f"{path.name} is not there") from error
    except (*_BROKEN, HeaderDataError, ImageDataError, ImageFileError) as error:
        raise RunError(f"{path.name} cannot be read: {error}") from error
    values = values.reshape(values.shape[:3]) if values.shape[3:] == (1,) else values
    if values.ndim != 3:
        raise RunError(f"{path.name} has shape {values.shape}; three dimensions were expected")
    difference = grid.difference(Grid(values.shape, affine, grid.space))
    if difference:
        raise RunError(f"{path.name} is not on the grid of its run: {difference}")
    return grid.flatten(values)


class VolumeStream:
    """The volumes of a run in order, decompressed on another thread while they are used.

    Iterating gives (first volume, stored numbers of shape (volumes, voxels)) per block; the
    array is used again for the next block. After the last block `sha256` holds the hash of the
    file as it lies on disk.
    """

    def __init__(self, image: RunImage, block: int) -> None:
        self.image = image
        self.block = max(1, min(block, image.n_volumes))
        self.sha256: str | None = None

    def __iter__(self) -> Iterator[tuple[int, NDArray[Any]]]:
        image = self.image
        buffer = np.empty((self.block, image.grid.n_voxels), dtype=image.dtype)
        try:
            with image.path.open("rb") as file:
                hashed = _HashedFile(file)
                with _decompressed(hashed, image.path) as stream:
                    _skip(stream, image.offset)
                    for start in range(0, image.n_volumes, self.block):
                        rows = buffer[: min(self.block, image.n_volumes - start)]
                        _fill(stream, rows.view(np.uint8).reshape(-1).data, image, start)
                        yield start, rows
                    # reads to the end, so that a damaged trailer is found and all is hashed
                    while stream.read(_READ_BYTES):
                        pass
                while hashed.read(_READ_BYTES):
                    pass
        except RunError:
            raise
        except _BROKEN as error:
            raise RunError(f"{image.path.name} is damaged or cut short: {error}") from error
        self.sha256 = hashed.digest.hexdigest()


class _HashedFile(io.RawIOBase):
    """A file that hashes what is read from it."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        count: int = self._file.readinto(target)  # type: ignore[attr-defined]
        self.digest.update(memoryview(target)[:count])
        return count


def _decompressed(file: _HashedFile, path: Path) -> IO[bytes]:
    if path.name.endswith(".gz"):
        stream: IO[bytes] = igzip_threaded.open(io.BufferedReader(file, _READ_BYTES), "rb")
        return stream
    return io.BufferedReader(file, _READ_BYTES)


def _skip(stream: IO[bytes], count: int) -> None:
    while count > 0:
        got = len(stream.read(min(count, _READ_BYTES)))
        if got == 0:
            raise EOFError("the file ends within its header")
        count -= got


def _fill(stream: IO[bytes], target: memoryview, image: RunImage, start: int) -> None:
    done = 0
    while done < len(target):
        got = stream.readinto(target[done:])  # type: ignore[attr-defined]
        if not got:
            complete = start + done // image.volume_bytes
            raise RunError(
                f"{image.path.name} is cut short: it holds {complete} of {image.n_volumes} volumes"
            )
        done += got
