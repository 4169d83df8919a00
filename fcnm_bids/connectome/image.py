"""Reading a four-dimensional NIfTI image once, block of volumes by block of volumes."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np
from isal import igzip, igzip_lib
from numpy.typing import NDArray

from fcnm_bids.errors import FileError, RunError
from fcnm_bids.grid import Grid
from fcnm_bids.readers.volume import (
    BROKEN,
    HEADER_BYTES,
    NOT_NIFTI,
    check_offset,
    grid_of,
    read_header,
    read_volume_image,
)

_READ_BYTES = 1 << 20
_FIRST_BYTES = 4096
"""Bytes of a gzip file that hold the header of an image, unless they compress to almost nothing."""


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

    @property
    def content_bytes(self) -> int:
        """Bytes of header and volumes, decompressed."""
        return self.offset + self.n_volumes * self.volume_bytes


def trailer_covers_content(path: Path, image: RunImage | None = None) -> bool:
    """Return True if the check sum that ends a gzip image is that of the whole image.

    Where bgzip or pigz wrote the file in several members, it is that of the last one alone, which
    bgzip leaves empty in every file.

    Parameters
    ----------
    path
        The file.
    image
        Its header, where it was read before.
    """
    try:
        wanted = (image or open_image(path, "")).content_bytes
        with path.open("rb") as file:
            return _trailer_length(file) == wanted % 2**32
    except (RunError, OSError):
        return False


def _trailer_length(file: BinaryIO) -> int:
    """Return the number of bytes that a gzip file's last member held, modulo 2**32."""
    file.seek(max(0, file.seek(0, os.SEEK_END) - 4))
    return int.from_bytes(file.read(), "little")


def open_image(path: Path, space: str) -> RunImage:
    """Read the header of a four-dimensional NIfTI image.

    Raises
    ------
    RunError
        The file is not a regular one, not NIfTI, not four-dimensional, or holds complex or colour
        values.
    """
    try:
        # a pipe is waited for, and may never end
        if path.exists() and not path.is_file():
            raise RunError(f"{path.name} is not a regular file; copy its content to one")
        header = read_header(_beginning(path))
        shape = tuple(int(n) for n in header.get_data_shape())
        dtype = np.dtype(header.get_data_dtype())
        slope, intercept = header.get_slope_inter()
        offset = check_offset(header, path.name)
    except FileNotFoundError as error:
        raise RunError(f"{path.name} does not exist; copy it again") from error
    except FileError as error:
        raise RunError(str(error)) from error
    except NOT_NIFTI as error:
        raise RunError(f"{path.name} cannot be read as NIfTI: {error}; copy it again") from error
    if len(shape) != 4 or min(shape) < 1:
        raise RunError(
            f"{path.name} has shape {shape}; a run has four dimensions: convert the whole run again"
        )
    if dtype.kind not in "iuf":
        raise RunError(
            f"{path.name} holds numbers of type {dtype}, not integers or real numbers; convert it"
        )
    try:
        grid = grid_of(header, shape[:3], space, path.name)
    except FileError as error:
        raise RunError(str(error)) from error
    return RunImage(
        path=path,
        grid=grid,
        n_volumes=shape[3],
        repetition_time=float(header["pixdim"][4]) * _seconds(header),
        dtype=dtype,
        slope=1.0 if slope is None else float(slope),
        intercept=0.0 if intercept is None else float(intercept),
        offset=offset,
    )


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if path.name.endswith(".gz") and file.peek(2)[:2] != b"\x1f\x8b":
                raise RunError(
                    f"{path.name} cannot be read as NIfTI: not gzip, although its name ends with "
                    ".gz; rename it to .nii, or copy it again"
                )
            if path.name.endswith(".gz"):
                first = _first_bytes(file)
                if len(first) == HEADER_BYTES:
                    return first
                file.seek(0)
            with _decompressed(file, path) as stream:
                return stream.read(HEADER_BYTES)
    except FileNotFoundError:
        raise
    except BROKEN as error:
        raise RunError(f"{path.name} is damaged or cut short: {error}; copy it again") from error


def _first_bytes(file: BinaryIO) -> bytes:
    """Return the first bytes of a gzip image; nothing where it takes more to find what is wrong."""
    try:
        decompressor = igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)
        first: bytes = decompressor.decompress(file.read(_FIRST_BYTES), HEADER_BYTES)
    except BROKEN:
        return b""
    return first


