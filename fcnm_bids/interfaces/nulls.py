"""Whether the labels of two effects matter: exchanged between studies, and ignored."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids import write_image, write_table
from fcnm_bids.config import Config
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.base import (
    AS_PREPROCESSED,
    ConfiguredInterface,
    File,
    PromisingOutputSpec,
    SeededInputSpec,
)
from fcnm_bids.interfaces.labels import compared_contrasts, nulls_wanted
from fcnm_bids.interfaces.mapped_file import read_index
from fcnm_bids.interfaces.rule import contrast_weights, mapping_rule
from fcnm_bids.interfaces.seeds import effect_labels
from fcnm_bids.interfaces.stored_people import (
    DesignedPeopleInputSpec,
    design_columns,
    open_people,
)
from fcnm_bids.mapping import map_network
from fcnm_bids.network import min_cluster_voxels
from fcnm_bids.seeds import Contrast, read_seed_matrix, sphere_seeds
from fcnm_bids.specificity import (
    LabelledContrasts,
    LabelTest,
    label_sentence,
    label_test,
    split_sentence,
    split_test,
    study_units,
    thinned,
)
from fcnm_bids.stats import label_clusters

LABEL_COLUMNS = {
    "label": "Effect",
    "n_contrasts": "Contrasts",
    "n_studies": "Studies",
    "n_studies_paired": "Studies that have contrasts of both effects",
    "n_foci": "Foci",
    "foci_per_contrast": "Mean number of foci of a contrast",
    "n_people_median": "Median sample size of the contrasts that state one",
}
"""Columns of the table of what the labels stand for."""


class CompareLabelsInputSpec(SeededInputSpec, DesignedPeopleInputSpec):
    """Inputs of `CompareLabels`."""

    index_file = File(exists=True, mandatory=True, desc="has the voxel numbers of the analysis")


class CompareLabelsOutputSpec(PromisingOutputSpec):
    """Outputs of `CompareLabels`."""

    rows_file = File(desc="rows of the table of specificity, by effect")


class CompareLabels(ConfiguredInterface):
    """Exchange the labels of two effects, and split their contrasts without regard to label."""

    input_spec = CompareLabelsInputSpec
    output_spec = CompareLabelsOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        settings, group = config.specificity, config.group
        nulls = nulls_wanted(config, seeds.contrasts)
        first, second, contrasts = compared_contrasts(config, seeds.contrasts)
        if settings.thin_foci:
            contrasts = tuple(thinned(contrasts, group.random_seed))
        labelled, index = self._mapped(folder, config, seeds.grid, contrasts, first)
        alpha = group.alpha
        rows: dict[str, dict[str, Any]] = {}
        names, label = self._names(config), effect_labels(contrasts)[first]
        written: list[Path] = []
        about = {
            "Labels": [first, second],
            "LabelCoordinates": settings.label_coordinates,
            "FociThinnedTo": len(contrasts[0].foci) if settings.thin_foci else None,
            "RandomSeed": group.random_seed,
        }
        table = names.network_table(label, "labels", "metrics")
        counts = _count_labels(contrasts, labelled, (first, second))
        write_table(table, counts, LABEL_COLUMNS, about)
        written.append(table)
        if "labels" in nulls:
            found = label_test(labelled, n_draws=group.n_permutations, seed=group.random_seed)
            rows["labels"] = _label_row(found, alpha, label_sentence(first, second, found, alpha))
            described = {
                **AS_PREPROCESSED,
                **about,
                "Labellings": found.n_labellings,
                "LabellingsPossible": found.n_possible,
                "LabellingsExact": found.exact,
                "SmallestP": found.smallest_p,
            }
            maps = {
                "difference": (
                    found.difference,
                    f"Probability map of {first} less that of {second}",
                ),
                "p": (found.p, "Two-sided p of the difference when studies exchange labels"),
                "pfwe": (
                    found.p_fwe,
                    "The same for the largest absolute studentised difference",
                ),
                "z": (found.z, "The difference, studentised over the labellings"),
            }
            for stat, (values, meaning) in maps.items():
                path = names.network_part(label, "labels", "statmap", stat=stat)
                text = {"Description": meaning, **described}
                write_image(path, values, seeds.grid, text, index=index)
                written.append(path)
        if "split" in nulls:
            split = split_test(
                labelled,
                partial(_count_clusters, config=config, grid=seeds.grid, index=index),
                threshold=group.network_threshold,
                n_draws=group.n_permutations,
                seed=group.random_seed,
            )
            rows["split"] = {
                "n_draws": split.n_draws,
                "verdict": split_sentence(first, second, split),
            }
        rows_file = folder / "rows.json"
        rows_file.write_text(json.dumps({first: rows, second: rows}), encoding="utf-8")
        self._results["rows_file"] = str(rows_file)
        self._promise(written)

    def _mapped(
        self, folder: Path, config: Config, grid: Grid, contrasts: Sequence[Contrast], first: str
    ) -> tuple[LabelledContrasts, NDArray[np.intp]]:
        """Masks of the contrasts, through the map's own function."""
        index = read_index(self.inputs.index_file)
        seeds = sphere_seeds(
            contrasts, grid, radius=config.seeds.radius, sphere=config.seeds.sphere
        )
        mapped = map_network(
            seeds,
            open_people(self.inputs.people),
            mapping_rule(config),
            index,
            covariates=design_columns(self.inputs.covariates),
            spill=folder / "maps.npy",
        ).contrasts
        labelled = LabelledContrasts(
            np.stack([one.mask.significant for one in mapped]),
            np.stack([one.counted for one in mapped]),
            np.array([contrast.effect == first for contrast in contrasts]),
            study_units(contrasts),
            contrast_weights(config.group, contrasts),
        )
        return labelled, index


def _label_row(found: LabelTest, alpha: float, sentence: str) -> dict[str, Any]:
    beyond = np.nan_to_num(found.p_fwe, nan=1.0) <= alpha
    return {
        "n_draws": found.n_labellings - 1,
        "smallest_p": found.smallest_p,
        "n_voxels_p": int(np.count_nonzero(np.nan_to_num(found.p, nan=1.0) <= alpha)),
        "n_voxels_pfwe": int(np.count_nonzero(beyond)),
        "min_pfwe": float(np.nanmin(found.p_fwe)) if np.isfinite(found.p_fwe).any() else None,
        "verdict": sentence,
    }


def _count_labels(
    contrasts: Sequence[Contrast], labelled: LabelledContrasts, effects: tuple[str, str]
) -> pd.DataFrame:
    paired = np.isin(labelled.unit, labelled.paired)
    rows = []
    for effect in effects:
        own = [number for number, c in enumerate(contrasts) if c.effect == effect]
        foci = sum(len(contrasts[i].foci) for i in own)
        sizes = [n for i in own if (n := contrasts[i].n) is not None]
        rows.append(
            (
                effect,
                len(own),
                len(np.unique(labelled.unit[own])),
                len(np.unique(labelled.unit[own][paired[own]])),
                foci,
                foci / len(own),
                float(np.median(sizes)) if sizes else math.nan,
            )
        )
    return pd.DataFrame(rows, columns=list(LABEL_COLUMNS))


def _count_clusters(
    mask: NDArray[np.bool_], *, config: Config, grid: Grid, index: NDArray[np.intp]
) -> int:
    """Clusters of a mask that are large enough for a network."""
    fewest = max(1, min_cluster_voxels(config.group.min_cluster_volume, grid.voxel_volume))
    _, sizes = label_clusters(grid.unflatten(mask, index))
    return int(np.count_nonzero(sizes >= fewest))
