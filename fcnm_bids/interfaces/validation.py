"""The same seeds and rule on a second connectome."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids import OutputNames, sources, write_image
from fcnm_bids.config import Config
from fcnm_bids.interfaces.analysis_mask import group_voxels
from fcnm_bids.interfaces.base import (
    AS_PREPROCESSED,
    ConfiguredInterface,
    File,
    PromisingOutputSpec,
    SeededInputSpec,
    traits,
)
from fcnm_bids.interfaces.rule import (
    contrast_weights,
    describe_network_rule,
    mapping_rule,
    network_rule,
)
from fcnm_bids.interfaces.seeds import contrast_labels, effect_labels, seed_image
from fcnm_bids.interfaces.stored_people import (
    DesignedPeopleInputSpec,
    design_columns,
    open_people,
)
from fcnm_bids.mapping import map_network
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")


class MapValidationInputSpec(SeededInputSpec, DesignedPeopleInputSpec):
    """Inputs of `MapValidation`."""

    coding = traits.List(traits.Str(), mandatory=True, desc="how each covariate was taken")
    mask_files = traits.List(traits.Str(), desc="images that the analysis mask is made from")


class MapValidationOutputSpec(PromisingOutputSpec):
    """Outputs of `MapValidation`."""

    validation_file = File(desc="probability map of every effect, by its label")


class MapValidation(ConfiguredInterface):
    """Map all effects on the people of a second connectome."""

    input_spec = MapValidationInputSpec
    output_spec = MapValidationOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        people = open_people(self.inputs.people)
        index = group_voxels(people, seeds.grid, config.group, self.inputs.mask_files)
        labels = effect_labels(seeds.contrasts)
        probabilities = map_network(
            seeds,
            people,
            mapping_rule(config),
            index,
            covariates=design_columns(self.inputs.covariates),
            weights=contrast_weights(config.group, seeds.contrasts),
            spill=folder / "maps.npy",
        ).probability
        for effect, probability in probabilities.items():
            if np.isnan(probability).all():
                LOGGER.warning("second connectome: no contrast of %s could be tested there", effect)
        images = [
            path
            for effect, probability in probabilities.items()
            for path in self._write_network(config, seeds, effect, probability, index)
        ]
        validation_file = folder / "validation.npz"
        maps = {f"of_{labels[effect]}": p for effect, p in probabilities.items()}
        np.savez(validation_file, allow_pickle=False, index=index, **maps)
        self._results["validation_file"] = str(validation_file)
        self._promise(images)

    def _write_network(
        self,
        config: Config,
        seeds: SeedMatrix,
        effect: str,
        probability: NDArray[np.float64],
        index: NDArray[np.intp],
    ) -> tuple[Path, Path]:
        """Write the probability map of an effect, and the network in it; returns both paths."""
        names, label = self._names(config), effect_labels(seeds.contrasts)[effect]
        probseg = names.network_part(label, "validation", "probseg")
        mask = names.network_part(label, "validation", "mask")
        group = config.group
        said = {
            "Effect": effect,
            **AS_PREPROCESSED,
            "Connectome": group.validation_dir,
            "NumberOfPeople": len(self.inputs.people),
            "HeightControl": group.height_control,
            "Alpha": group.alpha,
            "Tail": group.tail,
            "Weights": group.weights,
            "AnalysisMask": group.analysis_mask,
            "CovariateCoding": list(self.inputs.coding),
        }
        write_image(
            probseg,
            probability,
            seeds.grid,
            {
                "Description": "Share of the contrasts whose mask holds the voxel, on a second "
                "connectome",
                "Units": "share of contrasts",
                **said,
                "Sources": sources(names.root, _seed_images(seeds, effect, names)),
            },
            index=index,
        )
        network = network_rule(group, seeds.grid, index)(probability)
        write_image(
            mask,
            network,
            seeds.grid,
            {
                "Description": "The network on a second connectome",
                **said,
                **describe_network_rule(group),
                "Voxels": int(network.sum()),
                "Sources": sources(names.root, [probseg]),
            },
            index=index,
        )
        return probseg, mask


def _seed_images(seeds: SeedMatrix, effect: str, names: OutputNames) -> list[Path]:
    """The images of the seeds of an effect."""
    labels = contrast_labels(seeds.contrasts)
    return [
        seed_image(names, labels[contrast.name], seeds, number)
        for number, contrast in enumerate(seeds.contrasts)
        if contrast.effect == effect
    ]
