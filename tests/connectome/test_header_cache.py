"""Cached headers: what the runs themselves state, never what they stated before."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.connectome import HeaderCache, StoredRun, header_cache, open_run
from fcnm_bids.errors import StoreError
from tests.connectome.test_store import write


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a store of two runs whose headers are cached."""
    monkeypatch.setattr(header_cache, "_FEWEST_NEW", 1)
    write(tmp_path / "a.h5", notes="first")
    write(tmp_path / "b.h5", notes="other")
    headers = HeaderCache(tmp_path)
    for name in "ab":
        headers.open_run(tmp_path / f"{name}.h5")
    headers.save()
    assert (tmp_path / ".headers.json").is_file()
    return tmp_path


def same(found: StoredRun, expected: StoredRun) -> bool:
    return (
        found.path == expected.path
        and found.key == expected.key
        and found.content_key == expected.content_key
        and dict(found.attributes) == dict(expected.attributes)
        and found.grid.shape == expected.grid.shape
        and found.grid.space == expected.grid.space
        and np.array_equal(found.grid.affine, expected.grid.affine)
    )


def test_a_cached_header_is_that_of_the_run_and_needs_no_hdf5(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = open_run(store / "a.h5")
    monkeypatch.setattr(header_cache, "open_run", lambda _: pytest.fail("HDF5 opened the run"))
    assert same(HeaderCache(store).open_run(store / "a.h5"), expected)


def test_a_run_replaced_at_the_same_size_and_times_is_read_anew(store: Path) -> None:
    before = (store / "a.h5").stat()
    content = (store / "b.h5").read_bytes()
    assert len(content) == before.st_size
    (store / "a.h5").write_bytes(content)
    write(store / "c.h5", notes="third")
    third = (store / "c.h5").read_bytes()
    assert len(third) == before.st_size
    (store / "b.h5").write_bytes(third)
    for name in "ab":
        os.utime(store / f"{name}.h5", ns=(before.st_atime_ns, before.st_mtime_ns))
    found = [HeaderCache(store).open_run(store / f"{name}.h5") for name in "ab"]
    assert [run.header["notes"] for run in found] == ["other", "third"]


@pytest.mark.parametrize("place", [0, 30, 511, 512, 700, 1500])
def test_an_edited_run_is_refused_at_the_same_size_and_times(store: Path, place: int) -> None:
    path = store / "a.h5"
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(StoreError, match=r"a\.h5"):
        HeaderCache(store).open_run(path)


@pytest.mark.parametrize("size", [0, 100, 600, -1])
def test_a_truncated_run_is_refused(store: Path, size: int) -> None:
    path = store / "a.h5"
    os.truncate(path, size if size >= 0 else path.stat().st_size - 1)
    with pytest.raises(StoreError, match=r"a\.h5 is damaged"):
        HeaderCache(store).open_run(path)


def test_a_damaged_cache_is_not_believed(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, expected = store / ".headers.json", open_run(store / "a.h5")
    monkeypatch.setattr(header_cache, "open_run", lambda _: expected)
    whole = cache.read_text()
    for damaged in (whole.replace("first", "fIrst"), whole[:-9], "", "\n{}", "\0", "[]"):
        assert damaged != whole
        cache.write_text(damaged)
        assert HeaderCache(store).open_run(store / "a.h5") is expected


def test_a_cache_of_another_version_is_not_believed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = open_run(store / "a.h5")
    monkeypatch.setattr(header_cache, "open_run", lambda _: expected)
    monkeypatch.setattr(header_cache, "__version__", "0.0.0")
    assert HeaderCache(store).open_run(store / "a.h5") is expected


def test_what_is_gone_leaves_the_cache(store: Path) -> None:
    write(store / "c.h5", notes="third")
    headers = HeaderCache(store)
    headers.open_run(store / "c.h5")
    headers.save()
    content = (store / ".headers.json").read_text()
    assert "third" in content
    assert "first" not in content


def test_a_store_that_cannot_be_written_is_read_all_the_same(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError

    (store / ".headers.json").unlink()
    headers = HeaderCache(store)
    expected = open_run(store / "a.h5")
    assert same(headers.open_run(store / "a.h5"), expected)
    monkeypatch.setattr(Path, "write_text", refuse)
    headers.save()
    assert not (store / ".headers.json").exists()
