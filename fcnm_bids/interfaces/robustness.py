"""Map variants of a network, check its robustness, map a second connectome."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.outputs import AS_STORED, OutputNames, bids_uris
from fcnm_bids.bids.write import OutputFiles
from fcnm_bids.config import ROBUSTNESS, Config
from fcnm_bids.derivatives.robustness import (
    describe_checks,
    draws_of,
    near_shares,
    participants_rows,
    radius_rows,
    several_contrasts,
    validation_row,
)
from fcnm_bids.derivatives.seeds import seed_image
from fcnm_bids.inputs.analysis_mask import group_voxels
from fcnm_bids.inputs.contrasts import (
    contrast_labels,
    network_labels,
    network_parts,
    other_radii,
)
from fcnm_bids.inputs.rules import (
    contrast_weights,
    describe_network_rule,
    height_rule,
    mapping_rule,
    network_rule,
    reference_network,
)
from fcnm_bids.inputs.store import design_columns, open_participants
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.intermediates.arrays import write_arrays
from fcnm_bids.intermediates.maps import read_mapped, read_smoothness
from fcnm_bids.intermediates.moments import (
    block_file,
    contrast_file,
    radius_file,
    read_maps,
    read_moments,
)
from fcnm_bids.intermediates.variants import Varied, pack_masks, variant_key
from fcnm_bids.mapping import (
    OWN_SEED_MM,
    map_contrast,
    map_network,
    near_own_seed,
    probability_map,
    signs,
)
from fcnm_bids.reruns.result_cache import VARIANTS, cache_result, cached_file
from fcnm_bids.robustness import (
    ROBUSTNESS_COLUMNS,
    Bootstrap,
    away_from_seeds,
    block_of_participant,
    bootstrap,
    leave_one_study_out,
    studies_alike,
    threshold_sweep,
)
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix, study_units
from fcnm_bids.stats import GroupMaps, summed_moments

LOGGER = logging.getLogger("fcnm_bids")


class MapContrastVariants(ConfiguredInterface):
    """Map one contrast with other radii, and over parts of the participants."""

    takes = ("moments_dirs", "mapped_file", "seeds_file", "number", "cache_dir")
    gives = ("variants_file",)

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        folders = [Path(folder) for folder in self.inputs.moments_dirs]
        contrast = seeds.contrasts[self.inputs.number]
        label = contrast_labels(seeds.contrasts)[contrast.name]
        rule = height_rule(config.group)
        variants: dict[str, NDArray[np.uint8]] = {}
        for position, radius in enumerate(other_radii(config)):
            stored = read_moments([radius_file(own, label, position) for own in folders])
            mapped = map_contrast(stored.moments, rule, maps=read_maps(folders, stored))
            variants[f"radius {radius:g}"] = pack_masks(mapped, rule.tail)
        # one smoothness for all parts of the participants: it does not depend on their number, and
        # is best known from all of them
        smoothness = read_smoothness(Path(self.inputs.mapped_file))
        whole = read_moments([contrast_file(own, label) for own in folders])
        maps = read_maps(folders, whole)
        blocks = block_of_participant(
            len(whole.covariates), ROBUSTNESS.participants_blocks, config.group.random_seed
        )
        parts = {
            block: read_moments([block_file(own, label, block) for own in folders]).moments
            for block in range(ROBUSTNESS.participants_blocks)
            if block_file(folders[0], label, block).is_file()
        }
        for draw in draws_of(config) if parts else ():
            moments = summed_moments([parts[block] for block in draw.blocks])
            own = None
            if maps is not None:
                chosen = np.isin(blocks[whole.present], draw.blocks)
                own = GroupMaps(maps.values[chosen], maps.covariates[chosen])
            mapped = map_contrast(moments, rule, maps=own, smoothness=smoothness)
            variants[variant_key(draw)] = pack_masks(mapped, rule.tail)
        kept = Path(self.inputs.cache_dir)
        variants_file = cached_file(kept, VARIANTS)
        write_arrays(variants_file, **variants)
        cache_result(kept, VARIANTS)
        self._results["variants_file"] = str(variants_file)


class CheckRobustness(ConfiguredInterface):
    """Compare one effect's network with its variants."""

    takes = ("seeds_file", "entities", "effect", "mapped_files", "variants_files")
    may_take = ("validation_file",)
    gives = ("out_files", "halves")

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        effect = self.inputs.effect
        parts = network_parts(config, seeds.contrasts, effect)
        label, contrasts = parts.label, parts.contrasts
        weights = contrast_weights(config.group, contrasts)
        mapped = read_mapped(self.inputs.mapped_files, parts.sign)
        probability, kept = probability_map(mapped.masks, mapped.counted, weights)
        reference = reference_network(config.group, probability, seeds.grid, mapped.index)
        side = signs(config.group.tail).index(parts.sign)
        varied = Varied(self.inputs.variants_files, mapped.index.size, weights, side)
        rows = radius_rows(varied, reference, config)
        rows += threshold_sweep(reference, int(kept.sum()), ROBUSTNESS.thresholds)
        studies = [contrast.studies for contrast in contrasts]
        counted = mapped.masks, mapped.counted, weights
        unit = study_units(contrasts)
        rows += leave_one_study_out(*counted, studies, reference)
        alike = studies_alike(*counted, unit, reference)
        if alike:
            LOGGER.warning(several_contrasts(effect, contrasts, unit))
        rows += alike
        rows_of = list(parts.rows)
        near_foci = np.asarray(near_own_seed(seeds, mapped.index)[rows_of].any(axis=0))
        apart = config.group.exclude_near
        if apart:
            near = near_own_seed(seeds, mapped.index, apart)[rows_of]
            rows.append(away_from_seeds(*counted, near, reference, apart))
        drawn = Bootstrap(probability, probability, [])
        if kept.any():
            drawn = bootstrap(
                mapped.masks[kept],
                None if weights is None else weights[kept],
                reference,
                n_draws=ROBUSTNESS.bootstrap_draws,
                seed=config.group.random_seed,
                interval=ROBUSTNESS.interval,
                unit=unit[kept],
            )
        rows += drawn.rows
        rows += participants_rows(varied, reference, config)
        self._results["halves"] = [row["dice"] for row in rows if row["check"] == "split-half"]
        if config.group.validation_dir:
            rows.append(validation_row(Path(self.inputs.validation_file), label, reference))
        near_share = {"DistanceToFoci": OWN_SEED_MM, **near_shares(near_foci, reference)}
        settings = {
            "Effect": effect,
            **describe_checks(config, participants_varied=varied.has_participants),
            **near_share,
        }
        names, labels = self._names(config), contrast_labels(seeds.contrasts)
        made_from = [
            names.contrast_mask(labels[contrast.name])
            for contrast, keep in zip(contrasts, kept, strict=True)
            if keep
        ]
        out = OutputFiles(seeds.grid, mapped.index, {**AS_STORED, **settings})
        path = names.network_table(label, "robustness", "metrics")
        out.table(path, rows, ROBUSTNESS_COLUMNS, settings, whole=["draw"])
        limit = (
            f"Limit of the {ROBUSTNESS.interval:.0%} percentile interval of the probability map, "
            "studies drawn with replacement"
        )
        sources = bids_uris(names.root, made_from)
        for desc, values in (("bootstrapLow", drawn.lower), ("bootstrapHigh", drawn.upper)):
            path = names.network_part(label, desc, "probseg")
            out.image(path, values, limit, "share of contrasts", Sources=sources)
        self._expect(out.paths)


