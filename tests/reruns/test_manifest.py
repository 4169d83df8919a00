"""A manifest lists what was promised and knows whether it is still there."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest

from fcnm_bids.reruns.keys import digest
from fcnm_bids.reruns.manifest import Manifest


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    (tmp_path / "sub-01" / "func").mkdir(parents=True)
    return Manifest(tmp_path / "sub-01", tmp_path)


def make(manifest: Manifest, *names: str) -> list[Path]:
    paths = [manifest.root / name for name in names]
    for name, path in zip(names, paths, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    return paths


def test_a_complete_manifest(manifest: Manifest) -> None:
    paths = make(manifest, "sub-01/func/b.nii.gz", "sub-01/func/a.nii.gz", "connectome/x.h5")
    assert manifest.write(paths, "key", {"Note": "n"}) == []
    table = pd.read_csv(manifest.table, sep="\t")
    assert list(table["path"]) == [
        "connectome/x.h5",
        "sub-01/func/a.nii.gz",
        "sub-01/func/b.nii.gz",
    ]
    assert set(table["status"]) == {"present"}
    sidecar = json.loads(manifest.table.with_suffix(".json").read_text())
    assert (sidecar["Key"], sidecar["Note"]) == ("key", "n")
    assert set(table.columns) <= set(sidecar)
    assert manifest.complete("key")


def test_a_promised_file_that_was_never_made_is_a_hole(manifest: Manifest) -> None:
    [there] = make(manifest, "sub-01/a")
    absent = manifest.root / "sub-01" / "b"
    assert manifest.write([there, absent], "key", {}) == [absent]
    table = pd.read_csv(manifest.table, sep="\t").set_index("path")["status"]
    assert dict(table) == {"sub-01/a": "present", "sub-01/b": "missing"}
    assert not manifest.complete("key")


def test_a_file_that_went_away_is_a_hole(manifest: Manifest) -> None:
    paths = make(manifest, "sub-01/a", "sub-01/b")
    manifest.write(paths, "key", {})
    paths[0].unlink()
    assert not manifest.complete("key")


def test_a_folder_in_place_of_a_file_is_a_hole(manifest: Manifest) -> None:
    [path] = make(manifest, "sub-01/a")
    manifest.write([path], "key", {})
    path.unlink()
    path.mkdir()
    assert not manifest.complete("key")


def test_another_key_is_another_request(manifest: Manifest) -> None:
    manifest.write(make(manifest, "sub-01/a"), "key", {})
    assert not manifest.complete("other")


@pytest.mark.parametrize("name", ["manifest.tsv", "manifest.json"])
@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff\xfe", b"x\ty\n1\t2\n"])
def test_half_a_manifest_counts_for_nothing(
    manifest: Manifest, name: str, content: bytes | None
) -> None:
    manifest.write(make(manifest, "sub-01/a"), "key", {})
    path = manifest.folder / name
    path.unlink() if content is None else path.write_bytes(content)
    assert not manifest.complete("key")


def test_no_manifest_is_not_complete(manifest: Manifest) -> None:
    assert not manifest.complete("key")


def test_the_output_folder_may_move(
    manifest: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> None:
    manifest.write(make(manifest, "sub-01/a"), "key", {})
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "räume"
    manifest.root.rename(elsewhere)
    assert Manifest(elsewhere / "sub-01", elsewhere).complete("key")


def test_a_store_may_lie_outside_of_the_output_folder(tmp_path: Path) -> None:
    root = tmp_path / "out"
    manifest = Manifest(root / "sub-01", root)
    [stored] = make(manifest, "../store/sub-01/x.h5")
    assert manifest.write([tmp_path / "store" / "sub-01" / "x.h5"], "key", {}) == []
    assert manifest.complete("key")
    stored.unlink()
    assert not manifest.complete("key")


def test_what_is_not_promised_any_more_can_be_removed(manifest: Manifest) -> None:
    old, kept = make(manifest, "sub-01/old.nii.gz", "sub-01/kept.nii.gz")
    [foreign] = make(manifest, "sub-01/foreign.txt")
    manifest.write([old, kept], "1", {})
    manifest.write([kept], "2", {})
    assert old.exists()
    manifest.write([old, kept], "3", {})
    manifest.write([kept], "4", {}, remove_others=True)
    assert not old.exists()
    assert kept.exists()
    assert foreign.exists()
    assert manifest.complete("4")


def test_projected_runs_and_files_elsewhere_are_never_removed(tmp_path: Path) -> None:
    root = tmp_path / "out"
    manifest = Manifest(root / "sub-01", root)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch()
    paths = make(manifest, "connectome/x.h5", "../store/x.tsv", "sub-01/a")
    manifest.write(paths, "1", {})
    with manifest.table.open("a") as table:
        table.write(f"{elsewhere}\tpresent\t0\tn/a\tn/a\n")
    manifest.write(paths[2:], "2", {}, remove_others=True)
    assert all(path.exists() for path in (*paths, elsewhere))


def test_a_digest_does_not_depend_on_order_and_tells_values_apart() -> None:
    assert digest({"a": 1, "b": [2.0, None]}) == digest({"b": [2.0, None], "a": 1})
    different = [{"a": 1}, {"a": 1.5}, {"a": "1"}, {"a": [1]}, {"b": 1}, {"a": None}]
    assert len({digest(content) for content in different}) == len(different)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("sub-01/a.nii.gz", b"", "is empty"),
        ("sub-01/a.nii.gz", b"sub-01/a.nii.g", "has 14 bytes, 15 were written"),
        ("sub-01/a.nii.gz", b"sub-01/a.nii.gy", "is not what was written"),
        ("sub-01/a.json", b"sub-01/a.jso", "has 12 bytes, 13 were written"),
        ("connectome/x.h5", b"", "is empty"),
    ],
)
def test_a_damaged_file_is_a_hole_that_is_named(
    manifest: Manifest, caplog: pytest.LogCaptureFixture, name: str, content: bytes, told: str
) -> None:
    [path] = make(manifest, name)
    manifest.write([path], "key", {})
    path.write_bytes(content)
    with caplog.at_level("INFO", "fcnm_bids"):
        assert not manifest.complete("key")
    assert f"{path} {told}; made again" in caplog.text


def test_all_of_a_file_is_read_where_it_is_asked_for(manifest: Manifest) -> None:
    paths = make(manifest, "sub-01/a.nii.gz", "sub-01/b.json", "sub-01.html")
    manifest.write(paths, "key", {})
    assert manifest.faults() == []
    for path in paths:
        content = bytearray(path.read_bytes())
        content[1] ^= 1
        path.write_bytes(content)
    assert manifest.complete("key")
    assert manifest.faults() == [f"{path} is not what was written" for path in sorted(paths[:2])]


def test_a_report_may_be_drawn_again(manifest: Manifest) -> None:
    [page] = make(manifest, "sub-01.html")
    manifest.write([page], "key", {})
    page.write_text("another one, of another length")
    assert manifest.complete("key")


def test_a_manifest_of_an_earlier_version_lists_files_that_are_there(manifest: Manifest) -> None:
    paths = make(manifest, "sub-01/a.nii.gz", "sub-01/b.nii.gz")
    manifest.write(paths, "key", {})
    table = pd.read_csv(manifest.table, sep="\t")[["path", "status"]]
    table.to_csv(manifest.table, sep="\t", index=False)
    assert manifest.complete("key")
    paths[0].write_bytes(b"")
    assert not manifest.complete("key")


def test_a_digest_is_the_one_of_sha256sum(manifest: Manifest) -> None:
    [path] = make(manifest, "sub-01/a.nii.gz")
    manifest.write([path], "key", {})
    [row] = pd.read_csv(manifest.table, sep="\t").to_dict("records")
    assert row["sha256"] == hashlib.sha256(b"sub-01/a.nii.gz").hexdigest()
    assert (row["size"], row["trailer"]) == (15, b"a.nii.gz".hex())
