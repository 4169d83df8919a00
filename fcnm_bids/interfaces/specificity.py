"""Measure the strength of voxels and assess the specificity of a network."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids.outputs import AS_STORED, OutputNames, sidecar_files
from fcnm_bids.bids.write import OutputFiles, write_json
from fcnm_bids.config import NULLS, Config
from fcnm_bids.derivatives.specificity import (
    COMPARED_COLUMNS,
    REGION_COLUMNS,
    SPECIFICITY_COLUMNS,
    ComparisonFrame,
    compared_rows,
    null_row,
    region_rows,
    write_null,
)
from fcnm_bids.inputs.analysis_mask import read_analysis_mask
from fcnm_bids.inputs.compared_maps import read_compared_maps
from fcnm_bids.inputs.contrasts import NetworkParts, network_parts
from fcnm_bids.inputs.nulls import rates_from_table, read_base_rate
from fcnm_bids.inputs.rules import contrast_weights, reference_network
from fcnm_bids.inputs.store import open_participants
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.intermediates.draws import OBSERVED, block_complete, read_block, read_blocks
from fcnm_bids.intermediates.maps import (
    EffectMaps,
    MappedContrasts,
    read_effect,
    read_mapped,
    read_mean,
)
from fcnm_bids.intermediates.null_inputs import read_nulls
from fcnm_bids.intermediates.strength import StrengthFile, read_strength, write_strength
from fcnm_bids.mapping import Participant, analysis_voxels
from fcnm_bids.reruns.result_cache import (
    STRENGTH,
    cache_result,
    cached_file,
    is_cached,
    outputs_with,
)
from fcnm_bids.robustness import leave_one_study_out
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix
from fcnm_bids.specificity import (
    DEGREE_COLUMNS,
    ORDER,
    MapComparison,
    Strength,
    assess,
    choose_targets,
    compare_maps,
    degree_audit,
    degree_sentence,
    measure_strength,
    verdict,
    withheld_sentence,
)

LOGGER = logging.getLogger("fcnm_bids")

_WHOLE_NUMBERS = (
    *("n_draws", "levels", "n_voxels", "n_voxels_p", "n_voxels_pfwe", "n_voxels_convergence"),
)

_MEANING = {
    "positive": "Positive strength: mean over participants of the mean over targets of max(r, 0)",
    "signed": "Signed strength: mean over participants of the mean r with all other voxels",
    "eigenvector": "First eigenvector of the mean over participants of the matrix of r",
    "eigenvector2": "Second eigenvector of the mean over participants of the matrix of r",
    "eigenvector3": "Third eigenvector of the mean over participants of the matrix of r",
}


class MeasureStrength(ConfiguredInterface):
    """Measure both strengths and the first eigenvectors over the store.

    Of many participants a random sample is taken: the maps hardly change any more.
    """

    takes = ("seeds_file", "entities", "participants", "cache_dir")
    may_take = ("mask_files", "grey_files")
    gives = ("out_files", "strength_file")

    def _make(self, config: Config, folder: Path) -> None:
        kept = Path(self.inputs.cache_dir)
        strength_file = cached_file(kept, STRENGTH)
        self._results["strength_file"] = str(strength_file)
        if is_cached(kept, STRENGTH):
            self._results["out_files"] = outputs_with(kept, STRENGTH)
            return
        grid = read_seed_matrix(self.inputs.seeds_file).grid
        participants = open_participants(self.inputs.participants, config.denoising)
        share = config.group.min_subjects
        mask_files = [Path(path) for path in self.inputs.mask_files]
        mask = read_analysis_mask(config.group.analysis_mask, mask_files, grid)
        everywhere = analysis_voxels(participants, grid, min_subjects=share)
        index = everywhere if mask is None else everywhere[mask[everywhere]]
        grey = read_analysis_mask("gm", [Path(path) for path in self.inputs.grey_files], grid)
        rate_map = read_base_rate(config, grid)
        places: NDArray[np.intp] | None = None
        rate: NDArray[np.float64] | None = None
        if rate_map is not None:
            usable = rate_map > 0
            if grey is not None and rates_from_table(config):
                usable &= grey
            places = everywhere[usable[everywhere]]
            rate = rate_map[places]
        elif grey is not None:
            places = everywhere[grey[everywhere]]
        matter = everywhere if grey is None else everywhere[grey[everywhere]]
        targets = choose_targets(matter, NULLS.degree_targets, config.group.random_seed)
        wanted = [index, targets, *([] if places is None else [places])]
        some = _sample(participants, NULLS.degree_participants, config.group.random_seed)
        strength = measure_strength(
            some,
            np.unique(np.concatenate(wanted)),
            targets,
            tolerance=NULLS.degree_tolerance,
            max_iterations=NULLS.degree_iterations,
            n_threads=min(config.resources.nprocs, NULLS.degree_threads),
            keep_gb=NULLS.degree_gb,
            progress=lambda line: LOGGER.debug("%s", line),
        )
        if strength.change > NULLS.degree_tolerance:
            LOGGER.warning(
                "the connectome's first eigenvectors had not settled after %d iterations (last "
                "change %.1e)",
                strength.iterations,
                strength.change,
            )
        names = self._names(config)
        described = {
            **AS_STORED,
            "NumberOfParticipants": len(some),
            "Targets": len(strength.targets),
            "TargetsIn": "analysis voxels" if grey is None else "grey matter",
            **_measured(strength),
        }
        out = OutputFiles(grid, strength.index, described)
        maps = (strength.positive, strength.signed, *strength.eigenvectors)
        for (stat, meaning), values in zip(_MEANING.items(), maps, strict=True):
            out.image(names.connectome_map(stat), values, meaning)
        write_strength(strength_file, StrengthFile(strength, places, rate))
        cache_result(kept, STRENGTH, [*out.paths, *sidecar_files(out.paths)])
        self._expect(out.paths)


def _measured(strength: Strength) -> dict[str, Any]:
    """Return sidecar entries on the precision of the degree maps."""
    return {
        "EigenvalueShares": strength.eigenvalue_shares,
        "StrengthReliability": strength.reliability,
        "Iterations": strength.iterations,
        "LastChange": strength.change,
    }


def _sample(participants: list[Participant], most: int, seed: int) -> list[Participant]:
    """Some of the participants, in their order; all of them where they are not too many.

    The eigenvectors take a pass over the participants in every iteration.
    """
    if len(participants) <= most:
        return participants
    chosen = np.random.default_rng(seed).choice(len(participants), most, replace=False)
    return [participants[number] for number in np.sort(chosen)]


class AssessSpecificity(ConfiguredInterface):
    """Say of one network what its connectome's degree explains, and what the nulls leave."""

    takes = ("seeds_file", "entities", "effect", "effect_file", "mapped_files", "strength_file")
    may_take = ("blocks", "after", "nulls_file", "rows_file", "halves")

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        effect = self.inputs.effect
        names, own = self._names(config), network_parts(config, seeds.contrasts, effect)
        label = own.label
        maps = read_effect(self.inputs.effect_file)
        strength = read_strength(Path(self.inputs.strength_file)).strength.on(maps.index)
        out = OutputFiles(seeds.grid, maps.index, AS_STORED)
        audit = self._audit(names, own, out, maps, strength)
        in_draws: MapComparison | None = None
        tests: dict[str, dict[str, Any]] = {}
        overlaps: list[dict[str, Any]] = []
        label_rows, likenesses = self._label_rows(effect)
        blocks = {
            null: [Path(path) for path, n in files if block_complete(Path(path), n, [effect])]
            for null, files in dict(self.inputs.blocks or {}).items()
        }
        mapped = read_mapped(self.inputs.mapped_files, own.sign)
        n_counted = int(mapped.counted.any(axis=1).sum())
        if blocks and n_counted:
            first = blocks.pop(OBSERVED)[0]
            observed = read_block(first, effect)[0]
            data = read_nulls(Path(self.inputs.nulls_file), config.denoising)
            frame = ComparisonFrame.of(config, dict(self.inputs.entities), data, observed)
            read = read_compared_maps(config, data.grid)
            others = {name: values[frame.index] for name, values in read.items()}
            regions = {name: region.astype(float) for name, region in frame.regions.items()}
            matter = np.isin(frame.index, data.places)
            for null, paths in blocks.items():
                drawn = partial(read_blocks, paths, effect)
                found = assess(
                    observed,
                    drawn,
                    step=1 / n_counted,
                    network_of=frame.network_of,
                    regions=list(frame.regions.values()),
                )
                converged = assess(
                    read_block(first, effect, "convergence")[0],
                    partial(read_blocks, paths, effect, "convergence"),
                    step=0.0,
                )
                cut = NULLS.least_reliability
                withheld = withheld_sentence(strength, cut) if null == "strength" else None
                tests[null] = null_row(config, null, found, frame.network, converged, withheld)
                defined = np.isfinite(found.p)
                by_region = compare_maps(observed, drawn, regions, matter, defined=defined)
                overlaps += region_rows(
                    null, found, frame, by_region, withheld=withheld is not None
                )
                measures = {"probability": found, "convergence": converged}
                for measure, assessed in measures.items() if others else ():
                    like = compare_maps(
                        read_block(first, effect, measure)[0],
                        partial(read_blocks, paths, effect, measure),
                        others,
                        matter,
                        defined=np.isfinite(assessed.p),
                    )
                    likenesses += compared_rows(null, measure, like, withheld=withheld is not None)
                out.paths += write_null(config, label, null, found, frame, converged, withheld)
                if null == "random" and config.specificity.null_resolution is None:
                    in_draws = compared_accounts(observed, drawn, strength, defined)
        tests |= label_rows
        tests["degree"] = {"verdict": degree_sentence(audit, in_draws)}
        rows = [{"test": test, **tests[test]} for test in ORDER if test in tests]
        out.paths.append(self._write_verdict(config, own, seeds, maps, mapped, tests, strength))
        table = names.network_table(label, "specificity", "metrics")
        about = {"Alpha": config.group.alpha, "RandomSeed": config.group.random_seed}
        out.table(table, rows, SPECIFICITY_COLUMNS, about, whole=_WHOLE_NUMBERS)
        if likenesses:
            path = names.network_table(label, "comparedmaps", "metrics")
            files = [Path(each).name for each in config.specificity.compare_maps]
            out.table(path, likenesses, COMPARED_COLUMNS, {"Maps": files})
        if overlaps:
            path = names.network_table(label, "canonicalnull", "metrics")
            out.table(path, overlaps, REGION_COLUMNS)
        self._expect(out.paths)

    def _audit(
        self,
        names: OutputNames,
        own: NetworkParts,
        out: OutputFiles,
        maps: EffectMaps,
        strength: Strength,
    ) -> dict[str, dict[str, Any]]:
        """Write the degree audit; return its rows by map."""
        audited = {
            f"contrast {contrast.name}": read_mean(path)
            for contrast, path in zip(own.contrasts, self.inputs.mapped_files, strict=True)
        }
        audited |= {"probability": maps.probability, "mean": maps.mean}
        audit = degree_audit(audited, strength, "mean")
        about = {"Targets": len(strength.targets), **_measured(strength)}
        path = names.network_table(own.label, "degree", "metrics")
        out.table(path, pd.DataFrame(audit.rows), DEGREE_COLUMNS, about)
        out.image(
            names.network_part(own.label, "degreeremoved", "statmap", stat="effect"),
            audit.residual,
            "Mean over the contrasts of their mean Fisher z, with both strengths and the first "
            "three eigenvectors of the connectome taken out",
            **about,
        )
        return {str(row["map"]): row for row in audit.rows}

    def _write_verdict(
        self,
        config: Config,
        own: NetworkParts,
        seeds: SeedMatrix,
        maps: EffectMaps,
        mapped: MappedContrasts,
        tests: Mapping[str, Mapping[str, Any]],
        strength: Strength,
    ) -> Path:
        effect, group = self.inputs.effect, config.group
        reference = reference_network(group, maps.probability, seeds.grid, maps.index)
        left_out = leave_one_study_out(
            mapped.masks,
            mapped.counted,
            contrast_weights(group, own.contrasts),
            [contrast.studies for contrast in own.contrasts],
            reference,
        )
        left_out = [row for row in left_out if np.isfinite(row.get("dice", np.nan))]
        size = int(reference.network.sum())
        volume = size * seeds.grid.voxel_volume
        lowest = min(row["dice"] for row in left_out) if left_out and size else None
        without = [(row["level"], row["n_voxels"]) for row in left_out if row["dice"] == lowest]
        content = verdict(
            effect,
            size,
            volume,
            tests,
            strength.reliability,
            lowest,
            without,
            self.inputs.halves or () if size else (),
        )
        if size:  # the map's own line states how far an empty network is from one
            LOGGER.info("%s", content["Line"])
        path = self._names(config).network_verdict(own.label)
        write_json(path, content)
        return path

    def _label_rows(self, effect: str) -> tuple[dict[str, dict[str, Any]], list[dict[str, Any]]]:
        """Rows of the tests of labels by test, and those of other maps."""
        if not self.inputs.rows_file:
            return {}, []
        content = json.loads(Path(self.inputs.rows_file).read_text(encoding="utf-8"))
        rows = content.get(effect, {})
        return rows, rows.pop("compared", [])


def compared_accounts(
    observed: NDArray[np.float64],
    drawn: Callable[[], Iterable[NDArray[np.float64]]],
    strength: Strength,
    defined: NDArray[np.bool_] | None = None,
) -> MapComparison:
    """Compare correlations with the accounts of connectedness, as `compare_maps` does."""
    accounts = (strength.positive, strength.signed, *strength.eigenvectors)
    maps = dict(zip(list(DEGREE_COLUMNS)[1:], accounts, strict=False))
    everywhere = np.ones(observed.shape, dtype=bool)
    return compare_maps(observed, drawn, maps, everywhere, defined=defined)
