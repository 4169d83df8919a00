"""Masks of the variants of a contrast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.mapping import MappedContrast, probability_map, signs
from fcnm_bids.robustness import ParticipantsDraw


@dataclass
class Varied:
    """Probability maps of the variants of a network's contrasts."""

    paths: Sequence[str]
    n_voxels: int
    weights: NDArray[np.float64] | None
    side: int
    """Number of the network's sign of connectivity among those of the tail."""

    def __post_init__(self) -> None:
        self._parts = [np.load(path, allow_pickle=False) for path in self.paths]

    @property
    def has_participants(self) -> bool:
        """Return True if there were enough participants to be split."""
        return any(name.startswith("participants") for name in self._parts[0].files)

    def probability(self, key: str) -> tuple[NDArray[np.float64], int]:
        """A variant's map and its number of contrasts; NaN and 0 where nothing could be tested."""
        unpacked = np.stack(
            [np.unpackbits(part[key], axis=1, count=self.n_voxels) for part in self._parts]
        ).astype(bool)
        found, kept = probability_map(unpacked[:, self.side], unpacked[:, -1], self.weights)
        return found, int(kept.sum())


def pack_masks(mapped: MappedContrast, tail: str) -> NDArray[np.uint8]:
    """Pack the mask of each sign of connectivity, and the voxels that count as tested, as bits."""
    sides = [mapped.side(sign) for sign in signs(tail)]
    return np.packbits(np.stack([*sides, mapped.counted]), axis=1)


def variant_key(draw: ParticipantsDraw) -> str:
    """Return the key of a subsample of participants."""
    return f"participants {draw.share:g} {draw.draw} {draw.half}"
