"""Robustness of the networks: variants of each contrast, then of each effect's network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nipype.interfaces.base import TraitedSpec
from numpy.typing import NDArray

from fcnm_bids.bids import figure_name, replaced, sources, write_image, write_table
from fcnm_bids.config import ROBUSTNESS, Config
from fcnm_bids.interfaces.base import (
    AS_PREPROCESSED,
    ConfiguredInputSpec,
    ConfiguredInterface,
    File,
    PromisingOutputSpec,
    SeededInputSpec,
    traits,
)
from fcnm_bids.interfaces.kept import keep_variants, variants_file
from fcnm_bids.interfaces.mapped_file import read_mapped, read_smoothness
from fcnm_bids.interfaces.moments_file import block_file, radius_file, read_maps, read_moments
from fcnm_bids.interfaces.rule import contrast_weights, height_rule
from fcnm_bids.interfaces.seeds import contrast_labels, effect_labels, members
from fcnm_bids.interfaces.variants import other_radii
from fcnm_bids.mapping import MappedContrast, map_contrast, probability_map
from fcnm_bids.report import draw_robustness
from fcnm_bids.robustness import (
    ROBUSTNESS_COLUMNS,
    Bootstrap,
    PeopleDraw,
    Reference,
    block_of_person,
    bootstrap,
    compared,
    leave_one_study_out,
    people_draws,
    threshold_sweep,
)
from fcnm_bids.seeds import read_seed_matrix
from fcnm_bids.stats import KeptMaps, summed_moments


class VaryContrastInputSpec(ConfiguredInputSpec):
    """Inputs of `VaryContrast`."""

    moments_dir = traits.Directory(exists=True, mandatory=True, desc="sums per contrast")
    mapped_file = File(exists=True, mandatory=True, desc="what the contrast's own node found")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    number = traits.Int(mandatory=True, desc="row of the seed matrix")
    kept_dir = traits.Str(mandatory=True, desc="folder in which the result is kept for later runs")


class VaryContrastOutputSpec(TraitedSpec):
    """Outputs of `VaryContrast`."""

    variants_file = File(desc="masks and voxels that count as tested, packed, by variant")


class VaryContrast(ConfiguredInterface):
    """Map one contrast with other radii, and over parts of the people."""

    input_spec = VaryContrastInputSpec
    output_spec = VaryContrastOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        moments_dir = Path(self.inputs.moments_dir)
        contrast = seeds.contrasts[self.inputs.number]
        label = contrast_labels(seeds.contrasts)[contrast.name]
        rule = height_rule(config.group)
        variants: dict[str, NDArray[np.uint8]] = {}
        for position, radius in enumerate(other_radii(config)):
            stored = read_moments(radius_file(moments_dir, label, position))
            mapped = map_contrast(stored.moments, rule, maps=read_maps(moments_dir, stored))
            variants[f"radius {radius:g}"] = _packed(mapped)
        # one smoothness for all parts of the people: it does not depend on their number, and
        # is best known from all of them
        smoothness = read_smoothness(Path(self.inputs.mapped_file))
        whole = read_moments(moments_dir / f"{label}.npz")
        maps = read_maps(moments_dir, whole)
        blocks = block_of_person(
            len(whole.covariates), ROBUSTNESS.people_blocks, config.group.random_seed
        )
        parts = {
            block: read_moments(block_file(moments_dir, label, block)).moments
            for block in range(ROBUSTNESS.people_blocks)
            if block_file(moments_dir, label, block).is_file()
        }
        for draw in draws_of(config) if parts else ():
            moments = summed_moments([parts[block] for block in draw.blocks])
            own = None
            if maps is not None:
                chosen = np.isin(blocks[whole.present], draw.blocks)
                own = KeptMaps(maps.values[chosen], maps.covariates[chosen])
            mapped = map_contrast(moments, rule, maps=own, smoothness=smoothness)
            variants[_key(draw)] = _packed(mapped)
        kept = Path(self.inputs.kept_dir)
        with replaced(variants_file(kept)) as temporary:
            np.savez(temporary, allow_pickle=False, **variants)
        keep_variants(kept)
        self._results["variants_file"] = str(variants_file(kept))


class CheckRobustnessInputSpec(SeededInputSpec):
    """Inputs of `CheckRobustness`."""

    effect = traits.Str(mandatory=True, desc="name of the effect")
    mapped_files = traits.List(File(exists=True), mandatory=True, desc="one file per contrast")
    variants_files = traits.List(File(exists=True), mandatory=True, desc="one file per contrast")
    validation_file = File(exists=True, desc="probability maps on a second connectome")


class CheckRobustness(ConfiguredInterface):
    """Compare one effect's network with its variants."""

    input_spec = CheckRobustnessInputSpec
    output_spec = PromisingOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        effect = self.inputs.effect
        label = effect_labels(seeds.contrasts)[effect]
        contrasts = members(seeds.contrasts, effect)
        weights = contrast_weights(config.group, contrasts)
        mapped = read_mapped(self.inputs.mapped_files)
        probability, kept = probability_map(mapped.masks, mapped.counted, weights)
        reference = Reference(
            probability,
            config.group.network_threshold,
            config.group.min_cluster_volume,
            seeds.grid,
            mapped.index,
        )
        varied = _Varied(self.inputs.variants_files, mapped.index.size, weights)
        rows = _radius_rows(varied, reference, config)
        rows += threshold_sweep(reference, int(kept.sum()), ROBUSTNESS.thresholds)
        studies = [contrast.studies for contrast in contrasts]
        rows += leave_one_study_out(mapped.masks, mapped.counted, weights, studies, reference)
        drawn = Bootstrap(probability, probability, [])
        if kept.any():
            drawn = bootstrap(
                mapped.masks[kept],
                None if weights is None else weights[kept],
                reference,
                n_draws=ROBUSTNESS.bootstrap_draws,
                seed=config.group.random_seed,
                interval=ROBUSTNESS.interval,
            )
        rows += drawn.rows
        rows += _people_rows(varied, reference, config)
        if config.group.validation_dir:
            rows.append(_validation_row(Path(self.inputs.validation_file), label, reference))
        settings = {"Effect": effect, **_describe_checks(config, people_varied=varied.has_people)}
        names, labels = self._names(config), contrast_labels(seeds.contrasts)
        made_from = [
            names.contrast_mask(labels[contrast.name])
            for contrast, keep in zip(contrasts, kept, strict=True)
            if keep
        ]
        table_file = names.network_table(label, "robustness", "metrics")
        table = pd.DataFrame(rows, columns=list(ROBUSTNESS_COLUMNS))
        table["draw"] = table["draw"].astype("Int64")
        write_table(table_file, table, ROBUSTNESS_COLUMNS, settings)
        images = []
        for desc, values in (("bootstrapLow", drawn.lower), ("bootstrapHigh", drawn.upper)):
            path = names.network_part(label, desc, "probseg")
            described = {
                "Description": f"Limit of the {ROBUSTNESS.interval:.0%} percentile interval of the "
                "probability map, contrasts drawn with replacement",
                "Units": "share of contrasts",
                **AS_PREPROCESSED,
                **settings,
                "Sources": sources(names.root, made_from),
            }
            write_image(path, values, seeds.grid, described, index=mapped.index)
            images.append(path)
        figure = figure_name(names.root, network=label, desc="robustness", suffix="metrics")
        empty = not reference.network.any()
        draw_robustness(figure, table, config.group.network_threshold, empty=empty)
        self._promise([table_file, *images], [figure])


