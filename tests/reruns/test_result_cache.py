"""Results cached between runs count only as long as every byte of them is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.config import Config
from fcnm_bids.reruns.result_cache import (
    MAPPED,
    cache_contrast,
    cache_folder,
    cached_strength,
    is_cached,
    keep_strength,
    keep_variants,
    mapped_file,
    other_files,
    recorded_files,
    remove_stale,
    strength_file,
    uncached_contrasts,
    variants_file,
)

KEYS = ["a" * 64, "b" * 64]


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config("in", str(tmp_path / "out"), "group").update(
        {"running": {"work_dir": str(tmp_path / "work")}}
    )


def make(folder: Path, *outputs: Path) -> None:
    """Cache a contrast with its outputs."""
    folder.mkdir(parents=True)
    for path in (mapped_file(folder), variants_file(folder), *outputs):
        path.write_text(path.name)
    cache_contrast(folder, outputs)
    keep_variants(folder)


def test_a_contrast_is_cached_until_one_of_its_files_changes(
    config: Config, tmp_path: Path
) -> None:
    folder, outputs = cache_folder(config, KEYS[0]), [tmp_path / name for name in "xy"]
    assert not is_cached(folder)
    make(folder, *outputs)
    assert is_cached(folder)
    record = recorded_files(folder, MAPPED)
    assert other_files(record, mapped_file(folder)) == [str(path) for path in outputs]
    for path in (mapped_file(folder), variants_file(folder), *outputs):
        before = path.read_text()
        path.write_text(before.upper())
        assert not is_cached(folder)
        path.unlink()
        assert not is_cached(folder)
        path.write_text(before)
        assert is_cached(folder)


@pytest.mark.parametrize("record", ["", "[]", "{"])
def test_a_damaged_record_is_none(config: Config, record: str) -> None:
    folder = cache_folder(config, KEYS[0])
    make(folder)
    (folder / f"{MAPPED}.json").write_text(record)
    assert recorded_files(folder, MAPPED) == {}
    assert not is_cached(folder)


def test_strength_gives_its_outputs_or_is_measured_again(config: Config, tmp_path: Path) -> None:
    folder, output = cache_folder(config, "s"), tmp_path / "strength.nii.gz"
    assert cached_strength(folder) is None
    folder.mkdir(parents=True)
    strength_file(folder).touch()
    output.touch()
    keep_strength(folder, [output])
    assert cached_strength(folder) == [str(output)]
    output.unlink()
    assert cached_strength(folder) is None


def test_only_contrasts_without_results_are_mapped(config: Config) -> None:
    make(cache_folder(config, KEYS[1]))
    assert uncached_contrasts([*KEYS, "c"], config) == [0, 2]


def test_results_of_other_keys_are_removed_in_one_output_folders_place(
    config: Config, tmp_path: Path
) -> None:
    other = Config("in", str(tmp_path / "other"), "group").update(
        {"running": {"work_dir": str(tmp_path / "work")}}
    )
    for each in (config, other):
        for key in KEYS:
            make(cache_folder(each, key))
    remove_stale(KEYS[:1], config)
    there = [is_cached(cache_folder(each, key)) for each in (config, other) for key in KEYS]
    assert there == [True, False, True, True]
    remove_stale(KEYS, Config("in", str(tmp_path / "new"), "group").update(
        {"running": {"work_dir": str(tmp_path / "nowhere")}}
    ))  # fmt: skip


def test_links_lead_to_one_place(config: Config, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "out")
    linked = Config("in", str(tmp_path / "link"), "group").update(
        {"running": {"work_dir": str(tmp_path / "work")}}
    )
    assert cache_folder(linked, "k") == cache_folder(config, "k")
