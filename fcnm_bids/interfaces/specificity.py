"""What the nulls and the connectome's degree say of each network."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids import OutputNames, write_image, write_table
from fcnm_bids.config import Config
from fcnm_bids.interfaces.base import (
    AS_PREPROCESSED,
    ConfiguredInterface,
    File,
    PromisingOutputSpec,
    SeededInputSpec,
    traits,
)
from fcnm_bids.interfaces.mapped_file import EffectMaps, read_effect, read_mapped, read_mean
from fcnm_bids.interfaces.null_data import read_nulls
from fcnm_bids.interfaces.null_results import (
    REGION_COLUMNS,
    ComparisonFrame,
    null_row,
    region_rows,
    write_null,
)
from fcnm_bids.interfaces.nulls import OBSERVED, block_complete, read_block, read_blocks
from fcnm_bids.interfaces.seeds import effect_labels, members
from fcnm_bids.interfaces.strength import read_strength
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix
from fcnm_bids.specificity import DEGREE_COLUMNS, assess, degree_audit, degree_sentence

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


class AssessSpecificityInputSpec(SeededInputSpec):
    """Inputs of `AssessSpecificity`."""

    effect = traits.Str(mandatory=True, desc="name of the effect")
    effect_file = File(exists=True, mandatory=True, desc="its probability map and mean Fisher z")
    mapped_files = traits.List(File(exists=True), mandatory=True, desc="one file per contrast")
    strength_file = File(exists=True, mandatory=True, desc="degree maps")
    blocks = traits.Dict(desc="block files of each null with their numbers of draws, by null")
    after = traits.List(traits.Str(), desc="block files, which come from nodes before this one")
    nulls_file = File(exists=True, desc="what all draws share; with draws only")
    rows_file = File(exists=True, desc="what `CompareLabels` found")


class AssessSpecificity(ConfiguredInterface):
    """Say of one network what its connectome's degree explains, and what the nulls leave."""

    input_spec = AssessSpecificityInputSpec
    output_spec = PromisingOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        effect = self.inputs.effect
        names, label = self._names(config), effect_labels(seeds.contrasts)[effect]
        maps = read_effect(self.inputs.effect_file)
        rows, written = self._audit(names, label, seeds, maps)
        overlaps: list[dict[str, Any]] = []
        blocks = {
            null: [Path(path) for path, n in files if block_complete(Path(path), n)]
            for null, files in dict(self.inputs.blocks or {}).items()
        }
        n_counted = int(read_mapped(self.inputs.mapped_files).counted.any(axis=1).sum())
        if blocks and n_counted:
            observed = read_block(blocks.pop(OBSERVED)[0], effect)[0]
            if config.specificity.null_resolution is None:
                _refuse_another_path(effect, observed, maps.probability)
            data = read_nulls(Path(self.inputs.nulls_file))
            frame = ComparisonFrame.of(config, dict(self.inputs.entities), data, observed)
            for null, paths in blocks.items():
                found = assess(
                    observed,
                    partial(read_blocks, paths, effect),
                    step=1 / n_counted,
                    network_of=frame.network_of,
                    regions=list(frame.regions.values()),
                )
                rows.append(null_row(config, null, found, frame.network))
                overlaps += region_rows(null, found, frame)
                written += write_null(config, label, null, found, frame)
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
        self._promise(written)

    def _audit(
        self, names: OutputNames, label: str, seeds: SeedMatrix, maps: EffectMaps
    ) -> tuple[list[dict[str, Any]], list[Path]]:
        """Rows of the table of specificity on the degree, and the files written about it."""
        strength = read_strength(Path(self.inputs.strength_file)).on(maps.index)
        contrasts = members(seeds.contrasts, self.inputs.effect)
        audited = {
            f"contrast {contrast.name}": read_mean(path)
            for contrast, path in zip(contrasts, self.inputs.mapped_files, strict=True)
        }
        audited |= {"probability": maps.probability, "mean": maps.mean}
        audit = degree_audit(audited, strength, "mean")
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
            seeds.grid,
            {
                "Description": "Mean over the contrasts of their mean Fisher z, with both "
                "strengths and the first eigenvector of the connectome taken out",
                **AS_PREPROCESSED,
                **about,
            },
            index=maps.index,
        )
        of_mean = audit.rows[-1]
        r2, *r = (float(of_mean[name]) for name in ("r2", "r_positive", "r_signed"))
        sentence = degree_sentence(r2, *r)
        return [{"test": "degree", "verdict": sentence}], [table, residual]

    def _label_rows(self, effect: str) -> list[dict[str, Any]]:
        if not self.inputs.rows_file:
            return []
        content = json.loads(Path(self.inputs.rows_file).read_text(encoding="utf-8"))
        return [{"test": test, **row} for test, row in content.get(effect, {}).items()]


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
