"""The projected-run store: one HDF5 file a run, from which all maps can be made.

Format 4. The file holds the band of a run; the strategy is chosen when the run is opened. Datasets
are contiguous and uncompressed, so that they can be mapped into memory: ``components`` int16 (m_b,
voxels) times ``scale`` float32 (voxels) is the projected run, ``index`` int32 (voxels) the voxel
numbers in Fortran order, ``basis`` float64 (m_b, volumes) the band, ``confounds`` float64 (volumes,
columns) the confound table, ``confounds_about`` uint8 (bytes) its column names and its sidecar as
JSON, ``carpet`` uint8 (volumes, up to 500) times the attribute ``carpet_step`` the raw series of
the voxels ``carpet_index`` above their minimum. The attributes hold grid, space, key and
provenance, and ``checksums``: the CRC-32 of each dataset. The seal
(`fcnm_bids.connectome.header_checksum`) guards the rest of the file.

A compact run has ``components`` of int8, ``index`` as one bit for each voxel of the box, and an
empty ``basis``: its header states the band, of which the basis is a formula. Its ``confounds`` lack
the derivatives and squares that are computed from other columns.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import math
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from fcnm_bids.connectome.header_checksum import SEAL_BYTES, check_seal, sealed_file, write_seal
from fcnm_bids.connectome.image import RunImage
from fcnm_bids.connectome.project import Projected
from fcnm_bids.connectome.projected_run import ProjectedRun
from fcnm_bids.denoise import (
    CHOSEN,
    Confounds,
    RunDenoising,
    Strategy,
    band_basis,
    choose_within_band,
    reduce_confounds,
    restore_confounds,
)
from fcnm_bids.errors import ReplacedRunError, StoreError
from fcnm_bids.grid import Grid
from fcnm_bids.kernels.steps import in_steps, largest

FORMAT = "fcnm_bids projected run"
FORMAT_VERSION = 4
_STORED: Mapping[str, np.dtype[Any]] = {"int16": np.dtype("<i2"), "int8": np.dtype("i1")}
"""Types of the components, by the precision of a store."""

_ROWS_ELEMENTS = 1 << 20

_PARTS = (
    *("components", "scale", "index", "basis"),
    *("confounds", "confounds_about", "carpet", "carpet_index"),
)

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
class _Part:
    """Place, shape, type and check sum of a dataset."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    checksum: int


@dataclass(frozen=True, eq=False)
class Structure:
    """Places of the datasets of a file, as HDF5 found them when it opened the file.

    Parameters
    ----------
    sha256
        Of the seal and all that it guards.
    parts
        The datasets by their names.
    """

    sha256: str
    parts: Mapping[str, _Part]


