"""Map, locate and compare networks."""

from __future__ import annotations

import logging
from functools import partial
from itertools import combinations
from pathlib import Path

import numpy as np

from fcnm_bids.bids.outputs import AS_STORED, bids_uris
from fcnm_bids.bids.write import OutputFiles, write_table
from fcnm_bids.config import Config
from fcnm_bids.connectome import read_volume
from fcnm_bids.derivatives.network import (
    EFFECTS_COLUMNS,
    PEAK_DISTANCE,
    Network,
    locate_network,
    write_network,
)
from fcnm_bids.derivatives.seeds import SEED_TABLE_COLUMNS, seed_table
from fcnm_bids.inputs.atlas import network_atlas
from fcnm_bids.inputs.contrasts import contrast_labels, network_labels, network_parts
from fcnm_bids.inputs.rules import (
    contrast_weights,
    describe_network_rule,
    network_rule,
    reference_network,
)
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.intermediates.maps import (
    EffectMaps,
    read_effect,
    read_mapped,
    read_mean,
    write_effect,
)
from fcnm_bids.mapping import assemble_network, near_own_seed
from fcnm_bids.network import (
    CANONICAL_COLUMNS,
    CLUSTER_COLUMNS,
    DESCRIBED_COLUMNS,
    PEAK_COLUMNS,
    canonical_overlap,
)
from fcnm_bids.robustness import effects_compared
from fcnm_bids.seeds import read_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")


class MapNetwork(ConfiguredInterface):
    """Combine the contrasts of one effect into its network."""

    takes = ("seeds_file", "entities", "effect", "mapped_files")
    gives = ("out_files", "effect_file")

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        effect, group = self.inputs.effect, config.group
        own = network_parts(config, seeds.contrasts, effect)
        mapped = read_mapped(self.inputs.mapped_files)
        means = np.stack([read_mean(path) for path in self.inputs.mapped_files])
        weights, rows = contrast_weights(group, own.contrasts), list(own.rows)
        assembled = assemble_network(
            mapped.masks,
            mapped.counted,
            means,
            near_own_seed(seeds, mapped.index)[rows],
            sign=own.sign,
            weights=weights,
        )
        probability, kept = assembled.probability, assembled.kept
        counted = [c.name for c, keep in zip(own.contrasts, kept, strict=True) if keep]
        left_out = [c.name for c, keep in zip(own.contrasts, kept, strict=True) if not keep]
        if not counted:
            LOGGER.warning("%s: no contrast could be tested anywhere; its map is empty", effect)
        for name in left_out:
            LOGGER.warning("%s was tested at no voxel and leaves the count of %s", name, effect)
        network = network_rule(group, seeds.grid, mapped.index)(probability)
        size = int(network.sum())
        volume = size * seeds.grid.voxel_volume / 1000
        if size:
            LOGGER.info(
                "%s: %d contrasts, network of %d voxels (%.1f cm3)",
                *(effect, len(counted), size, volume),
            )
        elif counted:
            highest = np.nanmax(probability, initial=0.0)
            LOGGER.info(
                "%s: %d contrasts, no network: the highest share is %.3g, the threshold %g",
                *(effect, len(counted), highest, group.network_threshold),
            )
        mean = np.full(mapped.index.size, np.nan)
        if counted:
            mean = means[kept].mean(axis=0)
        maps = EffectMaps(probability, mean, assembled.convergence, mapped.index)
        effect_file = folder / "effect.npz"
        write_effect(effect_file, maps)
        self._results["effect_file"] = str(effect_file)
        said = {
            "Effect": effect,
            "ConnectivitySign": "positive" if own.sign > 0 else "negative",
            "Contrasts": counted,
            "ContrastsLeftOut": left_out,
            "NumberOfContrasts": len(counted),
            "AnalysisMask": group.analysis_mask,
            "Preset": group.preset,
            **AS_STORED,
        }
        labels = contrast_labels(seeds.contrasts)
        weighted = {
            "Weights": group.weights,
            "ContrastWeights": None if weights is None else weights[kept],
        }
        found = Network(maps, network, [labels[name] for name in counted], said, weighted)
        names = self._names(config)
        table = names.network_table(own.label, "seeds", "metrics")
        named = [contrast.name for contrast in own.contrasts]
        described = seed_table(named, seeds.weights[rows], seeds.grid, mapped.index)
        write_table(table, described, SEED_TABLE_COLUMNS)
        self._expect([*write_network(found, own.label, names, seeds.grid, group), table])


