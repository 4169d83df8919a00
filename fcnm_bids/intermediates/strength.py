"""Strength maps and the places of a null."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.intermediates.arrays import write_arrays
from fcnm_bids.specificity import Strength


@dataclass(frozen=True, eq=False)
class StrengthFile:
    """The connectome's strength, as `MeasureStrength` passes it on.

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


def write_strength(path: Path, content: StrengthFile) -> None:
    """Write degree maps and places."""
    strength = {field.name: getattr(content.strength, field.name) for field in fields(Strength)}
    write_arrays(path, **strength, places=content.places, rate=content.rate)


def read_strength(path: Path) -> StrengthFile:
    """The content of a file that `write_strength` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        strength = Strength(
            stored["positive"],
            stored["signed"],
            stored["eigenvectors"],
            tuple(stored["eigenvalue_shares"].tolist()),
            int(stored["iterations"]),
            float(stored["change"]),
            stored["index"],
            stored["targets"],
            int(stored["n_participants"]),
            float(stored["half_correlation"]),
        )
        return StrengthFile(strength, stored.get("places", None), stored.get("rate", None))
