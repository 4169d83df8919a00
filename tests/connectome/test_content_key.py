"""Keys of images: the last check sum of a gzip file, the state of one that is not compressed."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.connectome.content_key import content_key, image_state
from fcnm_bids.connectome.image import open_image, trailer_covers_content
from fcnm_bids.connectome.project import project_run
from fcnm_bids.connectome.store import write_run
from fcnm_bids.errors import RunError
from tests.kept_rows import Projection

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


@pytest.fixture
def projected(content: bytes, tmp_path: Path) -> tuple[Path, Path]:
    """Return an uncompressed image, and the stored run that was made of it."""
    image, stored = tmp_path / "bold.nii", tmp_path / "bold.h5"
    image.write_bytes(content)
    index = np.arange(40)
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(20, 6)))[0].T
    projection = Projection(basis, np.ones(20, bool), ())
    mask = np.zeros(512, bool)
    mask[index] = True
    run = open_image(image, "")
    write_run(
        stored,
        project_run(run, mask, projection.padded, smoothing=0),
        projection.stored,
        run,
        key="key",
        attributes={"bold_state": image_state(image, stored)},
    )
    return image, stored


def test_an_uncompressed_image_is_known_without_reading_it(
    projected: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, stored = projected
    state = image_state(image, stored)
    assert state == {
        "size": image.stat().st_size,
        "mtime_ns": image.stat().st_mtime_ns,
        "inode": image.stat().st_ino,
    }
    monkeypatch.setattr("hashlib.file_digest", None)  # a file hashed whole would fail
    assert image_state(image, stored) == state
    assert content_key(image, [], {}, state) == content_key(image, [], {}, state)


def test_a_touched_or_copied_image_has_the_state_that_it_was_projected_with(
    projected: tuple[Path, Path], tmp_path: Path
) -> None:
    image, stored = projected
    state = image_state(image, stored)
    os.utime(image, ns=(1, 1))
    copy = tmp_path / "elsewhere.nii"
    copy.write_bytes(image.read_bytes())
    for same in (image, copy):
        assert same.stat().st_mtime_ns != state["mtime_ns"]
        assert image_state(same, stored) == state
        assert image_state(same, tmp_path / "none.h5") != state


def test_a_touched_image_is_read_once(
    projected: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    image, stored = projected
    state = image_state(image, stored)
    os.utime(image, ns=(1, 1))
    assert image_state(image, stored) == state
    with monkeypatch.context() as patched:
        patched.setattr("hashlib.file_digest", None)
        assert image_state(image, stored) == state
    # the answer is about this content of the stored run and this state of the image
    image.write_bytes(image.read_bytes()[:-1] + b"x")
    os.utime(image, ns=(2, 2))
    assert image_state(image, stored)["mtime_ns"] == 2
    [kept] = stored.parent.glob(".*.image.json")
    kept.write_text("[")
    assert image_state(image, stored)["mtime_ns"] == 2


@pytest.mark.parametrize("place", [6000, -60])
def test_a_changed_uncompressed_image_has_another_state(
    projected: tuple[Path, Path], place: int
) -> None:
    image, stored = projected
    state = image_state(image, stored)
    content = bytearray(image.read_bytes())
    content[place] ^= 1
    image.write_bytes(content)
    os.utime(image, ns=(1, 1))
    assert image_state(image, stored) == {**state, "mtime_ns": 1}


def test_a_damaged_stored_run_tells_nothing_of_its_image(projected: tuple[Path, Path]) -> None:
    image, stored = projected
    os.utime(image, ns=(1, 1))
    stored.write_bytes(stored.read_bytes()[:600])
    assert image_state(image, stored)["mtime_ns"] == 1


def test_a_compressed_image_has_no_state(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bold.nii.gz"
    path.write_bytes(gzip.compress(content, mtime=0))
    assert image_state(path, tmp_path / "none.h5") is None


def test_an_image_that_cannot_be_read_is_the_reason(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"bold\.nii cannot be read"):
        image_state(tmp_path / "bold.nii", tmp_path / "none.h5")
