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

MAPPED, VARIANTS, STRENGTH = "mapped", "variants", "strength"
"""Results: mask and counted voxels of a contrast, masks of its variants, connectome's strength."""


def cached_file(folder: Path, result: str) -> Path:
    """Return the file of a result."""
    return folder / f"{result}.npz"


def cache_result(folder: Path, result: str, out_files: Iterable[Path] = ()) -> None:
    """Record the cached file of a result, and the outputs made with it, as valid."""
    files = [cached_file(folder, result), *out_files]
    write_json(folder / f"{result}.json", {str(path): _hash(path) for path in files})


def is_cached(folder: Path, *results: str) -> bool:
    """Return True if all files made of some results are there, byte for byte."""
    return all(_unchanged(_recorded(folder, result)) for result in results)


def outputs_with(folder: Path, result: str) -> list[str]:
    """Return the outputs that were made with a cached result."""
    own = str(cached_file(folder, result))
    return [name for name in _recorded(folder, result) if name != own]


def _recorded(folder: Path, result: str) -> dict[str, str]:
    """Return the recorded files of a cached result with their hashes."""
    try:
        record = json.loads((folder / f"{result}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _unchanged(record: Mapping[str, str]) -> bool:
    return bool(record) and all(_hash(Path(name)) == wanted for name, wanted in record.items())


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
    folders = (cache_folder(config, key) for key in keys)
    return [i for i, own in enumerate(folders) if not is_cached(own, MAPPED, VARIANTS)]


def remove_stale(keys: Iterable[str], config: Config) -> None:
    """Remove cached results with other keys."""
    folders = {cache_folder(config, key) for key in keys}
    for place in {folder.parent for folder in folders}:
        for folder in place.iterdir() if place.is_dir() else ():
            if folder not in folders:
                shutil.rmtree(folder, ignore_errors=True)
