"""The projected-run store: one HDF5 file a run, from which all maps can be made.

Format 3. Datasets are contiguous and uncompressed, so that they can be mapped into memory:
``components`` int16 (m, voxels) times ``scale`` float32 (voxels) is the projected run, ``sd``
float32 (voxels) its residual standard deviation in the image's units, ``index`` int32 (voxels)
the voxel numbers in Fortran order, ``basis`` float64 (m, kept volumes) the projection, ``kept``
uint8 (volumes), ``carpet`` float32 (volumes, up to 2,000) raw series of the voxels
``carpet_index``. The attributes hold grid, space, key and provenance, and ``checksums``: the CRC-32
of each dataset. The seal (`fcnm_bids.connectome.header_checksum`) guards the rest of the file.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from fcnm_bids.connectome.header_checksum import SEAL_BYTES, check_seal, write_seal
from fcnm_bids.connectome.image import RunImage
from fcnm_bids.connectome.project import Projected
from fcnm_bids.connectome.projected_run import ProjectedRun
from fcnm_bids.denoise.projection import Projection
from fcnm_bids.errors import ReplacedRunError, StoreError
from fcnm_bids.grid import Grid

FORMAT = "fcnm_bids projected run"
FORMAT_VERSION = 3
_LARGEST = 32767
_ROWS_ELEMENTS = 1 << 20

_PARTS = ("components", "scale", "sd", "index", "basis", "kept", "carpet", "carpet_index")

_DAMAGED = (
    AttributeError,
    KeyError,
    MemoryError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)
"""Exceptions that h5py raises where a file opens but lacks what is looked for."""


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A run of the store: its header, and the way to its components.

    Parameters
    ----------
    path
        The file.
    key
        Hash of everything that determines the content.
    attributes
        Provenance: settings, degrees of freedom, confounds, hashes, volumes.
    grid
        The grid of the voxel numbers.
    """

    path: Path
    key: str
    attributes: Mapping[str, Any]
    grid: Grid

    @property
    def dof(self) -> int:
        """Residual degrees of freedom, m."""
        return int(self.attributes["dof"])

    @property
    def n_components(self) -> int:
        """Number of components."""
        return self.dof + int(self.attributes.get("applied_regressors", 0))

    def index(self) -> NDArray[np.intp]:
        """Voxel numbers with signal."""
        return read_stored(self.path, "index", self.key).astype(np.intp)

    def load(self) -> ProjectedRun:
        """The projected run, its components mapped into memory rather than read."""
        scale = read_stored(self.path, "scale", self.key)
        with _opened(self.path, self.key) as file:
            try:
                data = file["components"]
                offset, shape = data.id.get_offset(), data.shape
                values = np.memmap(self.path, np.dtype("<i2"), "r", offset=offset, shape=shape)
                _verify(file, "components", values)
            except _DAMAGED as error:
                raise StoreError(f"{self.path.name} is damaged: {error}") from error
        removed = int(self.attributes.get("applied_regressors", 0))
        return ProjectedRun(values, self.index(), self.grid, scale, removed)

    def verify(self) -> None:
        """Read all of the file.

        Raises
        ------
        StoreError
            It does not hold what was written.
        """
        self.load()
        for name in _PARTS:
            if name not in ("components", "scale", "index"):
                read_stored(self.path, name, self.key)


