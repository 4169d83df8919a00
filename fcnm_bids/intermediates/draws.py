"""Blocks of null maps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.write import atomic_path
from fcnm_bids.specificity import DrawnMaps

OBSERVED = "observed"
"""The null whose one draw are the observed foci: what the draws are compared with."""


def write_block(path: Path, maps: DrawnMaps) -> None:
    """Write the maps of some draws, whole or not at all."""
    effects = list(maps.probability)
    with atomic_path(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(
            stream,
            allow_pickle=False,
            effects=np.array(effects, dtype=str),
            probability=np.stack([maps.probability[effect] for effect in effects]),
            convergence=np.stack([maps.convergence[effect] for effect in effects]),
        )


def read_block(path: Path, effect: str, measure: str = "probability") -> NDArray[np.float64]:
    """One network's maps of the draws of a block, shape (draws, V).

    Parameters
    ----------
    path, effect
        The block and the network.
    measure
        ``probability`` or ``convergence``.
    """
    with np.load(path, allow_pickle=False) as stored:
        found = stored[measure][list(stored["effects"]).index(effect)]
        return np.asarray(found, dtype=np.float64)


def read_blocks(
    paths: Iterable[Path], effect: str, measure: str = "probability"
) -> Iterator[NDArray[np.float64]]:
    """One network's maps of the draws of some blocks, one block after the other."""
    return (read_block(path, effect, measure) for path in paths)


def block_complete(path: Path, n_draws: int) -> bool:
    """Return True if a block is there and whole."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return all(stored[m].shape[1] == n_draws for m in ("probability", "convergence"))
    except Exception:  # a damaged archive fails in ways of zip, zlib and NumPy
        return False
