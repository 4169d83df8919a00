"""Files are written whole or not at all, and every value survives."""

from __future__ import annotations

import errno
import gzip
import json
import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.bids.write import (
    OutputFiles,
    as_image,
    atomic_path,
    write_image,
    write_json,
    write_table,
    write_text,
    written_together,
)
from fcnm_bids.grid import Grid

GRID = Grid(
    (3, 4, 5),
    np.array([[-2.5, 0.1, 0, 60], [0.1, 2.5, 0.2, -80], [0, -0.2, 2.5, -50], [0, 0, 0, 1]]),
    "MNI152NLin6Asym",
)

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    # JSON has no way to write half a surrogate pair
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("aé ", max_size=3), inner),
    max_leaves=8,
)


def contents(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_file_appears_when_all_is_written(tmp_path: Path) -> None:
    target = tmp_path / "new" / "x.nii.gz"
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        assert temporary.parent == target.parent
        assert temporary.name.endswith("x.nii.gz")
    assert target.read_text() == "half"
    assert contents(target.parent) == {"x.nii.gz"}


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_no_other(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "x.txt"
    target.write_text("old")

    def half() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("ha")
            raise error

    with pytest.raises(type(error)):
        half()
    assert target.read_text() == "old"
    assert contents(tmp_path) == {"x.txt"}


def test_a_file_that_was_never_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "x"):
        pass
    assert contents(tmp_path) == set()


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    target = tmp_path / "x"
    with atomic_path(target) as first, atomic_path(target) as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert target.read_text() == "1"
    assert contents(tmp_path) == {"x"}


def test_files_written_together_have_their_names_once_all_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_text("old")
    synced: list[set[str]] = []
    sync = os.fsync

    def watched(number: int) -> None:
        synced.append({p.name for p in tmp_path.iterdir() if not p.name.startswith(".")})
        sync(number)

    monkeypatch.setattr(os, "fsync", watched)
    with written_together():
        write_text(tmp_path / "a", "new")
        write_text(tmp_path / "b", "1")
        assert synced == []
        assert (tmp_path / "a").read_text() == "old"
        assert not (tmp_path / "b").exists()
    assert synced == [{"a"}, {"a"}]
    assert (tmp_path / "a").read_text() == "new"
    assert contents(tmp_path) == {"a", "b"}
    write_text(tmp_path / "c", "alone")
    assert len(synced) == 3


@pytest.mark.parametrize("when", ["writing", "syncing"])
def test_of_files_written_together_none_is_there_if_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    (tmp_path / "a").write_text("old")
    full = OSError(errno.ENOSPC, "full")

    def write() -> None:
        with written_together():
            write_text(tmp_path / "a", "new")
            with atomic_path(tmp_path / "b") as temporary:
                temporary.write_text("half")
                if when == "writing":
                    raise full
            monkeypatch.setattr(os, "fsync", Mock(side_effect=full))

    with pytest.raises(OSError, match=r"[ab]'$") as failed:
        write()
    assert failed.value.errno == errno.ENOSPC
    assert contents(tmp_path) == {"a"}
    assert (tmp_path / "a").read_text() == "old"


def test_text_is_utf8_whatever_the_locale(tmp_path: Path) -> None:
    write_text(tmp_path / "x.txt", "Größe – 大小\n")
    assert (tmp_path / "x.txt").read_bytes() == "Größe – 大小\n".encode()


@given(st.dictionaries(st.text("abé ", max_size=4), json_values))
def test_json_round_trip(tmp_path_factory: pytest.TempPathFactory, content: dict[str, Any]) -> None:
    path = tmp_path_factory.mktemp("json") / "x.json"
    write_json(path, content)
    assert json.loads(path.read_text(encoding="utf-8")) == content


def test_json_holds_no_nan_and_knows_numpy(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_json(
        path,
        {
            "nan": float("nan"),
            "inf": np.float32(np.inf),
            "array": np.array([[1.5, np.nan]]),
            "bool": np.bool_(True),
            "int": np.int64(3),
            "tuple": (1, "é"),
            "path": Path("a/b"),
            "nested": {1: [np.float64(0.1)]},
        },
    )
    text = path.read_text(encoding="utf-8")
    assert "NaN" not in text
    assert json.loads(text) == {
        "nan": None,
        "inf": None,
        "array": [[1.5, None]],
        "bool": True,
        "int": 3,
        "tuple": [1, "é"],
        "path": "a/b",
        "nested": {"1": [0.1]},
    }


def test_what_json_cannot_say_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"x": object()})
    assert contents(tmp_path) == set()


def test_a_table_with_its_sidecar(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "run": ["a", None],
            "n": pd.array([1, None], dtype="Int64"),
            "fd": [0.123456789012345, np.nan],
            "extra": ["ü", "NA"],
        }
    )
    path = tmp_path / "x_metrics.tsv"
    write_table(path, table, {"run": "Run", "n": "Number", "fd": "FD"}, {"Key": "k"})
    assert path.read_text(encoding="utf-8") == (
        "run\tn\tfd\textra\na\t1\t0.123456789\tü\nn/a\tn/a\tn/a\tNA\n"
    )
    assert json.loads(path.with_suffix(".json").read_text()) == {
        "Key": "k",
        "run": {"Description": "Run"},
        "n": {"Description": "Number"},
        "fd": {"Description": "FD"},
    }


