"""Contrasts and the degree, cached in the work folder between runs of the program.

A literature grows by a contrast at a time. The sums over participants are large and are not cached;
what follows from them is small, and depends on nothing but the participants, the settings and the
contrast. The connectome's degree depends on the participants alone.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from fcnm_bids.bids.write import write_json
from fcnm_bids.config import Config
from fcnm_bids.readers.files import file_sha256
from fcnm_bids.reruns.keys import digest

MAPPED, _VARIANTS, _STRENGTH = "mapped", "variants", "strength"


def mapped_file(folder: Path) -> Path:
    """Return the file of a contrast's mask and counted voxels."""
    return folder / f"{MAPPED}.npz"


def variants_file(folder: Path) -> Path:
    """Return the file of the masks of a contrast's variants."""
    return folder / f"{_VARIANTS}.npz"


def strength_file(folder: Path) -> Path:
    """Return the file of the connectome's strength."""
    return folder / f"{_STRENGTH}.npz"


def cache_contrast(folder: Path, out_files: Iterable[Path]) -> None:
    """Record the cached file of a contrast, and the outputs made with it, as valid."""
    _record(folder, MAPPED, [mapped_file(folder), *out_files])


def keep_variants(folder: Path) -> None:
    """Record the cached file of a contrast's variants as valid."""
    _record(folder, _VARIANTS, [variants_file(folder)])


def keep_strength(folder: Path, out_files: Iterable[Path]) -> None:
    """Record the cached file of the strength, and the outputs made with it, as valid."""
    _record(folder, _STRENGTH, [strength_file(folder), *out_files])


def is_cached(folder: Path) -> bool:
    """Return True if all files made of a contrast are there, byte for byte."""
    return all(_unchanged(recorded_files(folder, name)) for name in (MAPPED, _VARIANTS))


def cached_strength(folder: Path) -> list[str] | None:
    """The outputs that the degree was written to, if all of it is still there."""
    record = recorded_files(folder, _STRENGTH)
    return other_files(record, strength_file(folder)) if _unchanged(record) else None


def _record(folder: Path, name: str, files: Iterable[Path]) -> None:
    write_json(folder / f"{name}.json", {str(path): _hash(path) for path in files})


def recorded_files(folder: Path, name: str) -> dict[str, str]:
    """Return the recorded files of a cached result with their hashes."""
    try:
        record = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _unchanged(record: Mapping[str, str]) -> bool:
    return bool(record) and all(_hash(Path(name)) == wanted for name, wanted in record.items())


def other_files(record: Mapping[str, str], own: Path) -> list[str]:
    """Return the recorded files but the cached one itself."""
    return [name for name in record if name != str(own)]


def _hash(path: Path) -> str | None:
    try:
        return file_sha256(path)
    except OSError:
        return None


def cache_folder(config: Config, key: str) -> Path:
    """Return the folder of the results with a key; an output folder has a place of its own."""
    return _kept_root(config.output_dir, config.running.work_dir) / key[:16]


@cache
def _kept_root(output_dir: str, work_dir: str) -> Path:
    # a request has thousands of contrasts, and links are looked up for each part of a path
    own = digest({"output": str(Path(output_dir).resolve())})
    return Path(work_dir).resolve() / "cached" / own[:8]


def uncached_contrasts(keys: Iterable[str], config: Config) -> list[int]:
    """Positions of the contrasts whose results are not there, by their keys."""
    return [i for i, key in enumerate(keys) if not is_cached(cache_folder(config, key))]


def remove_stale(keys: Iterable[str], config: Config) -> None:
    """Remove cached results with other keys."""
    folders = {cache_folder(config, key) for key in keys}
    for place in {folder.parent for folder in folders}:
        for folder in place.iterdir() if place.is_dir() else ():
            if folder not in folders:
                shutil.rmtree(folder, ignore_errors=True)
