"""Intermediate files of contrasts and networks, read by the nodes that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.intermediates.arrays import write_arrays
from fcnm_bids.mapping import MappedContrast
from fcnm_bids.stats import Smoothness


@dataclass(frozen=True, eq=False)
class MappedContrasts:
    """Several contrasts over participants.

    Parameters
    ----------
    masks, counted
        Contrast masks and where each contrast counts as tested, shape (C, V).
    index
        Voxel numbers, shape (V,).
    """

    masks: NDArray[np.bool_]
    counted: NDArray[np.bool_]
    index: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class EffectMaps:
    """The maps of one network.

    Parameters
    ----------
    probability
        Share of the contrasts whose mask holds the voxel, shape (V,).
    mean
        Mean over the contrasts of their mean Fisher z, shape (V,).
    convergence
        The same, each contrast away from its own seed, shape (V,).
    index
        Voxel numbers, shape (V,).
    """

    probability: NDArray[np.float64]
    mean: NDArray[np.float64]
    convergence: NDArray[np.float64]
    index: NDArray[np.intp]


def write_mapped(path: Path, mapped: MappedContrast, index: NDArray[np.intp]) -> None:
    """Write what was found of one contrast, whole or not at all.

    Parameters
    ----------
    path
        NPZ file.
    mapped
        The contrast over participants.
    index
        Its voxel numbers, shape (V,).
    """
    smoothness = mapped.mask.smoothness
    write_arrays(
        path,
        significant=mapped.mask.significant,
        counted=mapped.counted,
        effect=mapped.test.mean,
        index=index,
        fwhm=smoothness and smoothness.fwhm,
        resels_per_voxel=smoothness and smoothness.resels_per_voxel,
        n_smooth=smoothness and smoothness.n_voxels,
    )


def read_mapped(paths: Sequence[str], sign: int | None = None) -> MappedContrasts:
    """Read what `write_mapped` wrote of contrasts that share their voxels.

    Parameters
    ----------
    paths
        One file per contrast.
    sign
        Sign of the connectivity that masks hold, 1 or -1; None for whichever the tail has.
    """
    masks, counted = [], []
    for path in paths:
        with np.load(path, allow_pickle=False) as stored:
            side = True if sign is None else sign * stored["effect"] > 0
            masks.append(stored["significant"] & side)
            counted.append(stored["counted"])
    return MappedContrasts(np.stack(masks), np.stack(counted), read_index(paths[0]))


def read_mean(path: str) -> NDArray[np.float64]:
    """The mean over participants of one contrast's Fisher z, shape (V,)."""
    with np.load(path, allow_pickle=False) as stored:
        mean: NDArray[np.float64] = stored["effect"]
        return mean


def read_index(path: str) -> NDArray[np.intp]:
    """The voxel numbers of the analysis, shape (V,), from the file of any contrast."""
    with np.load(path, allow_pickle=False) as stored:
        index: NDArray[np.intp] = stored["index"]
        return index


def read_smoothness(path: Path) -> Smoothness | None:
    """The smoothness that a contrast's own node estimated; None where it took none."""
    with np.load(path, allow_pickle=False) as stored:
        if "fwhm" not in stored:
            return None
        x, y, z = stored["fwhm"].tolist()
        return Smoothness((x, y, z), float(stored["resels_per_voxel"]), int(stored["n_smooth"]))


def write_effect(path: Path, maps: EffectMaps) -> None:
    """Write the maps of one effect."""
    write_arrays(path, **vars(maps))


def read_effect(path: str) -> EffectMaps:
    """The content of a file that `write_effect` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        return EffectMaps(**stored)
