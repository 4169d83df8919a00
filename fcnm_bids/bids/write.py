"""Writing files whole or not at all, with their sidecars."""

from __future__ import annotations

import errno
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
from isal import isal_zlib
from numpy.typing import NDArray

from fcnm_bids.grid import Grid

_TEMPLATE_CODE = 4
"""NIfTI's code for coordinates in MNI space."""

_GZIP = 31
"""Zlib's number for a gzip header around a window of 32 KiB."""

TEMPORARY_BYTES = 34
"""Bytes by which a name is longer while its file is written."""


_SYNCED_AT_ONCE = 16
"""Files that the disk is waited for side by side: it writes them in one go."""

_held: ContextVar[list[tuple[Path, Path]] | None] = ContextVar("held", default=None)
"""Files that wait for their names, and these; None where none wait."""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name in the same folder that becomes `path` when all went well.

    Within `written_together`, it does so at the end of that.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # the whole name stays at the end, since libraries look at its extensions
    temporary = path.with_name(f".{uuid.uuid4().hex}.{path.name}")
    held = _held.get()
    try:
        with _full_disk_named(path):
            yield temporary
            if held is None:
                _sync(temporary)
                temporary.replace(path)
        if held is not None:
            held.append((temporary, path))
    finally:
        if held is None or (temporary, path) not in held[-1:]:
            temporary.unlink(missing_ok=True)


@contextmanager
def written_together() -> Iterator[None]:
    """Files that are written within have their names at its end, once the disk has all of them.

    The disk is waited for once, and not for each. Where anything is raised, no file has its name.
    """
    held: list[tuple[Path, Path]] = []
    token = _held.set(held)
    try:
        yield
        with ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
            for done, (_, path) in [(pool.submit(_sync, own[0]), own) for own in held]:
                with _full_disk_named(path):
                    done.result()
        for temporary, path in held:
            with _full_disk_named(path):
                temporary.replace(path)
    finally:
        _held.reset(token)
        for temporary, _ in held:
            temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _full_disk_named(path: Path) -> Iterator[None]:
    """Name the file in the error of a full disk: the system does not say what found no room."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC and error.filename is None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON file; NaN becomes null, arrays become lists."""
    text = json.dumps(_plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def write_table(
    path: Path,
    rows: pd.DataFrame | Sequence[Mapping[str, Any] | Sequence[Any]],
    columns: Mapping[str, str],
    metadata: Mapping[str, Any] = MappingProxyType({}),
    *,
    whole: Sequence[str] = (),
) -> None:
    """Write a JSON sidecar that describes the columns of a table, then the table as TSV.

    Parameters
    ----------
    path
        The TSV file.
    rows
        A table, or rows with the columns of `columns`.
    columns
        What each column holds, by its name.
    metadata
        Further entries of the sidecar.
    whole
        Columns of whole numbers that may be missing.
    """
    table = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows, columns=list(columns))
    table = table.astype(dict.fromkeys(whole, "Int64"))
    described = {name: {"Description": columns[name]} for name in table.columns if name in columns}
    write_json(path.with_suffix(".json"), {**metadata, **described})
    with atomic_path(path) as temporary:
        table.to_csv(
            temporary,
            sep="\t",
            index=False,
            na_rep="n/a",
            lineterminator="\n",
            float_format="%.10g",
        )


def as_image(
    values: NDArray[Any], grid: Grid, *, index: NDArray[np.intp] | None = None
) -> nib.Nifti1Image:
    """Return a volume as an image in MNI space.

    Boolean values become uint8 with 0 elsewhere, others float32 with NaN elsewhere.

    Parameters
    ----------
    values
        Shape (voxels,).
    index
        Their voxel numbers; all voxels of the grid by default.
    """
    return _described(_volume(values, grid, index), grid.affine)


def _volume(
    values: NDArray[Any], grid: Grid, index: NDArray[np.intp] | None
) -> NDArray[np.uint8] | NDArray[np.float32]:
    if values.dtype == bool:
        return grid.unflatten(values.astype(np.uint8), index, fill=0)
    return grid.unflatten(values.astype(np.float32), index, fill=np.nan)


def _described(volume: NDArray[Any], affine: NDArray[np.float64]) -> nib.Nifti1Image:
    image = nib.Nifti1Image(volume, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, _TEMPLATE_CODE)
    image.set_qform(affine, _TEMPLATE_CODE)
    return image


@lru_cache(maxsize=8)
def _beginning(shape: tuple[int, int, int], affine: bytes, kind: str) -> bytes:
    """Return what comes before the voxels of images of one grid and type: it is the same."""
    volume = np.zeros(shape, dtype=kind, order="F")
    whole = _described(volume, np.frombuffer(affine).reshape(4, 4)).to_bytes()
    return bytes(whole[: len(whole) - volume.nbytes])


def write_image(
    path: Path,
    values: NDArray[Any],
    grid: Grid,
    metadata: Mapping[str, Any],
    *,
    index: NDArray[np.intp] | None = None,
) -> None:
    """Write a volume, as `as_image` makes it, and its JSON sidecar.

    Parameters
    ----------
    values, grid, index
        As for `as_image`.
    metadata
        Sidecar.
    """
    volume = _volume(values, grid, index)
    compressor = isal_zlib.compressobj(1, isal_zlib.DEFLATED, _GZIP)
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        file.write(
            compressor.compress(_beginning(grid.shape, grid.affine.tobytes(), volume.dtype.str))
        )
        file.write(compressor.compress(volume.reshape(-1, order="F").view(np.uint8).data))
        file.write(compressor.flush())
    write_json(path.with_name(path.name.removesuffix(".nii.gz") + ".json"), metadata)


class OutputFiles:
    """Write images and tables with their sidecars, and remember their paths.

    Parameters
    ----------
    grid, index
        As for `as_image`.
    shared
        Sidecar entries of all images.
    """

    def __init__(
        self,
        grid: Grid,
        index: NDArray[np.intp] | None = None,
        shared: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        self.grid, self.index, self.shared = grid, index, shared
        self.paths: list[Path] = []

    def image(
        self, path: Path, values: NDArray[Any], meaning: str, units: str | None = None, **more: Any
    ) -> Path:
        """Write an image, with its meaning, its units and more in its sidecar; return the path."""
        of_units = {"Units": units} if units else {}
        described = {"Description": meaning, **of_units, **self.shared, **more}
        write_image(path, values, self.grid, described, index=self.index)
        self.paths.append(path)
        return path

    def table(self, path: Path, *content: Any, whole: Sequence[str] = ()) -> Path:
        """Write a table as `write_table` does; return its path."""
        write_table(path, *content, whole=whole)
        self.paths.append(path)
        return path


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, Path):
        return value.as_posix()
    return value
