"""Relate an outcome of the seeds to their maps."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from fcnm_bids.bids.outputs import AS_STORED, OutputNames, bids_uris
from fcnm_bids.bids.write import OutputFiles
from fcnm_bids.config import Config
from fcnm_bids.derivatives.network import PEAK_DISTANCE
from fcnm_bids.derivatives.outcomes import (
    GROUP_MEANING,
    OUTCOME_CLUSTER_COLUMNS,
    PREDICTIONS,
    SEED_COLUMNS,
    STAT_MEANING,
    TEST_COLUMNS,
    outcome_clusters,
    outcome_test_rows,
)
from fcnm_bids.derivatives.seeds import seed_volumes
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.atlas import network_atlas
from fcnm_bids.inputs.contrasts import contrast_labels
from fcnm_bids.inputs.scores import PlannedOutcome
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.intermediates.maps import read_index, read_mapped, read_mean
from fcnm_bids.intermediates.strength import read_strength
from fcnm_bids.outcomes import (
    Association,
    OutcomeModel,
    OutOfSample,
    associate,
    block_permutations,
    conjunction,
    leave_one_out,
    mask_test,
    predict,
    sensitivity,
)
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix

LOGGER = logging.getLogger("fcnm_bids")

_OF_MODEL = (
    "Covariates",
    "CovariateCoding",
    "DegreesOfFreedom",
    "Permutations",
    "PermutationsExact",
    "SmallestP",
    "RandomSeed",
)
"""Sidecar entries of the linear model and its permutations."""


class RelateOutcome(ConfiguredInterface):
    """Relate an outcome of the seeds to their mean maps, voxel by voxel and out of sample."""

    takes = ("seeds_file", "entities", "outcome", "mapped_files")
    may_take = ("strength_file",)

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        outcome = PlannedOutcome(**self.inputs.outcome)
        maps = _mean_maps(self.inputs.mapped_files, folder / "maps.npy")
        index = read_index(self.inputs.mapped_files[0])
        there = np.flatnonzero([np.isfinite(own).any() for own in maps])
        if there.size < len(maps):
            lost = [outcome.seeds[i] for i in range(len(maps)) if i not in there]
            LOGGER.warning("%s: tested at no voxel, left out: %s", outcome.name, ", ".join(lost))
            maps = maps[there]
        rows = [c.name for c in seeds.contrasts]
        weights = seeds.weights[[rows.index(outcome.seeds[i]) for i in there]]
        volumes = seed_volumes(weights, seeds.grid)
        model, columns = seed_model(
            outcome, there, weights, volumes, Path(self.inputs.strength_file or "")
        )
        if model.determined or model.df < 1:
            raise RequestError(
                f"outcome {outcome.name}: the covariates ({', '.join(columns)}) leave nothing of "
                f"it in the {there.size} seeds with a map"
            )
        permutations = model.permutations(
            config.group.n_permutations, config.group.random_seed, complete=_complete(maps)
        )
        found = associate(maps, model, permutations)
        inside = weights[:, index]
        folds = {"leave one seed out": leave_one_out(there.size)}
        if len(set(model.block.tolist())) > 1:
            folds["leave one cohort out"] = model.block
        left_out = {
            name: predict(
                maps,
                model,
                permutations,
                own,
                is_group=outcome.is_group,
                seeds=inside if config.seeds.masks and name == "leave one seed out" else None,
            )
            for name, own in folds.items()
        }
        whole = left_out["leave one seed out"]
        predicted = {
            name: own
            for name, (kind, _) in PREDICTIONS.items()
            for fold, own in left_out.items()
            if fold in name and getattr(own, kind) is not None
        }
        names = self._names(config)
        said: dict[str, Any] = {
            "Outcome": outcome.name,
            "IsGroup": outcome.is_group,
            "Seeds": [outcome.seeds[i] for i in there],
            "Covariates": columns,
            "CovariateCoding": list(outcome.coding),
            "Cohorts": sorted(set(outcome.cohorts) - {""}),
            "DegreesOfFreedom": int(found.df.max(initial=0)),
            "Alpha": config.group.alpha,
            "Permutations": found.null.maxima.size - 1,
            "PermutationsExact": found.exact,
            "SmallestP": 1 / found.null.maxima.size,
            "RandomSeed": config.group.random_seed,
            **AS_STORED,
        }
        significant = np.nan_to_num(found.p_fwe, nan=1.0) <= config.group.alpha
        named = partial(names.outcome, outcome.label)
        sources = self._sources(names, seeds)
        out = OutputFiles(seeds.grid, index, said)
        for stat, (meaning, units) in STAT_MEANING.items():
            values = getattr(found, {"pfwe": "p_fwe"}.get(stat, stat))
            path = named(stat=stat, suffix="statmap")
            out.image(path, values, meaning, units, Sources=sources)
        path = named(desc="significant", suffix="mask")
        out.image(path, significant, "Voxels associated with the outcome", Sources=sources)
        if outcome.is_group:
            labels = contrast_labels(seeds.contrasts)
            masks = [names.contrast_mask(labels[name]) for name in said["Seeds"]]
            sources = [*sources, *bids_uris(names.root, masks)]
            self._compare_groups(config, named, out, found, model, there, sources)
        _, atlas, _ = network_atlas(config.group.network_atlas, seeds.grid)
        tables = {
            ("clusters", "clusters"): (
                outcome_clusters(
                    found, significant, index, atlas, seeds.grid, min_distance=PEAK_DISTANCE
                ),
                {**OUTCOME_CLUSTER_COLUMNS, **(atlas.columns() if atlas else {})},
            ),
            ("seeds", "metrics"): (
                _seed_rows(said["Seeds"], outcome, there, maps, volumes, found, predicted),
                SEED_COLUMNS,
            ),
            ("tests", "metrics"): (
                outcome_test_rows(found, predicted, is_group=outcome.is_group),
                TEST_COLUMNS,
            ),
        }
        for (desc, suffix), (table, described) in tables.items():
            out.table(named(desc=desc, suffix=suffix, extension=".tsv"), table, described, said)
        best = float(np.nanmin(found.p_fwe)) if np.isfinite(found.p_fwe).any() else np.nan
        LOGGER.info(
            "%s: %d seeds, smallest corrected p %.3g (%d voxels at %g); leave one seed out: %s "
            "%.3f, p %.3g",
            outcome.name,
            there.size,
            best,
            int(significant.sum()),
            config.group.alpha,
            "area under the ROC curve" if outcome.is_group else "r",
            whole.similarity.statistic,
            whole.similarity.p,
        )
        self._expect(out.paths)

    def _compare_groups(
        self,
        config: Config,
        named: Callable[..., Path],
        out: OutputFiles,
        found: Association,
        model: OutcomeModel,
        there: NDArray[np.intp],
        sources: Sequence[str],
    ) -> None:
        """Write sensitivity, its conjunction with the difference, and the test of the masks."""
        mapped = read_mapped([self.inputs.mapped_files[i] for i in there])
        is_case = model.outcome > 0.5
        share = sensitivity(mapped.masks, mapped.counted, is_case)
        threshold = config.group.network_threshold
        both = conjunction(
            share, found.t, found.p_fwe, threshold=threshold, alpha=config.group.alpha
        )
        path = named(desc="sensitivity", suffix="probseg")
        meaning, units = GROUP_MEANING["sensitivity"], "share of cases"
        out.image(path, share, meaning, units, Sources=sources)
        out.shared = {**out.shared, "Threshold": threshold}
        path = named(desc="conjunction", suffix="mask")
        out.image(path, both, GROUP_MEANING["conjunction"], Sources=sources)
        test = config.outcomes.mask_test
        if test == "none":
            return
        permutations = block_permutations(
            model.block, config.group.n_permutations, config.group.random_seed, alike=is_case
        )
        tested = mask_test(mapped.masks, mapped.counted, is_case, permutations, test=test)
        # counts of masks, without a model: neither covariates nor degrees of freedom
        said = {name: value for name, value in out.shared.items() if name not in _OF_MODEL}
        out.shared = {**said, "MaskTest": test}
        path = named(desc=test, stat="p", suffix="statmap")
        out.image(path, tested.p, GROUP_MEANING["p"], "p", Sources=sources)
        made = len(permutations.rows)
        out.image(
            named(desc=test, stat="pfwe", suffix="statmap"),
            tested.p_fwe,
            GROUP_MEANING["pfwe"],
            "p",
            Permutations=made - 1,
            PermutationsExact=tested.exact,
            SmallestP=1 / made,
            RandomSeed=config.group.random_seed,
            Sources=sources,
        )

    def _sources(self, names: OutputNames, seeds: SeedMatrix) -> list[str]:
        labels = contrast_labels(seeds.contrasts)
        own = [labels[name] for name in self.inputs.outcome["seeds"]]
        return bids_uris(names.root, [names.contrast_map(label, "effect") for label in own])


def seed_model(
    outcome: PlannedOutcome,
    there: NDArray[np.intp],
    weights: sparse.csr_array,
    volumes: NDArray[np.float64],
    strength_file: Path,
) -> tuple[OutcomeModel, list[str]]:
    """Return the model of some seeds of an outcome, and the names of its covariates.

    Parameters
    ----------
    outcome
        The outcome.
    there
        Positions of the seeds among those of the outcome, shape (K,).
    weights, volumes
        Weights on the grid, shape (K, voxels), and volumes of these seeds.
    strength_file
        Strength of the connectome, where it is a covariate.
    """
    columns = np.array(outcome.columns, dtype=np.float64).reshape(len(outcome.seeds), -1)
    parts = [np.ones(there.size), *columns[there].T]
    for name in outcome.measured:
        if name == "log_volume":
            own = np.log(volumes)
        else:
            strength = read_strength(strength_file).strength
            own = _mean_within(weights[:, strength.index], strength.positive)
        parts.append(own - own.mean())
    blocks = np.unique(np.array(outcome.cohorts)[there], return_inverse=True)[1]
    model = OutcomeModel(
        np.array(outcome.values)[there], np.column_stack(parts), blocks.astype(np.intp)
    )
    return model, [*outcome.column_names, *outcome.measured]


def _mean_maps(files: Sequence[str], path: Path) -> NDArray[np.float64]:
    """Gather the seeds' mean maps in one file, so that any number of them fits into memory."""
    shape = (len(files), read_index(files[0]).size)
    maps = np.lib.format.open_memmap(path, "w+", np.float64, shape)
    for row, file in zip(maps, files, strict=True):
        row[:] = read_mean(file)
    return maps