@dataclass(frozen=True, eq=False)
class _Content:
    """A stored run that is open for reading."""

    file: io.BufferedReader
    name: str
    parts: Mapping[str, _Part]

    def read(self, name: str) -> NDArray[Any]:
        """Read a dataset."""
        try:
            part = self.parts[name]
            values = np.empty(part.shape, part.dtype)
            flat = values.reshape(-1).view(np.uint8)
            self.file.seek(part.offset)
            if values.size:
                self.file.readinto(flat.data)
            _verify(part, name, values)
        except _DAMAGED as error:
            raise StoreError(f"{self.name} has no readable {name}: {error}") from error
        return values

    def mapped(self, name: str) -> NDArray[Any]:
        """Map a dataset into memory."""
        try:
            part = self.parts[name]
            values = np.memmap(self.file, part.dtype, "r", offset=part.offset, shape=part.shape)
            _verify(part, name, values)
        except _DAMAGED as error:
            raise StoreError(f"{self.name} is damaged: {error}") from error
        return values


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A run of the store under a strategy: its header, and the way to its components.

    Parameters
    ----------
    path
        The file.
    content_key
        Hash of everything that determines the content of the file.
    header
        Provenance as the file holds it: settings that it was first made with and what they left,
        repetition time, hashes, volumes without a measurement.
    grid
        The grid of the voxel numbers.
    settings
        Denoising settings of another strategy, as a header holds them; those of the header by
        default.
    structure
        Where the datasets lie; found when one is read by default.
    """

    path: Path
    content_key: str
    header: Mapping[str, Any]
    grid: Grid
    settings: Mapping[str, Any] | None = None
    structure: Structure | None = field(default=None, repr=False)

    def under(self, settings: Mapping[str, Any]) -> StoredRun:
        """Return the run under the strategy of other denoising settings.

        Parameters
        ----------
        settings
            As a header holds them; the band and smoothing of the file stay.
        """
        names = (*CHOSEN, "min_time", "min_dof")
        chosen = {name: settings[name] for name in names if name in settings}
        return replace(self, settings={**self.header.get("settings", {}), **chosen})

    @cached_property
    def key(self) -> str:
        """Hash of everything that maps of the run depend on."""
        return strategy_key(self.content_key, self.settings or self.header.get("settings", {}))

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """The header, with what the strategy leaves of the run.

        Raises
        ------
        RunError
            The confound table lacks what the strategy needs.
        StoreError
            The file is damaged.
        """
        recorded = self.header.get("settings", {})
        if self.settings is None or _choice(self.settings) == _choice(recorded):
            return {**self.header, "settings": self.settings or recorded}
        return {**self.header, "settings": self.settings, **self.denoising().describe()}

    @property
    def dof(self) -> int:
        """Residual degrees of freedom, m."""
        return int(self.attributes["dof"])

    @property
    def n_components(self) -> int:
        """Dimensions of the band, m_b."""
        return int(self.header["n_components"])

    @property
    def itemsize(self) -> int:
        """Bytes per number of the components."""
        settings = self.header.get("settings", {})
        return _STORED[settings.get("store_precision", "int16")].itemsize

    def denoising(self) -> RunDenoising:
        """The strategy in the band of this run.

        Raises
        ------
        RunError
            The confound table lacks what the strategy needs.
        StoreError
            The file is damaged.
        """
        with self._content() as content:
            return self._denoising(content)

    def _denoising(self, content: _Content) -> RunDenoising:
        settings = self.settings or self.header.get("settings", {})
        named = settings.get("nuisance_regressors", {})
        dummies = settings.get("dummy_scans", 0)
        basis = self._basis(content)
        values, about = (content.read(name) for name in ("confounds", "confounds_about"))
        try:
            described = json.loads(about.tobytes())
            table = Confounds(tuple(described["columns"]), values)
            if "completed" in described:
                table = restore_confounds(table, described["completed"])
            metadata = dict(described["metadata"])
        except _DAMAGED as error:
            raise StoreError(f"{self.path.name} has no readable confounds: {error!r}") from error
        return choose_within_band(
            basis,
            table,
            metadata,
            Strategy(
                str(named.get("name", "none")),
                tuple(named.get("confounds", ())),
                "",
                named.get("compcor", {}),
            ),
            dummy_scans=dummies if dummies == "auto" else int(dummies),
            fd_threshold=settings.get("fd_threshold", 0.0),
            blank=self.header.get("blank", ()),
            applied_regressors=int(self.header.get("applied_regressors", 0)),
        )

    def _basis(self, content: _Content) -> NDArray[np.float64]:
        """The band: read, or made from what a compact run states."""
        band = self.header.get("band")
        if band is None:
            return content.read("basis")
        try:
            basis: NDArray[np.float64] = band_basis(int(self.header["n_volumes"]), **band)
        except _DAMAGED as error:
            raise StoreError(f"{self.path.name} states no usable band: {error!r}") from error
        if len(basis) != self.n_components:
            raise StoreError(f"{self.path.name} does not contain what its header states")
        return basis

    def carpet(self) -> NDArray[np.float64]:
        """Raw series of a sample of voxels, each above its minimum, shape (volumes, voxels).

        Raises
        ------
        StoreError
            The file is damaged.
        """
        with self._content() as content:
            steps = content.read("carpet")
        with _opened(self.path, self.content_key) as file:
            try:
                series: NDArray[np.float64] = steps * np.float64(file.attrs.get("carpet_step", 1))
            except _DAMAGED as error:
                raise StoreError(f"{self.path.name} has no readable carpet: {error}") from error
        return series

    def index(self) -> NDArray[np.intp]:
        """Voxel numbers with signal in the band.

        Raises
        ------
        StoreError
            The file is damaged.
        """
        with self._content() as content:
            return self._index(content)

    def _index(self, content: _Content) -> NDArray[np.intp]:
        stored = content.read("index")
        if stored.dtype != np.uint8:
            return stored.astype(np.intp)
        index = np.flatnonzero(np.unpackbits(stored, count=self.grid.n_voxels, bitorder="little"))
        if index.size != self.header.get("n_voxels"):
            raise StoreError(f"{self.path.name} has parts of unequal length")
        return index

    def load(self, band: ProjectedRun | None = None) -> ProjectedRun:
        """The run under its strategy, its components mapped into memory rather than read.

        Parameters
        ----------
        band
            What `band` gave already; read by default.

        Raises
        ------
        RunError
            The confound table lacks what the strategy needs.
        StoreError
            The file is damaged.
        """
        with self._content() as content:
            directions = self._denoising(content).directions.q
            loaded = self._band(content) if band is None else band
        return replace(loaded, directions=directions if directions.shape[1] else None).usable()

    def band(self) -> ProjectedRun:
        """The run in its band, before any strategy.

        Raises
        ------
        StoreError
            The file is damaged.
        """
        with self._content() as content:
            return self._band(content)

    def _band(self, content: _Content) -> ProjectedRun:
        return ProjectedRun(
            content.mapped("components"),
            self._index(content),
            self.grid,
            content.read("scale"),
            int(self.header.get("applied_regressors", 0)),
        )

    def verify(self) -> None:
        """Read all of the file.

        Raises
        ------
        StoreError
            It does not hold what was written.
        """
        with self._content() as content:
            content.mapped("components")
            for name in _PARTS[1:]:
                content.read(name)

    @contextmanager
    def _content(self) -> Iterator[_Content]:
        """The open file, once its structure is known to be the one that was read.

        Raises
        ------
        ReplacedRunError
            It has another key.
        StoreError
            It is damaged.
        """
        structure = self.structure
        for _ in range(2):
            if structure is None:
                structure = open_run(self.path, self.content_key).structure
                assert structure is not None
            with sealed_file(self.path, FORMAT_VERSION) as (file, sha256):
                if sha256 == structure.sha256:
                    yield _Content(file, self.path.name, structure.parts)
                    return
            structure = None
        raise _replaced(self.path)


def _choice(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of denoising settings a mapping chooses, without the strategy's name."""
    named = settings.get("nuisance_regressors", {})
    chosen = {name: settings.get(name) for name in CHOSEN}
    chosen["nuisance_regressors"] = {name: named.get(name) for name in ("confounds", "compcor")}
    return chosen


