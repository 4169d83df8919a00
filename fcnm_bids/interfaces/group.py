"""From the store to contrast masks and networks."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import TraitedSpec
from numpy.typing import NDArray

from fcnm_bids.bids import (
    OutputNames,
    sidecar_files,
    to_labels,
    write_image,
)
from fcnm_bids.config import ROBUSTNESS, Config, GroupSettings
from fcnm_bids.connectome import open_run
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.analysis_mask import read_analysis_mask
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits
from fcnm_bids.interfaces.moments_file import (
    MAPS,
    block_file,
    radius_file,
    read_maps,
    read_moments,
    write_moments,
)
from fcnm_bids.interfaces.rule import contrast_weights, effect_map, height_rule
from fcnm_bids.interfaces.seeds import describe_contrast
from fcnm_bids.interfaces.variants import with_other_radii
from fcnm_bids.mapping import (
    MappedContrast,
    analysis_voxels,
    map_contrast,
    stored_person,
    sum_over_people,
)
from fcnm_bids.network import network_mask
from fcnm_bids.robustness import block_of_person
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix
from fcnm_bids.stats import t_to_z

LOGGER = logging.getLogger("fcnm_bids")

CONTRAST_STATS = ("t", "z", "effect", "variance", "n")
_PROGRESS_SECONDS = 10.0
_MAP_MEANING = {
    "t": "one-sample t over people of the Fisher z",
    "z": "standard normal deviate with the tail probability of t",
    "effect": "mean over people of the Fisher z",
    "variance": "variance over people of the Fisher z",
    "n": "number of people with a value",
    "pfwe": "p of t, corrected for all voxels by sign flips (largest t)",
}


class SumOverPeopleInputSpec(ConfiguredInputSpec):
    """Inputs of `SumOverPeople`."""

    people = traits.List(mandatory=True, desc="participant labels with their projected runs")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    covariates = traits.List(mandatory=True, desc="row of the design of each person")
    mask_files = traits.List(traits.Str(), desc="images that the analysis mask is made from")


class SumOverPeopleOutputSpec(TraitedSpec):
    """Outputs of `SumOverPeople`."""

    moments_dir = traits.Directory(desc="one file of sums per contrast, by its label")


class SumOverPeople(ConfiguredInterface):
    """One pass over the store: the sums of all contrasts over people."""

    input_spec = SumOverPeopleInputSpec
    output_spec = SumOverPeopleOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        people = [
            stored_person(name, [open_run(Path(path)) for path in runs])
            for name, runs in self.inputs.people
        ]
        covariates = np.array(self.inputs.covariates, dtype=np.float64).reshape(len(people), -1)
        mask_files = [Path(path) for path in self.inputs.mask_files]
        every = with_other_radii(seeds, config)
        blocks = None
        if len(people) >= ROBUSTNESS.people_blocks:
            blocks = block_of_person(
                len(people), ROBUSTNESS.people_blocks, config.group.random_seed
            )
        index = analysis_voxels(
            people,
            seeds.grid,
            min_subjects=config.group.min_subjects,
            within=read_analysis_mask(config.group.analysis_mask, mask_files, seeds.grid),
        )
        moments_dir = folder / "moments"
        shutil.rmtree(moments_dir, ignore_errors=True)
        moments_dir.mkdir()
        maps = None
        if config.group.height_control == "permutation":
            shape = (len(every.contrasts), len(people), index.size)
            maps = np.lib.format.open_memmap(moments_dir / MAPS, "w+", np.float32, shape)
        group = sum_over_people(
            every,
            people,
            index,
            min_coverage=config.seeds.min_coverage,
            smoothness=config.group.height_control == "fwe",
            covariates=covariates,
            maps=maps,
            block_of_person=blocks,
            n_in_blocks=len(seeds.contrasts),
            progress=_Progress(len(people)),
        )
        labels = to_labels((c.name for c in seeds.contrasts), "contrast")
        for number, contrast in enumerate(seeds.contrasts):
            absent = [
                p.name for p, has in zip(people, group.has_map[:, number], strict=True) if not has
            ]
            if absent:
                LOGGER.warning(
                    "%s: %d of %d people have no map (coverage below %g): %s",
                    contrast.name,
                    len(absent),
                    len(people),
                    config.seeds.min_coverage,
                    ", ".join(absent[:10]) + (" ..." if len(absent) > 10 else ""),
                )
            label = labels[contrast.name]
            rows = {moments_dir / f"{label}.npz": number}
            for position in range(len(every.contrasts) // len(seeds.contrasts) - 1):
                row = number + (position + 1) * len(seeds.contrasts)
                rows[radius_file(moments_dir, label, position)] = row
            for path, row in rows.items():
                write_moments(
                    path,
                    group.moments.contrast(row),
                    absent=absent,
                    present=np.flatnonzero(group.has_map[:, row]),
                    covariates=covariates,
                )
            for block, sums in enumerate(group.blocks):
                write_moments(
                    block_file(moments_dir, label, block),
                    sums.contrast(number),
                    absent=absent,
                    present=np.flatnonzero(group.has_map[:, number]),
                    covariates=covariates,
                )
        self._results["moments_dir"] = str(moments_dir)


class MapContrastInputSpec(ConfiguredInputSpec):
    """Inputs of `MapContrast`."""

    moments_dir = traits.Directory(exists=True, mandatory=True, desc="sums per contrast")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    number = traits.Int(mandatory=True, desc="row of the seed matrix")
    model = traits.Dict(mandatory=True, desc="what the sidecars say about people and design")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class MapContrastOutputSpec(TraitedSpec):
    """Outputs of `MapContrast`."""

    mapped_file = File(desc="mask, voxels that count as tested, and their numbers")
    promised = traits.List(traits.Str(), desc="files that should now be there")


class MapContrast(ConfiguredInterface):
    """Test one contrast over people and threshold it."""

    input_spec = MapContrastInputSpec
    output_spec = MapContrastOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        contrast = seeds.contrasts[self.inputs.number]
        label = to_labels((c.name for c in seeds.contrasts), "contrast")[contrast.name]
        stored = read_moments(Path(self.inputs.moments_dir) / f"{label}.npz")
        moments = stored.moments
        maps = read_maps(Path(self.inputs.moments_dir), self.inputs.number, stored)
        mapped = map_contrast(moments, height_rule(config.group), maps=maps)
        warnings = _contrast_warnings(contrast.name, mapped)
        for warning in warnings:
            LOGGER.warning("%s", warning)
        names = OutputNames.of(Path(config.output_dir), dict(self.inputs.entities))
        shared = {
            "Resolution": "as the preprocessed data",
            **describe_contrast(contrast, config.seeds),
            "NumberOfPeople": moments.n_people,
            "PeopleWithoutCoverage": stored.absent,
            **self.inputs.model,
            "DegreesOfFreedom": mapped.mask.df,
            "MinimumShareOfPeople": config.group.min_subjects,
            "VoxelsTested": mapped.mask.n_tested,
            "VoxelsClipped": seeds.grid.subscripts(moments.index[moments.clipped_in]),
            "Sources": [f"bids::{path}" for path in ("connectome",)]
            if config.connectome.connectome_dir is None
            else [],
        }
        images = []
        for stat in (*CONTRAST_STATS, *(("pfwe",) if mapped.mask.null else ())):
            path = names.contrast_map(label, stat)
            values = _stat_values(mapped, stat, config.group.tail)
            described = {"Description": _MAP_MEANING[stat], **shared}
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
                **_describe_threshold(mapped, config.group),
                "VoxelsSignificant": int(mapped.mask.significant.sum()),
                "Warnings": warnings,
            },
            index=moments.index,
        )
        images.append(path)
        mapped_file = folder / "mapped.npz"
        smoothness = mapped.mask.smoothness
        found: dict[str, Any] = {}
        if smoothness is not None:
            found = {
                "fwhm": smoothness.fwhm,
                "resels_per_voxel": smoothness.resels_per_voxel,
                "n_smooth": smoothness.n_voxels,
            }
        np.savez(
            mapped_file,
            **found,
            significant=mapped.mask.significant,
            counted=mapped.counted,
            effect=mapped.test.mean,
            index=moments.index,
        )
        self._results["mapped_file"] = str(mapped_file)
        self._results["promised"] = [str(path) for path in (*images, *sidecar_files(images))]


class MapEffectInputSpec(ConfiguredInputSpec):
    """Inputs of `MapEffect`."""

    effect = traits.Str(mandatory=True, desc="name of the effect")
    mapped_files = traits.List(File(exists=True), mandatory=True, desc="one file per contrast")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class MapEffectOutputSpec(TraitedSpec):
    """Outputs of `MapEffect`."""

    effect_file = File(desc="probability map, mean Fisher z and their voxel numbers")
    promised = traits.List(traits.Str(), desc="files that should now be there")


class MapEffect(ConfiguredInterface):
    """Combine the contrasts of one effect into its network."""

    input_spec = MapEffectInputSpec
    output_spec = MapEffectOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        effect = self.inputs.effect
        label = to_labels((c.effect for c in seeds.contrasts), "effect")[effect]
        members = [c.name for c in seeds.contrasts if c.effect == effect]
        masks, counted, means, index = _stack(self.inputs.mapped_files)
        own = [c for c in seeds.contrasts if c.effect == effect]
        weights = contrast_weights(config.group, own)
        probability, kept = effect_map(masks, counted, weights)
        if not kept.any():
            LOGGER.warning("%s: no contrast could be tested anywhere; its map is empty", effect)
        left_out = [name for name, keep in zip(members, kept, strict=True) if not keep]
        for name in left_out:
            LOGGER.warning("%s was tested at no voxel and leaves the count of %s", name, effect)
        network = network_mask(
            probability,
            threshold=config.group.network_threshold,
            min_cluster_volume=config.group.min_cluster_volume,
            grid=seeds.grid,
            index=index,
        )
        LOGGER.info(
            "%s: %d contrasts, network of %d voxels (%.1f cm3)",
            effect,
            int(kept.sum()),
            int(network.sum()),
            network.sum() * seeds.grid.voxel_volume / 1000,
        )
        mean = means[kept].mean(axis=0) if kept.any() else np.full(index.size, np.nan)
        effect_file = folder / "effect.npz"
        np.savez(effect_file, probability=probability, effect=mean, index=index)
        self._results["effect_file"] = str(effect_file)
        self._results["promised"] = _write_network(
            config,
            seeds,
            dict(self.inputs.entities),
            label,
            {
                "Effect": effect,
                "Contrasts": [n for n, keep in zip(members, kept, strict=True) if keep],
                "ContrastsLeftOut": left_out,
                "NumberOfContrasts": int(kept.sum()),
                "Weights": config.group.weights,
                "ContrastWeights": None if weights is None else weights[kept],
                "AnalysisMask": config.group.analysis_mask,
                "Preset": config.group.preset,
                "Resolution": "as the preprocessed data",
            },
            probability,
            network,
            mean,
            index,
        )


class _Progress:
    """Says now and then how many people are done, and how long the rest may take."""

    def __init__(self, n_people: int) -> None:
        self._n_people = n_people
        self._started = self._said = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if now - self._said < _PROGRESS_SECONDS and done < self._n_people:
            return
        self._said = now
        left = (now - self._started) / done * (self._n_people - done)
        LOGGER.info("summed over %d of %d people, about %.0f s left", done, self._n_people, left)


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
    described: dict[str, Any] = {
        "HeightControl": settings.height_control,
        "Alpha": settings.alpha,
        "Tail": settings.tail,
        "Threshold": mask.threshold,
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
            "this large says little about where (without the global signal removed nearly every "
            "voxel correlates with every seed)"
        )
    return warnings


def _write_network(
    config: Config,
    seeds: SeedMatrix,
    entities: Mapping[str, str],
    label: str,
    shared: Mapping[str, Any],
    probability: NDArray[np.float64],
    network: NDArray[np.bool_],
    mean: NDArray[np.float64],
    index: NDArray[np.intp],
) -> list[str]:
    grid: Grid = seeds.grid
    names = OutputNames.of(Path(config.output_dir), entities)
    probseg, mask = names.network(label, "probseg"), names.network(label, "mask")
    write_image(
        probseg,
        probability,
        grid,
        {"Description": "Share of the contrasts whose mask holds the voxel", **shared},
        index=index,
    )
    write_image(
        mask,
        network,
        grid,
        {
            "Description": "The network: voxels that enough contrasts share",
            **shared,
            "Threshold": config.group.network_threshold,
            "MinimumClusterVolume": config.group.min_cluster_volume,
            "MinimumClusterVolumeUnits": "mm3",
            "Voxels": int(network.sum()),
        },
        index=index,
    )
    mean_file = names.network_mean(label)
    write_image(
        mean_file,
        mean,
        grid,
        {"Description": "Mean over the contrasts of their mean Fisher z, unthresholded", **shared},
        index=index,
    )
    files = [probseg, mask, mean_file]
    return [str(path) for path in (*files, *sidecar_files(files))]


def _stack(
    paths: list[str],
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64], NDArray[np.intp]]:
    parts = [np.load(path, allow_pickle=False) for path in paths]
    masks = np.stack([part["significant"] for part in parts])
    counted = np.stack([part["counted"] for part in parts])
    means = np.stack([part["effect"] for part in parts])
    return masks, counted, means, parts[0]["index"]
