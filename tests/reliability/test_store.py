"""A store that was damaged after it was written: noticed, made again, or refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from fcnm_bids.connectome import open_run
from fcnm_bids.errors import StoreError
from tests.reliability.conftest import Job
from tests.reliability.outputs import contents
from tests.stored import seal_again

pytestmark = pytest.mark.faults

PARTS = (
    *("components", "scale", "index", "basis"),
    *("confounds", "confounds_about", "carpet", "carpet_index"),
)


@pytest.fixture
def stored(done: Job, tmp_path: Path) -> Path:
    """One stored run of one's own."""
    [path] = done.output.glob("connectome/sub-02/func/*.h5")
    return Path(shutil.copy(path, tmp_path / path.name))


def flip(path: Path, part: str, share: float = 0.5) -> None:
    """Change one bit of a dataset, as a failing disk does."""
    with h5py.File(path) as file:
        data = file[part]
        place = data.id.get_offset() + int(share * (data.nbytes - 1))
    content = bytearray(path.read_bytes())
    content[place] ^= 0x04
    path.write_bytes(content)


def test_an_undamaged_run_is_verified(stored: Path) -> None:
    open_run(stored).verify()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_one_changed_bit_anywhere_is_noticed(stored: Path, part: str, share: float) -> None:
    flip(stored, part, share)
    with pytest.raises(StoreError, match=f"check sum of its {part} is wrong"):
        open_run(stored).verify()


@pytest.mark.parametrize("part", ["components", "scale", "index", "basis", "confounds"])
def test_what_maps_are_made_from_is_checked_whenever_it_is_read(stored: Path, part: str) -> None:
    flip(stored, part)
    with pytest.raises(StoreError, match=f"check sum of its {part} is wrong"):
        open_run(stored).load()


@pytest.mark.parametrize("attribute", ["key", "space", "shape", "affine", "provenance"])
def test_a_changed_header_is_noticed(stored: Path, attribute: str) -> None:
    with h5py.File(stored, "r+") as file:
        value = file.attrs[attribute]
        file.attrs[attribute] = value + 1 if isinstance(value, np.ndarray) else value + " "
    with pytest.raises(StoreError, match=r"check sum of its structure is wrong|bytes, .* were"):
        open_run(stored)


def test_every_byte_counts(stored: Path) -> None:
    """Bytes all over the file are changed: not one of them goes unnoticed."""
    whole = stored.read_bytes()
    rng = np.random.default_rng(1)
    for place in [*rng.integers(0, 6000, 150), *rng.integers(0, len(whole), 100)]:
        content = bytearray(whole)
        content[place] ^= 1 << int(rng.integers(8))
        stored.write_bytes(content)
        with pytest.raises(StoreError):
            open_run(stored).verify()


@pytest.mark.parametrize("claimed", [10**9, 10**12])
def test_a_dataset_that_claims_more_than_its_file_holds_is_not_allocated(
    stored: Path, claimed: int
) -> None:
    with h5py.File(stored, "r+") as file:
        del file["basis"]
        # contiguous, and never written: nothing of it is in the file
        file.create_dataset("basis", shape=(claimed,), dtype="f8")
    seal_again(stored)
    with pytest.raises(StoreError, match="holds no contiguous basis"):
        open_run(stored)


def test_a_compressed_dataset_is_refused_before_it_is_unpacked(stored: Path) -> None:
    with h5py.File(stored, "r+") as file:
        del file["carpet"]
        file.create_dataset("carpet", shape=(10**9,), dtype="f4", chunks=(10**6,), compression=1)
    seal_again(stored)
    with pytest.raises(StoreError, match="holds no contiguous carpet"):
        open_run(stored)


@pytest.mark.slow
def test_a_damaged_run_is_made_again_at_the_participant_level(finished: Job, done: Job) -> None:
    flipped, cut, older = (
        next(finished.output.glob(f"connectome/sub-{label}/func/*.h5"))
        for label in ("01", "02", "03")
    )
    flip(flipped, "components")
    cut.write_bytes(cut.read_bytes()[:-1000])
    seal_again(older, version=2)
    for label in ("01", "02", "03"):
        (finished.output / f"sub-{label}" / "manifest.tsv").unlink()
    ended = finished.run()
    assert ended.code == 0, ended.out + ended.err
    assert ended.out.count("it is made again") == 3
    assert contents(finished.output, but="html") == contents(done.output, but="html")


@pytest.mark.slow
def test_the_group_level_refuses_a_damaged_run_by_its_name(finished: Job) -> None:
    damaged = [
        next(finished.output.glob(f"connectome/sub-{label}/func/*.h5")) for label in ("01", "03")
    ]
    for path in damaged:
        flip(path, "components")
    ended = finished.run("group")
    assert ended.code == 1
    for path in damaged:
        assert f"remove {path}, and the participant level makes it again" in ended.out
    assert not (finished.output / "group" / "manifest.tsv").exists()
    for path in damaged:
        path.unlink()
    assert finished.run().code == 0
    assert finished.run("group").code == 0
