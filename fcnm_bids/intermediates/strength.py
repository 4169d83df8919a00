"""Strength maps and the places of a null."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.specificity import Strength


@dataclass(frozen=True, eq=False)
class StrengthFile:
    """What `MeasureStrength` leaves for the nodes after it.

    Parameters
    ----------
    strength
        The degree maps, over the analysis' voxels and the places of foci.
    places
        Voxel numbers in which foci of a null may fall; None without grey matter or a base rate.
    rate
        Base rate of foci there; None for alike.
    """

    strength: Strength
    places: NDArray[np.intp] | None
    rate: NDArray[np.float64] | None

    def on(self, index: NDArray[np.intp]) -> Strength:
        """The degree maps over fewer voxels."""
        own = np.searchsorted(self.strength.index, index)
        whole = self.strength
        return Strength(
            whole.positive[own],
            whole.signed[own],
            whole.eigenvector[own],
            whole.eigenvalue_share,
            whole.iterations,
            whole.change,
            index,
            whole.targets,
        )


def write_strength(path: Path, content: StrengthFile) -> None:
    """Write degree maps and places."""
    strength = content.strength
    optional = {"places": content.places, "rate": content.rate}
    np.savez(
        path,
        allow_pickle=False,
        positive=strength.positive,
        signed=strength.signed,
        eigenvector=strength.eigenvector,
        eigenvalue_share=np.float64(strength.eigenvalue_share),
        iterations=np.int64(strength.iterations),
        change=np.float64(strength.change),
        index=strength.index,
        targets=strength.targets,
        **{name: values for name, values in optional.items() if values is not None},
    )


def read_strength(path: Path) -> StrengthFile:
    """What `write_strength` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        strength = Strength(
            stored["positive"],
            stored["signed"],
            stored["eigenvector"],
            float(stored["eigenvalue_share"]),
            int(stored["iterations"]),
            float(stored["change"]),
            stored["index"],
            stored["targets"],
        )
        return StrengthFile(strength, stored.get("places", None), stored.get("rate", None))
