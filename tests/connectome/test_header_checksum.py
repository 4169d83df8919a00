"""The seal of a stored run: HDF5 never sees a structure that is not what was written."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NoReturn

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.connectome import open_run
from fcnm_bids.connectome.header_checksum import SEAL_BYTES, check_seal, write_seal
from fcnm_bids.connectome.store import FORMAT_VERSION, data_extents
from fcnm_bids.errors import StoreError
from tests.connectome.test_store import write


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return write(tmp_path / "run.h5")


@pytest.fixture
def no_hdf5(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        pytest.fail("HDF5 was asked to read a damaged structure")

    monkeypatch.setattr(h5py, "File", refuse)


def test_every_byte_of_the_structure_is_sealed(
    stored: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    whole = stored.read_bytes()
    with h5py.File(stored) as file:
        extents = data_extents(file)
    structure = np.ones(len(whole), dtype=bool)
    for offset, size in extents:
        structure[offset : offset + size] = False
    assert structure[:SEAL_BYTES].all()
    assert SEAL_BYTES < structure.sum() < 20_000
    request.getfixturevalue("no_hdf5")
    for place in np.flatnonzero(structure):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(place) % 8
        stored.write_bytes(damaged)
        with pytest.raises(StoreError, match=r"run\.h5"):
            open_run(stored)


@pytest.mark.parametrize("change", [-4000, -1, 1, 8, 512])
def test_a_file_of_another_length(
    stored: Path, request: pytest.FixtureRequest, change: int
) -> None:
    request.getfixturevalue("no_hdf5")
    content = stored.read_bytes()
    stored.write_bytes(content[:change] if change < 0 else content + bytes(change))
    now, then = len(content) + change, len(content)
    with pytest.raises(StoreError, match=f"{now} bytes, but {then} were"):
        open_run(stored)


@pytest.mark.parametrize("size", [0, 1, 511])
def test_a_file_that_is_too_short_for_a_seal(
    stored: Path, request: pytest.FixtureRequest, size: int
) -> None:
    request.getfixturevalue("no_hdf5")
    stored.write_bytes(stored.read_bytes()[:size])
    with pytest.raises(StoreError, match=f"it has only {size} bytes"):
        open_run(stored)


extents = st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1)), max_size=29)


@given(content=st.binary(max_size=100), where=extents)
def test_any_extents_can_be_sealed_and_checked(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, where: list[tuple[int, int]]
) -> None:
    """A seal that lies about the datasets, as an attacker's might, reads the file at most."""
    file = io.BytesIO(bytes(SEAL_BYTES) + content)
    write_seal(file, FORMAT_VERSION, where)
    path = tmp_path_factory.mktemp("sealed") / "run.h5"
    path.write_bytes(file.getvalue())
    assert file.getvalue()[SEAL_BYTES:] == content
    check_seal(path, FORMAT_VERSION)
    with pytest.raises(StoreError, match="format version"):
        check_seal(path, FORMAT_VERSION + 1)
