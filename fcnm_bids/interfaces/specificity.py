"""Measure the strength of voxels and assess the specificity of a network."""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids.outputs import AS_PREPROCESSED, OutputNames, sidecar_files
from fcnm_bids.bids.write import replaced, write_image, write_table
from fcnm_bids.config import NULLS, Config
from fcnm_bids.derivatives.specificity import (
    REGION_COLUMNS,
    SPECIFICITY_COLUMNS,
    ComparisonFrame,
    null_row,
    region_rows,
    write_null,
)
from fcnm_bids.inputs.analysis_mask import read_analysis_mask
from fcnm_bids.inputs.contrasts import effect_labels, members
from fcnm_bids.inputs.nulls import read_base_rate
from fcnm_bids.inputs.store import open_people
from fcnm_bids.interfaces.base import (
    ConfiguredInterface,
    File,
    PeopleInputSpec,
    PromisingOutputSpec,
    SeededInputSpec,
    traits,
)
from fcnm_bids.intermediates.draws import OBSERVED, block_complete, read_block, read_blocks
from fcnm_bids.intermediates.maps import EffectMaps, read_effect, read_mapped, read_mean
from fcnm_bids.intermediates.null_inputs import read_nulls
from fcnm_bids.intermediates.strength import StrengthFile, read_strength, write_strength
from fcnm_bids.mapping import Person, analysis_voxels
from fcnm_bids.reruns.result_cache import keep_strength, kept_strength, strength_file
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix
from fcnm_bids.specificity import (
    DEGREE_COLUMNS,
    assess,
    choose_targets,
    degree_audit,
    degree_sentence,
    measure_strength,
)

LOGGER = logging.getLogger("fcnm_bids")

_MEANING = {
    "positive": "Positive strength: mean over people of the mean over targets of max(r, 0)",
    "signed": "Signed strength: mean over people of the mean r with all other voxels",
    "eigenvector": "First eigenvector of the mean over people of the matrix of r",
}


class MeasureStrengthInputSpec(SeededInputSpec, PeopleInputSpec):
    """Inputs of `MeasureStrength`."""

    mask_files = traits.List(traits.Str(), desc="images that the analysis mask is made from")
    grey_files = traits.List(traits.Str(), desc="images of the grey matter")
    kept_dir = traits.Str(mandatory=True, desc="folder in which the result is kept for later runs")


class MeasureStrengthOutputSpec(PromisingOutputSpec):
    """Outputs of `MeasureStrength`."""

    strength_file = File(desc="degree maps and places of foci")


class MeasureStrength(ConfiguredInterface):
    """Measure both strengths and the first eigenvector over the store.

    Of many people a random sample is taken: the maps hardly change any more.
    """

    input_spec = MeasureStrengthInputSpec
    output_spec = MeasureStrengthOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        kept = Path(self.inputs.kept_dir)
        self._results["strength_file"] = str(strength_file(kept))
        promised = kept_strength(kept)
        if promised is not None:
            self._results["promised"] = promised
            return
        grid = read_seed_matrix(self.inputs.seeds_file).grid
        people = open_people(self.inputs.people)
        share = config.group.min_subjects
        mask_files = [Path(path) for path in self.inputs.mask_files]
        mask = read_analysis_mask(config.group.analysis_mask, mask_files, grid)
        everywhere = analysis_voxels(people, grid, min_subjects=share)
        index = everywhere if mask is None else everywhere[mask[everywhere]]
        grey = read_analysis_mask("gm", [Path(path) for path in self.inputs.grey_files], grid)
        rate_map = read_base_rate(config, grid)
        places: NDArray[np.intp] | None = None
        rate: NDArray[np.float64] | None = None
        if rate_map is not None:
            places = everywhere[rate_map[everywhere] > 0]
            rate = rate_map[places]
        elif grey is not None:
            places = everywhere[grey[everywhere]]
        matter = everywhere if grey is None else everywhere[grey[everywhere]]
        targets = choose_targets(matter, NULLS.degree_targets, config.group.random_seed)
        wanted = [index, targets, *([] if places is None else [places])]
        some = _sample(people, NULLS.degree_people, config.group.random_seed)
        strength = measure_strength(
            some,
            np.unique(np.concatenate(wanted)),
            targets,
            tolerance=NULLS.degree_tolerance,
            max_iterations=NULLS.degree_iterations,
            n_threads=min(config.resources.nprocs, NULLS.degree_threads),
            progress=lambda line: LOGGER.debug("%s", line),
        )
        if strength.change > NULLS.degree_tolerance:
            LOGGER.warning(
                "the connectome's first eigenvector had not settled after %d iterations (last "
                "change %.1e)",
                strength.iterations,
                strength.change,
            )
        names = self._names(config)
        images = []
        for stat, meaning in _MEANING.items():
            path = names.connectome_map(stat)
            write_image(
                path,
                getattr(strength, stat),
                grid,
                {
                    "Description": meaning,
                    **AS_PREPROCESSED,
                    "NumberOfPeople": len(some),
                    "Targets": len(strength.targets),
                    "TargetsIn": "analysis voxels" if grey is None else "grey matter",
                    "EigenvalueShare": strength.eigenvalue_share,
                    "Iterations": strength.iterations,
                    "LastChange": strength.change,
                },
                index=strength.index,
            )
            images.append(path)
        with replaced(strength_file(kept)) as temporary:
            write_strength(temporary, StrengthFile(strength, places, rate))
        keep_strength(kept, [*images, *sidecar_files(images)])
        self._promise(images)


def _sample(people: list[Person], most: int, seed: int) -> list[Person]:
    """Some of the people, in their order; all of them where they are not too many.

    The eigenvector takes a pass over the people in every iteration.
    """
    if len(people) <= most:
        return people
    chosen = np.random.default_rng(seed).choice(len(people), most, replace=False)
    return [people[number] for number in np.sort(chosen)]


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
