"""The store of projected runs: what is written, what is read, what is refused."""

from __future__ import annotations

import json
import os
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fcnm_bids.connectome import (
    Projected,
    ProjectedRun,
    RunImage,
    content_key,
    open_run,
    read_stored,
    write_run,
)
from fcnm_bids.connectome.store import FORMAT_VERSION
from fcnm_bids.errors import ReplacedRunError, RunError, StoreError
from fcnm_bids.grid import Grid
from tests.kept_rows import Projection
from tests.stored import seal_again

OBLIQUE = np.array([[-2.0, 0.1, 0, 8], [0, 2, 0.2, -6], [0, 0, 2.5, 1 / 3], [0, 0, 0, 1]])
GRID = Grid((20, 15, 10), OBLIQUE, "MNI152NLin2009cAsym")
M, N_KEPT, N = 12, 38, 40


def projected(m: int = M, *, n_voxels: int = 500, seed: int = 1) -> Projected:
    rng = np.random.default_rng(seed)
    index = np.sort(rng.choice(GRID.n_voxels, n_voxels, replace=False))
    amplitude = 10.0 ** rng.uniform(-3, 4, n_voxels)
    values = (amplitude * rng.standard_normal((m, n_voxels))).astype(np.float32)
    carpet = rng.standard_normal((N, 7)).astype(np.float32)
    return Projected(ProjectedRun(values, index, GRID), n_voxels + 3, carpet, index[:7], "ab12")


def projection(m: int = M) -> Projection:
    kept = np.arange(N) >= N - N_KEPT
    basis = np.linalg.qr(np.random.default_rng(2).standard_normal((N_KEPT, N_KEPT)))[0][:m]
    return Projection(basis, kept, ("csf", "white_matter"))


def image(path: Path) -> RunImage:
    return RunImage(path, GRID, N, 2.0, np.dtype("<i2"), 1.0, 0.0, 352)


def write(path: Path, content: Projected | None = None, **attributes: Any) -> Path:
    content = content or projected()
    write_run(
        path,
        content,
        projection(min(content.run.dof, N_KEPT)).stored,
        image(path),
        key="0123abcd",
        attributes={"source": "sub-01/func/ü.nii.gz", **attributes},
    )
    return path


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    return write(tmp_path / "sub-01" / "func" / "run.h5")


def test_what_was_written_is_read_back(stored: Path) -> None:
    run = open_run(stored)
    content = projected()
    assert run.path == stored
    assert run.content_key == "0123abcd"
    assert GRID.difference(run.grid) is None
    np.testing.assert_array_equal(run.grid.affine, GRID.affine)
    assert run.dof == M
    np.testing.assert_array_equal(run.index(), content.run.index)
    assert run.index().dtype == np.intp
    loaded = run.load()
    np.testing.assert_array_equal(loaded.index, content.run.index)
    assert loaded.grid is run.grid
    largest = np.abs(content.run.values).max(axis=0)
    difference = np.abs(loaded.columns(slice(None)) - content.run.values)
    assert (difference <= 0.501 * largest / 32767).all()


def test_the_header(stored: Path) -> None:
    assert open_run(stored).attributes == {
        "source": "sub-01/func/ü.nii.gz",
        "settings": {},
        "dof": M,
        "n_components": M,
        "n_volumes": N,
        "n_kept": N_KEPT,
        "n_dummy": 0,
        "n_censored": 0,
        "n_blank": 0,
        "mean_fd": None,
        "blank": [],
        "n_dropped": 0,
        "leakage": 0.0,
        "n_masked": 503,
        "n_voxels": 500,
        "confounds": ["csf", "white_matter"],
        "bold_sha256": "ab12",
    }


def test_the_smaller_parts(stored: Path) -> None:
    content = projected()
    np.testing.assert_array_equal(read_stored(stored, "basis"), projection().padded)
    np.testing.assert_array_equal(read_stored(stored, "carpet_index"), content.carpet_index)
    assert read_stored(stored, "confounds").shape == (N, 0)
    about = json.loads(read_stored(stored, "confounds_about").tobytes())
    assert about == {"columns": [], "metadata": {}}


