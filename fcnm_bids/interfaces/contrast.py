"""From the sums over people to one contrast's maps and mask."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import TraitedSpec
from numpy.typing import NDArray

from fcnm_bids.bids import OutputNames, replaced, sidecar_files, sources, to_labels, write_image
from fcnm_bids.config import Config, GroupSettings
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits
from fcnm_bids.interfaces.kept import keep_mapped, mapped_file
from fcnm_bids.interfaces.moments_file import read_maps, read_moments
from fcnm_bids.interfaces.rule import height_rule
from fcnm_bids.interfaces.seeds import describe_contrast, seed_image
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
_MAP_UNITS = {
    "t": "t",
    "z": "z",
    "effect": "Fisher z",
    "variance": "squared Fisher z",
    "n": "people",
    "pfwe": "probability",
}


class MapContrastInputSpec(ConfiguredInputSpec):
    """Inputs of `MapContrast`."""

    moments_dir = traits.Directory(exists=True, mandatory=True, desc="sums per contrast")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    number = traits.Int(mandatory=True, desc="row of the seed matrix")
    model = traits.Dict(mandatory=True, desc="what the sidecars say about people and design")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")
    kept_dir = traits.Str(mandatory=True, desc="folder in which the result is kept for later runs")


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
        maps = read_maps(Path(self.inputs.moments_dir), stored)
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
            described = {
                "Description": _MAP_MEANING[stat],
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
        smoothness = mapped.mask.smoothness
        found: dict[str, Any] = {}
        if smoothness is not None:
            found = {
                "fwhm": smoothness.fwhm,
                "resels_per_voxel": smoothness.resels_per_voxel,
                "n_smooth": smoothness.n_voxels,
            }
        kept = Path(self.inputs.kept_dir)
        with replaced(mapped_file(kept)) as temporary:
            np.savez(
                temporary,
                **found,
                significant=mapped.mask.significant,
                counted=mapped.counted,
                effect=mapped.test.mean,
                index=moments.index,
            )
        promised = [*images, *sidecar_files(images)]
        keep_mapped(kept, promised)
        self._results["mapped_file"] = str(mapped_file(kept))
        self._results["promised"] = [str(path) for path in promised]


def _store_source(config: Config) -> str:
    """BIDS URI of the store of projected runs."""
    root, store = Path(config.output_dir).resolve(), config.connectome_path.resolve()
    return sources(root, [store])[0] if store.is_relative_to(root) else "bids:connectome:"


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
