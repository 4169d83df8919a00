"""Three-dimensional NIfTI images: the one reader of masks, tissue maps, lesions and atlases."""

from __future__ import annotations

import io
import math
import re
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from isal import igzip, igzip_lib
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError, ImageDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from fcnm_bids.errors import FileError
from fcnm_bids.grid import Grid
from fcnm_bids.readers.files import read_bytes

_MOST_FILE_BYTES = 1 << 30
_FIRST_OFFSET = {348: 352, 540: 544}
"""Least offset of the first voxel, by the size of the header (NIfTI-1 and NIfTI-2)."""

HEADER_BYTES = max(_FIRST_OFFSET)
"""Size of the longest header."""

_SPATIAL_CODES = range(1, 6)
"""Codes of sform and qform that mean something."""

_LAST_OFFSET = 1 << 26
"""Header extensions take up kilobytes."""

BROKEN: tuple[type[Exception], ...] = (
    OSError,
    EOFError,
    ValueError,
    zlib.error,
    igzip_lib.IsalError,  # type: ignore[assignment]  # its stub calls it an instance
)
"""Exceptions that the layers below raise when a compressed file is cut short or damaged."""

NOT_NIFTI: tuple[type[Exception], ...] = (
    *BROKEN,
    AttributeError,
    HeaderDataError,
    ImageDataError,
    ImageFileError,
    KeyError,
    OverflowError,
    TypeError,
    WrapStructError,
)
"""Exceptions that nibabel raises besides when a header is damaged or another format's."""

_NATIVE_SPACES = ("t1w", "t2w", "orig", "native", "individual", "anat", "bold", "func", "boldref")


@dataclass(frozen=True, eq=False)
class VolumeImage:
    """A three-dimensional image.

    Parameters
    ----------
    values
        Scaled values, shape `grid.shape`, float64; NaN and infinities are as in the file.
    grid
        Where they lie.
    """

    values: NDArray[np.float64]
    grid: Grid


def read_volume_image(path: Path, space: str, *, on: Grid | None = None) -> VolumeImage:
    """Read a NIfTI image of one volume (``.nii``, ``.nii.gz``) whole.

    The check sum and length of every gzip member are checked, and the size of the content
    against the header.

    Parameters
    ----------
    path
        The file.
    space
        The space that the image is in.
    on
        The grid that the image has to lie on, where there is one.

    Raises
    ------
    FileError
        The file is damaged, cut short or longer than its header states; does not state where it
        lies (spatial codes 0); is not one volume of integers or reals; or lies on another grid.
    """
    values, grid = read_values(path, space, np.dtype(np.float64), on=on)
    return VolumeImage(values, grid)


def read_values(
    path: Path, space: str, kind: np.dtype[Any], *, on: Grid | None = None
) -> tuple[NDArray[Any], Grid]:
    """Read a NIfTI image of one volume whole, as values of some type, and its grid.

    Parameters
    ----------
    path, space, on
        As for `read_volume_image`, which returns values in double precision.
    kind
        Type of the values, which may not be changed in place.

    Raises
    ------
    FileError
        As for `read_volume_image`.
    """
    content = read_bytes(path, most=_MOST_FILE_BYTES)
    try:
        stream = io.BytesIO(content)
        if content.startswith(b"\x1f\x8b"):
            stream = igzip.open(stream, "rb")
        elif path.name.lower().endswith(".gz"):
            raise FileError(
                f"{path.name} cannot be read: not gzip, although its name ends with .gz; rename "
                "it to .nii, or copy it again"
            )
        return _read(stream, path.name, space, kind, on)
    except NOT_NIFTI as error:
        reason = str(error) or type(error).__name__
        raise FileError(
            f"{path.name} cannot be read: {reason}; copy or convert it again"
        ) from error


def _read(
    stream: Any, name: str, space: str, kind: np.dtype[Any], on: Grid | None
) -> tuple[NDArray[Any], Grid]:
    beginning = stream.read(HEADER_BYTES)
    header = read_header(beginning)
    shape = tuple(int(n) for n in header.get_data_shape())
    if len(shape) < 3 or math.prod(shape[3:]) != 1 or min(shape) < 1:
        raise FileError(
            f"{name} has shape {shape}; three dimensions were expected: extract one volume"
        )
    dtype = np.dtype(header.get_data_dtype())
    if dtype.kind not in "iuf":
        raise FileError(
            f"{name} holds numbers of type {dtype}, not integers or real numbers; convert it"
        )
    grid = grid_of(header, (shape[0], shape[1], shape[2]), space, name)
    # before the values are read: a damaged header may ask for any amount of memory
    if on is not None and (difference := on.difference(grid)):
        raise FileError(
            f"{name} is not on the grid of its run: {difference}; copy the mask of the run"
        )
    offset = check_offset(header, name)
    wanted = offset + grid.n_voxels * dtype.itemsize
    whole = beginning + stream.read(max(0, wanted + 1 - len(beginning)))
    if len(whole) != wanted:
        while excess := stream.read(1 << 20):  # a check sum that is wrong explains more
            del excess
        how = "cut short" if len(whole) < wanted else "longer than its header states"
        raise FileError(f"{name} is {how}: {wanted} bytes were expected; copy it again")
    if header.get_slope_inter() in ((None, None), (1, 0)):
        values = np.frombuffer(whole, dtype, offset=offset).astype(kind, copy=False)
        return values.reshape(grid.shape, order="F"), grid
    image = nib.Nifti2Image if header.sizeof_hdr == HEADER_BYTES else nib.Nifti1Image
    scaled = np.asarray(image.from_bytes(whole).dataobj, dtype=np.float64)
    return scaled.astype(kind, copy=False).reshape(grid.shape), grid


