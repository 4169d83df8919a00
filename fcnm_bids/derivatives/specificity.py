"""What one null says of one network: a row of the table of tests, maps, tables."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids import OutputNames, write_image, write_table
from fcnm_bids.config import NULLS, Config
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.atlas import find_atlas, read_atlas
from fcnm_bids.interfaces.base import AS_PREPROCESSED
from fcnm_bids.interfaces.null_data import NullData
from fcnm_bids.interfaces.rule import network_rule
from fcnm_bids.network import Atlas
from fcnm_bids.specificity import NullAssessment, null_sentence, upper_p

REGION_COLUMNS = {
    "test": "The null",
    "name": "Canonical network",
    "n_overlap": "Voxels of the network within it",
    "n_overlap_null": "Mean over draws",
    "p": "Share of maps whose network holds as many voxels of it",
}
"""Columns of the table of canonical networks against nulls."""

DRAW_COLUMNS = {
    "draw": "Number of the draw",
    "n_voxels": "Voxels of its network",
    "max_z": "Its largest studentised value over voxels",
}
"""Columns of the tables of draws."""

_SOME_VOXELS = {"Resolution": "some of the voxels of the preprocessed data"}

_MAP_MEANING = {
    "p": "Share of all maps, the observed one included, with a probability as high",
    "pfwe": "The same for the largest studentised probability over all voxels",
    "z": "Probability less the mean of all maps, over their standard deviation (to whose square "
    "that of one contrast's share is added)",
}


@dataclass(frozen=True, eq=False)
class ComparisonFrame:
    """Where draws and data are compared: the data's grid, or the coarser one of the draws.

    Parameters
    ----------
    names
        Of the maps on this grid.
    grid, index
        The grid, and the voxel numbers of the analysis on it, shape (V,).
    network_of
        The network of a probability map.
    network
        That of the observed map, shape (V,).
    regions
        Masks of canonical networks, shape (V,), by name.
    """

    names: OutputNames
    grid: Grid
    index: NDArray[np.intp]
    network_of: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
    network: NDArray[np.bool_]
    regions: Mapping[str, NDArray[np.bool_]]

    @classmethod
    def of(
        cls,
        config: Config,
        entities: Mapping[str, Any],
        data: NullData,
        observed: NDArray[np.float64],
    ) -> ComparisonFrame:
        """The frame of what the draws share, with the observed map over its voxels."""
        coarser = config.specificity.null_resolution is not None
        size = f"{data.grid.voxel_sizes.max():.3g}mm".replace(".", "p")
        place = {**entities, "res": size} if coarser else entities
        network_of = network_rule(config.group, data.grid, data.index)
        atlas = read_atlas(find_atlas(config.group.network_atlas, data.grid.space), data.grid)
        return cls(
            OutputNames.of(Path(config.output_dir), place),
            data.grid,
            data.index,
            network_of,
            network_of(observed),
            _regions(atlas, data.index),
        )


def null_row(
    config: Config, null: str, found: NullAssessment, network: NDArray[np.bool_]
) -> dict[str, Any]:
    """A null's row of the table of specificity, for a network of shape (V,)."""
    alpha = config.group.alpha
    nearest = null == "strength" and config.specificity.strength_match == "nearest20"
    size = int(np.count_nonzero(network))
    beyond = np.nan_to_num(found.p_fwe, nan=1.0) <= alpha
    drawn = found.n_draws > 0
    return {
        "test": null,
        "n_draws": found.n_draws,
        "smallest_p": found.smallest_p,
        "levels": len(found.levels),
        "n_voxels": size,
        "n_voxels_null": float(np.median(found.sizes)) if drawn else math.nan,
        "n_voxels_null_upper": float(np.quantile(found.sizes, 0.95)) if drawn else math.nan,
        "p_size": upper_p(size, found.sizes),
        "n_voxels_p": int(np.count_nonzero(np.nan_to_num(found.p, nan=1.0) <= alpha)),
        "n_voxels_pfwe": int(np.count_nonzero(beyond)),
        "share_surviving": np.count_nonzero(beyond & network) / size if size else math.nan,
        "min_pfwe": float(np.nanmin(found.p_fwe)) if np.isfinite(found.p_fwe).any() else math.nan,
        "verdict": null_sentence("nearest" if nearest else null, found, network, alpha),
    }


def region_rows(null: str, found: NullAssessment, frame: ComparisonFrame) -> list[dict[str, Any]]:
    """A null's rows of the table of canonical networks, with `REGION_COLUMNS`."""
    rows = []
    for (name, region), drawn in zip(frame.regions.items(), found.overlaps.T, strict=True):
        own = int(np.count_nonzero(frame.network & region))
        rows.append(
            {
                "test": null,
                "name": name,
                "n_overlap": own,
                "n_overlap_null": float(drawn.mean()) if drawn.size else math.nan,
                "p": upper_p(own, drawn),
            }
        )
    return rows


def write_null(
    config: Config, label: str, null: str, found: NullAssessment, frame: ComparisonFrame
) -> list[Path]:
    """Write the maps and the draws of a null of the network with a label; returns the files."""
    names, asked = frame.names, config.specificity
    described = {
        "Null": null,
        "Draws": found.n_draws,
        "SmallestP": found.smallest_p,
        "Levels": [float(f"{level:.6g}") for level in found.levels],
        "RandomSeed": config.group.random_seed,
        "KeepDistances": asked.keep_distances if null == "random" else None,
        "KeepHemisphere": asked.keep_hemisphere if null == "random" else None,
        "BaseRate": asked.base_rate,
        "StrengthMatch": asked.strength_match if null == "strength" else None,
        "Strata": NULLS.strata if null == "strength" else None,
        "NullResolution": asked.null_resolution,
        **(AS_PREPROCESSED if asked.null_resolution is None else _SOME_VOXELS),
    }
    written = []
    for stat, values in (("p", found.p), ("pfwe", found.p_fwe), ("z", found.z)):
        path = names.network_part(label, null, "statmap", stat=stat)
        text = {"Description": _MAP_MEANING[stat], **described}
        write_image(path, values, frame.grid, text, index=frame.index)
        written.append(path)
    table = names.network_table(label, f"{null}draws", "metrics")
    draws = pd.DataFrame(
        {
            "draw": np.arange(found.n_draws),
            "n_voxels": found.sizes,
            "max_z": np.where(np.isfinite(found.maxima), found.maxima, np.nan),
        }
    )
    write_table(table, draws, DRAW_COLUMNS, described)
    return [*written, table]


def _regions(atlas: Atlas | None, index: NDArray[np.intp]) -> dict[str, NDArray[np.bool_]]:
    if atlas is None:
        return {}
    labels = atlas.labels[index]
    return {name: np.isin(labels, numbers) for name, numbers in atlas.networks.items()}