class LocateNetwork(ConfiguredInterface):
    """Say where a network lies."""

    takes = ("label", "sign", "contrasts", "network", "shape", "affine", "entities")

    def _make(self, config: Config, folder: Path) -> None:
        grid = self.grid
        names = self._names(config)
        label = self.inputs.label
        # shares of contrasts, which float32 has blurred
        probability = np.round(read_volume(names.network(label, "probseg"), grid), 6)
        network = read_volume(names.network(label, "mask"), grid) > 0.5
        files, atlas, missing = network_atlas(config.group.network_atlas, grid)
        t_maps = (read_volume(names.contrast_map(own, "t"), grid) for own in self.inputs.contrasts)
        clusters, peaks = locate_network(
            network, probability, t_maps, grid, sign=self.inputs.sign, atlas=atlas
        )
        about = {
            "Atlas": atlas.name if atlas else None,
            "AtlasSpace": grid.space,
            "AtlasFiles": [path.name for path in files.paths],
            "Missing": list(missing),
        }
        out, labels = OutputFiles(grid), atlas.columns() if atlas else {}
        described = {**CLUSTER_COLUMNS, **DESCRIBED_COLUMNS, **labels}
        out.table(names.network_table(label, "clusters", "clusters"), clusters, described, about)
        path = names.network_table(label, "peaks", "clusters")
        about_peaks = {**about, "SmallestDistance": PEAK_DISTANCE}
        out.table(path, peaks, {**PEAK_COLUMNS, **labels}, about_peaks)
        if atlas is not None:
            table = canonical_overlap(network, atlas, np.isfinite(probability))
            path = names.network_table(label, "canonical", "metrics")
            out.table(path, table, CANONICAL_COLUMNS, about)
        self._expect(out.paths)


class CompareNetworks(ConfiguredInterface):
    """Compare the networks of every two effects."""

    takes = ("seeds_file", "entities", "effects", "effect_files")

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        labels, names = network_labels(config, seeds.contrasts), self._names(config)
        found = {}
        for effect, path in zip(self.inputs.effects, self.inputs.effect_files, strict=True):
            maps = read_effect(path)
            reference = reference_network(config.group, maps.probability, seeds.grid, maps.index)
            found[effect] = reference, maps.mean
        rows, files = [], []
        for (a, (first, first_mean)), (b, (second, second_mean)) in combinations(found.items(), 2):
            measures = effects_compared(first, second, first_mean, second_mean)
            rows.append({"effect_a": a, "effect_b": b, **measures})
            probabilities = [names.network(labels[own], "probseg") for own in (a, b)]
            shared = {
                "Effects": [a, b],
                **AS_STORED,
                **describe_network_rule(config.group),
                "Sources": bids_uris(names.root, probabilities),
            }
            out = OutputFiles(seeds.grid, first.index, shared)
            path = partial(names.network_part, labels[a], f"versus{labels[b]}")
            out.image(
                path("statmap", stat="difference"),
                first.probability - second.probability,
                f"Probability map of {a} minus that of {b}",
                "share of contrasts",
            )
            out.image(
                path("statmap", stat="conjunction"),
                np.minimum(first.probability, second.probability),
                "The smaller of the two probabilities",
                "share of contrasts",
            )
            regions = first.network + 2 * second.network.astype(np.uint8)
            meaning = "Where the two networks lie"
            names_of = {"1": f"{a} alone", "2": f"{b} alone", "3": "both"}
            out.image(path("dseg"), regions.astype(np.uint8), meaning, LabelMap=names_of)
            files += out.paths
        table, threshold = names.effects_table(), {"Threshold": config.group.network_threshold}
        write_table(table, rows, EFFECTS_COLUMNS, threshold)
        self._expect([*files, table])
