"""The one assembly of contrasts to the maps of a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.mapping.convergence import convergence_map
from fcnm_bids.mapping.probability import probability_map


@dataclass(frozen=True, eq=False)
class AssembledNetwork:
    """The maps of a network.

    Parameters
    ----------
    probability
        Share of the contrasts whose mask holds each voxel, shape (V,).
    convergence
        Mean over the contrasts of their mean z, each away from its own seed, with the sign changed
        for a negative network; shape (V,).
    kept
        Which contrasts are in the count, shape (C,).
    """

    probability: NDArray[np.float64]
    convergence: NDArray[np.float64]
    kept: NDArray[np.bool_]


def assemble_network(
    significant: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    mean: NDArray[np.floating],
    near: NDArray[np.bool_],
    *,
    sign: int,
    weights: NDArray[np.float64] | None = None,
) -> AssembledNetwork:
    """Assemble the contrasts of an effect to the maps of its network.

    The published map, every draw of a null and the Python interface go through this function.

    Parameters
    ----------
    significant
        Significant voxels of each contrast, of both signs, shape (C, V).
    counted
        Where each contrast counts as tested, shape (C, V).
    mean
        Mean Fisher z of each contrast over participants, shape (C, V); in single precision, as the
        maps of contrasts are written.
    near
        Where a contrast does not count for convergence, shape (C, V).
    sign
        Sign of the network's connectivity, 1 or -1.
    weights
        Weight of each contrast, shape (C,); None for equal ones.
    """
    toward = np.where(counted, sign * mean.astype(np.float32).astype(np.float64), np.nan)
    probability, kept = probability_map(significant & (toward > 0), counted, weights)
    own = None if weights is None else weights[kept]
    return AssembledNetwork(probability, convergence_map(toward[kept], near[kept], own), kept)
