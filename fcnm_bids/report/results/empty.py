"""Explain an empty network: what its maps hold below the rule that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.network import network_mask
from fcnm_bids.readers.volume import read_volume_image
from fcnm_bids.report.results.group import NetworkOutputs


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