def _mean_within(
    weights: sparse.csr_array, values: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """Return the mean of a map within each seed, shape (K,); 0 for a seed outside of the map."""
    total = np.asarray(weights.sum(axis=1), dtype=np.float64)
    inside = weights @ np.nan_to_num(np.asarray(values, dtype=np.float64))
    return np.divide(inside, total, out=np.zeros_like(total), where=total != 0)


def _complete(maps: NDArray[np.float64]) -> bool:
    """Return true if a voxel is missing in all seeds or in none."""
    counts = np.sum([np.isfinite(own) for own in maps], axis=0)
    return bool(np.isin(counts, (0, len(maps))).all())


def _seed_rows(
    names: Sequence[str],
    outcome: PlannedOutcome,
    there: NDArray[np.intp],
    maps: NDArray[np.float64],
    volumes: NDArray[np.float64],
    found: Association,
    predicted: Mapping[str, OutOfSample],
) -> pd.DataFrame:
    """Return one row per seed with what a scatter plot shows."""
    size = np.nan_to_num(np.abs(found.t), nan=-1.0)
    table = pd.DataFrame(
        {
            "seed": names,
            "cohort": [outcome.cohorts[i] or "n/a" for i in there],
            "outcome": np.array(outcome.values)[there],
            "volume_mm3": volumes,
            "peak_connectivity": maps[:, int(size.argmax())],
        }
    )
    for name, own in predicted.items():
        kind, column = PREDICTIONS[name]
        if kind != "damage":
            table[column] = getattr(own, kind).scores
        elif own.damage_scores is not None:
            table["damage_mean"] = own.damage_scores.mean
            table["damage_maximum"] = own.damage_scores.maximum
            table["damage_sum"] = own.damage_scores.total
    return table
