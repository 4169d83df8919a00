"""From contrast masks to the network of one effect."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids import OutputNames, sources, write_image
from fcnm_bids.config import Config, GroupSettings
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.base import (
    AS_PREPROCESSED,
    ConfiguredInterface,
    File,
    PromisingOutputSpec,
    SeededInputSpec,
    traits,
)
from fcnm_bids.interfaces.mapped_file import EffectMaps, read_mapped, read_mean, write_effect
from fcnm_bids.interfaces.rule import (
    contrast_weights,
    describe_network_rule,
    network_rule,
)
from fcnm_bids.interfaces.seeds import contrast_labels, effect_labels, members
from fcnm_bids.mapping import probability_map
from fcnm_bids.seeds import read_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")


class MapEffectInputSpec(SeededInputSpec):
    """Inputs of `MapEffect`."""

    effect = traits.Str(mandatory=True, desc="name of the effect")
    mapped_files = traits.List(File(exists=True), mandatory=True, desc="one file per contrast")


class MapEffectOutputSpec(PromisingOutputSpec):
    """Outputs of `MapEffect`."""

    effect_file = File(desc="probability map, mean Fisher z and their voxel numbers")


@dataclass(frozen=True, eq=False)
class _Network:
    """What is written of an effect: maps, network, labels of the contrasts, what sidecars share.

    The weights of the contrasts belong to the probability and the network; the mean has none.
    """

    maps: EffectMaps
    network: NDArray[np.bool_]
    contrasts: Sequence[str]
    said: Mapping[str, Any]
    weighted: Mapping[str, Any]


class MapEffect(ConfiguredInterface):
    """Combine the contrasts of one effect into its network."""

    input_spec = MapEffectInputSpec
    output_spec = MapEffectOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        effect, group = self.inputs.effect, config.group
        contrasts = members(seeds.contrasts, effect)
        mapped = read_mapped(self.inputs.mapped_files)
        weights = contrast_weights(group, contrasts)
        probability, kept = probability_map(mapped.masks, mapped.counted, weights)
        counted = [c.name for c, keep in zip(contrasts, kept, strict=True) if keep]
        left_out = [c.name for c, keep in zip(contrasts, kept, strict=True) if not keep]
        if not counted:
            LOGGER.warning("%s: no contrast could be tested anywhere; its map is empty", effect)
        for name in left_out:
            LOGGER.warning("%s was tested at no voxel and leaves the count of %s", name, effect)
        network = network_rule(group, seeds.grid, mapped.index)(probability)
        LOGGER.info(
            "%s: %d contrasts, network of %d voxels (%.1f cm3)",
            effect,
            len(counted),
            int(network.sum()),
            network.sum() * seeds.grid.voxel_volume / 1000,
        )
        mean = np.full(mapped.index.size, np.nan)
        if counted:
            means = np.stack([read_mean(path) for path in self.inputs.mapped_files])
            mean = means[kept].mean(axis=0)
        maps = EffectMaps(probability, mean, mapped.index)
        effect_file = folder / "effect.npz"
        write_effect(effect_file, maps)
        self._results["effect_file"] = str(effect_file)
        said = {
            "Effect": effect,
            "Contrasts": counted,
            "ContrastsLeftOut": left_out,
            "NumberOfContrasts": len(counted),
            "AnalysisMask": group.analysis_mask,
            "Preset": group.preset,
            **AS_PREPROCESSED,
        }
        labels = contrast_labels(seeds.contrasts)
        weighted = {
            "Weights": group.weights,
            "ContrastWeights": None if weights is None else weights[kept],
        }
        found = _Network(maps, network, [labels[name] for name in counted], said, weighted)
        label = effect_labels(seeds.contrasts)[effect]
        self._promise(_write_network(found, label, self._names(config), seeds.grid, group))


def _write_network(
    found: _Network, label: str, names: OutputNames, grid: Grid, settings: GroupSettings
) -> list[Path]:
    """Write the images of a network; returns their paths."""
    probseg, mask = names.network(label, "probseg"), names.network(label, "mask")
    mean = names.network_mean(label)
    index = found.maps.index
    contrast_masks = [names.contrast_mask(own) for own in found.contrasts]
    contrast_means = [names.contrast_map(own, "effect") for own in found.contrasts]
    write_image(
        probseg,
        found.maps.probability,
        grid,
        {
            "Description": "Share of the contrasts whose mask holds the voxel",
            "Units": "share of contrasts",
            **found.said,
            **found.weighted,
            "Sources": sources(names.root, contrast_masks),
        },
        index=index,
    )
    write_image(
        mask,
        found.network,
        grid,
        {
            "Description": "The network: voxels that enough contrasts share",
            **found.said,
            **found.weighted,
            "Sources": sources(names.root, [probseg]),
            **describe_network_rule(settings),
            "Voxels": int(found.network.sum()),
        },
        index=index,
    )
    write_image(
        mean,
        found.maps.mean,
        grid,
        {
            "Description": "Unweighted mean over the contrasts of their mean Fisher z, "
            "unthresholded",
            "Units": "Fisher z",
            **found.said,
            "Sources": sources(names.root, contrast_means),
        },
        index=index,
    )
    return [probseg, mask, mean]
