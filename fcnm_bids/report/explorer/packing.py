"""Arrays as short texts inside a page."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEVEL = 6
"""Of the compression: the highest takes five times as long, for a hundredth of the bytes."""

_LARGEST = np.iinfo(np.int16).max


def pack_bits(masks: NDArray[np.bool_]) -> str:
    """Encode masks as bits, deflated, in base64.

    Parameters
    ----------
    masks
        Shape (V,) or (N, V). Each row starts with a new byte; the lowest bit comes first.
    """
    return _text(np.packbits(masks, axis=-1, bitorder="little"))


def pack_volume(
    values: NDArray[np.floating], step: float, known: NDArray[np.bool_]
) -> dict[str, Any]:
    """Encode the values of a volume as whole multiples of a step.

    Parameters
    ----------
    values
        Values of the known voxels, those along x beside each other, shape (V,); NaN is missing.
    step
        What one unit stands for. It is doubled until the largest value fits into 16 bits.
    known
        Voxels with values, shape (X, Y, Z).

    Returns
    -------
    packed
        `step`, `bytes`, and `missing` (bits; None where all values are finite). The bytes are
        the differences to what the neighbours that come earlier make expect (see `_expected`),
        as 16-bit numbers of alternating sign, low bytes before high bytes.
    """
    whole, step = _whole(values, step)
    box = np.zeros(known.size, np.int64)
    order = known.ravel(order="F")
    box[order] = whole
    change = whole - _expected(box.reshape(known.shape, order="F")).ravel(order="F")[order]
    finite = np.isfinite(values)
    missing = None if finite.all() else pack_bits(~finite)
    return {"step": step, "bytes": _signed(change), "missing": missing}


def _expected(box: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each voxel of a smooth volume as predicted from its neighbours on the lower sides.

    The mean over three planes of the sum along both axes less the corner; 0 outside.
    """
    padded = np.pad(box, ((1, 0), (1, 0), (1, 0)))
    one, two = slice(1, None), slice(None, -1)
    sides = padded[two, one, one] + padded[one, two, one] + padded[one, one, two]
    corners = padded[two, two, one] + padded[two, one, two] + padded[one, two, two]
    return np.rint((2 * sides - corners) / 3).astype(np.int64)


def pack_numbers(values: NDArray[np.generic], step: float) -> dict[str, Any]:
    """Encode finite numbers, shape (V,), as multiples of a step; differences are stored."""
    whole, step = _whole(np.asarray(values, np.float64), step)
    return {"step": step, "bytes": _signed(np.diff(whole, prepend=0)), "missing": None}


def pack_positions(points: NDArray[np.generic], step: float) -> dict[str, Any]:
    """Encode points, shape (N, 3), as numbers of one axis after the other."""
    return pack_numbers(points.T.reshape(-1), step)


def pack_bytes(values: NDArray[np.generic]) -> str:
    """Encode an array's bytes, deflated, in base64."""
    return _text(values)


def _whole(values: NDArray[np.floating], step: float) -> tuple[NDArray[np.int64], float]:
    filled = np.where(np.isfinite(values), values, 0).astype(np.float64)
    largest = np.abs(filled).max(initial=0)
    while largest / step > _LARGEST:
        step *= 2
    return np.rint(filled / step).astype(np.int64), step


def _signed(change: NDArray[np.int64]) -> str:
    """Differences as 16-bit numbers; they wrap, and so does adding them up."""
    wrapped = change.astype(np.int16).astype(np.int32)
    coded = (wrapped << 1 ^ wrapped >> 31).astype(np.uint16)
    return _text(np.concatenate([coded & 255, coded >> 8]).astype(np.uint8))


def _text(values: NDArray[np.generic]) -> str:
    squeezed = zlib.compress(np.ascontiguousarray(values).tobytes(), _LEVEL)
    return base64.b64encode(squeezed).decode("ascii")
