"""Keys of compressed images: when the last check sum of a gzip file is that of all of it."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.connectome.image import trailer_covers_content
from fcnm_bids.connectome.store import content_key

BGZIP_END = gzip.compress(b"", mtime=0)
"""As bgzip, an empty member ends every file."""


@pytest.fixture
def content() -> bytes:
    """Return a small run as an uncompressed NIfTI file; noise, so that it compresses badly."""
    values = np.random.default_rng(0).normal(size=(8, 8, 8, 20)).astype(np.float32)
    return nib.Nifti1Image(values, np.eye(4)).to_bytes()


def members(content: bytes, size: int) -> bytes:
    """Compress content in members of one size, as bgzip does."""
    parts = [content[start : start + size] for start in range(0, len(content), size)]
    return b"".join(gzip.compress(part, mtime=0) for part in parts) + BGZIP_END


def test_one_member_is_known_by_its_trailer(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bold.nii.gz"
    path.write_bytes(gzip.compress(content, mtime=0))
    assert trailer_covers_content(path)
    path.write_bytes(members(content, 5000))
    assert not trailer_covers_content(path)


@pytest.mark.parametrize("place", [6000, 20_000, -60])
def test_a_changed_voxel_of_a_bgzip_image_has_another_key(
    content: bytes, tmp_path: Path, place: int
) -> None:
    path = tmp_path / "bold.nii.gz"
    path.write_bytes(members(content, 5000))
    before, n_bytes = content_key(path, [], {}), path.stat().st_size
    changed = bytearray(content)
    changed[place] ^= 1
    path.write_bytes(members(bytes(changed), 5000))
    # what the key rested on: one bit changes neither size, first bytes nor the last eight
    head = members(content, 5000)[:4096]
    assert (path.read_bytes()[:4096], path.read_bytes()[-8:]) == (head, BGZIP_END[-8:])
    assert abs(path.stat().st_size - n_bytes) <= 8
    assert content_key(path, [], {}) != before