def strategy_key(key: str, settings: Mapping[str, Any]) -> str:
    """Hash of a stored run and a strategy, which its maps depend on.

    Parameters
    ----------
    key
        Content key of the run.
    settings
        Denoising settings, as a header holds them.
    """
    content = json.dumps([key, _choice(settings)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def write_run(
    path: Path,
    projected: Projected,
    denoising: RunDenoising,
    image: RunImage,
    *,
    key: str,
    attributes: Mapping[str, Any],
    confounds: Confounds | None = None,
    confounds_metadata: Mapping[str, Any] | None = None,
    precision: Literal["int16", "int8"] = "int16",
    band: Mapping[str, float] | None = None,
) -> None:
    """Write a projected run: a temporary file in the same folder, then a rename.

    Parameters
    ----------
    path
        The file.
    projected
        The run in its band.
    denoising
        The band, and the strategy that the run is first made with.
    image
        The image.
    key
        Content key.
    attributes
        Provenance beside what is known from the others.
    confounds, confounds_metadata
        The confound table, of which all columns of numbers are stored, and its sidecar.
    precision
        Of the components; "int8" makes a compact run.
    band
        Arguments of `band_basis` beside the number of volumes, which the basis of a compact run was
        made with; without them, it is stored.

    Raises
    ------
    OSError
        The disk is full or cannot be written; what was there before is still there.
    """
    run = projected.run
    header = {
        **denoising.describe(),
        **attributes,
        "n_components": run.n_components,
        "n_volumes": image.n_volumes,
        "n_masked": projected.n_masked,
        "n_voxels": run.n_voxels,
        "blank": projected.blank.numbers,
        "bold_sha256": projected.sha256,
    }
    table = confounds.numeric() if confounds else Confounds((), np.empty((image.n_volumes, 0)))
    about: dict[str, Any] = {}
    compact = precision == "int8"
    index: NDArray[Any] = run.index.astype(np.int32)
    basis = denoising.basis
    if compact:
        index = np.packbits(
            np.bincount(run.index, minlength=run.grid.n_voxels) > 0, bitorder="little"
        )
        if band is not None:
            header["band"] = dict(band)
            basis = np.empty((0, image.n_volumes))
        about["completed"] = table.names
        table = reduce_confounds(table)
    about |= {"columns": table.names, "metadata": dict(confounds_metadata or {})}
    carpet, carpet_step = _in_steps(projected.carpet)
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
        file.attrs["carpet_step"] = carpet_step
        parts: dict[str, NDArray[Any]] = {
            "index": index,
            "basis": basis,
            "confounds": np.asarray(table.rows, dtype=np.float64),
            "confounds_about": np.frombuffer(json.dumps(about).encode(), np.uint8),
            "carpet": carpet,
            "carpet_index": projected.carpet_index.astype(np.int32),
        }
        for name, values in parts.items():
            file[name] = values
        sums = {name: _checksum(values) for name, values in parts.items()}
        sums |= _write_components(file, run, _STORED[precision])
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
            # the system does not say where a write found no space
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def _in_steps(series: NDArray[np.float32]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return series above their minimum in steps of 1/255 of their range, and the steps."""
    finite = np.nan_to_num(series, posinf=0.0, neginf=0.0).astype(np.float64)
    least = finite.min(axis=0, initial=np.inf)
    step = ((finite.max(axis=0, initial=-np.inf) - least) / 255).astype(np.float32)
    with np.errstate(invalid="ignore"):
        steps = np.rint((finite - least) / np.where(step > 0, step, 1))
    return np.minimum(steps, 255).astype(np.uint8), step


def _write_components(file: h5py.File, run: ProjectedRun, stored: np.dtype[Any]) -> dict[str, int]:
    """Write the components and their scale; their check sums."""
    values = np.ascontiguousarray(run.values, dtype=np.float32)
    scale = largest(values) / np.float32(np.iinfo(stored).max)
    file["scale"] = scale
    components = file.create_dataset("components", values.shape, stored)
    height = min(run.n_components, max(1, _ROWS_ELEMENTS // run.n_voxels))
    part = np.empty((height, run.n_voxels), stored)
    checksum = 0
    for first in range(0, run.n_components, height):
        rows = slice(first, min(first + height, run.n_components))
        steps = part[: rows.stop - first]
        in_steps(values[rows], scale, steps)
        components[rows] = steps
        checksum = _checksum(steps, checksum)
    return {"components": checksum, "scale": _checksum(scale)}


def _checksum(values: NDArray[Any], before: int = 0) -> int:
    """CRC-32 of an array's bytes, going on from that of what comes before them."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return int(isal_zlib.crc32(flat.view(np.uint8).data, before)) if flat.size else before


def data_extents(file: h5py.File) -> list[tuple[int, int]]:
    """Offset and bytes of each dataset of an open stored run."""
    parts = [file[name] for name in _PARTS]
    return [(part.id.get_offset(), part.nbytes) for part in parts if part.nbytes]


def _verify(part: _Part, name: str, values: NDArray[Any]) -> None:
    """Compare an array with its check sum; OSError where they differ."""
    if _checksum(values) != part.checksum:
        raise OSError(f"the check sum of its {name} is wrong")


def open_run(path: Path, key: str | None = None) -> StoredRun:
    """Read the header of a stored run.

    Parameters
    ----------
    path
        The file.
    key
        Content key that it should have; any by default.

    Returns
    -------
    StoredRun
        Under the strategy that it was first made with.

    Raises
    ------
    StoreError
        The file is damaged, not a projected run, or of another format version.
    ReplacedRunError
        It has another key.
    """
    sha256 = check_seal(path, FORMAT_VERSION)
    with _opened(path, key) as file:
        try:
            attributes = file.attrs
            if attributes["format"] != FORMAT:
                raise StoreError(f"{path.name} is not a projected run")
            grid = Grid(tuple(attributes["shape"]), attributes["affine"], attributes["space"])
            header = json.loads(attributes["provenance"])
            shape = (int(header["n_components"]), int(header["n_voxels"]))
            # h5py's own objects of eight datasets take most of the time of a large store
            parts = {name: h5py.h5d.open(file.id, name.encode()) for name in _PARTS}
            kind = parts["components"].dtype
            if parts["components"].shape != shape or kind not in _STORED.values():
                raise StoreError(f"{path.name} does not contain what its header states")
            size = path.stat().st_size
            for name, data in parts.items():
                if not _lies_within(data, size):
                    raise StoreError(f"{path.name} holds no contiguous {name}")
            sums = attributes["checksums"].tolist()
            places = {
                name: _Part(data.get_offset() or 0, data.shape, data.dtype, checksum)
                for (name, data), checksum in zip(parts.items(), sums, strict=True)
            }
            packed = parts["index"].dtype == np.uint8
            n_index = -(-grid.n_voxels // 8) if packed else shape[1]
            lengths = (parts["scale"].shape, parts["index"].shape)
            if lengths != (shape[1:], (n_index,)) or shape[1] > grid.n_voxels:
                raise StoreError(f"{path.name} has parts of unequal length")
            structure = Structure(sha256, places)
            return StoredRun(path, str(attributes["key"]), header, grid, structure=structure)
        except _DAMAGED as error:
            raise StoreError(f"{path.name} is damaged or foreign: {error!r}") from error


def read_stored(path: Path, name: str, key: str | None = None) -> NDArray[Any]:
    """Read a dataset of a stored run."""
    with open_run(path, key)._content() as content:
        return content.read(name)


def _lies_within(data: h5py.h5d.DatasetID, size: int) -> bool:
    """Return True if a dataset is one piece of its file, which bounds the memory that it takes."""
    offset, n_bytes = data.get_offset(), math.prod(data.shape) * data.dtype.itemsize
    # beside a user block h5py gives no None for what has no place, but a place within the block
    return n_bytes == 0 or (
        offset is not None and offset >= SEAL_BYTES and offset + n_bytes <= size
    )


def _opened(path: Path, key: str | None) -> h5py.File:
    """Open a run whose seal was checked."""
    try:
        file = h5py.File(path, "r", locking=False)
    except OSError as error:
        raise StoreError(f"{path.name} is damaged: {error}") from error
    if key is not None and file.attrs.get("key") != key:
        file.close()
        raise _replaced(path)
    return file


def _replaced(path: Path) -> ReplacedRunError:
    return ReplacedRunError(
        f"{path.name} was projected again while it was in use; run the same command again to "
        "use the new version"
    )
