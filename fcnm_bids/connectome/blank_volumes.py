"""Volumes that hold no measurement: of one value throughout, or the volume before once more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.errors import RunError

LARGEST_SHARE = 0.05
"""Share of the kept volumes above which a run with blank ones is not used."""


class BlankVolumes:
    """The blank volumes of a run, found block by block.

    A volume is blank where all voxels of the mask have one value (zeros, as a padded series
    has them) or none is finite, and where it repeats the volume before bit by bit.
    """

    def __init__(self) -> None:
        self.constant: list[int] = []
        self.repeated: list[int] = []
        self._seen = 0
        self._last: NDArray[Any] = np.zeros(0)
        self._sample: NDArray[Any] = np.zeros(0)

    def add(self, volumes: NDArray[Any], sample: NDArray[Any], index: NDArray[np.intp]) -> None:
        """Look through the next block.

        Parameters
        ----------
        volumes
            Stored numbers, shape (volumes, voxels of the box).
        sample
            Those of some voxels of the mask, shape (volumes, sampled), looked at first.
        index
            Voxel numbers of the mask.
        """
        for row, some in enumerate(sample):
            number = self._seen + row
            if _constant(some) and _constant(volumes[row, index]):
                self.constant.append(number)
            elif number and np.array_equal(some, sample[row - 1] if row else self._sample):
                before = volumes[row - 1, index] if row else self._last
                if np.array_equal(volumes[row, index], before):
                    self.repeated.append(number)
        self._seen += len(volumes)
        # the array of a block is used again for the next but one
        self._last, self._sample = volumes[-1, index], sample[-1].copy()

    @property
    def numbers(self) -> list[int]:
        """Their numbers, from 0."""
        return sorted(self.constant + self.repeated)

    def among(self, kept: NDArray[np.bool_], name: str) -> list[int]:
        """Return the blank ones among the volumes that a strategy keeps.

        Parameters
        ----------
        kept
            Shape (volumes,), True where the strategy keeps a volume.
        name
            Of the image.

        Raises
        ------
        RunError
            They are more than `LARGEST_SHARE` of the kept volumes.
        """
        blank = [number for number in self.numbers if kept[number]]
        if len(blank) <= LARGEST_SHARE * np.count_nonzero(kept):
            return blank
        found = [
            f"{len(numbers)} volumes {what} ({listed(numbers)})"
            for what, numbers in (
                ("with one value throughout", [n for n in self.constant if kept[n]]),
                ("that repeat the previous one", [n for n in self.repeated if kept[n]]),
            )
            if numbers
        ]
        raise RunError(
            f"{name} has {' and '.join(found)}, more than {LARGEST_SHARE:.0%} of the "
            f"{np.count_nonzero(kept)} kept volumes: the series is damaged or padded; trim it, or "
            "convert it again"
        )


def _constant(values: NDArray[Any]) -> bool:
    return bool((values == values[0]).all()) or not np.isfinite(values).any()


def listed(numbers: list[int]) -> str:
    """Return volume numbers from 1, runs of them joined."""
    ends: list[list[int]] = []
    for number in numbers:
        if ends and number == ends[-1][1] + 1:
            ends[-1][1] = number
        else:
            ends.append([number, number])
    shown = [f"{a + 1}" if a == b else f"{a + 1}-{b + 1}" for a, b in ends[:8]]
    return ", ".join(shown) + (" ..." if len(ends) > 8 else "")
