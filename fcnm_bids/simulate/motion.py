"""Head motion, and the framewise displacement that follows from it."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

MOTION_COLUMNS: Final = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
"""fMRIPrep's names of the six rigid-body parameters (mm and radians)."""

_HEAD_RADIUS_MM = 50.0
_MEAN_ABSOLUTE_NORMAL = np.sqrt(2 / np.pi)
_PULL = 0.03
"""Share of the displacement that each volume undoes, so that a head stays where it lies."""


def framewise_displacement(motion: NDArray[np.float64]) -> NDArray[np.float64]:
    """Framewise displacement in mm, NaN in the first row.

    Sum of the absolute changes of the six parameters, rotations as arcs on a sphere of 50 mm
    (Power et al., 2012, NeuroImage 59:2142).

    Parameters
    ----------
    motion
        Shape (volumes, 6): three translations in mm, three rotations in radians.
    """
    arcs = motion * np.r_[np.ones(3), np.full(3, _HEAD_RADIUS_MM)]
    return np.asarray(np.r_[np.nan, np.abs(np.diff(arcs, axis=0)).sum(axis=1)])


def simulate_motion(
    rng: np.random.Generator, n_volumes: int, *, mean_fd: float, spike_share: float
) -> NDArray[np.float64]:
    """Six motion parameters, shape (volumes, 6): a slow walk and a few sudden movements.

    Values are rounded as they will be written, so that a displacement computed from the written
    table is the written displacement.
    """
    personal_fd = mean_fd * np.clip(np.exp(rng.normal(scale=0.25)), 0.5, 1.5)
    unit = np.r_[np.ones(3), np.full(3, 1 / _HEAD_RADIUS_MM)]
    step = rng.standard_normal((n_volumes, 6)) * personal_fd / (6 * _MEAN_ABSOLUTE_NORMAL)
    walk = np.zeros((n_volumes, 6))
    for row in range(1, n_volumes):
        walk[row] = (1 - _PULL) * walk[row - 1] + step[row]
    # A spike every fourth row at most, clear of the start, so that two never cancel.
    most = int(spike_share * n_volumes)
    rows = 6 + 4 * rng.permutation((n_volumes - 8) // 4)
    spikes = rows[: int(rng.integers(1, most + 1))] if most else rows[:0]
    direction = rng.standard_normal((spikes.size, 6))
    direction /= np.abs(direction).sum(axis=1, keepdims=True)
    walk[spikes] += direction * rng.uniform(1.0, 2.0, size=(spikes.size, 1))
    walk *= unit
    return np.column_stack([walk[:, :3].round(6), walk[:, 3:].round(8)])
