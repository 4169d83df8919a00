"""Results cached between runs count only as long as every byte of them is there."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.config import Config
from fcnm_bids.reruns.result_cache import (
    MAPPED,
    STRENGTH,
    VARIANTS,
    cache_folder,
    cache_result,
    cached_file,
    is_cached,
    outputs_with,
    remove_stale,
    uncached_contrasts,
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
    for path in (cached_file(folder, MAPPED), cached_file(folder, VARIANTS), *outputs):
        path.write_text(path.name)
    cache_result(folder, MAPPED, outputs)
    cache_result(folder, VARIANTS)


def test_a_contrast_is_cached_until_one_of_its_files_changes(
    config: Config, tmp_path: Path
) -> None:
    folder, outputs = cache_folder(config, KEYS[0]), [tmp_path / name for name in "xy"]
    assert not is_cached(folder, MAPPED, VARIANTS)
    make(folder, *outputs)
    assert is_cached(folder, MAPPED, VARIANTS)
    assert outputs_with(folder, MAPPED) == [str(path) for path in outputs]
    for path in (cached_file(folder, MAPPED), cached_file(folder, VARIANTS), *outputs):
        before = path.read_text()
        path.write_text(before.upper())
        assert not is_cached(folder, MAPPED, VARIANTS)
        path.unlink()
        assert not is_cached(folder, MAPPED, VARIANTS)
        path.write_text(before)
        assert is_cached(folder, MAPPED, VARIANTS)


@pytest.mark.parametrize("record", ["", "[]", "{"])
def test_a_damaged_record_is_none(config: Config, record: str) -> None:
    folder = cache_folder(config, KEYS[0])
    make(folder)
    (folder / f"{MAPPED}.json").write_text(record)
    assert outputs_with(folder, MAPPED) == []
    assert not is_cached(folder, MAPPED, VARIANTS)


def test_strength_gives_its_outputs_or_is_measured_again(config: Config, tmp_path: Path) -> None:
    folder, output = cache_folder(config, "s"), tmp_path / "strength.nii.gz"
    assert not is_cached(folder, STRENGTH)
    folder.mkdir(parents=True)
    cached_file(folder, STRENGTH).touch()
    output.touch()
    cache_result(folder, STRENGTH, [output])
    assert is_cached(folder, STRENGTH)
    assert outputs_with(folder, STRENGTH) == [str(output)]
    output.unlink()
    assert not is_cached(folder, STRENGTH)


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
    there = [
        is_cached(cache_folder(each, key), MAPPED, VARIANTS)
        for each in (config, other)
        for key in KEYS
    ]
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