def read_header(beginning: bytes) -> Any:
    """Return the NIfTI header at the beginning of a file, without mending what is wrong in it.

    Parameters
    ----------
    beginning
        The first `HEADER_BYTES` of the (uncompressed) file, or all of a shorter one.

    Raises
    ------
    ValueError, EOFError
        It is not that of a NIfTI image in one file, or cut short.
    """
    sizes = {int.from_bytes(beginning[:4], order) for order in ("little", "big")}
    size = next((size for size in _FIRST_OFFSET if size in sizes), None)
    if size is None:
        raise ValueError("it does not begin like a NIfTI file")
    if len(beginning) < size:
        raise EOFError("shorter than a NIfTI header")
    kind = nib.Nifti2Header if size == HEADER_BYTES else nib.Nifti1Header
    # a check by nibabel makes up voxel sizes and drops spatial codes that it does not know
    header = kind(beginning[:size], check=False)
    if header["magic"].item()[:3] not in (b"n+1", b"n+2"):
        raise ValueError("not a NIfTI image in one file")
    if header["pixdim"][0] == 0:
        header["pixdim"][0] = 1  # as the format has it
    return header


def grid_of(header: Any, shape: tuple[int, int, int], space: str, name: str) -> Grid:
    """Return the grid that a NIfTI header states.

    Raises
    ------
    FileError
        The header does not say where the image lies, or its affine is of no use.
    """
    codes = int(header["sform_code"]), int(header["qform_code"])
    if (codes[0] or codes[1]) not in _SPATIAL_CODES:
        stated = f"{codes[0]} and {codes[1]}" if any(codes) else "0"
        raise FileError(
            f"{name} does not state its position in space: the sform and qform codes of its "
            "header are "
            f"{stated}; save it again with the affine of the image that it was made from"
        )
    try:
        return Grid(shape, header.get_best_affine(), space)
    except (ValueError, HeaderDataError) as error:
        raise FileError(f"{name}: {error}; copy or convert it again") from error


def check_offset(header: Any, name: str) -> int:
    """Return the position of the first voxel, in bytes, that a NIfTI header states.

    Parameters
    ----------
    header
        As `read_header` gives it.
    name
        Of the file, for the message.

    Raises
    ------
    FileError
        It lies within the header, or is none.
    """
    offset, least = float(header["vox_offset"]), _FIRST_OFFSET[int(header.sizeof_hdr)]
    if not least <= offset <= _LAST_OFFSET or offset != int(offset):
        raise FileError(
            f"{name} has the vox_offset {offset:g} in its header, where its voxels cannot begin "
            f"(only at {least} or later); save it again"
        )
    return int(offset)


def space_of_name(path: Path, space: str) -> str | None:
    """Compare the space in a file's name (``space-`` or ``tpl-``) with that of the data.

    Parameters
    ----------
    path
        The file.
    space
        Template space of the data.

    Returns
    -------
    str or None
        A note where the name says another variant of MNI space; None where it says the same
        or nothing.

    Raises
    ------
    FileError
        The name says a participant's own space, or another template.
    """
    found = re.search(r"(?:^|_)(?:space|tpl)-([^_.]+)", path.name)
    if found is None or found[1].lower() == space.lower():
        return None
    own = found[1]
    if own.lower() in _NATIVE_SPACES:
        raise FileError(
            f"{path.name}: its name states {own}, a participant's own space; transform it to "
            f"{space} first (antsApplyTransforms with fMRIPrep's from-{own}_to-{space} file)"
        )
    if own.upper().startswith(("MNI152", "MNIICBM152", "ICBM152")) or own.upper() == "MNI":
        return (
            f"{path.name}: its name states {own}, but the data are in {space}: used as it is "
            "(1-2 mm)"
        )
    raise FileError(
        f"{path.name}: its name states {own}, but the data are in {space}; transform it first, or "
        "rename it if the name is wrong"
    )
