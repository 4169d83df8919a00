"""The same seeds and rule on a second connectome."""

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
from fcnm_bids.connectome import open_run
from fcnm_bids.errors import RequestError
from fcnm_bids.interfaces.analysis_mask import read_analysis_mask
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits
from fcnm_bids.interfaces.rule import contrast_weights, height_rule
from fcnm_bids.interfaces.seeds import seed_image
from fcnm_bids.mapping import MappingRule, analysis_voxels, map_network, stored_person
from fcnm_bids.network import network_mask
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")


class MapValidationInputSpec(ConfiguredInputSpec):
    """Inputs of `MapValidation`."""

    people = traits.List(mandatory=True, desc="participant labels with their projected runs")
    covariates = traits.List(mandatory=True, desc="row of the design of each person")
    coding = traits.List(traits.Str(), mandatory=True, desc="how each covariate was taken")
    mask_files = traits.List(traits.Str(), desc="images that the analysis mask is made from")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class MapValidationOutputSpec(TraitedSpec):
    """Outputs of `MapValidation`."""

    validation_file = File(desc="probability map of every effect, by its label")
    promised = traits.List(traits.Str(), desc="files that should now be there")


class MapValidation(ConfiguredInterface):
    """Map all effects on the people of a second connectome."""

    input_spec = MapValidationInputSpec
    output_spec = MapValidationOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        people = [
            stored_person(name, [open_run(Path(path)) for path in runs])
            for name, runs in self.inputs.people
        ]
        covariates = np.array(self.inputs.covariates, dtype=np.float64).reshape(len(people), -1)
        files = [Path(path) for path in self.inputs.mask_files]
        index = analysis_voxels(
            people,
            seeds.grid,
            min_subjects=config.group.min_subjects,
            within=read_analysis_mask(config.group.analysis_mask, files, seeds.grid),
        )
        effects = dict.fromkeys(contrast.effect for contrast in seeds.contrasts)
        try:
            probabilities = map_network(
                seeds,
                people,
                MappingRule(height_rule(config.group), config.seeds.min_coverage),
                index,
                covariates=covariates,
                weights=contrast_weights(config.group, seeds.contrasts),
                spill=folder / "maps.npy",
            ).probability
        except RequestError as error:
            LOGGER.warning("second connectome: %s", error)
            probabilities = {effect: np.full(index.size, np.nan) for effect in effects}
        labels = to_labels(effects, "effect")
        names = OutputNames.of(Path(config.output_dir), dict(self.inputs.entities))
        images = []
        for effect, probability in probabilities.items():
            shared = {
                "Effect": effect,
                "Resolution": "as the preprocessed data",
                "Connectome": config.group.validation_dir,
                "NumberOfPeople": len(people),
                "HeightControl": config.group.height_control,
                "Alpha": config.group.alpha,
                "Tail": config.group.tail,
                "Weights": config.group.weights,
                "AnalysisMask": config.group.analysis_mask,
                "CovariateCoding": list(self.inputs.coding),
            }
            images += _write_network(
                config, seeds, names, labels[effect], shared, probability, index
            )
        validation_file = folder / "validation.npz"
        maps = {f"of_{labels[effect]}": p for effect, p in probabilities.items()}
        np.savez(validation_file, allow_pickle=False, index=index, **maps)
        self._results["validation_file"] = str(validation_file)
        self._results["promised"] = [str(path) for path in (*images, *sidecar_files(images))]


def _write_network(
    config: Config,
    seeds: SeedMatrix,
    names: OutputNames,
    label: str,
    shared: Mapping[str, Any],
    probability: NDArray[np.float64],
    index: NDArray[np.intp],
) -> list[Path]:
    """Write the probability map of an effect, and the network in it."""
    network = network_mask(
        probability,
        threshold=config.group.network_threshold,
        min_cluster_volume=config.group.min_cluster_volume,
        grid=seeds.grid,
        index=index,
    )
    contrasts = to_labels((c.name for c in seeds.contrasts), "contrast")
    seed_images = [
        seed_image(names, contrasts[contrast.name], seeds, number)
        for number, contrast in enumerate(seeds.contrasts)
        if contrast.effect == shared["Effect"]
    ]
    probseg = names.network_part(label, "validation", "probseg")
    write_image(
        probseg,
        probability,
        seeds.grid,
        {
            "Description": "Share of the contrasts whose mask holds the voxel, on a second "
            "connectome",
            "Units": "share of contrasts",
            **shared,
            "Sources": sources(names.root, seed_images),
        },
        index=index,
    )
    mask = names.network_part(label, "validation", "mask")
    write_image(
        mask,
        network,
        seeds.grid,
        {
            "Description": "The network on a second connectome",
            **shared,
            "Threshold": config.group.network_threshold,
            "MinimumClusterVolume": config.group.min_cluster_volume,
            "MinimumClusterVolumeUnits": "mm3",
            "Voxels": int(network.sum()),
            "Sources": sources(names.root, [probseg]),
        },
        index=index,
    )
    return [probseg, mask]
