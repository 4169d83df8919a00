"""Agreement of a network with those of other specifications."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.network import Atlas, canonical_overlap, dice, spatial_correlation

DICE_HELD = 0.5
"""Dice from which on a specification counts as having the same network."""

SHARE = "share_"
"""Prefix of the columns of canonical networks."""

COMMON = "common_"
"""Prefix of the columns of the participants common to all specifications."""

MEASURES = {
    "n_participants": "Participants of the specification",
    "n_runs": "Their runs",
    "n_contrasts": "Contrasts counted",
    "n_voxels": "Voxels of the network",
    "volume_mm3": "Volume of the network in cubic mm",
    "dice": "Dice overlap with the network of the primary specification; n/a where both are empty, "
    "or no contrast could be tested",
    "correlation": "Pearson correlation over voxels with the probability map of the primary "
    "specification",
}
"""Columns of a network that are there for each sample, and what they hold."""


@dataclass(frozen=True, eq=False)
class BoxNetwork:
    """A probability map and its network on all voxels of the grid.

    Parameters
    ----------
    probability
        NaN outside of the analysis mask, shape (voxels of the grid,).
    network
        Shape (voxels of the grid,).
    n_contrasts
        Contrasts in the count.
    """

    probability: NDArray[np.float64]
    network: NDArray[np.bool_]
    n_contrasts: int


def specification_measures(
    found: BoxNetwork, primary: BoxNetwork, voxel_volume: float, atlas: Atlas | None
) -> dict[str, Any]:
    """Measure a specification's network, and its agreement with the primary one.

    Parameters
    ----------
    found, primary
        The networks.
    voxel_volume
        In cubic mm.
    atlas
        Canonical networks on the grid; None for none.

    Returns
    -------
    measures
        The columns n_contrasts to correlation of `MEASURES`, and the share of the network that
        lies in each canonical network.
    """
    n_voxels = int(np.count_nonzero(found.network))
    mapped = found.n_contrasts > 0 and primary.n_contrasts > 0
    everywhere = np.ones(found.network.shape, dtype=bool)
    measures = {
        "n_contrasts": found.n_contrasts,
        "n_voxels": n_voxels,
        "volume_mm3": n_voxels * voxel_volume,
        "dice": dice(found.network, primary.network) if mapped else math.nan,
        "correlation": spatial_correlation(found.probability, primary.probability, everywhere),
    }
    if atlas is not None:
        table = canonical_overlap(found.network, atlas, np.isfinite(found.probability))
        names = [f"{SHARE}{name}" for name in table["name"]]
        measures |= dict(zip(names, table["share"], strict=True))
    return measures


def specification_sentences(rows: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """State in how many specifications the primary network is found again.

    Parameters
    ----------
    rows
        The table's rows, the primary specification first: dice, common_dice, n_voxels, and whether
        the strategy removes the global_signal.

    Returns
    -------
    sentences
        One on all specifications but the primary one; where both are there, one on those with and
        without the global signal; where samples differ, one on the participants common to all.
    """
    first, others = rows[0], rows[1:]
    if not first["n_voxels"]:
        return (
            f"The primary specification has no network, and {_found(others)} of the {len(others)} "
            "others have one.",
        )
    values = _known(others, "dice")
    told = [
        f"In {_held(others, 'dice')} of the {len(others)} other specifications the network had a "
        f"Dice overlap of at least {DICE_HELD:g} with the primary one"
        + (
            f" (median {np.median(values):.2f}, range {min(values):.2f} to {max(values):.2f})."
            if values
            else "."
        )
    ]
    parts = [
        [row for row in others if row["global_signal"] is removed] for removed in (True, False)
    ]
    if all(parts):
        told.append(
            f"With the global signal among the confounds this held for {_held(parts[0], 'dice')} "
            "of "
            f"{len(parts[0])}, without it for {_held(parts[1], 'dice')} of {len(parts[1])}."
        )
    n = first[f"{COMMON}n_participants"]
    if any(row["n_participants"] != n for row in rows):
        told.append(
            f"On the {n} participants common to all specifications this held for "
            f"{_held(others, f'{COMMON}dice')} of {len(others)}."
            if n > 0
            else "Fewer than two participants are common to all specifications."
        )
    return tuple(told)


def _known(rows: Sequence[Mapping[str, Any]], column: str) -> list[float]:
    return [row[column] for row in rows if not math.isnan(row[column])]


def _held(rows: Sequence[Mapping[str, Any]], column: str) -> int:
    return sum(row[column] >= DICE_HELD for row in rows)


def _found(rows: Sequence[Mapping[str, Any]]) -> int:
    return sum(row["n_voxels"] > 0 for row in rows)
