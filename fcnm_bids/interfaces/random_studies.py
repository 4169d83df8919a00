"""Take the contrasts of an effect as a sample of studies."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.names import to_label
from fcnm_bids.bids.outputs import AS_STORED, bids_uris
from fcnm_bids.bids.write import OutputFiles
from fcnm_bids.config import Config
from fcnm_bids.connectivity import participant_maps
from fcnm_bids.derivatives.outcomes import (
    MEAN_ALONE,
    MODERATOR_MEANING,
    SAMPLE_COLUMNS,
    SAMPLE_MEANING,
    sample_row,
)
from fcnm_bids.derivatives.seeds import seed_volumes
from fcnm_bids.inputs.analysis_mask import group_voxels
from fcnm_bids.inputs.contrasts import contrast_labels
from fcnm_bids.inputs.scores import PlannedOutcome
from fcnm_bids.inputs.store import open_participants
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.interfaces.outcomes import seed_model
from fcnm_bids.mapping import Participant
from fcnm_bids.outcomes import (
    BlockPermutations,
    CrossProducts,
    RandomStudies,
    fit_random_studies,
    slab_voxels,
    study_permutations,
    without_covariates,
)
from fcnm_bids.outcomes.model import nuisance_basis
from fcnm_bids.seeds import SeedMatrix, read_seed_matrix, study_units

LOGGER = logging.getLogger("fcnm_bids")


@dataclass(frozen=True, eq=False)
class _Model:
    """A model of some contrasts of the effect.

    `rows` are their positions, sorted; `moderators` has the tested moderator first, and covariates.
    """

    name: str
    label: str
    rows: NDArray[np.intp]
    moderators: NDArray[np.float64]
    covariates: Sequence[str]
    permutations: Sequence[BlockPermutations]


class SampleStudies(ConfiguredInterface):
    """Estimate the variance between an effect's seeds, and test moderators over studies."""

    takes = ("seeds_file", "entities", "participants", "effect", "label", "outcomes")
    may_take = ("mask_files", "strength_file")

    def _make(self, config: Config, folder: Path) -> None:
        every = read_seed_matrix(self.inputs.seeds_file)
        rows = [i for i, c in enumerate(every.contrasts) if c.effect == self.inputs.effect]
        contrasts = tuple(every.contrasts[i] for i in rows)
        seeds = SeedMatrix(every.weights[rows], contrasts, every.grid)
        participants = open_participants(self.inputs.participants, config.denoising)
        index = group_voxels(participants, seeds.grid, config.group, self.inputs.mask_files)
        study = study_units(contrasts)
        models = [
            _Model(MEAN_ALONE, "", np.arange(len(rows)), np.zeros((len(rows), 0)), (), ()),
            *self._moderators(config, seeds, study),
        ]
        fits = _fit(models, seeds, participants, index, config)
        names = self._names(config)
        labels = contrast_labels(every.contrasts)
        sources = bids_uris(
            names.root, [names.contrast_map(labels[c.name], "effect") for c in contrasts]
        )
        said: dict[str, Any] = {
            "Effect": self.inputs.effect,
            "Contrasts": [contrast.name for contrast in contrasts],
            "Moderators": [model.name for model in models[1:]],
            "Participants": len(participants),
            "RandomSeed": config.group.random_seed,
            **AS_STORED,
        }
        named = partial(names.network_part, self.inputs.label)
        out, table = OutputFiles(seeds.grid, index), []
        for model, found in zip(models, fits, strict=True):
            units = np.unique(study[model.rows]).size
            where = seeds.grid.positions(index)
            own = sample_row(model.name, model.covariates, found, model.rows.size, units, where)
            table.append(own)
            described = dict(said)
            values: dict[str, NDArray[np.float64]]
            if model.permutations:
                described |= {
                    "Moderator": model.name,
                    "Covariates": list(model.covariates),
                    "Contrasts": [contrasts[i].name for i in model.rows],
                    "Permutations": found.largest[0].size - 1,
                    "PermutationsExact": found.exhaustive[0],
                }
                values = {"effect": found.slopes[0], "z": found.z[0], "pfwe": found.p_fwe[0]}
                meaning, desc = MODERATOR_MEANING, f"moderator{model.label}"
            else:
                values = {
                    "effect": found.mean,
                    "se": found.standard_error,
                    "variance": found.tau2,
                }
                meaning, desc = SAMPLE_MEANING, "betweenseeds"
            for stat, own_values in values.items():
                path = named(desc=desc, stat=stat, suffix="statmap")
                out.image(path, own_values, *meaning[stat], **described, Sources=sources)
        path = names.network_table(self.inputs.label, "betweenseeds", "metrics")
        out.table(path, table, SAMPLE_COLUMNS, said)
        LOGGER.info(
            "%s: %d contrasts of %d studies as a sample, median variance between seeds %.3g%s",
            self.inputs.effect,
            len(contrasts),
            np.unique(study).size,
            table[0]["median_variance"],
            "".join(f"; {row['model']}: p {row['p']:.3g}" for row in table[1:] if "p" in row),
        )
        self._expect(out.paths)

    def _moderators(
        self, config: Config, seeds: SeedMatrix, study: NDArray[np.intp]
    ) -> list[_Model]:
        """Return a model for each outcome that varies over contrasts of the effect."""
        models = []
        number = {contrast.name: i for i, contrast in enumerate(seeds.contrasts)}
        for fields in self.inputs.outcomes:
            outcome = PlannedOutcome(**fields)
            known = {number[s]: i for i, s in enumerate(outcome.seeds) if s in number}
            rows = np.array(sorted(known), dtype=np.intp)  # as the pairs of contrasts are sorted
            there = np.array([known[row] for row in rows], dtype=np.intp)
            values = np.array(outcome.values)[there]
            if np.unique(values).size < 2:
                continue
            weights = seeds.weights[rows]
            volumes = seed_volumes(weights, seeds.grid)
            strength = Path(self.inputs.strength_file or "")
            model, columns = seed_model(outcome, there, weights, volumes, strength)
            covariates = model.nuisance[:, 1:] - model.nuisance[:, 1:].mean(axis=0)
            basis = nuisance_basis(covariates)
            rest = without_covariates(values, covariates)
            if not rest.any() or rows.size < basis.shape[1] + 3:
                LOGGER.warning(
                    "%s, moderator %s: %d contrasts leave nothing of it beside %s; not tested",
                    self.inputs.effect,
                    outcome.name,
                    rows.size,
                    ", ".join(columns) or "the mean",
                )
                continue
            group = config.group
            permuted = study_permutations(
                study[rows], rest, group.n_permutations, group.random_seed
            )
            both = np.column_stack([rest, basis])
            label = to_label(outcome.label)
            varying = np.ptp(covariates, axis=0) > 0
            columns = [name for name, some in zip(columns, varying, strict=True) if some]
            models.append(_Model(outcome.name, label, rows, both, columns, [permuted]))
        return models


