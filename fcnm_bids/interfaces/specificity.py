"""What the nulls and the connectome's degree say of each network."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from nipype.interfaces.base import TraitedSpec
from numpy.typing import NDArray

from fcnm_bids.bids import (
    OutputNames,
    figure_name,
    sidecar_files,
    to_labels,
    write_image,
    write_table,
)
from fcnm_bids.config import NULLS, Config
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.atlas import find_atlas, read_atlas
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits
from fcnm_bids.interfaces.null_data import read_nulls
from fcnm_bids.interfaces.nulls import OBSERVED, block_complete, read_block
from fcnm_bids.interfaces.strength import read_strength
from fcnm_bids.network import Atlas, network_mask
from fcnm_bids.report import NetworkResult, draw_specificity
from fcnm_bids.seeds import read_seed_matrix
from fcnm_bids.specificity import (
    DEGREE_COLUMNS,
    NullAssessment,
    assess,
    degree_audit,
    degree_sentence,
    null_sentence,
    upper_p,
)

SPECIFICITY_COLUMNS = {
    "test": "degree, random (foci scattered in grey matter), strength (foci of equal strength), "
    "labels (studies exchange labels) or split (random halves of the contrasts)",
    "n_draws": "Draws, relabellings or halves, the observed one not counted",
    "smallest_p": "The least p that so many draws can give",
    "levels": "Number of values that the maps of draws and data take",
    "n_voxels": "Voxels of the network",
    "n_voxels_null": "Median over draws of the voxels of the null's network",
    "n_voxels_null_upper": "Its 95th percentile",
    "p_size": "Share of maps whose network is as large as the observed one",
    "n_voxels_p": "Voxels whose own p is at most alpha",
    "n_voxels_pfwe": "Voxels whose family-wise p is at most alpha",
    "share_surviving": "Share of the network whose family-wise p is at most alpha",
    "min_pfwe": "Smallest family-wise p of any voxel",
    "verdict": "What the test says",
}
"""Columns of the table of specificity and what they hold."""

REGION_COLUMNS = {
    "test": "The null",
    "name": "Canonical network",
    "n_overlap": "Voxels of the network within it",
    "n_overlap_null": "Mean over draws",
    "p": "Share of maps whose network holds as many voxels of it",
}
"""Columns of the table of canonical networks against nulls."""

DRAW_COLUMNS = {
    "draw": "Number of the draw",
    "n_voxels": "Voxels of its network",
    "max_z": "Its largest studentised value over voxels",
}
"""Columns of the tables of draws."""

_MAP_MEANING = {
    "p": "Share of all maps, the observed one included, with a probability as high",
    "pfwe": "The same for the largest studentised probability over all voxels",
    "z": "Probability less the mean of all maps, over their standard deviation (to whose square "
    "that of one contrast's share is added)",
}


class AssessSpecificityInputSpec(ConfiguredInputSpec):
    """Inputs of `AssessSpecificity`."""

    effect = traits.Str(mandatory=True, desc="name of the effect")
    effect_file = File(exists=True, mandatory=True, desc="its probability map and mean Fisher z")
    mapped_files = traits.List(File(exists=True), mandatory=True, desc="one file per contrast")
    strength_file = File(exists=True, mandatory=True, desc="degree maps")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    blocks = traits.Dict(desc="block files of each null with their numbers of draws, by null")
    after = traits.List(traits.Str(), desc="block files, which come from nodes before this one")
    nulls_file = File(exists=True, desc="what all draws share; with draws only")
    rows_file = File(exists=True, desc="what `CompareLabels` found")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class AssessSpecificityOutputSpec(TraitedSpec):
    """Outputs of `AssessSpecificity`."""

    promised = traits.List(traits.Str(), desc="files that should now be there")


class AssessSpecificity(ConfiguredInterface):
    """Say of one network what its connectome's degree explains, and what the nulls leave."""

    input_spec = AssessSpecificityInputSpec
    output_spec = AssessSpecificityOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        effect = self.inputs.effect
        label = to_labels((c.effect for c in seeds.contrasts), "effect")[effect]
        names = OutputNames.of(Path(config.output_dir), dict(self.inputs.entities))
        with np.load(self.inputs.effect_file, allow_pickle=False) as stored:
            probability, mean, index = stored["probability"], stored["effect"], stored["index"]
        rows, written = self._audit(config, names, label, mean, probability, (seeds.grid, index))
        overlaps: list[dict[str, Any]] = []
        blocks = {
            null: [Path(path) for path, n in files if block_complete(Path(path), n)]
            for null, files in dict(self.inputs.blocks or {}).items()
        }
        if blocks:
            observed = read_block(blocks.pop(OBSERVED)[0], effect)[0]
            if config.specificity.null_resolution is None:
                _refuse_another_path(effect, observed, probability)
            frame = _Frame.of(config, dict(self.inputs.entities), self.inputs.nulls_file, observed)
            for null, paths in blocks.items():
                found = assess(
                    observed,
                    partial(_read_blocks, paths, effect),
                    step=1 / len(self.inputs.mapped_files),
                    network_of=frame.network_of,
                    regions=list(frame.regions.values()),
                )
                rows.append(_null_row(config, null, found, frame.network))
                overlaps += _region_rows(null, found, frame)
                written += _write_null(config, label, null, found, frame)
        rows += self._label_rows(effect)
        table = names.network_table(label, "specificity", "metrics")
        about = {"Alpha": config.group.alpha, "RandomSeed": config.group.random_seed}
        tests = pd.DataFrame(rows, columns=list(SPECIFICITY_COLUMNS))
        for column in ("n_draws", "levels", "n_voxels", "n_voxels_p", "n_voxels_pfwe"):
            tests[column] = tests[column].astype("Int64")
        write_table(table, tests, SPECIFICITY_COLUMNS, about)
        written.append(table)
        if overlaps:
            path = names.network_table(label, "canonicalnull", "metrics")
            write_table(path, pd.DataFrame(overlaps, columns=list(REGION_COLUMNS)), REGION_COLUMNS)
            written.append(path)
        figure = figure_name(names.root, network=label, desc="specificity", suffix="metrics")
        drawn = draw_specificity(figure, NetworkResult.of(names.network(label, "mask")))
        made = (*written, *sidecar_files(written), *([figure] if drawn else []))
        self._results["promised"] = [str(path) for path in made]

    def _audit(
        self,
        config: Config,
        names: OutputNames,
        label: str,
        mean: NDArray[np.float64],
        probability: NDArray[np.float64],
        where: tuple[Grid, NDArray[np.intp]],
    ) -> tuple[list[dict[str, Any]], list[Path]]:
        grid, index = where
        strength = read_strength(Path(self.inputs.strength_file)).on(index)
        members = [
            contrast.name
            for contrast in read_seed_matrix(self.inputs.seeds_file).contrasts
            if contrast.effect == self.inputs.effect
        ]
        maps = {}
        for name, path in zip(members, self.inputs.mapped_files, strict=True):
            with np.load(path, allow_pickle=False) as stored:
                maps[f"contrast {name}"] = stored["effect"]
        maps |= {"probability": probability, "mean": mean}
        audit = degree_audit(maps, strength, "mean")
        table = names.network_table(label, "degree", "metrics")
        about = {
            "Targets": len(strength.targets),
            "EigenvalueShare": strength.eigenvalue_share,
            "Iterations": strength.iterations,
            "LastChange": strength.change,
        }
        write_table(table, pd.DataFrame(audit.rows), DEGREE_COLUMNS, about)
        residual = names.network_part(label, "degreeremoved", "statmap", stat="effect")
        write_image(
            residual,
            audit.residual,
            grid,
            {
                "Description": "Mean over the contrasts of their mean Fisher z, with both "
                "strengths and the first eigenvector of the connectome taken out",
                "Resolution": "as the preprocessed data",
                **about,
            },
            index=index,
        )
        sentence = degree_sentence(float(audit.rows[-1]["r2"]))
        return [{"test": "degree", "verdict": sentence}], [table, residual]

    def _label_rows(self, effect: str) -> list[dict[str, Any]]:
        if not self.inputs.rows_file:
            return []
        content = json.loads(Path(self.inputs.rows_file).read_text(encoding="utf-8"))
        return [{"test": test, **row} for test, row in content.get(effect, {}).items()]


