"""Maps and sidecars of a contrast."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.outputs import OutputNames, bids_uris
from fcnm_bids.bids.write import OutputFiles
from fcnm_bids.config import Config, GroupSettings
from fcnm_bids.grid import Grid
from fcnm_bids.mapping import MappedContrast
from fcnm_bids.stats import t_to_z

CONTRAST_STATS = ("t", "z", "effect", "variance", "n")

MAP_MEANING = {
    "t": "one-sample t over participants of the Fisher z",
    "z": "standard normal deviate with the tail probability of t",
    "effect": "mean over participants of the Fisher z",
    "variance": "variance over participants of the Fisher z",
    "n": "number of participants with a value",
    "pfwe": "p of t, corrected for all voxels by sign flips (largest t)",
}

MODEL_MEANING = {
    "t": "t of the intercept, over participants, of the linear model of Fisher z with the centred "
    "covariates",
    "effect": "intercept of the linear model of the Fisher z with the centred covariates: the mean "
    "of participants with average values",
    "variance": "residual variance over participants of the linear model of the Fisher z",
    "pfwe": "p of t, corrected for all voxels by sign flips of the residuals (largest t)",
}
"""Meaning of the maps where the model has covariates."""

MAP_UNITS = {
    "t": "t",
    "z": "z",
    "effect": "Fisher z",
    "variance": "squared Fisher z",
    "n": "participants",
    "pfwe": "probability",
}


@dataclass(frozen=True, eq=False)
class Contrast:
    """Content of a contrast's outputs: what was found, voxel numbers, sidecar entries, warnings."""

    mapped: MappedContrast
    index: NDArray[np.intp]
    said: Mapping[str, Any]
    warnings: Sequence[str]


def write_contrast(
    found: Contrast, label: str, names: OutputNames, grid: Grid, config: Config, *, seed: Path
) -> list[Path]:
    """Write the maps and the mask of a contrast with their sidecars; return the images.

    Parameters
    ----------
    found
        The content.
    label, names, grid, config
        Label of the contrast, names of outputs, grid of the data, the request.
    seed
        Image of the seed.
    """
    mapped = found.mapped
    made_from = [*bids_uris(names.root, [seed]), store_source(config)]
    meaning = MAP_MEANING | (MODEL_MEANING if config.group.covariates else {})
    out = OutputFiles(grid, found.index, found.said)
    for stat in (*CONTRAST_STATS, *(("pfwe",) if mapped.mask.null else ())):
        path, values = names.contrast_map(label, stat), stat_values(mapped, stat, config.group.tail)
        out.image(path, values, meaning[stat], MAP_UNITS[stat], Sources=made_from)
    out.image(
        names.contrast_mask(label),
        mapped.mask.significant,
        "Voxels significantly connected with the seed",
        Sources=bids_uris(names.root, [names.contrast_map(label, "t")]),
        **describe_threshold(mapped, config.group),
        VoxelsSignificant=int(mapped.mask.significant.sum()),
        Warnings=found.warnings,
    )
    return out.paths


def store_source(config: Config) -> str:
    """BIDS URI of the store of projected runs."""
    root, store = Path(config.output_dir).resolve(), config.connectome_path.resolve()
    return bids_uris(root, [store])[0] if store.is_relative_to(root) else "bids:connectome:"


def without_clipped(mapped: MappedContrast, clipped: NDArray[np.bool_]) -> MappedContrast:
    """Set mean and variance to NaN at voxels with clipped correlations."""
    mean, variance = (
        np.where(clipped, np.nan, values) for values in (mapped.test.mean, mapped.test.variance)
    )
    return replace(mapped, test=replace(mapped.test, mean=mean, variance=variance))


def stat_values(mapped: MappedContrast, stat: str, tail: str) -> NDArray[Any]:
    """Return the values of a statistical map of a contrast."""
    test = mapped.test
    if stat == "pfwe" and mapped.mask.null:
        directed = {"positive": test.t, "negative": -test.t, "two-sided": np.abs(test.t)}
        return mapped.mask.null.p(directed[tail])
    if stat == "z":
        return t_to_z(test.t, test.df)
    if stat == "n":
        return test.n.astype(np.float32)
    return {"t": test.t, "effect": test.mean, "variance": test.variance}[stat]


def describe_threshold(mapped: MappedContrast, settings: GroupSettings) -> dict[str, Any]:
    """Return the sidecar entries of a contrast's threshold."""
    mask = mapped.mask
    described: dict[str, Any] = {
        "HeightControl": settings.height_control,
        "Alpha": settings.alpha,
        "Tail": settings.tail,
        "Threshold": mask.threshold,
        "ThresholdBasis": mask.basis or (settings.height_control if mask.n_tested else None),
        "MinimumEffect": settings.min_mean_z,
        "MinimumClusterVoxels": settings.contrast_min_cluster,
    }
    if mask.null is not None:
        described["Permutations"] = mask.null.maxima.size - 1
        described["PermutationsExact"] = mask.null.exact
        described["SmallestP"] = 1 / mask.null.maxima.size
        described["RandomSeed"] = settings.random_seed
    if mask.smoothness is not None:
        described["SmoothnessFWHM"] = mask.smoothness.fwhm
        described["SmoothnessUnits"] = "voxels"
        described["SmoothnessVoxels"] = mask.smoothness.n_voxels
        described["Resels"] = mask.resels
    return described


def contrast_warnings(name: str, mapped: MappedContrast) -> list[str]:
    """Return warnings about the map of a contrast."""
    warnings = []
    n_tested = mapped.mask.n_tested
    n_significant = int(mapped.mask.significant.sum())
    if n_tested == 0:
        warnings.append(
            f"{name}: no voxel could be tested (is the seed inside the brain masks, and are there "
            "participants of every kind that the covariates tell apart?)"
        )
    elif mapped.mask.null and mapped.mask.threshold == np.inf:
        warnings.append(
            f"{name}: {mapped.mask.null.maxima.size} sign flips cannot reach alpha; nothing can be "
            "significant with so few participants"
        )
    elif n_significant == 0:
        warnings.append(f"{name}: nothing survives the threshold of t = {mapped.mask.threshold:g}")
    elif n_significant > n_tested / 2:
        warnings.append(
            f"{name}: {n_significant / n_tested:.0%} of the tested voxels are significant; a mask "
            "this large says little about where (--height-control fwe or --min-mean-z narrows it; "
            "without the global signal removed nearly every voxel correlates with every seed)"
        )
    return warnings