def test_the_carpet_is_kept_in_steps_of_its_range(tmp_path: Path) -> None:
    content = projected()
    series = content.carpet * np.float32([1, 1e-6, 1e9, 1, 1, 1, 0]) + np.float32(
        [0, 0, 0, 1e3, -5, 0, 7]
    )
    series[3, 4] = np.nan
    written = replace(content, carpet=series)
    run = open_run(write(tmp_path / "run.h5", written))
    assert read_stored(run.path, "carpet").dtype == np.uint8
    series[3, 4] = 0
    above = series.astype(np.float64) - series.min(axis=0)
    step = above.max(axis=0) / 255
    assert (np.abs(run.carpet() - above) <= 0.5001 * step).all()
    assert (run.carpet()[:, 6] == 0).all()


def test_components_are_mapped_not_read(stored: Path) -> None:
    values = open_run(stored).load().values
    assert isinstance(values, np.memmap)
    assert values.dtype == np.int16
    assert not values.flags.writeable


@pytest.mark.parametrize("m", [20, 50, 200])
def test_correlations_survive_the_store(tmp_path: Path, m: int) -> None:
    content = projected(m, n_voxels=2500)
    values = content.run.values.astype(np.float64)
    shared = np.random.default_rng(4).standard_normal((m, 1))
    weight = np.random.default_rng(5).uniform(0, 1, 2500)
    values += 3 * weight * shared * np.linalg.norm(values, axis=0) / np.sqrt(m)
    run = ProjectedRun(values.astype(np.float32), content.run.index, GRID)
    write(tmp_path / "run.h5", Projected(run, 2500, content.carpet, content.carpet_index, ""))
    loaded = open_run(tmp_path / "run.h5").load().columns(slice(None))
    unit, exact = (x / np.linalg.norm(x, axis=0) for x in (loaded, values))
    worst = np.abs(unit[:, :100].T @ unit - exact[:, :100].T @ exact).max()
    assert worst < 5e-5


def test_more_voxels_than_one_tile(tmp_path: Path) -> None:
    grid = Grid((100, 100, 10), np.eye(4), "MNI152NLin6Asym")
    values = np.random.default_rng(1).standard_normal((50, grid.n_voxels)).astype(np.float32)
    run = ProjectedRun(values, np.arange(grid.n_voxels), grid)
    assert len(run.tiles()) > 1
    write(tmp_path / "run.h5", Projected(run, 0, np.empty((N, 0)), np.empty(0, np.intp), ""))
    loaded = open_run(tmp_path / "run.h5").load().columns(slice(None))
    np.testing.assert_allclose(loaded, values, atol=1e-4)


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name).read_bytes() for name in ("a.h5", "other name.h5"))
    assert first == second


def test_long_provenance(tmp_path: Path) -> None:
    notes = [f"confound {i}" for i in range(20_000)]
    assert open_run(write(tmp_path / "run.h5", notes=notes)).attributes["notes"] == notes


def test_a_run_replaces_the_one_before(stored: Path) -> None:
    before = open_run(stored).load()
    write(stored, projected(m=5, seed=9))
    assert open_run(stored).dof == 5
    assert before.columns(slice(0, 3)).shape == (M, 3)


def test_nothing_else_is_left_in_the_folder(stored: Path) -> None:
    assert [path.name for path in stored.parent.iterdir()] == ["run.h5"]


@pytest.mark.parametrize("failing", ["fsync", "replace"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_write_that_fails_leaves_things_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, exists: bool
) -> None:
    path = tmp_path / "run.h5"
    before = write(path).read_bytes() if exists else b""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if failing == "fsync" else (Path, "replace")), full)
    with pytest.raises(OSError, match="No space left"):
        write(path, projected(seed=9))
    assert [entry.name for entry in tmp_path.iterdir()] == (["run.h5"] if exists else [])
    if exists:
        assert path.read_bytes() == before


@pytest.mark.faults
@pytest.mark.parametrize("limit", [0, 100, 5000, 20_000, 90_000])
def test_a_disk_that_takes_no_more_leaves_things_as_they_were(tmp_path: Path, limit: int) -> None:
    before = write(tmp_path / "run.h5").read_bytes()
    content = projected(seed=9, n_voxels=2500)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, old[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write(tmp_path / "run.h5", content)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.h5"]
    assert (tmp_path / "run.h5").read_bytes() == before


def test_content_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write(tmp_path / "run.h5", strange=object())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("share", np.sort(np.random.default_rng(1).random(20)).round(4).tolist())
def test_a_file_cut_anywhere(stored: Path, share: float) -> None:
    content = stored.read_bytes()
    stored.write_bytes(content[: int(share * len(content))])
    with pytest.raises(StoreError, match=r"run\.h5 is damaged"):
        open_run(stored)


@pytest.mark.parametrize("content", [b"", b"no HDF5 file", bytes(100_000)])
def test_a_file_that_is_no_hdf5(stored: Path, content: bytes) -> None:
    stored.write_bytes(content)
    for read in (open_run, lambda path: read_stored(path, "scale")):
        with pytest.raises(StoreError, match=r"run\.h5 is damaged"):
            read(stored)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"run\.h5 is not there"):
        open_run(tmp_path / "run.h5")


