"""The description of the store's format against a file that was written."""

from __future__ import annotations

import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from scipy.sparse import csr_array

from fcnm_bids.connectivity import correlate
from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, open_run, write_run
from fcnm_bids.connectome.store import FORMAT, FORMAT_VERSION
from fcnm_bids.denoise import Confounds, Strategy, band_basis, choose_within_band
from fcnm_bids.grid import Grid

PAGE = (Path(__file__).parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
STRATEGY = Strategy("two", ("csf", "white_matter"), "")
SETTINGS = {"nuisance_regressors": {"name": "two", "confounds": list(STRATEGY.patterns)}}
GRID = Grid((4, 5, 6), np.diag([3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")


def column(heading: str) -> list[str]:
    """Names in the first column of the table that begins with a heading."""
    table = PAGE.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    return [name for row in table.splitlines()[2:] for name in _names(row.split("|")[1])]


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> h5py.File:
    path = tmp_path_factory.mktemp("store") / "run.h5"
    rng = np.random.default_rng(0)
    basis = band_basis(40, 2.0, high_pass=0.01, low_pass=0.2)
    table = Confounds(STRATEGY.patterns, rng.standard_normal((40, 2)))
    index = np.sort(rng.choice(GRID.n_voxels, 80, replace=False))
    values = (basis @ rng.standard_normal((40, 80))).astype(np.float32)
    run = ProjectedRun(values, index, GRID)
    carpet = rng.standard_normal((40, 5)).astype(np.float32)
    image = RunImage(path, GRID, 40, 2.0, np.dtype("<i2"), 1.0, 0.0, 352)
    write_run(
        path,
        Projected(run, 90, carpet, index[:5], "ab"),
        choose_within_band(basis, table, {}, STRATEGY, dummy_scans=0, fd_threshold=0),
        image,
        key="k",
        attributes={"source": "x", "settings": SETTINGS, "repetition_time": 2.0},
        confounds=table,
    )
    open_run(path).verify()
    return h5py.File(path, "r", locking=False)


def test_the_page_is_of_this_version() -> None:
    assert f"**format {FORMAT_VERSION}**" in PAGE
    assert f"`{FORMAT}`" in PAGE


def test_every_dataset_is_described_with_its_type(written: h5py.File) -> None:
    assert column("dataset") == sorted(written, key=column("dataset").index)
    for name, data in written.items():
        assert f"| `{name}` | {data.dtype} |" in PAGE
        assert data.chunks is data.compression is None
        assert data.id.get_offset() is not None


def test_every_attribute_is_described(written: h5py.File) -> None:
    assert set(column("attribute")) == set(written.attrs)
    assert set(column("in `provenance`")) == set(json.loads(written.attrs["provenance"]))


def test_check_sums_are_what_the_page_says(written: h5py.File) -> None:
    wanted = [zlib.crc32(written[name][()].tobytes()) for name in column("dataset")]
    assert written.attrs["checksums"].tolist() == wanted


def test_the_seal_is_what_the_page_says(written: h5py.File) -> None:
    content = Path(written.filename).read_bytes()
    assert content[:24] == FORMAT.encode() + b"\n"
    assert struct.unpack_from("<IQI", content, 24) == (FORMAT_VERSION, len(content), 8)
    extents = [struct.unpack_from("<QQ", content, 40 + 16 * i) for i in range(8)]
    for name, (offset, size) in zip(column("dataset"), extents, strict=True):
        assert content[offset : offset + size] == written[name][()].tobytes()
    rest = bytearray(content)
    for offset, size in sorted(extents, reverse=True):
        del rest[offset : offset + size]
    del rest[508:512]
    assert struct.unpack_from("<I", content, 508) == (zlib.crc32(rest),)


@pytest.mark.parametrize(
    ("n_volumes", "repetition_time", "high_pass", "low_pass"),
    [(40, 2.0, 0.01, 0.2), (200, 0.72, 0.01, 0.1), (51, 3.0, 0.0, 0.08), (30, 2.0, 0.01, 0.0)],
)
def test_the_basis_on_the_page_is_that_of_the_program(
    n_volumes: int, repetition_time: float, high_pass: float, low_pass: float
) -> None:
    program = PAGE.split("```python", 2)[2].split("```", 1)[0]
    names: dict[str, Any] = {}
    exec(program, names)  # what a reader of the page would run
    found = names["basis"](n_volumes, repetition_time, high_pass, low_pass)
    wanted = band_basis(n_volumes, repetition_time, high_pass=high_pass, low_pass=low_pass)
    np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_the_program_on_the_page_gives_correlations(written: h5py.File) -> None:
    program = PAGE.split("```python", 1)[1].split("```", 1)[0]
    program = re.sub(r'"sub-01_.*?h5"', repr(written.filename), program)
    names: dict[str, np.ndarray] = {}
    exec(program, names)  # what a reader of the page would run
    run = open_run(Path(written.filename)).load()
    [r] = correlate(run, csr_array((np.full(10, 0.1), np.arange(10), [0, 10]), shape=(1, 80)))
    found = names["volume"].ravel(order="F")[run.index]
    np.testing.assert_allclose(found, r, rtol=1e-5, atol=1e-6)
