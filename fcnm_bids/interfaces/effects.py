"""The networks of two effects compared."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from nipype.interfaces.base import TraitedSpec

from fcnm_bids.bids import (
    OutputNames,
    sidecar_files,
    sources,
    to_labels,
    write_image,
    write_table,
)
from fcnm_bids.config import Config
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits
from fcnm_bids.robustness import Reference, effects_compared
from fcnm_bids.seeds import read_seed_matrix

EFFECTS_COLUMNS = {
    "effect_a": "First effect",
    "effect_b": "Second effect",
    "n_voxels_a": "Voxels of the first network",
    "n_voxels_b": "Voxels of the second network",
    "n_voxels_both": "Voxels in both networks",
    "n_voxels_a_only": "Voxels in the first network alone",
    "n_voxels_b_only": "Voxels in the second network alone",
    "dice": "Dice overlap of the two networks",
    "correlation_probability": "Pearson correlation over voxels of the two probability maps",
    "correlation_effect": "Pearson correlation over voxels of the two means of Fisher z",
}


class CompareEffectsInputSpec(ConfiguredInputSpec):
    """Inputs of `CompareEffects`."""

    effects = traits.List(traits.Str(), mandatory=True, desc="names of the effects")
    effect_files = traits.List(File(exists=True), mandatory=True, desc="one file per effect")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class CompareEffectsOutputSpec(TraitedSpec):
    """Outputs of `CompareEffects`."""

    promised = traits.List(traits.Str(), desc="files that should now be there")


class CompareEffects(ConfiguredInterface):
    """Compare the networks of every two effects."""

    input_spec = CompareEffectsInputSpec
    output_spec = CompareEffectsOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        labels = to_labels((c.effect for c in seeds.contrasts), "effect")
        names = OutputNames.of(Path(config.output_dir), dict(self.inputs.entities))
        found = {}
        for effect, path in zip(self.inputs.effects, self.inputs.effect_files, strict=True):
            with np.load(path, allow_pickle=False) as stored:
                reference = Reference(
                    stored["probability"],
                    config.group.network_threshold,
                    config.group.min_cluster_volume,
                    seeds.grid,
                    stored["index"],
                )
                found[effect] = reference, stored["effect"]
        rows, files = [], []
        for (a, (first, first_mean)), (b, (second, second_mean)) in combinations(found.items(), 2):
            measures = effects_compared(first, second, first_mean, second_mean)
            rows.append({"effect_a": a, "effect_b": b, **measures})
            shared = {
                "Effects": [a, b],
                "Resolution": "as the preprocessed data",
                "Threshold": config.group.network_threshold,
                "MinimumClusterVolume": config.group.min_cluster_volume,
                "MinimumClusterVolumeUnits": "mm3",
                "Sources": sources(
                    names.root, [names.network(labels[own], "probseg") for own in (a, b)]
                ),
            }
            share = {"Units": "share of contrasts", **shared}
            versus = f"versus{labels[b]}"
            difference = names.network_part(labels[a], versus, "statmap", stat="difference")
            conjunction = names.network_part(labels[a], versus, "statmap", stat="conjunction")
            overlap = names.network_part(labels[a], versus, "dseg")
            write_image(
                difference,
                first.probability - second.probability,
                seeds.grid,
                {"Description": f"Probability map of {a} minus that of {b}", **share},
                index=first.index,
            )
            write_image(
                conjunction,
                np.minimum(first.probability, second.probability),
                seeds.grid,
                {"Description": "The smaller of the two probabilities", **share},
                index=first.index,
            )
            regions = first.network + 2 * second.network.astype(np.uint8)
            write_image(
                overlap,
                regions.astype(np.uint8),
                seeds.grid,
                {
                    "Description": "Where the two networks lie",
                    **shared,
                    "LabelMap": {"1": f"{a} alone", "2": f"{b} alone", "3": "both"},
                },
                index=first.index,
            )
            files += [difference, conjunction, overlap]
        table = names.effects_table()
        write_table(
            table,
            pd.DataFrame(rows, columns=list(EFFECTS_COLUMNS)),
            EFFECTS_COLUMNS,
            {"Threshold": config.group.network_threshold},
        )
        files.append(table)
        self._results["promised"] = [str(path) for path in (*files, *sidecar_files(files))]
