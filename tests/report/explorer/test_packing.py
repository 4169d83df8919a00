"""What is packed can be unpacked: an independent reading of the format."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fcnm_bids.report.explorer.packing import pack_bits, pack_numbers, pack_volume


def unpack(text: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)


def differences(text: str) -> list[int]:
    low, high = unpack(text).reshape(2, -1).astype(int)
    coded = low + 256 * high
    return [int(c >> 1) ^ -int(c & 1) for c in coded]


def wrapped(value: int) -> int:
    return (value + 2**15) % 2**16 - 2**15


def read_volume(packed: dict[str, Any], known: np.ndarray) -> np.ndarray:
    """The values of a packed volume, voxel after voxel, as a reader without NumPy would."""
    whole: dict[tuple[int, int, int], int] = {}
    left = iter(differences(packed["bytes"]))
    nx, ny, nz = known.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if not known[x, y, z]:
                    continue
                at = [whole.get(p, 0) for p in ((x - 1, y, z), (x, y - 1, z), (x, y, z - 1))]
                corners = ((x - 1, y - 1, z), (x - 1, y, z - 1), (x, y - 1, z - 1))
                expected = 2 * sum(at) - sum(whole.get(p, 0) for p in corners)
                whole[x, y, z] = wrapped(round(expected / 3) + next(left))
    return np.array(list(whole.values())) * packed["step"]


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.bool_, st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))), st.data()
)
def test_a_volume_is_within_half_a_step(known: np.ndarray, data: st.DataObject) -> None:
    finite = st.floats(-3000, 3000, width=32)
    values = data.draw(arrays(np.float32, int(known.sum()), elements=finite))
    read = read_volume(pack_volume(values, 0.1, known), known)
    assert np.abs(read - values).max(initial=0) <= 0.05 + 1e-6


def test_the_step_doubles_until_the_largest_value_fits() -> None:
    packed = pack_volume(np.array([1e5, -1e5, 3.0]), 1.0, np.ones((3, 1, 1), bool))
    assert packed["step"] == 4.0
    read = read_volume(packed, np.ones((3, 1, 1), bool))
    np.testing.assert_allclose(read, [1e5, -1e5, 4], atol=2)


def test_a_missing_value_is_a_bit() -> None:
    values = np.array([1.0, np.nan, 2.0])
    packed = pack_volume(values, 1.0, np.ones((3, 1, 1), bool))
    assert unpack(packed["missing"]).tolist() == [0b010]
    assert pack_volume(np.ones(3), 1.0, np.ones((3, 1, 1), bool))["missing"] is None


def test_masks_start_with_a_new_byte_each() -> None:
    masks = np.zeros((2, 9), bool)
    masks[0, 0] = masks[0, 8] = masks[1, 1] = True
    assert unpack(pack_bits(masks)).tolist() == [1, 1, 2, 0]


@pytest.mark.parametrize("values", [[0, 5, -7, 30000, -30000], []])
def test_numbers_are_sums_of_differences(values: list[int]) -> None:
    total, read = 0, []
    for change in differences(pack_numbers(np.array(values), 1)["bytes"]) if values else []:
        total = wrapped(total + change)
        read.append(total)
    assert read == values
