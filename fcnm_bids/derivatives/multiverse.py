"""Table and map of the specifications of a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids.outputs import AS_STORED, OutputNames, bids_uris
from fcnm_bids.bids.write import OutputFiles
from fcnm_bids.config import SECTIONS
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.multiverse import MULTIVERSE, VARIED
from fcnm_bids.robustness.specifications import (
    COMMON,
    DICE_HELD,
    MEASURES,
    SHARE,
    specification_sentences,
)
from fcnm_bids.setting import declared_settings

MULTIVERSE_COLUMNS = {
    "specification": "Name in the file of specifications, or number; primary: the request itself",
    **{
        own.name: f"Option --{own.name.replace('_', '-')}: {declared.help}"
        for option, section in VARIED.items()
        for own, declared in declared_settings(SECTIONS[section])
        if own.name == option
    },
    "global_signal": "Whether the strategy removes the global signal",
    "n_left_out": "Runs that the specification could not use",
    "left_out": "Why, by reason, with the first runs that it holds for",
    **MEASURES,
    **{
        f"{COMMON}{name}": f"{meaning}; with the participants common to all specifications alone"
        for name, meaning in MEASURES.items()
    },
}
"""Columns that are always there and what they hold."""


def write_multiverse(
    names: OutputNames,
    label: str,
    rows: Sequence[Mapping[str, Any]],
    held: NDArray[np.float64],
    grid: Grid,
    said: Mapping[str, Any],
) -> list[Path]:
    """Write the table of specifications and the map of how many hold a voxel; return both.

    Parameters
    ----------
    names, label
        Names of outputs, label of the network.
    rows
        One per specification, the primary one first.
    held
        Share of the specifications whose network holds each voxel, NaN where none could, shape
        (voxels of the grid,).
    grid
        The grid.
    said
        Sidecar entries of both.
    """
    table = pd.DataFrame(rows)
    shares = [own for own in map(str, table) if own.removeprefix(COMMON).startswith(SHARE)]
    fixed = [own for own in MULTIVERSE_COLUMNS if own in table]
    inside = "Share of the network that lies in the canonical network {}"
    described = {own: inside.format(own.removeprefix(COMMON).removeprefix(SHARE)) for own in shares}
    said = {"NumberOfSpecifications": len(rows), **said}
    out = OutputFiles(grid, shared={**said, **AS_STORED})
    path = out.table(
        names.network_table(label, MULTIVERSE, "metrics"),
        table[[*fixed, *shares]],
        {**MULTIVERSE_COLUMNS, **described},
        {**said, "DiceHeld": DICE_HELD, "Sentences": list(specification_sentences(rows))},
    )
    out.image(
        names.network_part(label, MULTIVERSE, "probseg"),
        held,
        "Share of the specifications whose network holds the voxel",
        "share of specifications",
        Sources=bids_uris(names.root, [path]),
    )
    return out.paths
