"""Reading runs block by block, and what is said of files that cannot be read."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import struct
import threading
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fcnm_bids.connectome import (
    RunImage,
    VolumeStream,
    check_complete,
    open_image,
    read_volume,
)
from fcnm_bids.errors import RunError
from fcnm_bids.grid import Grid

SPACE = "MNI152NLin6Asym"
SHAPE, N = (5, 4, 3), 11
AFFINE = np.array([[-2.0, 0, 0, 8], [0, 2, 0, -6], [0, 0, 2.5, 4], [0, 0, 0, 1]])
GRID = Grid(SHAPE, AFFINE, SPACE)
DTYPES = ["int16", "uint16", "uint8", "int8", "int32", "float32", "float64"]


def volumes(dtype: str, n: int = N) -> np.ndarray:
    rng = np.random.default_rng(1)
    return (100 + 10 * rng.standard_normal((*SHAPE, n))).astype(dtype)


def save(path: Path, stored: np.ndarray, *, order: str = "<", tr: float = 2.0) -> Path:
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(stored.dtype.newbyteorder(order))
    image = nib.Nifti1Image(stored, AFFINE, header)
    if stored.ndim == 4:
        image.header.set_zooms((2.0, 2.0, 2.5, tr))
    image.to_filename(path)
    return path


def read_all(image: RunImage, block: int) -> tuple[np.ndarray, list[int], str | None]:
    stream = VolumeStream(image, block)
    starts, parts = [], []
    for start, rows in stream:
        starts.append(start)
        parts.append(rows.copy())
    return np.concatenate(parts), starts, stream.sha256


def failure(path: Path, block: int = 4) -> str:
    """What is said of a file that cannot be read to its end."""
    with pytest.raises(RunError) as caught:
        read_all(open_image(path, SPACE), block)
    return str(caught.value)


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    return save(tmp_path / "bold.nii.gz", volumes("int16"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_stored_numbers_are_read_as_they_are(
    tmp_path: Path, dtype: str, order: str, suffix: str
) -> None:
    stored = volumes(dtype)
    image = open_image(save(tmp_path / f"bold{suffix}", stored, order=order), SPACE)
    assert image.dtype == np.dtype(dtype).newbyteorder(order)
    assert image.volume_bytes == np.prod(SHAPE) * image.dtype.itemsize
    read, _, _ = read_all(image, 4)
    np.testing.assert_array_equal(read, stored.reshape(-1, N, order="F").T)


@pytest.mark.parametrize("block", [1, 3, 4, N, 99])
def test_blocks_of_any_size_give_the_same(zipped: Path, block: int) -> None:
    read, starts, _ = read_all(open_image(zipped, SPACE), block)
    assert starts == list(range(0, N, min(block, N)))
    np.testing.assert_array_equal(read, volumes("int16").reshape(-1, N, order="F").T)


def test_a_block_of_none_is_a_block_of_one(zipped: Path) -> None:
    assert VolumeStream(open_image(zipped, SPACE), 0).block == 1


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_the_hash_is_that_of_the_file(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"bold{suffix}", volumes("float32"))
    _, _, digest = read_all(open_image(path, SPACE), 4)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_there_is_no_hash_before_the_end(zipped: Path) -> None:
    stream = VolumeStream(open_image(zipped, SPACE), 4)
    next(iter(stream))
    assert stream.sha256 is None


def test_the_same_stream_can_be_read_again(zipped: Path) -> None:
    stream = VolumeStream(open_image(zipped, SPACE), 4)
    first, second = (np.concatenate([rows.copy() for _, rows in stream]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert stream.sha256 == hashlib.sha256(zipped.read_bytes()).hexdigest()


def test_a_consumer_that_stops_early_does_not_hang(zipped: Path) -> None:
    for start, _ in VolumeStream(open_image(zipped, SPACE), 1):
        if start == 2:
            break
    assert start == 2


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99, 1.0])
def test_no_thread_outlives_the_reading(zipped: Path, share: float) -> None:
    before = set(threading.enumerate())
    image = open_image(zipped, SPACE)
    content = zipped.read_bytes()
    zipped.write_bytes(content[: int(share * len(content))])
    with pytest.raises(RunError) if share < 1 else contextlib.nullcontext():
        read_all(image, 2)
    assert set(threading.enumerate()) == before


@pytest.mark.parametrize(
    "packed",
    [
        lambda raw: gzip.compress(raw[:700], mtime=0) + gzip.compress(raw[700:]),
        lambda raw: gzip.compress(raw, mtime=0) + bytes(512),
        lambda raw: gzip.compress(raw, compresslevel=0, mtime=0),
        lambda raw: gzip.compress(raw + b"more than the header says", mtime=0),
    ],
    ids=["members", "padded", "stored", "longer"],
)
def test_ways_of_packing(tmp_path: Path, packed: object) -> None:
    raw = save(tmp_path / "bold.nii", volumes("int16")).read_bytes()
    path = tmp_path / "packed.nii.gz"
    path.write_bytes(packed(raw))  # type: ignore[operator]
    read, _, digest = read_all(open_image(path, SPACE), 4)
    np.testing.assert_array_equal(read, volumes("int16").reshape(-1, N, order="F").T)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_header_with_extensions_is_skipped(tmp_path: Path) -> None:
    image = nib.Nifti1Image(volumes("int16"), AFFINE)
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"x" * 5000))
    image.to_filename(tmp_path / "bold.nii.gz")
    opened = open_image(tmp_path / "bold.nii.gz", SPACE)
    assert opened.offset > 5000
    read, _, _ = read_all(opened, 4)
    np.testing.assert_array_equal(read, volumes("int16").reshape(-1, N, order="F").T)


def test_nifti_2_is_read(tmp_path: Path) -> None:
    nib.Nifti2Image(volumes("int16"), AFFINE).to_filename(tmp_path / "bold.nii.gz")
    read, _, _ = read_all(open_image(tmp_path / "bold.nii.gz", SPACE), 4)
    np.testing.assert_array_equal(read, volumes("int16").reshape(-1, N, order="F").T)


def test_what_the_header_says(zipped: Path) -> None:
    image = open_image(zipped, SPACE)
    assert GRID.difference(image.grid) is None
    assert image.n_volumes == N
    assert image.repetition_time == 2.0
    assert (image.slope, image.intercept) == (1.0, 0.0)


@pytest.mark.parametrize("scale", [(0.25, -3.0), (-2.0, 7.0)])
def test_scale_and_intercept_are_those_of_the_header(
    tmp_path: Path, scale: tuple[float, float]
) -> None:
    image = nib.Nifti1Image(volumes("int16"), AFFINE)
    image.header.set_slope_inter(*scale)
    image.to_filename(tmp_path / "bold.nii")
    opened = open_image(tmp_path / "bold.nii", SPACE)
    assert (opened.slope, opened.intercept) == scale


@pytest.mark.parametrize(("slope", "intercept"), [(0.0, 5.0), (np.nan, np.nan)])
def test_a_slope_that_means_none(tmp_path: Path, slope: float, intercept: float) -> None:
    path = save(tmp_path / "bold.nii", volumes("int16"))
    content = bytearray(path.read_bytes())
    content[112:120] = struct.pack("<ff", slope, intercept)
    path.write_bytes(content)
    opened = open_image(path, SPACE)
    assert (opened.slope, opened.intercept) == (1.0, 0.0)


@pytest.mark.parametrize(("unit", "tr"), [("sec", 2.0), ("msec", 0.002), ("usec", 2e-6)])
def test_the_unit_of_time(tmp_path: Path, unit: str, tr: float) -> None:
    image = nib.Nifti1Image(volumes("int16"), AFFINE)
    image.header.set_zooms((2.0, 2.0, 2.5, 2.0))
    image.header.set_xyzt_units("mm", unit)
    image.to_filename(tmp_path / "bold.nii")
    assert open_image(tmp_path / "bold.nii", SPACE).repetition_time == pytest.approx(tr)


@pytest.mark.parametrize("code", [0, 7, 0x80])
def test_a_unit_that_does_not_exist_counts_as_seconds(tmp_path: Path, code: int) -> None:
    path = save(tmp_path / "bold.nii", volumes("int16"))
    content = bytearray(path.read_bytes())
    content[123] = code
    path.write_bytes(content)
    assert open_image(path, SPACE).repetition_time == 2.0


def test_no_repetition_time_is_zero(tmp_path: Path) -> None:
    assert open_image(save(tmp_path / "b.nii", volumes("int16"), tr=0), SPACE).repetition_time == 0


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("shape", [SHAPE, (5, 4, 3, 2, 2), (5, 4)])
def test_a_run_has_four_dimensions(tmp_path: Path, suffix: str, shape: tuple[int, ...]) -> None:
    path = save(tmp_path / f"bold{suffix}", np.zeros(shape, dtype=np.float32))
    with pytest.raises(RunError, match="a run has four dimensions"):
        open_image(path, SPACE)


@pytest.mark.parametrize(
    "dtype", ["complex64", [("R", "u1"), ("G", "u1"), ("B", "u1")]], ids=["complex", "colour"]
)
def test_numbers_that_are_neither_integers_nor_reals(tmp_path: Path, dtype: object) -> None:
    stored = np.zeros((*SHAPE, N), dtype=dtype)  # type: ignore[call-overload]
    nib.Nifti1Image(stored, AFFINE).to_filename(tmp_path / "bold.nii.gz")
    nib.Nifti1Image(stored[..., 0], AFFINE).to_filename(tmp_path / "mask.nii.gz")
    with pytest.raises(RunError, match="not integers or real numbers"):
        open_image(tmp_path / "bold.nii.gz", SPACE)
    with pytest.raises(RunError, match="not integers or real numbers"):
        read_volume(tmp_path / "mask.nii.gz", GRID)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_file_that_is_not_there(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(RunError, match=f"bold{suffix} does not exist"):
        open_image(tmp_path / f"bold{suffix}", SPACE)
    with pytest.raises(RunError, match=f"^mask{suffix}: there is no such file"):
        read_volume(tmp_path / f"mask{suffix}", GRID)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("bold.nii.gz", b""),
        ("bold.nii", b""),
        ("bold.nii.gz", gzip.compress(b"", mtime=0)),
        ("bold.nii.gz", gzip.compress(b"no image " * 100, mtime=0)),
        ("bold.nii.gz", b"no gzip file " * 100),
        ("bold.nii", b"no image " * 100),
    ],
)
def test_a_file_that_is_no_image(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=f"{name} cannot be read as NIfTI"):
        open_image(tmp_path / name, SPACE)


def test_a_folder_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "bold.nii.gz").mkdir()
    with pytest.raises(RunError, match="is not a regular file"):
        open_image(tmp_path / "bold.nii.gz", SPACE)


def test_an_affine_that_spans_no_space(tmp_path: Path) -> None:
    flat = AFFINE.copy()
    flat[:3, 2] = 0
    for name, stored in (("bold.nii", volumes("int16")), ("mask.nii", volumes("int16")[..., 0])):
        image = nib.Nifti1Image(stored, None)
        image.header.set_sform(flat, code=1)
        image.to_filename(tmp_path / name)
    with pytest.raises(RunError, match="singular"):
        open_image(tmp_path / "bold.nii", SPACE)
    with pytest.raises(RunError, match="singular"):
        read_volume(tmp_path / "mask.nii", GRID)


def test_an_uncompressed_file_cut_short_says_how_much_is_there(tmp_path: Path) -> None:
    path = save(tmp_path / "bold.nii", volumes("int16"))
    path.write_bytes(path.read_bytes()[: 352 + 7 * 120 + 60])
    assert failure(path) == "bold.nii is cut short: it holds 7 of 11 volumes; copy it again"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_header_that_promises_more_volumes(tmp_path: Path, suffix: str) -> None:
    path = save(tmp_path / f"bold{suffix}", volumes("int16"))
    content = bytearray(
        path.read_bytes() if suffix == ".nii" else gzip.decompress(path.read_bytes())
    )
    content[48:50] = struct.pack("<h", 5000)
    path.write_bytes(content if suffix == ".nii" else gzip.compress(bytes(content), mtime=0))
    assert failure(path) == f"bold{suffix} is cut short: it holds 11 of 5000 volumes; copy it again"


@pytest.mark.parametrize("place", [*np.linspace(0, 0.999, 25).round(3).tolist(), -1, -4, -8])
def test_a_compressed_file_cut_anywhere(zipped: Path, place: float) -> None:
    content = zipped.read_bytes()
    zipped.write_bytes(content[: int(place * len(content)) if place >= 0 else int(place)])
    assert "bold.nii.gz" in failure(zipped)


@pytest.mark.parametrize("from_end", range(1, 9))
def test_a_wrong_check_sum_or_length(zipped: Path, from_end: int) -> None:
    content = bytearray(zipped.read_bytes())
    content[-from_end] ^= 0x10
    zipped.write_bytes(content)
    assert "is damaged or cut short" in failure(zipped)


@pytest.mark.parametrize("from_end", [1, 8])
def test_a_wrong_check_sum_of_a_file_larger_than_the_buffers(tmp_path: Path, from_end: int) -> None:
    noise = np.random.default_rng(1).integers(-(2**15), 2**15, (128, 128, 64, 4), dtype=np.int16)
    raw = save(tmp_path / "bold.nii", noise).read_bytes()
    content = bytearray(gzip.compress(raw, compresslevel=1, mtime=0))
    content[-from_end] ^= 0x10
    (tmp_path / "bold.nii.gz").write_bytes(content)
    assert "is damaged or cut short" in failure(tmp_path / "bold.nii.gz", block=1)


def test_something_behind_the_compressed_file(zipped: Path) -> None:
    zipped.write_bytes(zipped.read_bytes() + b"something else")
    assert "is damaged or cut short" in failure(zipped)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_a_changed_byte_is_found_or_changes_nothing(
    tmp_path: Path, place: float, flip: int
) -> None:
    path = save(tmp_path / "bold.nii.gz", volumes("int16"))
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= flip
    path.write_bytes(content)
    try:
        read, _, _ = read_all(open_image(path, SPACE), 4)
    except RunError as error:
        found = str(error)
    else:  # a time or a name in the gzip header, or another way to write the same bytes
        np.testing.assert_array_equal(read, volumes("int16").reshape(-1, N, order="F").T)
        return
    assert "bold.nii.gz" in found


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(changes=st.dictionaries(st.integers(0, 347), st.integers(0, 255), min_size=1, max_size=3))
def test_a_damaged_header_is_a_run_error_or_an_image(
    tmp_path: Path, changes: dict[int, int]
) -> None:
    messages = []
    for stored, name in ((volumes("int16"), "bold.nii"), (volumes("int16")[..., 0], "mask.nii")):
        path = save(tmp_path / name, stored)
        content = bytearray(path.read_bytes())
        for place, value in changes.items():
            content[place] = value
        path.write_bytes(content)
        try:
            if stored.ndim == 4:
                assert open_image(path, SPACE).grid.n_voxels > 0
            else:
                assert read_volume(path, GRID).shape == (GRID.n_voxels,)
        except RunError as error:
            messages.append((name, str(error)))
    assert all(name in message for name, message in messages)


@pytest.mark.parametrize("shape", [SHAPE, (*SHAPE, 1)])
def test_a_volume_is_a_vector_over_voxel_numbers(tmp_path: Path, shape: tuple[int, ...]) -> None:
    stored = volumes("float32", 1).reshape(shape)
    read = read_volume(save(tmp_path / "mask.nii.gz", stored), GRID)
    assert read.dtype == np.float64
    np.testing.assert_array_equal(GRID.unflatten(read), stored.reshape(SHAPE))


def test_a_volume_is_scaled(tmp_path: Path) -> None:
    image = nib.Nifti1Image(volumes("uint8", 1)[..., 0], AFFINE)
    image.header.set_slope_inter(0.5, -1.0)
    image.to_filename(tmp_path / "mask.nii.gz")
    read = read_volume(tmp_path / "mask.nii.gz", GRID)
    np.testing.assert_array_equal(GRID.unflatten(read), 0.5 * volumes("uint8", 1)[..., 0] - 1)


def test_a_volume_of_several_volumes(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="three dimensions were expected"):
        read_volume(save(tmp_path / "mask.nii.gz", volumes("int16")), GRID)


@pytest.mark.parametrize(
    ("grid", "difference"),
    [
        (Grid((5, 4, 4), AFFINE, SPACE), r"shape \(5, 4, 3\) instead of \(5, 4, 4\)"),
        (
            Grid(SHAPE, AFFINE @ np.diag([-1.0, 1, 1, 1]), SPACE),
            "same shape, but its affine shifts voxels",
        ),
    ],
)
def test_a_volume_on_another_grid(tmp_path: Path, grid: Grid, difference: str) -> None:
    path = save(tmp_path / "mask.nii.gz", volumes("int16", 1)[..., 0])
    with pytest.raises(RunError, match=f"mask.nii.gz is not on the grid of its run: {difference}"):
        read_volume(path, grid)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.99])
def test_a_damaged_volume(tmp_path: Path, share: float) -> None:
    path = save(tmp_path / "mask.nii.gz", volumes("float32", 1)[..., 0])
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(RunError, match=r"mask.nii.gz cannot be read"):
        read_volume(path, GRID)


def test_a_volume_that_asks_for_more_memory_than_there_is(tmp_path: Path) -> None:
    path = save(tmp_path / "mask.nii", volumes("float64", 1)[..., 0])
    content = bytearray(path.read_bytes())
    content[40:48] = struct.pack("<4h", 3, 32767, 32767, 32767)
    (tmp_path / "mask.nii.gz").write_bytes(gzip.compress(bytes(content), mtime=0))
    with pytest.raises(RunError, match="larger than any brain image"):
        read_volume(tmp_path / "mask.nii.gz", GRID)


@pytest.mark.parametrize("data_set", ["runs4mm", "rest24"])
def test_real_runs(shared_data: Path, data_set: str) -> None:
    bold = sorted((shared_data / data_set).glob("sub-*/func/*_desc-preproc_bold.nii.gz"))[0]
    image = open_image(bold, SPACE)
    read, _, digest = read_all(image, 30)
    stored = np.asanyarray(nib.load(bold).dataobj.get_unscaled())
    np.testing.assert_array_equal(read, stored.reshape(-1, image.n_volumes, order="F").T)
    assert digest == hashlib.sha256(bold.read_bytes()).hexdigest()
    mask = bold.with_name(bold.name.replace("preproc_bold", "brain_mask"))
    assert set(np.unique(read_volume(mask, image.grid))) == {0.0, 1.0}


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize(
    ("position", "packed", "reason"),
    [
        (252, struct.pack("<hh", 0, 0), "does not state its position in space"),
        (108, struct.pack("<f", 0), "vox_offset 0 in its header"),
        (108, struct.pack("<f", 176), "vox.offset 176 "),
        (42, struct.pack("<h", 3), "longer than its header states"),
    ],
)
def test_a_run_whose_header_would_shift_its_voxels(
    tmp_path: Path, suffix: str, position: int, packed: bytes, reason: str
) -> None:
    path = save(tmp_path / f"bold{suffix}", volumes("int16"))
    content = bytearray(
        path.read_bytes() if suffix == ".nii" else gzip.decompress(path.read_bytes())
    )
    content[position : position + len(packed)] = packed
    path.write_bytes(content if suffix == ".nii" else gzip.compress(bytes(content), mtime=0))
    with pytest.raises(RunError, match=reason):
        check_complete(open_image(path, SPACE))


def test_what_never_ends_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "bold.nii.gz")
    with pytest.raises(RunError, match=r"bold\.nii\.gz is not a regular file"):
        open_image(tmp_path / "bold.nii.gz", "MNI152NLin6Asym")
