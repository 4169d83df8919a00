"""The networks of two effects compared."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from fcnm_bids.bids import sources, write_image, write_table
from fcnm_bids.config import Config
from fcnm_bids.interfaces.base import (
    AS_PREPROCESSED,
    ConfiguredInterface,
    File,
    PromisingOutputSpec,
    SeededInputSpec,
    traits,
)
from fcnm_bids.interfaces.mapped_file import read_effect
from fcnm_bids.interfaces.rule import describe_network_rule
from fcnm_bids.interfaces.seeds import effect_labels
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


class CompareEffectsInputSpec(SeededInputSpec):
    """Inputs of `CompareEffects`."""

    effects = traits.List(traits.Str(), mandatory=True, desc="names of the effects")
    effect_files = traits.List(File(exists=True), mandatory=True, desc="one file per effect")


class CompareEffects(ConfiguredInterface):
    """Compare the networks of every two effects."""

    input_spec = CompareEffectsInputSpec
    output_spec = PromisingOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        labels, names = effect_labels(seeds.contrasts), self._names(config)
        found = {}
        for effect, path in zip(self.inputs.effects, self.inputs.effect_files, strict=True):
            maps = read_effect(path)
            reference = Reference(
                maps.probability,
                config.group.network_threshold,
                config.group.min_cluster_volume,
                seeds.grid,
                maps.index,
            )
            found[effect] = reference, maps.mean
        rows, files = [], []
        for (a, (first, first_mean)), (b, (second, second_mean)) in combinations(found.items(), 2):
            measures = effects_compared(first, second, first_mean, second_mean)
            rows.append({"effect_a": a, "effect_b": b, **measures})
            shared = {
                "Effects": [a, b],
                **AS_PREPROCESSED,
                **describe_network_rule(config.group),
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
        self._promise(files)
