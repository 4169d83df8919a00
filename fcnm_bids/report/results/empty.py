"""Explain an empty network: what its maps hold below the rule that was asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.network import network_mask
from fcnm_bids.readers.volume import read_volume_image
from fcnm_bids.report.results.group import ContrastOutputs, NetworkOutputs


@dataclass(frozen=True)
class Shortfall:
    """Return the distance between a map and a network.

    Parameters
    ----------
    highest
        Highest share of contrasts; NaN where no share is defined.
    position
        Where it is, in mm; of several voxels, the first.
    first_threshold
        Highest share at which a cluster of the smallest volume is left; None where there is none.
    steps
        What voxels had to pass, and how many are left after it.
    """

    highest: float
    position: tuple[float, float, float] | None
    first_threshold: float | None
    steps: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Reach:
    """Distance of the strongest voxel of a contrast from its threshold.

    Parameters
    ----------
    highest, threshold
        In t; the highest towards the tail that is tested.
    n_participants
        Participants of the contrast.
    n_needed
        Participants with whom that voxel would reach the threshold if mean and spread stayed as
        they are: t grows with the square root of their number.
    """

    highest: float
    threshold: float
    n_participants: int
    n_needed: int


def find_reach(contrast: ContrastOutputs) -> Reach | None:
    """Return how far a contrast is from its threshold; None where no t or no threshold is known."""
    n, path = contrast.sidecar.get("NumberOfParticipants"), contrast.map("t")
    if contrast.threshold is None or not n or not path.is_file():
        return None
    t = read_volume_image(path, "as the map").values.astype(np.float64)
    tail = str(contrast.sidecar.get("Tail", "positive"))
    height = {"negative": -t, "two-sided": np.abs(t)}.get(tail, t)
    highest = float(np.nanmax(height, initial=0.0, where=np.isfinite(height)))
    if highest <= 0:
        return None
    needed = math.ceil(n * (contrast.threshold / highest) ** 2)
    return Reach(highest, contrast.threshold, int(n), max(needed, int(n)))


def find_shortfall(network: NetworkOutputs) -> Shortfall:
    """Count the voxels of a probability map that are left after each step.

    Parameters
    ----------
    network
        A network, empty or not.
    """
    image = read_volume_image(network.probability, "as the map")
    threshold = float(network.sidecar.get("Threshold", 0))
    smallest = float(network.sidecar.get("MinimumClusterVolume", 0))
    grid = image.grid
    flat = image.values.astype(np.float32).ravel(order="F")
    index = np.flatnonzero(np.isfinite(flat))
    share = flat[index]

    def left(height: float, volume: float) -> NDArray[np.bool_]:
        return network_mask(
            share, threshold=height, min_cluster_volume=volume, grid=grid, index=index
        )

    heights = [float(v) for v in np.unique(share[share > 0])[::-1]]
    steps = (
        ("tested", share.size),
        ("significant in at least one contrast", int((share > 0).sum())),
        (
            f"significant in at least {threshold:.0%} of the contrasts",
            int(left(threshold, 0).sum()),
        ),
        (f"in a cluster of at least {smallest:g} mm³", int(left(threshold, smallest).sum())),
    )
    position = None
    if share.size:
        ijk = np.unravel_index(index[int(share.argmax())], grid.shape, order="F")
        x, y, z = (float(v) for v in (grid.affine @ [*ijk, 1])[:3])
        position = (x, y, z)
    return Shortfall(
        float(share.max()) if share.size else float("nan"),
        position,
        next((height for height in heights if left(height, smallest).any()), None),
        steps,
    )
