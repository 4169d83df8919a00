"""Images read back by nibabel, and bytes that hold no time."""

from __future__ import annotations

import gzip
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.grid import Grid
from fcnm_bids.simulate.images import header_bytes, open_gzip, write_json, write_volume

AFFINE = np.array([[-2.0, 0, 0, 40], [0, 2.0, 0, -50], [0, 0, 3.0, -20], [0, 0, 0, 1]])
GRID = Grid((4, 3, 2), AFFINE, "MNI152NLin6Asym")


@pytest.mark.parametrize("mask", [True, False])
def test_a_volume_comes_back(tmp_path: Path, mask: bool) -> None:
    values = np.random.default_rng(0).standard_normal(GRID.shape)
    values = values > 0 if mask else values
    write_volume(tmp_path / "v.nii.gz", values, GRID)
    image = nib.load(tmp_path / "v.nii.gz")
    assert image.get_data_dtype() == (np.uint8 if mask else np.float32)
    np.testing.assert_array_equal(image.dataobj, values.astype(image.get_data_dtype()))
    np.testing.assert_allclose(image.get_sform(), AFFINE)
    np.testing.assert_allclose(image.get_qform(), AFFINE, atol=1e-6)
    assert image.header["sform_code"] == 4


def test_a_run_states_its_volumes_and_repetition_time() -> None:
    written = header_bytes(GRID, "<i2", n_volumes=7, repetition_time=1.5)
    assert len(written) == 352
    header = nib.Nifti1Header(written[:348])
    assert header.get_data_shape() == (4, 3, 2, 7)
    assert header.get_zooms() == (2.0, 2.0, 3.0, 1.5)
    assert header.get_xyzt_units() == ("mm", "sec")


def test_gzip_headers_carry_no_time_and_no_name(tmp_path: Path) -> None:
    for name in ("a.gz", "b.gz"):
        with open_gzip(tmp_path / name) as stream:
            stream.write(b"content")
    first, second = ((tmp_path / name).read_bytes() for name in ("a.gz", "b.gz"))
    assert first == second
    assert (first[3], first[4:8]) == (0, bytes(4))
    assert gzip.decompress(first) == b"content"


def test_a_sidecar_ends_with_a_line_end(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    assert (tmp_path / "a.json").read_text() == '{\n  "a": 1\n}\n'
