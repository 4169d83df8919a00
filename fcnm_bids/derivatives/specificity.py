"""Tables, images and sidecars of the nulls."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids.outputs import AS_STORED, OutputNames, resolution_label
from fcnm_bids.bids.write import OutputFiles
from fcnm_bids.config import Config
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.atlas import find_atlas, read_atlas
from fcnm_bids.inputs.rules import network_rule, null_options
from fcnm_bids.intermediates.null_inputs import NullData
from fcnm_bids.network import Atlas, min_cluster_voxels
from fcnm_bids.seeds import Contrast
from fcnm_bids.specificity import (
    FOCUS_NULLS,
    LabelledContrasts,
    LabelTest,
    MapComparison,
    NullAssessment,
    null_sentence,
    upper_p,
)
from fcnm_bids.stats import label_clusters

REGION_COLUMNS = {
    "test": "The null",
    "name": "Canonical network",
    "n_overlap": "Voxels of the network within it",
    "n_overlap_null": "Mean over draws",
    "p": "Share of maps whose network holds as many voxels of it",
    "difference": "Mean probability inside less outside, over the places of foci",
    "difference_null": "Its median over draws",
    "p_difference": "Two-sided p of the difference by rank, the observed map included",
    "p_difference_fwe": "Two-sided p of the studentised difference, family-wise over the canonical "
    "networks",
    "withheld": "Whether all p are withheld because strength is not reliable enough",
}
"""Columns of the table of canonical networks against nulls."""

DRAW_COLUMNS = {
    "draw": "Number of the draw",
    "n_voxels": "Voxels of its network",
    "max_z": "Its largest studentised value over voxels",
}
"""Columns of the tables of draws."""

_SOME_VOXELS = {"Resolution": "some of the voxels of the projected runs"}

_MAP_MEANING = {
    "p": "Share of all maps, the observed one included, with a probability as high",
    "pfwe": "The same for the largest studentised probability over all voxels",
    "z": "Probability less the mean of all maps, over their standard deviation (to whose square "
    "that of one contrast's share is added)",
}

_CONVERGENCE_MEANING = {
    "p": "Share of all maps, the observed one included, whose mean z over contrasts is as high",
    "pfwe": "The same for the largest studentised mean z over all voxels",
    "z": "Mean z over contrasts, each away from its own foci, studentised over all maps",
}

LABEL_COLUMNS = {
    "label": "Effect",
    "n_contrasts": "Contrasts",
    "n_studies": "Studies",
    "n_studies_paired": "Studies that have contrasts of both effects",
    "n_foci": "Foci",
    "foci_per_contrast": "Mean number of foci of a contrast",
    "n_participants_median": "Median sample size of the contrasts that state one",
}
"""Columns of the table of what the labels stand for."""

SPECIFICITY_COLUMNS = {
    "test": "labels (studies exchange labels), similarity (left-out studies, labels exchanged), "
    "strength (foci of equal strength), random (foci scattered in grey matter), split (random "
    "halves of the contrasts) or degree",
    "n_draws": "Draws, relabellings or halves, the observed one not counted",
    "smallest_p": "The least p that so many draws can give",
    "levels": "Number of values that the maps of draws and data take",
    "n_voxels": "Voxels of the network",
    "n_voxels_null": "Median over draws of the voxels of the null's network",
    "n_voxels_null_upper": "Its 95th percentile",
    "p_size": "Share of maps whose network is as large as the observed one",
    "n_voxels_p": "Voxels, in the network or not, whose own p is at most alpha",
    "n_voxels_pfwe": "Voxels, in the network or not, whose family-wise p is at most alpha",
    "share_surviving": "Share of the network whose family-wise p is at most alpha",
    "min_pfwe": "Smallest family-wise p of any voxel, in the network or not",
    "n_voxels_convergence": "Voxels, in the network or not, where the family-wise p of convergence "
    "(mean z of contrasts, each away from its own foci) is at most alpha",
    "min_pfwe_convergence": "Smallest family-wise p of convergence at any voxel",
    "statistic": "similarity: mean r of a left-out study with its own effect less that with the "
    "other",
    "p": "Share of labellings, the observed one included, that reach the statistic",
    "n_splits": "split: random splits in which one half shares a cluster that the other does not",
    "withheld": "Whether the verdict is withheld because strength is not reliable enough",
    "verdict": "Verdict of the test, in a sentence",
}
"""Columns of the table of specificity and what they hold."""

COMPARED_COLUMNS = {
    "test": "random or strength (draws of these foci), or labels (exchanged labels)",
    "map": "Name of the other map",
    "measure": "probability (share of contrasts), convergence (their mean z) or difference (the "
    "probability map less that of the other effect)",
    "statistic": "pearson, or for a map of two values the mean inside less the mean outside",
    "n_voxels": "Voxels compared, the same in all draws",
    "value": "The statistic of the observed map",
    "median_null": "Its median over draws",
    "p": "Two-sided p by rank, the observed map included: twice the smaller one-sided p, at most 1",
    "p_fwe": "Two-sided p of the studentised statistic, family-wise over the maps",
    "withheld": "Whether p are withheld because strength is not reliable enough",
}
"""Columns of the table of other maps."""


@dataclass(frozen=True, eq=False)
class ComparisonFrame:
    """The grid on which draws and data are compared: the data's, or the coarser one of the draws.

    Parameters
    ----------
    names
        Of the maps on this grid.
    grid, index
        The grid, and the voxel numbers of the analysis on it, shape (V,).
    network_of
        The network of a probability map.
    network
        That of the observed map, shape (V,).
    regions
        Masks of canonical networks, shape (V,), by name.
    """

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
        data: NullData,
        observed: NDArray[np.float64],
    ) -> ComparisonFrame:
        """The frame of what the draws share, with the observed map over its voxels."""
        coarser = config.specificity.null_resolution is not None
        size = resolution_label(data.grid.voxel_sizes.max())
        place = {**entities, "res": size} if coarser else entities
        network_of = network_rule(config.group, data.grid, data.index)
        atlas = read_atlas(find_atlas(config.group.network_atlas, data.grid.space), data.grid)
        return cls(
            OutputNames.of(Path(config.output_dir), place),
            data.grid,
            data.index,
            network_of,
            network_of(observed),
            _regions(atlas, data.index),
        )


def null_row(
    config: Config,
    null: str,
    found: NullAssessment,
    network: NDArray[np.bool_],
    converged: NullAssessment,
    withheld: str | None,
) -> dict[str, Any]:
    """A null's row of the table of specificity, for a network of shape (V,).

    Parameters
    ----------
    config, null, found, network
        The request, the null, what it gives for the probability map, and the network.
    converged
        What it gives for convergence.
    withheld
        Why nothing can be concluded; None where something can.
    """
    alpha, drawn = config.group.alpha, found.n_draws > 0
    return {
        "test": null,
        "n_draws": found.n_draws,
        "levels": len(found.levels),
        **_surviving(found, network, network, alpha),
        "n_voxels_null": float(np.median(found.sizes)) if drawn else math.nan,
        "n_voxels_null_upper": float(np.quantile(found.sizes, 0.95)) if drawn else math.nan,
        "p_size": upper_p(int(np.count_nonzero(network)), found.sizes),
        "n_voxels_convergence": _significant(converged.p_fwe, alpha),
        "min_pfwe_convergence": _smallest(converged.p_fwe),
        "withheld": withheld is not None,
        "verdict": withheld
        or null_sentence(FOCUS_NULLS[null].expected(null_options(config)), found, network, alpha),
    }


def _significant(p: NDArray[np.float64], alpha: float) -> int:
    return int(np.count_nonzero(np.nan_to_num(p, nan=1.0) <= alpha))


def _smallest(p: NDArray[np.float64]) -> float | None:
    return float(np.nanmin(p)) if np.isfinite(p).any() else None


def _surviving(
    found: NullAssessment | LabelTest,
    network: NDArray[np.bool_],
    counted: NDArray[np.bool_],
    alpha: float,
) -> dict[str, Any]:
    """Return the entries on significant voxels, and on those of the network that are counted."""
    size, reachable = int(np.count_nonzero(network)), found.smallest_p <= alpha
    inside = _significant(found.p_fwe[network & counted], alpha)
    return {
        "smallest_p": found.smallest_p,
        "n_voxels": size,
        "n_voxels_p": _significant(found.p, alpha),
        "n_voxels_pfwe": _significant(found.p_fwe, alpha),
        "share_surviving": inside / size if size and reachable else None,
        "min_pfwe": _smallest(found.p_fwe),
    }


def region_rows(
    null: str,
    found: NullAssessment,
    frame: ComparisonFrame,
    compared: MapComparison,
    *,
    withheld: bool,
) -> list[dict[str, Any]]:
    """A null's rows of the table of canonical networks, with `REGION_COLUMNS`.

    Parameters
    ----------
    null, found, frame
        The null, what it gives for the probability map, and where.
    compared
        The probability map against the canonical networks.
    withheld
        Whether nothing can be concluded.
    """
    rows = []
    likeness = compared_rows(null, "probability", compared, withheld=withheld)
    for (name, region), drawn, like in zip(
        frame.regions.items(), found.overlaps.T, likeness, strict=True
    ):
        own = int(np.count_nonzero(frame.network & region))
        rows.append(
            {
                "test": null,
                "name": name,
                "n_overlap": own,
                "n_overlap_null": float(drawn.mean()) if drawn.size else math.nan,
                "p": math.nan if withheld else upper_p(own, drawn),
                "difference": like["value"],
                "difference_null": like["median_null"],
                "p_difference": like["p"],
                "p_difference_fwe": like["p_fwe"],
                "withheld": withheld,
            }
        )
    return rows


def compared_rows(
    test: str, measure: str, found: MapComparison, *, withheld: bool, sign: int = 1
) -> list[dict[str, Any]]:
    """Return the rows of the table of other maps, with `COMPARED_COLUMNS`.

    Parameters
    ----------
    test, measure, found
        The test, the measure, and the comparison.
    withheld
        Whether nothing can be concluded.
    sign
        -1 for the second of two effects, whose difference is the negative one.
    """
    drawn = len(found.draws) > 0
    median = np.median(found.draws, axis=0) if drawn else np.full(len(found.names), math.nan)
    known = drawn and not withheld
    return [
        {
            "test": test,
            "map": name,
            "measure": measure,
            "statistic": found.statistic[number],
            "n_voxels": int(found.n_voxels[number]),
            "value": sign * float(found.observed[number]),
            "median_null": sign * float(median[number]),
            "p": float(found.p[number]) if known else math.nan,
            "p_fwe": float(found.p_fwe[number]) if known else math.nan,
            "withheld": withheld,
        }
        for number, name in enumerate(found.names)
    ]


def write_null(
    config: Config,
    label: str,
    null: str,
    found: NullAssessment,
    frame: ComparisonFrame,
    converged: NullAssessment,
    withheld: str | None,
) -> list[Path]:
    """Write the maps and the draws of a null of the network with a label; returns the files.

    Their sidecars state why nothing can be concluded, where this is so.
    """
    names, asked, options = frame.names, config.specificity, null_options(config)
    described = {
        "Null": null,
        "Draws": found.n_draws,
        "SmallestP": found.smallest_p,
        "Levels": [float(f"{level:.6g}") for level in found.levels],
        "RandomSeed": config.group.random_seed,
        **dict.fromkeys(key for other in FOCUS_NULLS.values() for key in other.describe(options)),
        **FOCUS_NULLS[null].describe(options),
        "NullResolution": asked.null_resolution,
        **({} if withheld is None else {"Withheld": withheld}),
        **(AS_STORED if asked.null_resolution is None else _SOME_VOXELS),
    }
    out = OutputFiles(frame.grid, frame.index, described)
    for stat, values in (("p", found.p), ("pfwe", found.p_fwe), ("z", found.z)):
        path = names.network_part(label, null, "statmap", stat=stat)
        out.image(path, values, _MAP_MEANING[stat])
    for stat, values in (("p", converged.p), ("pfwe", converged.p_fwe), ("z", converged.z)):
        path = names.network_part(label, f"{null}convergence", "statmap", stat=stat)
        out.image(path, values, _CONVERGENCE_MEANING[stat], Levels=None)
    draws = pd.DataFrame(
        {
            "draw": np.arange(found.n_draws),
            "n_voxels": found.sizes,
            "max_z": np.where(np.isfinite(found.maxima), found.maxima, np.nan),
        }
    )
    path = names.network_table(label, f"{null}draws", "metrics")
    out.table(path, draws, DRAW_COLUMNS, described)
    return out.paths


def _regions(atlas: Atlas | None, index: NDArray[np.intp]) -> dict[str, NDArray[np.bool_]]:
    if atlas is None:
        return {}
    labels = atlas.labels[index]
    return {name: np.isin(labels, numbers) for name, numbers in atlas.networks.items()}


def label_row(
    found: LabelTest, alpha: float, sentence: str, network: NDArray[np.bool_], sign: int
) -> dict[str, Any]:
    """Return the row of a test of labels, for the network of the effect with that sign."""
    return {
        "n_draws": found.n_labellings - 1,
        **_surviving(found, network, sign * found.difference > 0, alpha),
        "verdict": sentence,
    }


def write_labels(
    place: Callable[..., Path],
    found: LabelTest,
    named: tuple[str, str],
    about: Mapping[str, Any],
    grid: Grid,
    index: NDArray[np.intp],
) -> list[Path]:
    """Write the maps of a test of labels.

    Parameters
    ----------
    place
        Function from the entity stat to the path of a map.
    found, named, about
        The test, the networks compared, and what sidecars share.
    grid, index
        Where the maps lie.

    Returns
    -------
    files
        The maps.
    """
    described = {
        **AS_STORED,
        **about,
        "Labellings": found.n_labellings,
        "LabellingsPossible": found.n_possible,
        "LabellingsExact": found.exact,
        "SmallestP": found.smallest_p,
    }
    maps = {
        "difference": (found.difference, f"Probability map of {named[0]} less that of {named[1]}"),
        "p": (found.p, "Two-sided p of the difference when studies exchange labels"),
        "pfwe": (found.p_fwe, "The same for the largest absolute studentised difference"),
        "z": (found.z, "The difference, studentised over the labellings"),
    }
    out = OutputFiles(grid, index, described)
    for stat, (values, meaning) in maps.items():
        out.image(place(stat=stat), values, meaning)
    return out.paths


def count_labels(
    contrasts: Sequence[Contrast], labelled: LabelledContrasts, effects: tuple[str, str]
) -> pd.DataFrame:
    """Count contrasts, studies, foci and participants of the effects that labels stand for."""
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


def count_clusters(
    mask: NDArray[np.bool_], *, config: Config, grid: Grid, index: NDArray[np.intp]
) -> int:
    """Clusters of a mask that are large enough for a network."""
    fewest = max(1, min_cluster_voxels(config.group.min_cluster_volume, grid.voxel_volume))
    _, sizes = label_clusters(grid.unflatten(mask, index))
    return int(np.count_nonzero(sizes >= fewest))
