"""From the sums over people to one contrast's maps and mask."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids import sidecar_files, sources, write_image
from fcnm_bids.config import Config, GroupSettings
from fcnm_bids.interfaces.base import (
    AS_PREPROCESSED,
    ConfiguredInterface,
    File,
    PromisingOutputSpec,
    SeededInputSpec,
    traits,
)
from fcnm_bids.interfaces.kept import keep_mapped, mapped_file
from fcnm_bids.interfaces.mapped_file import write_mapped
from fcnm_bids.interfaces.moments_file import read_maps, read_moments
from fcnm_bids.interfaces.rule import height_rule
from fcnm_bids.interfaces.seeds import contrast_labels, describe_contrast, seed_image
from fcnm_bids.mapping import MappedContrast, map_contrast
from fcnm_bids.seeds import read_seed_matrix
from fcnm_bids.stats import t_to_z

LOGGER = logging.getLogger("fcnm_bids")

CONTRAST_STATS = ("t", "z", "effect", "variance", "n")
_MAP_MEANING = {
    "t": "one-sample t over people of the Fisher z",
    "z": "standard normal deviate with the tail probability of t",
    "effect": "mean over people of the Fisher z",
    "variance": "variance over people of the Fisher z",
    "n": "number of people with a value",
    "pfwe": "p of t, corrected for all voxels by sign flips (largest t)",
}
_MODEL_MEANING = {
    "t": "t of the intercept, over people, of the linear model of the Fisher z with the centred "
    "covariates",
    "effect": "intercept of the linear model of the Fisher z with the centred covariates: the mean "
    "of people with average values",
    "variance": "residual variance over people of the linear model of the Fisher z",
    "pfwe": "p of t, corrected for all voxels by sign flips of the residuals (largest t)",
}
"""What the maps are where the model has covariates."""

_MAP_UNITS = {
    "t": "t",
    "z": "z",
    "effect": "Fisher z",
    "variance": "squared Fisher z",
    "n": "people",
    "pfwe": "probability",
}


class MapContrastInputSpec(SeededInputSpec):
    """Inputs of `MapContrast`."""

    moments_dir = traits.Directory(exists=True, mandatory=True, desc="sums per contrast")
    number = traits.Int(mandatory=True, desc="row of the seed matrix")
    model = traits.Dict(mandatory=True, desc="what the sidecars say about people and design")
    kept_dir = traits.Str(mandatory=True, desc="folder in which the result is kept for later runs")


class MapContrastOutputSpec(PromisingOutputSpec):
    """Outputs of `MapContrast`."""

    mapped_file = File(desc="mask, voxels that count as tested, and their numbers")


class MapContrast(ConfiguredInterface):
    """Test one contrast over people and threshold it."""

    input_spec = MapContrastInputSpec
    output_spec = MapContrastOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        contrast = seeds.contrasts[self.inputs.number]
        label = contrast_labels(seeds.contrasts)[contrast.name]
        stored = read_moments(Path(self.inputs.moments_dir) / f"{label}.npz")
        moments = stored.moments
        maps = read_maps(Path(self.inputs.moments_dir), stored)
        mapped = _without_clipped(
            map_contrast(moments, height_rule(config.group), maps=maps), moments.clipped_in
        )
        warnings = _contrast_warnings(contrast.name, mapped)
        for warning in warnings:
            LOGGER.warning("%s", warning)
        names = self._names(config)
        shared = {
            **AS_PREPROCESSED,
            **describe_contrast(contrast, config.seeds),
            "NumberOfPeople": moments.n_people,
            "PeopleWithoutCoverage": stored.absent,
            **self.inputs.model,
            "DegreesOfFreedom": mapped.mask.df,
            "MinimumShareOfPeople": config.group.min_subjects,
            "VoxelsTested": mapped.mask.n_tested,
            "VoxelsClipped": seeds.grid.subscripts(moments.index[moments.clipped_in]),
        }
        root = names.root
        made_from = [
            *sources(root, [seed_image(names, label, seeds, self.inputs.number)]),
            _store_source(config),
        ]
        images = []
        for stat in (*CONTRAST_STATS, *(("pfwe",) if mapped.mask.null else ())):
            path = names.contrast_map(label, stat)
            values = _stat_values(mapped, stat, config.group.tail)
            meaning = _MAP_MEANING | (_MODEL_MEANING if config.group.covariates else {})
            described = {
                "Description": meaning[stat],
                "Units": _MAP_UNITS[stat],
                **shared,
                "Sources": made_from,
            }
            write_image(path, values, seeds.grid, described, index=moments.index)
            images.append(path)
        path = names.contrast_mask(label)
        write_image(
            path,
            mapped.mask.significant,
            seeds.grid,
            {
                "Description": "Voxels significantly connected with the seed",
                **shared,
                "Sources": sources(root, [names.contrast_map(label, "t")]),
                **_describe_threshold(mapped, config.group),
                "VoxelsSignificant": int(mapped.mask.significant.sum()),
                "Warnings": warnings,
            },
            index=moments.index,
        )
        images.append(path)
        kept = Path(self.inputs.kept_dir)
        write_mapped(mapped_file(kept), mapped, moments.index)
        keep_mapped(kept, [*images, *sidecar_files(images)])
        self._results["mapped_file"] = str(mapped_file(kept))
        self._promise(images)


def _store_source(config: Config) -> str:
    """BIDS URI of the store of projected runs."""
    root, store = Path(config.output_dir).resolve(), config.connectome_path.resolve()
    return sources(root, [store])[0] if store.is_relative_to(root) else "bids:connectome:"


def _without_clipped(mapped: MappedContrast, clipped: NDArray[np.bool_]) -> MappedContrast:
    """The contrast without mean and variance where a seed of one voxel met itself."""
    mean, variance = (
        np.where(clipped, np.nan, values) for values in (mapped.test.mean, mapped.test.variance)
    )
    return replace(mapped, test=replace(mapped.test, mean=mean, variance=variance))


def _stat_values(mapped: MappedContrast, stat: str, tail: str) -> NDArray[Any]:
    test = mapped.test
    if stat == "pfwe" and mapped.mask.null:
        directed = {"positive": test.t, "negative": -test.t, "two-sided": np.abs(test.t)}
        return mapped.mask.null.p(directed[tail])
    if stat == "z":
        return t_to_z(test.t, test.df)
    if stat == "n":
        return test.n.astype(np.float32)
    return {"t": test.t, "effect": test.mean, "variance": test.variance}[stat]


def _describe_threshold(mapped: MappedContrast, settings: GroupSettings) -> dict[str, Any]:
    mask = mapped.mask
    own_basis = settings.height_control == "fwe"
    described: dict[str, Any] = {
        "HeightControl": settings.height_control,
        "Alpha": settings.alpha,
        "Tail": settings.tail,
        "Threshold": mask.threshold,
        "ThresholdBasis": mask.basis if own_basis else settings.height_control,
        "MinimumEffect": settings.min_effect,
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


def _contrast_warnings(name: str, mapped: MappedContrast) -> list[str]:
    warnings = []
    n_tested = mapped.mask.n_tested
    n_significant = int(mapped.mask.significant.sum())
    if n_tested == 0:
        warnings.append(
            f"{name}: no voxel could be tested (is the seed inside the brain masks, and are there "
            "people of every kind that the covariates tell apart?)"
        )
    elif mapped.mask.null and mapped.mask.threshold == np.inf:
        warnings.append(
            f"{name}: {mapped.mask.null.maxima.size} sign flips cannot reach alpha; nothing can be "
            "significant with so few people"
        )
    elif n_significant == 0:
        warnings.append(f"{name}: nothing survives the threshold of t = {mapped.mask.threshold:g}")
    elif n_significant > n_tested / 2:
        warnings.append(
            f"{name}: {n_significant / n_tested:.0%} of the tested voxels are significant; a mask "
            "this large says little about where (--height-control fwe or --min-effect narrows it; "
            "without the global signal removed nearly every voxel correlates with every seed)"
        )
    return warnings
