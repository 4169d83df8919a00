"""The same seeds and rule on a second connectome."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from nipype.interfaces.base import TraitedSpec

from fcnm_bids.bids import OutputNames, sidecar_files, to_labels, write_image
from fcnm_bids.config import Config
from fcnm_bids.connectome import open_run
from fcnm_bids.interfaces.analysis_mask import read_analysis_mask
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits
from fcnm_bids.interfaces.rule import contrast_weights, height_rule
from fcnm_bids.mapping import MappingRule, analysis_voxels, map_network, stored_person
from fcnm_bids.seeds import read_seed_matrix


class MapValidationInputSpec(ConfiguredInputSpec):
    """Inputs of `MapValidation`."""

    people = traits.List(mandatory=True, desc="participant labels with their projected runs")
    mask_files = traits.List(traits.Str(), desc="images that the analysis mask is made from")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class MapValidationOutputSpec(TraitedSpec):
    """Outputs of `MapValidation`."""

    validation_file = File(desc="probability map of every effect, by its label")
    promised = traits.List(traits.Str(), desc="files that should now be there")


class MapValidation(ConfiguredInterface):
    """Map all effects on the people of a second connectome, without covariates."""

    input_spec = MapValidationInputSpec
    output_spec = MapValidationOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        people = [
            stored_person(name, [open_run(Path(path)) for path in runs])
            for name, runs in self.inputs.people
        ]
        files = [Path(path) for path in self.inputs.mask_files]
        index = analysis_voxels(
            people,
            seeds.grid,
            min_subjects=config.group.min_subjects,
            within=read_analysis_mask(config.group.analysis_mask, files, seeds.grid),
        )
        found = map_network(
            seeds,
            people,
            MappingRule(height_rule(config.group), config.seeds.min_coverage),
            index,
            weights=contrast_weights(config.group, seeds.contrasts),
            spill=folder / "maps.npy",
        )
        labels = to_labels((c.effect for c in seeds.contrasts), "effect")
        names = OutputNames.of(Path(config.output_dir), dict(self.inputs.entities))
        images = []
        for effect, probability in found.probability.items():
            path = names.network_part(labels[effect], "validation", "probseg")
            described: dict[str, Any] = {
                "Description": "Share of the contrasts whose mask holds the voxel, on a second "
                "connectome",
                "Effect": effect,
                "Resolution": "as the preprocessed data",
                "Connectome": config.group.validation_dir,
                "NumberOfPeople": len(people),
                "HeightControl": config.group.height_control,
                "Alpha": config.group.alpha,
                "Tail": config.group.tail,
                "Weights": config.group.weights,
                "AnalysisMask": config.group.analysis_mask,
                "Covariates": [],
            }
            write_image(path, probability, seeds.grid, described, index=index)
            images.append(path)
        validation_file = folder / "validation.npz"
        maps = {f"of_{labels[effect]}": p for effect, p in found.probability.items()}
        np.savez(validation_file, allow_pickle=False, index=index, **maps)
        self._results["validation_file"] = str(validation_file)
        self._results["promised"] = [str(path) for path in (*images, *sidecar_files(images))]
