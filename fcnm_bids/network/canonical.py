"""Overlap of a network with canonical networks."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.network.atlas import Atlas
from fcnm_bids.network.overlap import dice

CANONICAL_COLUMNS = {
    "name": "Canonical network",
    "n_voxels": "Voxels of the canonical network within the analysis mask",
    "n_overlap": "Voxels of the mapped network within it",
    "coverage": "Share of the canonical network that the mapped network covers",
    "share": "Share of the mapped network that lies in the canonical network",
    "enrichment": "Coverage over the share of the analysis mask that the mapped network covers",
    "dice": "Dice coefficient of the two",
}
"""Columns of the overlap table and what they hold."""


def canonical_overlap(
    network: NDArray[np.bool_], atlas: Atlas, analysis_mask: NDArray[np.bool_]
) -> pd.DataFrame:
    """Overlap of a network N with every canonical network Y of an atlas, within a mask M.

    Coverage is ``|N & Y| / |Y|``, share ``|N & Y| / |N|``, enrichment the coverage over
    ``|N| / |M|``; Y is cut to M first.

    Parameters
    ----------
    network
        The mapped network, shape (voxels,).
    atlas
        Canonical networks on the same voxels.
    analysis_mask
        Voxels that could have come to lie in the network, shape (voxels,).

    Returns
    -------
    table
        One row per canonical network, in the atlas' order, with :data:`CANONICAL_COLUMNS`; NaN
        where a denominator is 0.

    Raises
    ------
    ValueError
        The shapes differ, or the network leaves the mask.
    """
    network, mask = np.asarray(network, dtype=bool), np.asarray(analysis_mask, dtype=bool)
    if not network.shape == mask.shape == atlas.labels.shape:
        raise ValueError(
            f"a network of shape {network.shape}, a mask of {mask.shape}, an atlas of "
            f"{atlas.labels.shape}"
        )
    if (network & ~mask).any():
        raise ValueError("the network leaves the analysis mask")
    size, whole = np.count_nonzero(network), np.count_nonzero(mask)
    rows = []
    for name, numbers in atlas.networks.items():
        canonical = np.isin(atlas.labels, numbers) & mask
        n, both = np.count_nonzero(canonical), np.count_nonzero(canonical & network)
        coverage = both / n if n else math.nan
        rows.append(
            (
                name,
                n,
                both,
                coverage,
                both / size if size else math.nan,
                coverage / (size / whole) if size else math.nan,
                dice(network, canonical),
            )
        )
    return pd.DataFrame(rows, columns=list(CANONICAL_COLUMNS))
