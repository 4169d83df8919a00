"""NIfTI files whose bytes depend on their content only."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid

_TEMPLATE_CODE = 4
"""NIfTI's code for coordinates in MNI152 space."""


@contextmanager
def open_gzip(path: Path) -> Iterator[gzip.GzipFile]:
    """A gzip stream without name and time in its header."""
    with (
        path.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=1, fileobj=raw, mtime=0) as stream,
    ):
        yield stream


def header_bytes(
    grid: Grid, dtype: str, *, n_volumes: int | None = None, repetition_time: float = 0.0
) -> bytes:
    """Header of a single-file NIfTI-1 image, with the four bytes that say: no extension."""
    header = nib.Nifti1Header()
    header.set_data_dtype(np.dtype(dtype))
    zooms: tuple[float, ...] = tuple(float(size) for size in grid.voxel_sizes)
    if n_volumes is None:
        header.set_data_shape(grid.shape)
        header.set_xyzt_units("mm")
    else:
        header.set_data_shape((*grid.shape, n_volumes))
        header.set_xyzt_units("mm", "sec")
        zooms = (*zooms, repetition_time)
    header.set_zooms(zooms)
    header.set_sform(grid.affine, _TEMPLATE_CODE)
    header.set_qform(grid.affine, _TEMPLATE_CODE)
    header.set_slope_inter(1, 0)
    header["descrip"] = b"simulated by fcnm_bids"
    header["vox_offset"] = 352
    return bytes(header.binaryblock) + bytes(4)


def write_volume(path: Path, volume: NDArray[Any], grid: Grid) -> None:
    """Write one volume: masks as uint8, anything else as float32."""
    dtype = "<u1" if volume.dtype == bool else "<f4"
    with open_gzip(path) as stream:
        stream.write(header_bytes(grid, dtype))
        stream.write(grid.flatten(volume).astype(dtype).tobytes())


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a sidecar."""
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