def _fit(
    models: Sequence[_Model],
    seeds: SeedMatrix,
    participants: Sequence[Participant],
    index: NDArray[np.intp],
    config: Config,
) -> list[RandomStudies]:
    """Fit all models, in one pass over the participants for each slab of voxels."""
    n_contrasts = len(seeds.contrasts)
    at_once = slab_voxels(n_contrasts)
    fewest = max(2, math.ceil(config.group.min_subjects * len(participants) - 1e-9))
    slabs: list[list[RandomStudies]] = [[] for _ in models]
    for start in range(0, index.size, at_once):
        voxels = index[start : start + at_once]
        sums = CrossProducts(n_contrasts, voxels.size)
        for participant in participants:
            own = participant_maps(
                participant.open_runs(),
                seeds,
                min_coverage=config.seeds.min_coverage,
                index=voxels,
            )
            own.z[own.clipped] = np.nan
            sums.add(own.z)
        enough = sums.n >= fewest
        effects = np.where(enough, sums.total / np.maximum(sums.n, 1), np.nan)
        errors = sums.error_covariance()
        for model, fitted in zip(models, slabs, strict=True):
            chosen = np.isin(sums.pairs[0], model.rows) & np.isin(sums.pairs[1], model.rows)
            own_effects, own_errors = effects[model.rows], errors[chosen]
            fitted.append(
                fit_random_studies(own_effects, own_errors, model.moderators, model.permutations)
            )
    return [RandomStudies.join(own) for own in slabs]