def test_a_file_that_vanished_since(stored: Path) -> None:
    run = open_run(stored)
    stored.unlink()
    for use in (run.load, run.index):
        with pytest.raises(StoreError, match=r"run\.h5 is not there"):
            use()


def test_a_run_that_is_read_is_opened_by_hdf5_once(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = open_run(stored)
    monkeypatch.delattr(h5py, "File")
    assert run.load().n_voxels == run.index().size == 500
    assert run.denoising().directions.q.shape[0] == M
    run.verify()


def test_a_file_that_was_written_again_since(stored: Path) -> None:
    run = open_run(stored)
    write(stored, made="later, and longer")
    assert run.load().n_voxels == 500
    write_run(
        stored,
        projected(),
        projection().stored,
        image(stored),
        key="4567",
        attributes={},
    )
    with pytest.raises(ReplacedRunError, match=r"run\.h5 was projected again"):
        run.load()


def test_a_file_whose_data_changed_since(stored: Path) -> None:
    run = open_run(stored)
    assert run.structure is not None
    content = bytearray(stored.read_bytes())
    content[run.structure.parts["scale"].offset] ^= 1
    stored.write_bytes(content)
    with pytest.raises(StoreError, match="the check sum of its scale is wrong"):
        run.load()


def test_a_foreign_hdf5_file(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["data"] = np.zeros(3)
    for use in (open_run, lambda path: read_stored(path, "scale")):
        with pytest.raises(StoreError, match=r"foreign\.h5 is damaged or foreign"):
            use(tmp_path / "foreign.h5")


def test_a_run_of_another_format_version(stored: Path) -> None:
    seal_again(stored, version=9)
    with pytest.raises(
        StoreError, match=f"format version 9, but this program reads {FORMAT_VERSION}"
    ):
        open_run(stored)


def rename_part(file: h5py.File, old: str, new: str) -> None:
    file.move(old, new)


def replace_part(file: h5py.File, name: str, content: object, **options: Any) -> None:
    del file[name]
    file.create_dataset(name, data=content, **options)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda f: f.attrs.__setitem__("format", "another"), "is not a projected run"),
        (lambda f: f.attrs.__setitem__("provenance", "{"), "is damaged or foreign"),
        (lambda f: f.attrs.__setitem__("provenance", "[]"), "is damaged or foreign"),
        (
            lambda f: f.attrs.__setitem__("provenance", json.dumps({"n_components": 3})),
            "is damaged",
        ),
        (lambda f: f.attrs.__setitem__("affine", np.zeros((4, 4))), "is damaged or foreign"),
        (lambda f: f.attrs.__setitem__("shape", [2, 2, 2]), "has parts of unequal length"),
        (lambda f: f.attrs.__delitem__("key"), "is damaged or foreign"),
        (lambda f: rename_part(f, "components", "other"), "is damaged or foreign"),
        (lambda f: rename_part(f, "scale", "other"), "is damaged or foreign"),
        (lambda f: replace_part(f, "index", np.zeros(3)), "has parts of unequal length"),
        (lambda f: replace_part(f, "scale", 1.0), "has parts of unequal length"),
        (
            lambda f: replace_part(f, "components", np.zeros((M, 499), "<i2")),
            "does not contain what its header states",
        ),
        (
            lambda f: replace_part(f, "components", np.zeros((M, 500), "<f4")),
            "does not contain what its header states",
        ),
        (
            lambda f: replace_part(f, "components", np.zeros((M, 500), "<i2"), chunks=(M, 50)),
            "holds no contiguous components",
        ),
    ],
)
def test_a_file_that_is_not_what_it_should_be(stored: Path, change: Any, problem: str) -> None:
    with h5py.File(stored, "r+", libver="latest") as file:
        change(file)
    with pytest.raises(StoreError, match=r"the check sum of its structure is wrong|bytes, .* were"):
        open_run(stored)
    seal_again(stored)  # another program's work rather than damage
    with pytest.raises(StoreError, match=f"run.h5 {problem}"):
        open_run(stored)


