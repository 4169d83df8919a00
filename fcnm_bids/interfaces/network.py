"""From contrast masks to the network of one effect."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import TraitedSpec
from numpy.typing import NDArray

from fcnm_bids.bids import OutputNames, sidecar_files, sources, to_labels, write_image
from fcnm_bids.config import Config
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits
from fcnm_bids.interfaces.rule import contrast_weights, effect_map
from fcnm_bids.network import network_mask
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")


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
    labels = to_labels((c.name for c in seeds.contrasts), "contrast")
    members = [labels[name] for name in shared["Contrasts"]]
    write_image(
        probseg,
        probability,
        grid,
        {
            "Description": "Share of the contrasts whose mask holds the voxel",
            "Units": "share of contrasts",
            **shared,
            "Sources": sources(names.root, [names.contrast_mask(own) for own in members]),
        },
        index=index,
    )
    write_image(
        mask,
        network,
        grid,
        {
            "Description": "The network: voxels that enough contrasts share",
            **shared,
            "Sources": sources(names.root, [probseg]),
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
        {
            "Description": "Mean over the contrasts of their mean Fisher z, unthresholded",
            "Units": "Fisher z",
            **shared,
            "Sources": sources(names.root, [names.contrast_map(own, "effect") for own in members]),
        },
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