def draws_of(config: Config) -> list[PeopleDraw]:
    """The parts of the people that every contrast is mapped over."""
    return people_draws(
        ROBUSTNESS.people_blocks, n_draws=ROBUSTNESS.people_draws, seed=config.group.random_seed
    )


def _describe_checks(config: Config, *, people_varied: bool) -> dict[str, Any]:
    """What the sidecars say about how robustness was looked at."""
    group = config.group
    return {
        "NetworkThreshold": group.network_threshold,
        "MinimumClusterVolume": group.min_cluster_volume,
        "MinimumClusterVolumeUnits": "mm3",
        "HeightControl": group.height_control,
        "Weights": group.weights,
        "SphereRadius": None if config.seeds.masks else config.seeds.radius,
        "Radii": [] if config.seeds.masks else list(group.radii),
        "RandomSeed": group.random_seed,
        "PeopleVaried": people_varied,
        "ValidationConnectome": group.validation_dir,
        "SmoothnessOfSubsamples": "as estimated from all people",
        **{f"Robustness{_camel(k)}": v for k, v in asdict(ROBUSTNESS).items()},
    }


@dataclass
class _Varied:
    """Probability maps of the variants of an effect's contrasts."""

    paths: Sequence[str]
    n_voxels: int
    weights: NDArray[np.float64] | None

    def __post_init__(self) -> None:
        self._parts = [np.load(path, allow_pickle=False) for path in self.paths]

    @property
    def has_people(self) -> bool:
        """Whether there were people enough to be split."""
        return any(name.startswith("people") for name in self._parts[0].files)

    def probability(self, key: str) -> tuple[NDArray[np.float64], int]:
        """A variant's map and its number of contrasts; NaN and 0 where nothing could be tested."""
        unpacked = np.stack(
            [np.unpackbits(part[key], axis=1, count=self.n_voxels) for part in self._parts]
        ).astype(bool)
        found, kept = probability_map(unpacked[:, 0], unpacked[:, 1], self.weights)
        return found, int(kept.sum())