def _read_blocks(paths: Sequence[Path], effect: str) -> Iterable[NDArray[np.float64]]:
    return (read_block(path, effect) for path in paths)


@dataclass(frozen=True, eq=False)
class _Frame:
    """Where draws and data are compared: the data's grid, or the coarser one of the draws."""

    names: OutputNames
    grid: Grid
    index: NDArray[np.intp]
    network_of: Callable[[NDArray[np.float64]], NDArray[np.bool_]]
    network: NDArray[np.bool_]
    regions: Mapping[str, NDArray[np.bool_]]

    @classmethod
    def of(
        cls,
        config: Config,
        entities: Mapping[str, Any],
        nulls_file: str,
        observed: NDArray[np.float64],
    ) -> _Frame:
        data = read_nulls(Path(nulls_file))
        coarser = config.specificity.null_resolution is not None
        size = f"{data.grid.voxel_sizes.max():.3g}mm".replace(".", "p")
        place = {**entities, "res": size} if coarser else entities
        network_of = partial(
            network_mask,
            threshold=config.group.network_threshold,
            min_cluster_volume=config.group.min_cluster_volume,
            grid=data.grid,
            index=data.index,
        )
        atlas = read_atlas(find_atlas(config.group.network_atlas, data.grid.space), data.grid)
        return cls(
            OutputNames.of(Path(config.output_dir), place),
            data.grid,
            data.index,
            network_of,
            network_of(observed),
            _regions(atlas, data.index),
        )