def test_changed_bytes_are_a_store_error_or_a_run(stored: Path) -> None:
    content = stored.read_bytes()
    rng = np.random.default_rng(3)
    outcomes = {"refused": 0, "read": 0}
    for place in rng.integers(0, len(content), 150):
        damaged = bytearray(content)
        damaged[place] ^= int(rng.integers(1, 256))
        stored.write_bytes(damaged)
        try:
            assert open_run(stored).load().n_voxels == 500
            outcomes["read"] += 1
        except StoreError:
            outcomes["refused"] += 1
    # what is read holds the damage where it is not looked at: the basis, the carpet
    assert min(outcomes.values()) > 0


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, list[Path | None], dict[str, Any]]:
    rng = np.random.default_rng(1)
    bold = tmp_path / "bold.nii.gz"
    bold.write_bytes(rng.bytes(20_000))
    others: list[Path | None] = [tmp_path / "mask.nii.gz", tmp_path / "confounds.tsv", None]
    for path in others[:2]:
        assert path is not None
        path.write_bytes(rng.bytes(3000))
    return bold, others, {"high_pass": 0.01, "strategy": {"confounds": ["csf"]}}


def change_byte(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("place", [0, 350, 4095, -8, -1])
def test_another_compressed_image_has_another_key(inputs: Any, place: int) -> None:
    before = content_key(*inputs)
    change_byte(inputs[0], place)
    assert content_key(*inputs) != before


@pytest.mark.parametrize("place", [0, 10_000, -9, -1])
def test_another_uncompressed_image_has_another_key(inputs: Any, place: int) -> None:
    plain = inputs[0].rename(inputs[0].with_suffix(""))
    before = content_key(plain, *inputs[1:])
    change_byte(plain, place)
    assert content_key(plain, *inputs[1:]) != before


def test_a_longer_image_has_another_key(inputs: Any) -> None:
    before = content_key(*inputs)
    content = inputs[0].read_bytes()
    inputs[0].write_bytes(content[:10_000] + b"more" + content[10_000:])
    assert content_key(*inputs) != before


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("place", [0, 1500, -1])
def test_another_mask_or_table_has_another_key(inputs: Any, which: int, place: int) -> None:
    before = content_key(*inputs)
    change_byte(inputs[1][which], place)
    assert content_key(*inputs) != before


def test_exchanged_files_have_another_key(inputs: Any) -> None:
    bold, (mask, table, _), settings = inputs
    assert content_key(bold, [table, mask, None], settings) != content_key(*inputs)


def test_a_sidecar_that_appears_has_another_key(inputs: Any, tmp_path: Path) -> None:
    bold, (mask, table, _), settings = inputs
    sidecar = tmp_path / "confounds.json"
    sidecar.write_text("{}")
    assert content_key(bold, [mask, table, sidecar], settings) != content_key(*inputs)


def test_other_settings_have_another_key(inputs: Any) -> None:
    bold, others, settings = inputs
    keys = {
        content_key(bold, others, other)
        for other in (
            settings,
            {**settings, "high_pass": 0.008},
            {**settings, "strategy": {"confounds": ["wm"]}},
            {**settings, "more": None},
        )
    }
    assert len(keys) == 4


def test_names_places_and_the_order_of_settings_do_not_matter(inputs: Any, tmp_path: Path) -> None:
    bold, others, settings = inputs
    moved = []
    for path in (bold, *others[:2]):
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        moved.append(tmp_path / "elsewhere" / f"other_{path.name}")
        moved[-1].write_bytes(path.read_bytes())
    backwards = dict(reversed(settings.items()))
    assert content_key(moved[0], [*moved[1:], None], backwards) == content_key(*inputs)


def test_a_small_image_has_a_key(tmp_path: Path) -> None:
    small = tmp_path / "bold.nii.gz"
    small.write_bytes(b"abc")
    assert len(content_key(small, [], {})) == 64


def test_a_file_that_cannot_be_read_has_no_key(inputs: Any) -> None:
    inputs[1][0].unlink()
    with pytest.raises(RunError, match=r"mask\.nii\.gz cannot be read: No such file"):
        content_key(*inputs)
