"""Blocks of null maps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.write import replaced

OBSERVED = "observed"
"""The null whose one draw are the observed foci: what the draws are compared with."""


def write_block(path: Path, maps: dict[str, NDArray[np.float64]]) -> None:
    """Write the maps of some draws, whole or not at all."""
    effects = np.array(list(maps), dtype=str)
    values = np.stack([maps[effect] for effect in maps])
    with replaced(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, effects=effects, probability=values)


def read_block(path: Path, effect: str) -> NDArray[np.float64]:
    """One effect's maps of the draws of a block, shape (draws, V)."""
    with np.load(path, allow_pickle=False) as stored:
        found: NDArray[np.float64] = stored["probability"][list(stored["effects"]).index(effect)]
        return found


def read_blocks(paths: Iterable[Path], effect: str) -> Iterator[NDArray[np.float64]]:
    """One effect's maps of the draws of some blocks, one block after the other."""
    return (read_block(path, effect) for path in paths)


def block_complete(path: Path, n_draws: int) -> bool:
    """Whether a block is there, whole."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return bool(stored["probability"].shape[1] == n_draws)
    except Exception:  # a damaged archive fails in ways of zip, zlib and NumPy
        return False
