"""The one reader of three-dimensional images."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fcnm_bids.connectome import open_image, read_volume
from fcnm_bids.errors import FileError, RequestError, RunError
from fcnm_bids.grid import Grid
from fcnm_bids.mapping.analysis_mask import mask_on_grid, mean_probability_mask
from fcnm_bids.readers.volume import read_volume_image, space_of_name
from fcnm_bids.seeds import mask_seeds

SPACE = "MNI152NLin6Asym"
GRID = Grid((7, 6, 5), np.diag([2.0, 2, 2, 1]), SPACE)


def values_of(dtype: str = "<i2") -> NDArray[np.generic]:
    return np.random.default_rng(1).integers(0, 200, GRID.shape).astype(dtype)


def content(
    dtype: str = "<i2", kind: type[nib.Nifti1Image] = nib.Nifti1Image, **fields: object
) -> bytes:
    image = kind(values_of(dtype), GRID.affine)
    image.set_sform(GRID.affine, 4)
    raw = bytearray(image.to_bytes())
    for position, packed in fields.values():  # type: ignore[misc]
        raw[position : position + len(packed)] = packed
    return bytes(raw)


def read(path: Path, raw: bytes) -> NDArray[np.float64]:
    path.write_bytes(raw)
    return read_volume_image(path, SPACE).values


@pytest.mark.parametrize("dtype", ["u1", "<i2", ">i2", "<f4", ">f4", "<f8", "<i4"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII.GZ"])
def test_the_values_are_nibabels(
    tmp_path: Path, dtype: str, kind: type[nib.Nifti1Image], name: str
) -> None:
    image = kind(values_of(dtype), GRID.affine)
    image.header.set_data_dtype(dtype)
    image.header.set_slope_inter(0.37, 1.1)
    raw = image.to_bytes()
    path = tmp_path / name
    path.write_bytes(gzip.compress(raw) if name.lower().endswith("gz") else raw)
    found = read_volume_image(path, SPACE)
    expected = kind.from_bytes(raw)
    np.testing.assert_array_equal(found.values, np.asarray(expected.dataobj, dtype=np.float64))
    np.testing.assert_array_equal(found.grid.affine, expected.affine)


def test_several_gzip_members_are_one_file(tmp_path: Path) -> None:
    raw = content()
    # as bgzip writes them: blocks, and an empty one at the end
    parts = [raw[:100], raw[100:353], raw[353:], b""]
    found = read(tmp_path / "a.nii.gz", b"".join(map(gzip.compress, parts)))
    np.testing.assert_array_equal(found, values_of())


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (content()[:-1], "cut short"),
        (content() + b"\0", "longer than its header states"),
        (content(x=(108, struct.pack("<f", 0))), "vox_offset 0 "),
        (content(x=(108, struct.pack("<f", 176))), "vox_offset 176 "),
        (content(x=(108, struct.pack("<f", 353))), "cut short"),
        (content(x=(108, struct.pack("<f", np.nan))), "vox_offset nan "),
        (content(x=(252, struct.pack("<hh", 0, 0))), "sform and qform codes of its header are 0"),
        (content(x=(252, struct.pack("<hh", 0, -1))), "codes of its header are -1 and 0"),
        (content(x=(252, struct.pack("<hh", 1, 77))), "codes of its header are 77 and 1"),
        (content(x=(280, struct.pack("<f", np.inf))), "a finite 4 x 4 matrix"),
        (content(x=(42, struct.pack("<h", 3000))), "cut short|longer"),
        (content(x=(40, struct.pack("<h", 2))), "three dimensions"),
        (content(x=(344, b"ni1\0")), "not a NIfTI image in one file"),
        (content("<c8"), "not integers or real numbers"),
        (b"", "does not begin like a NIfTI file"),
        (content()[:300], "shorter than a NIfTI header"),
        (b"\0" * 600, "does not begin like a NIfTI file"),
    ],
)
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_what_is_refused(tmp_path: Path, raw: bytes, reason: str, name: str) -> None:
    packed = gzip.compress(raw) if name.endswith("gz") else raw
    with pytest.raises(FileError, match=reason) as caught:
        read(tmp_path / name, packed)
    assert "a.nii" in str(caught.value)


def test_a_qform_alone_is_enough(tmp_path: Path) -> None:
    image = nib.Nifti1Image(values_of(), GRID.affine)
    image.set_sform(None, 0)
    image.set_qform(GRID.affine, 1)
    path = tmp_path / "a.nii"
    image.to_filename(path)
    assert read_volume_image(path, SPACE).grid.difference(GRID) is None


@pytest.mark.parametrize(
    ("position", "number", "reason"),
    [
        (76, 0.0, ""),  # "which should not occur" in the format, and means 1
        (76, 1.0, ""),
        (76, 0.5, "qfac"),
        (80, 0.0, "singular"),
        (80, -4.0, "should be positive"),
        (80, np.nan, "finite"),
    ],
)
@pytest.mark.parametrize("shape", [(3, 4, 5), (3, 4, 5, 2)])
def test_no_voxel_size_is_made_up(
    tmp_path: Path, position: int, number: float, reason: str, shape: tuple[int, ...]
) -> None:
    image = nib.Nifti1Image(np.ones(shape, np.uint8), affine := np.diag([4.0, 4, 4, 1]))
    image.set_sform(None, 0)
    image.set_qform(affine, 1)
    raw = bytearray(image.to_bytes())
    raw[position : position + 4] = struct.pack("<f", number)
    path = tmp_path / "a.nii"
    path.write_bytes(raw)
    read = read_volume_image if len(shape) == 3 else open_image
    if reason:
        with pytest.raises((FileError, RunError), match=reason):
            read(path, SPACE)
    else:
        np.testing.assert_array_equal(read(path, SPACE).grid.affine, affine)


def test_files_that_never_end_are_not_opened(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="not a regular file"):
        read_volume_image(Path("/dev/zero"), SPACE)


READERS: dict[str, Callable[[Path], object]] = {
    "brain mask": lambda path: read_volume(path, GRID),
    "grey matter": lambda path: mean_probability_mask([path], GRID, above=0.3),
    "analysis mask": lambda path: mask_on_grid(path, GRID),
    "lesion": lambda path: mask_seeds([path], GRID, effect="lesion").weights.toarray(),
}


@pytest.mark.parametrize("what", READERS)
def test_a_flipped_bit_in_a_gzip_image_changes_nothing_or_is_refused(
    tmp_path: Path, what: str
) -> None:
    path = tmp_path / "a.nii.gz"
    weights = content("<f4", x=(112, struct.pack("<f", 1 / 256)))
    raw = gzip.compress(weights, mtime=0)
    path.write_bytes(raw)
    expected = READERS[what](path)
    generator = np.random.default_rng(13)
    refused = 0
    for place in generator.choice(8 * len(raw), 300, replace=False):
        damaged = bytearray(raw)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        try:
            np.testing.assert_array_equal(READERS[what](path), expected)
        except (RequestError, RunError):
            refused += 1
    assert refused > 250


@pytest.mark.parametrize("what", READERS)
def test_a_flipped_bit_in_an_uncompressed_image_leaves_numbers_finite(
    tmp_path: Path, what: str
) -> None:
    path, raw = tmp_path / "a.nii", content("<f4", x=(112, struct.pack("<f", 1 / 256)))
    places = np.random.default_rng(13).choice(8 * len(raw), 300, replace=False)
    for place in (*places, *range(0, 8 * 352, 8), *range(7, 8 * 352, 8)):
        damaged = bytearray(raw)
        damaged[place // 8] ^= 1 << place % 8
        path.write_bytes(damaged)
        with suppress(RequestError, RunError):
            found = np.asarray(READERS[what](path))
            # a brain mask is where its values pass one half
            assert what == "brain mask" or np.isfinite(found).all()


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_damaged_uncompressed_image_is_read_or_refused(
    tmp_path: Path, data: st.DataObject
) -> None:
    raw = bytearray(content("<f4", data.draw(st.sampled_from([nib.Nifti1Image, nib.Nifti2Image]))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans()):
        del raw[data.draw(st.integers(0, len(raw))) :]
    try:
        found = read(tmp_path / "a.nii", bytes(raw))
    except FileError:
        return
    assert found.ndim == 3


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        ("lesion.nii.gz", None),
        (f"sub-1_space-{SPACE}_mask.nii.gz", None),
        (f"tpl-{SPACE}_desc-brain_mask.nii.gz", None),
        (f"sub-1_space-{SPACE.lower()}_mask.nii.gz", None),
        ("sub-1_space-MNI152NLin2009cAsym_mask.nii.gz", None),
        ("sub-1_space-T1w_mask.nii.gz", "participant's own space"),
        ("sub-1_space-MNI305_mask.nii.gz", "transform it first"),
        ("sub-1_space-fsnative_mask.nii.gz", "transform it first"),
    ],
)
def test_the_space_in_a_name_is_believed(name: str, refused: str | None) -> None:
    if refused:
        with pytest.raises(FileError, match=refused):
            space_of_name(Path(name), SPACE)
    else:
        note = space_of_name(Path(name), SPACE)
        assert (note is not None) == ("2009c" in name)