def test_an_empty_table_keeps_its_header(tmp_path: Path) -> None:
    write_table(tmp_path / "x.tsv", pd.DataFrame(columns=["a", "b"]), {"a": "A"})
    assert (tmp_path / "x.tsv").read_text() == "a\tb\n"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_image_comes_back_on_its_grid(tmp_path: Path, dtype: type) -> None:
    values = np.random.default_rng(0).normal(size=GRID.n_voxels).astype(dtype)
    path = tmp_path / "x.nii.gz"
    write_image(path, values, GRID, {"Units": "z"})
    image = nib.load(path)
    assert image.get_data_dtype() == np.float32
    np.testing.assert_array_equal(
        np.asarray(image.dataobj).ravel(order="F"), values.astype(np.float32)
    )
    np.testing.assert_allclose(image.affine, GRID.affine, atol=1e-5)
    assert image.header.get_xyzt_units()[0] == "mm"
    for code, of in ((image.header["qform_code"], "qform"), (image.header["sform_code"], "sform")):
        assert code == 4, of  # MNI 152
    np.testing.assert_allclose(image.get_sform(), GRID.affine, atol=1e-5)
    assert json.loads((tmp_path / "x.json").read_text()) == {"Units": "z"}


@pytest.mark.parametrize("dtype", [np.float32, np.bool_])
def test_a_written_image_is_byte_for_byte_that_in_memory(tmp_path: Path, dtype: type) -> None:
    index = np.array([3, 17, 58])
    values = np.array([1, 0, 2]).astype(dtype)
    write_image(tmp_path / "x.nii.gz", values, GRID, {}, index=index)
    written = gzip.decompress((tmp_path / "x.nii.gz").read_bytes())
    assert written == as_image(values, GRID, index=index).to_bytes()


def test_values_at_some_voxels_have_nan_elsewhere(tmp_path: Path) -> None:
    index = np.array([3, 17, 59])
    write_image(tmp_path / "x.nii.gz", np.array([1.0, 2.0, 3.0]), GRID, {}, index=index)
    flat = np.asarray(nib.load(tmp_path / "x.nii.gz").dataobj).ravel(order="F")
    np.testing.assert_array_equal(flat[index], [1, 2, 3])
    assert np.isnan(np.delete(flat, index)).all()


def test_a_mask_is_whole_numbers_with_0_elsewhere(tmp_path: Path) -> None:
    index = np.array([0, 1, 2])
    write_image(tmp_path / "x.nii.gz", np.array([True, False, True]), GRID, {}, index=index)
    image = nib.load(tmp_path / "x.nii.gz")
    assert image.get_data_dtype() == np.uint8
    flat = np.asarray(image.dataobj).ravel(order="F")
    np.testing.assert_array_equal(np.flatnonzero(flat), [0, 2])


def test_an_image_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot reshape"):
        write_image(tmp_path / "x.nii.gz", np.zeros(7), GRID, {})
    assert contents(tmp_path) == set()


def test_rows_become_a_table_with_whole_numbers(tmp_path: Path) -> None:
    rows = [{"name": "a", "n": 3.0}, {"n": None, "other": 1}]
    path = tmp_path / "some.tsv"
    write_table(path, rows, {"name": "Name", "n": "Count"}, {"About": 1}, whole=["n"])
    assert path.read_text() == "name\tn\na\t3\nn/a\tn/a\n"
    described = json.loads(path.with_suffix(".json").read_text())
    assert list(described) == ["About", "name", "n"]


def test_written_files_are_remembered_and_share_entries(tmp_path: Path) -> None:
    out = OutputFiles(GRID, np.array([1, 2]), {"Shared": "x"})
    image = out.image(tmp_path / "one.nii.gz", np.ones(2), "Some map", "t", Sources=["y"])
    other = out.image(tmp_path / "two.nii.gz", np.ones(2, bool), "Some mask")
    table = out.table(tmp_path / "three.tsv", [(1,)], {"n": "Count"}, whole=["n"])
    assert out.paths == [image, other, table]
    described = json.loads((tmp_path / "one.json").read_text())
    assert list(described.items()) == [
        ("Description", "Some map"),
        ("Units", "t"),
        ("Shared", "x"),
        ("Sources", ["y"]),
    ]
    assert json.loads((tmp_path / "two.json").read_text()) == {
        "Description": "Some mask",
        "Shared": "x",
    }
    volume = np.asarray(nib.load(image).dataobj).ravel(order="F")
    assert np.flatnonzero(np.isfinite(volume)).tolist() == [1, 2]
    assert table.read_text() == "n\n1\n"