class MapValidation(ConfiguredInterface):
    """Map all effects on the participants of a second connectome."""

    takes = ("seeds_file", "entities", "participants", "covariates", "coding")
    may_take = ("mask_files",)
    gives = ("out_files", "validation_file")

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        participants = open_participants(self.inputs.participants, config.denoising)
        index = group_voxels(participants, seeds.grid, config.group, self.inputs.mask_files)
        labels = network_labels(config, seeds.contrasts)
        probabilities = map_network(
            seeds,
            participants,
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
        write_arrays(validation_file, index=index, **maps)
        self._results["validation_file"] = str(validation_file)
        self._expect(images)

    def _write_network(
        self,
        config: Config,
        seeds: SeedMatrix,
        effect: str,
        probability: NDArray[np.float64],
        index: NDArray[np.intp],
    ) -> list[Path]:
        """Write the probability map of an effect, and the network in it; returns both paths."""
        names, own = self._names(config), network_parts(config, seeds.contrasts, effect)
        label = own.label
        group = config.group
        said = {
            "Effect": effect,
            **AS_STORED,
            "Connectome": group.validation_dir,
            "NumberOfParticipants": len(self.inputs.participants),
            "HeightControl": group.height_control,
            "Alpha": group.alpha,
            "Tail": group.tail,
            "Weights": group.weights,
            "AnalysisMask": group.analysis_mask,
            "CovariateCoding": list(self.inputs.coding),
        }
        out = OutputFiles(seeds.grid, index, said)
        probseg = out.image(
            names.network_part(label, "validation", "probseg"),
            probability,
            "Share of the contrasts whose mask holds the voxel, on a second connectome",
            "share of contrasts",
            Sources=bids_uris(names.root, _seed_images(seeds, own.rows, names)),
        )
        network = network_rule(group, seeds.grid, index)(probability)
        out.image(
            names.network_part(label, "validation", "mask"),
            network,
            "The network on a second connectome",
            **describe_network_rule(group),
            Voxels=int(network.sum()),
            Sources=bids_uris(names.root, [probseg]),
        )
        return out.paths


def _seed_images(seeds: SeedMatrix, rows: Sequence[int], names: OutputNames) -> list[Path]:
    """The images of the seeds in some rows of the seed matrix."""
    labels = contrast_labels(seeds.contrasts)
    return [seed_image(names, labels[seeds.contrasts[n].name], seeds, n) for n in rows]