def _radius_rows(varied: _Varied, reference: Reference, config: Config) -> list[dict[str, Any]]:
    rows = []
    for radius in other_radii(config):
        probability, n_contrasts = varied.probability(f"radius {radius:g}")
        row = compared(reference, probability)
        rows.append({"check": "radius", "level": f"{radius:g}", "n_contrasts": n_contrasts, **row})
    return rows


def _people_rows(varied: _Varied, reference: Reference, config: Config) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    if not varied.has_people:
        return rows
    halves: dict[int, NDArray[np.float64]] = {}
    for draw in draws_of(config):
        probability, n_contrasts = varied.probability(_key(draw))
        about: Mapping[str, Any] = {"draw": draw.draw, "n_contrasts": n_contrasts}
        if draw.half == 1:
            other = Reference(
                halves[draw.draw],
                reference.threshold,
                reference.min_cluster_volume,
                reference.grid,
                reference.index,
            )
            rows.append(
                {"check": "split-half", "level": "0.5", **about, **compared(other, probability)}
            )
            continue
        if draw.share == 0.5:
            halves[draw.draw] = probability
        level = f"{draw.share:g}"
        rows.append(
            {"check": "people", "level": level, **about, **compared(reference, probability)}
        )
    return sorted(rows, key=lambda row: (row["check"], row["level"]))


def _validation_row(path: Path, label: str, reference: Reference) -> dict[str, Any]:
    """The network on a second connectome, where both connectomes have voxels."""
    box = np.full(reference.grid.n_voxels, math.nan)
    with np.load(path, allow_pickle=False) as stored:
        box[stored["index"]] = stored[f"of_{label}"]
    return {"check": "second connectome", **compared(reference, box[reference.index])}


def _packed(mapped: MappedContrast) -> NDArray[np.uint8]:
    return np.packbits(np.stack([mapped.mask.significant, mapped.counted]), axis=1)


def _key(draw: PeopleDraw) -> str:
    return f"people {draw.share:g} {draw.draw} {draw.half}"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