def write_run(
    path: Path,
    projected: Projected,
    projection: Projection,
    image: RunImage,
    *,
    key: str,
    attributes: Mapping[str, Any],
) -> None:
    """Write a projected run: a temporary file in the same folder, then a rename.

    Raises
    ------
    OSError
        The disk is full or cannot be written; what was there before is still there.
    """
    run = projected.run
    header = {
        **attributes,
        "dof": run.n_components - int(attributes.get("applied_regressors", 0)),
        "n_volumes": image.n_volumes,
        "n_kept": int(projection.kept.sum()),
        "n_masked": projected.n_masked,
        "n_voxels": run.n_voxels,
        "confounds": list(projection.confounds),
        "bold_sha256": projected.sha256,
    }
    # made in memory: HDF5 takes the process down where it meets a full disk (h5py issue 914)
    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest", userblock_size=SEAL_BYTES) as file:
        file.attrs["format"] = FORMAT
        file.attrs["format_version"] = FORMAT_VERSION
        file.attrs["key"] = key
        file.attrs["space"] = run.grid.space
        file.attrs["shape"] = np.array(run.grid.shape, dtype=np.int64)
        file.attrs["affine"] = run.grid.affine
        file.attrs["provenance"] = json.dumps(header, sort_keys=True)
        parts: dict[str, NDArray[Any]] = {
            "index": run.index.astype(np.int32),
            "basis": projection.basis,
            "kept": projection.kept.astype(np.uint8),
            "carpet": projected.carpet,
            "carpet_index": projected.carpet_index.astype(np.int32),
        }
        for name, values in parts.items():
            file[name] = values
        sums = {name: _checksum(values) for name, values in parts.items()}
        sums |= _write_components(file, run)
        file.attrs["checksums"] = np.array([sums[name] for name in _PARTS], dtype=np.uint32)
        file.flush()
        extents = data_extents(file)
    write_seal(content, FORMAT_VERSION, extents)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}.{path.name}.tmp")
    try:
        with temporary.open("xb") as written:
            written.write(content.getbuffer())
            written.flush()
            os.fsync(written.fileno())
        temporary.replace(path)
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:
            # the system does not say where a write found no room
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _write_components(file: h5py.File, run: ProjectedRun) -> dict[str, int]:
    """Write the components, their scale and their standard deviation; their check sums."""
    scale = np.empty(run.n_voxels, dtype=np.float32)
    sd = np.empty(run.n_voxels, dtype=np.float32)
    for tile in run.tiles():
        values = run.values[:, tile]
        scale[tile] = np.abs(values).max(axis=0) / np.float32(_LARGEST)
        sd[tile] = np.sqrt(
            np.einsum("ij,ij->j", values, values, dtype=np.float64) / run.n_components
        )
    file["scale"] = scale
    file["sd"] = sd
    components = file.create_dataset("components", run.values.shape, "<i2")
    height = max(1, _ROWS_ELEMENTS // run.n_voxels)
    checksum = 0
    for first in range(0, run.n_components, height):
        rows = slice(first, min(first + height, run.n_components))
        values = np.rint(run.values[rows] / scale).astype("<i2")
        components[rows] = values
        checksum = _checksum(values, checksum)
    return {"components": checksum, "scale": _checksum(scale), "sd": _checksum(sd)}


def _checksum(values: NDArray[Any], before: int = 0) -> int:
    """CRC-32 of an array's bytes, going on from that of what comes before them."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return int(isal_zlib.crc32(flat.view(np.uint8).data, before)) if flat.size else before


def data_extents(file: h5py.File) -> list[tuple[int, int]]:
    """Offset and bytes of each dataset of an open stored run."""
    parts = [file[name] for name in _PARTS]
    return [(part.id.get_offset(), part.nbytes) for part in parts if part.nbytes]


def _verify(file: h5py.File, name: str, values: NDArray[Any]) -> None:
    """Compare an array with its check sum; OSError where they differ."""
    if _checksum(values) != int(file.attrs["checksums"][_PARTS.index(name)]):
        raise OSError(f"the check sum of its {name} is wrong")


def open_run(path: Path, key: str | None = None) -> StoredRun:
    """Read the header of a stored run.

    Parameters
    ----------
    path
        The file.
    key
        Content key that it should have; any by default.

    Raises
    ------
    StoreError
        The file is damaged, not a projected run, or of another format version.
    ReplacedRunError
        It has another key.
    """
    with _opened(path, key) as file:
        try:
            attributes = file.attrs
            if attributes["format"] != FORMAT:
                raise StoreError(f"{path.name} is not a projected run")
            grid = Grid(tuple(attributes["shape"]), attributes["affine"], attributes["space"])
            header = json.loads(attributes["provenance"])
            rows = int(header["dof"]) + int(header.get("applied_regressors", 0))
            shape = (rows, int(header["n_voxels"]))
            # h5py's own objects of eight datasets take most of the time of a large store
            parts = {name: h5py.h5d.open(file.id, name.encode()) for name in _PARTS}
            if parts["components"].shape != shape or parts["components"].dtype != np.dtype("<i2"):
                raise StoreError(f"{path.name} does not hold what its header says")
            size = path.stat().st_size
            for name, data in parts.items():
                if not _lies_within(data, size):
                    raise StoreError(f"{path.name} holds no contiguous {name}")
            lengths = {parts[name].shape for name in ("scale", "sd", "index")}
            if lengths != {shape[1:]} or shape[1] > grid.n_voxels:
                raise StoreError(f"{path.name} has parts of unequal length")
            return StoredRun(path, str(attributes["key"]), header, grid)
        except _DAMAGED as error:
            raise StoreError(f"{path.name} is damaged or foreign: {error!r}") from error


def read_stored(path: Path, name: str, key: str | None = None) -> NDArray[Any]:
    """Read a smaller dataset of a stored run: basis, kept, sd, carpet, carpet_index."""
    with _opened(path, key) as file:
        try:
            if not _lies_within(file[name].id, path.stat().st_size):
                raise OSError("it is not contiguous")
            values: NDArray[Any] = file[name][()]
            _verify(file, name, values)
        except _DAMAGED as error:
            raise StoreError(f"{path.name} has no readable {name}: {error}") from error
        return values


def _lies_within(data: h5py.h5d.DatasetID, size: int) -> bool:
    """Return True if a dataset is one piece of its file, which bounds the memory that it takes."""
    offset, n_bytes = data.get_offset(), math.prod(data.shape) * data.dtype.itemsize
    # beside a user block h5py gives no None for what has no place, but a place within the block
    return n_bytes == 0 or (
        offset is not None and offset >= SEAL_BYTES and offset + n_bytes <= size
    )


def _opened(path: Path, key: str | None) -> h5py.File:
    check_seal(path, FORMAT_VERSION)
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise StoreError(f"{path.name} is damaged: {error}") from error
    if key is not None and file.attrs.get("key") != key:
        file.close()
        raise ReplacedRunError(
            f"{path.name} was projected again while it was in use; the same command again makes "
            "everything of the run that is there now"
        )
    return file
