"""Stored runs that a test has changed on purpose."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py

from fcnm_bids.config import Config
from fcnm_bids.connectome.header_checksum import write_seal
from fcnm_bids.connectome.store import FORMAT_VERSION, data_extents
from fcnm_bids.planning.input_settings import settings_of_store


def stored_file(root: Path, pattern: str) -> Path:
    """The one file below a folder that has such a name."""
    [path] = root.rglob(pattern)
    return path


def seal_again(path: Path, version: int = FORMAT_VERSION) -> None:
    """Seal what a test wrote into a stored run, as another program might have."""
    with h5py.File(path, "r") as file:
        try:
            extents = [
                extent for extent in data_extents(file) if sum(extent) <= path.stat().st_size
            ]
        except (KeyError, TypeError):  # parts are missing, or not in one piece
            extents = []
    with path.open("r+b") as written:
        write_seal(written, version, extents)


def change_header(path: Path, **attributes: Any) -> None:
    """Change attributes of a stored run's header; None removes one."""
    with h5py.File(path, "r+") as file:
        for name, value in attributes.items():
            del file.attrs[name]
            if value is not None:
                file.attrs[name] = value
    seal_again(path)


def change_settings(path: Path, **settings: Any) -> None:
    """Change the settings that a stored run states."""
    with h5py.File(path, "r") as file:
        provenance = json.loads(file.attrs["provenance"])
    provenance["settings"] |= settings
    change_header(path, provenance=json.dumps(provenance))


def of_a_store(
    request_for: Callable[..., Config], store: Path, level: str, **given: dict[str, Any]
) -> Config:
    """A request whose BIDS_DIR is a store made with settings that are not the defaults."""
    for path in store.rglob("*.h5"):
        change_settings(path, smoothing=8.0, low_pass=0.2)
    return settings_of_store(request_for(store, level, **given), given)