def check_complete(image: RunImage) -> None:
    """Make sure that a file holds the volumes of its header, without reading them.

    A gzip file ends with the length of its content. Where that is not what the header asks for
    (the file is cut short, or made of several parts), it is decompressed to be sure.

    Raises
    ------
    RunError
        The file is damaged, ends before its last volume, or goes on after it.
    """
    wanted = image.content_bytes
    try:
        with image.path.open("rb") as file:
            length = file.seek(0, os.SEEK_END)
            if image.path.name.endswith(".gz"):
                if _trailer_length(file) == wanted % 2**32:
                    return
                file.seek(0)
                length = 0
                with igzip.open(file, "rb") as stream:
                    while part := stream.read(_READ_BYTES):
                        length += len(part)
    except BROKEN as error:
        raise RunError(
            f"{image.path.name} is damaged or cut short: {error}; copy it again"
        ) from error
    if length < wanted:
        complete = max(0, length - image.offset) // image.volume_bytes
        raise RunError(
            f"{image.path.name} is cut short: it holds {complete} of {image.n_volumes} volumes; "
            "copy it again"
        )
    if length > wanted:
        raise RunError(
            f"{image.path.name} is longer than its header states: {length} bytes instead of "
            f"{wanted}; convert it again"
        )


def _seconds(header: Any) -> float:
    """The header's unit of time; seconds where its code stands for none."""
    try:
        unit = header.get_xyzt_units()[1]
    except KeyError:
        return 1.0
    return {"msec": 1e-3, "usec": 1e-6}.get(unit, 1.0)


def read_volume(path: Path, grid: Grid) -> NDArray[np.float64]:
    """A three-dimensional image as a vector over voxel numbers, checked against the grid.

    Raises
    ------
    RunError
        The image cannot be read or lies on another grid.
    """
    try:
        return grid.flatten(read_volume_image(path, grid.space, on=grid).values)
    except FileError as error:
        # reports name files, not where they lie on this machine
        raise RunError(str(error).replace(str(path), path.name)) from error


class VolumeStream:
    """The volumes of a run in order, decompressed on another thread while they are used.

    Iterating gives (first volume, stored numbers of shape (volumes, voxels)) per block; an array
    is used again for the block after the next. After the last block `sha256` holds the hash of
    the file as it lies on disk.
    """

    def __init__(self, image: RunImage, block: int) -> None:
        self.image = image
        self.block = max(1, min(block, image.n_volumes))
        self.sha256: str | None = None

    def __iter__(self) -> Generator[tuple[int, NDArray[Any]]]:
        blocks = self._read()
        # one block is read while the one before is used: reading takes the larger part, and
        # neither decompression nor matrix products hold the interpreter lock
        with ThreadPoolExecutor(1, "volumes") as reader:
            waiting = reader.submit(next, blocks, None)
            try:
                while (block := waiting.result()) is not None:
                    waiting = reader.submit(next, blocks, None)
                    yield block
            finally:
                waiting.cancel()
                reader.submit(blocks.close)

    def _read(self) -> Generator[tuple[int, NDArray[Any]]]:
        image = self.image
        buffers = np.empty((2, self.block, image.grid.n_voxels), dtype=image.dtype)
        try:
            # the thread that hashes ends here and not when garbage is collected, which may happen
            # while a thread is being made and then waits for ever
            with image.path.open("rb") as file, ThreadPoolExecutor(1, "sha256") as hasher:
                hashed = _HashedFile(file, hasher)
                with _decompressed(hashed, image.path) as stream:
                    _skip(stream, image.offset)
                    for number, start in enumerate(range(0, image.n_volumes, self.block)):
                        rows = buffers[number % 2, : min(self.block, image.n_volumes - start)]
                        _fill(stream, rows.view(np.uint8).reshape(-1).data, image, start)
                        yield start, rows
                    # reads to the end, so that a damaged trailer is found and all is hashed
                    while stream.read(_READ_BYTES):
                        pass
                    while hashed.read(_READ_BYTES):
                        pass
        except BROKEN as error:
            raise RunError(
                f"{image.path.name} is damaged or cut short: {error}; copy it again"
            ) from error
        self.sha256 = hashed.digest.hexdigest()


class _HashedFile(io.RawIOBase):
    """A file that hashes what is read from it, on another thread.

    `digest` is complete when that thread has ended.
    """

    def __init__(self, file: IO[bytes], hasher: ThreadPoolExecutor) -> None:
        self._file = file
        self._hasher = hasher
        self.digest = hashlib.sha256()
        self._hashing: Future[None] | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        target = memoryview(target)[:_READ_BYTES]  # a copy of it waits to be hashed
        count: int = self._file.readinto(target)  # type: ignore[attr-defined]
        # one part at a time: where reading is faster than hashing, parts would pile up
        if self._hashing is not None:
            self._hashing.result()
        part = bytes(target[:count])
        self._hashing = self._hasher.submit(self.digest.update, part)
        return count


def _decompressed(file: Any, path: Path) -> IO[bytes]:
    if path.name.endswith(".gz"):
        stream: IO[bytes] = igzip.open(io.BufferedReader(file, _READ_BYTES), "rb")
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
        # a gzip file reads into an array of its own first, which a core's cache has to hold
        got = stream.readinto(target[done : done + _READ_BYTES])  # type: ignore[attr-defined]
        if not got:
            complete = start + done // image.volume_bytes
            raise RunError(
                f"{image.path.name} is cut short: it holds {complete} of {image.n_volumes} "
                "volumes; copy it again"
            )
        done += got