def _refuse_another_path(
    effect: str, again: NDArray[np.float64], probability: NDArray[np.float64]
) -> None:
    """The observed foci, mapped as a draw, must give the network's own map, to the bit."""
    if not np.array_equal(again, probability, equal_nan=True):
        apart = int(np.count_nonzero(~(again == probability) & ~np.isnan(probability)))
        raise RuntimeError(
            f"{effect}: the observed foci, mapped as a draw, differ from the network's map in "
            f"{apart} voxels: the nulls would not be comparable"
        )


def _regions(atlas: Atlas | None, index: NDArray[np.intp]) -> dict[str, NDArray[np.bool_]]:
    if atlas is None:
        return {}
    labels = atlas.labels[index]
    return {name: np.isin(labels, numbers) for name, numbers in atlas.networks.items()}


def _null_row(
    config: Config, null: str, found: NullAssessment, network: NDArray[np.bool_]
) -> dict[str, Any]:
    alpha = config.group.alpha
    nearest = null == "strength" and config.specificity.strength_match == "nearest20"
    size = int(np.count_nonzero(network))
    beyond = np.nan_to_num(found.p_fwe, nan=1.0) <= alpha
    drawn = found.n_draws > 0
    return {
        "test": null,
        "n_draws": found.n_draws,
        "smallest_p": found.smallest_p,
        "levels": len(found.levels),
        "n_voxels": size,
        "n_voxels_null": float(np.median(found.sizes)) if drawn else math.nan,
        "n_voxels_null_upper": float(np.quantile(found.sizes, 0.95)) if drawn else math.nan,
        "p_size": upper_p(size, found.sizes),
        "n_voxels_p": int(np.count_nonzero(np.nan_to_num(found.p, nan=1.0) <= alpha)),
        "n_voxels_pfwe": int(np.count_nonzero(beyond)),
        "share_surviving": np.count_nonzero(beyond & network) / size if size else math.nan,
        "min_pfwe": float(np.nanmin(found.p_fwe)) if np.isfinite(found.p_fwe).any() else math.nan,
        "verdict": null_sentence("nearest" if nearest else null, found, network, alpha),
    }


def _region_rows(null: str, found: NullAssessment, frame: _Frame) -> list[dict[str, Any]]:
    rows = []
    for (name, region), drawn in zip(frame.regions.items(), found.overlaps.T, strict=True):
        own = int(np.count_nonzero(frame.network & region))
        rows.append(
            {
                "test": null,
                "name": name,
                "n_overlap": own,
                "n_overlap_null": float(drawn.mean()) if drawn.size else math.nan,
                "p": upper_p(own, drawn),
            }
        )
    return rows


def _write_null(
    config: Config, label: str, null: str, found: NullAssessment, frame: _Frame
) -> list[Path]:
    names, asked = frame.names, config.specificity
    described = {
        "Null": null,
        "Draws": found.n_draws,
        "SmallestP": found.smallest_p,
        "Levels": [float(f"{level:.6g}") for level in found.levels],
        "RandomSeed": config.group.random_seed,
        "KeepDistances": asked.keep_distances if null == "random" else None,
        "KeepHemisphere": asked.keep_hemisphere if null == "random" else None,
        "BaseRate": asked.base_rate,
        "StrengthMatch": asked.strength_match if null == "strength" else None,
        "Strata": NULLS.strata if null == "strength" else None,
        "NullResolution": asked.null_resolution,
        "Resolution": "as the preprocessed data"
        if asked.null_resolution is None
        else "some of the voxels of the preprocessed data",
    }
    written = []
    for stat, values in (("p", found.p), ("pfwe", found.p_fwe), ("z", found.z)):
        path = names.network_part(label, null, "statmap", stat=stat)
        text = {"Description": _MAP_MEANING[stat], **described}
        write_image(path, values, frame.grid, text, index=frame.index)
        written.append(path)
    table = names.network_table(label, f"{null}draws", "metrics")
    draws = pd.DataFrame(
        {
            "draw": np.arange(found.n_draws),
            "n_voxels": found.sizes,
            "max_z": np.where(np.isfinite(found.maxima), found.maxima, np.nan),
        }
    )
    write_table(table, draws, DRAW_COLUMNS, described)
    return [*written, table]
