"""Images and tables of an outcome of the seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.grid import Grid
from fcnm_bids.network import (
    CLUSTER_COLUMNS,
    DESCRIBED_COLUMNS,
    Atlas,
    cluster_table,
    describe_clusters,
)
from fcnm_bids.outcomes import Association, OutOfSample, RandomStudies

STAT_MEANING = {
    "r": ("Partial correlation over seeds of the outcome with the mean Fisher z", "correlation"),
    "t": ("t over seeds of the outcome, in a linear model of the mean Fisher z", "t"),
    "pfwe": ("Two-sided p of t, corrected for all voxels by permutation (largest |t|)", "p"),
    "n": ("Number of seeds with a value", "seeds"),
}
"""Meaning and units of the maps of an outcome."""

GROUP_MEANING = {
    "sensitivity": "Share of the cases whose contrast mask holds the voxel",
    "conjunction": "Voxels that are sensitive (enough cases) and specific (cases above controls)",
    "p": "One-sided p for more cases than controls whose contrast mask holds the voxel",
    "pfwe": "One-sided p for more cases than controls whose contrast mask holds the voxel, "
    "corrected for all voxels by permutation (smallest p)",
}
"""Meaning of the further maps of cases and controls."""

OUTCOME_CLUSTER_COLUMNS = {
    "sign": "Sign of the association",
    **CLUSTER_COLUMNS,
    "peak_r": "Partial correlation at the peak",
    **DESCRIBED_COLUMNS,
    "mean_t": "Mean over the cluster of t",
}

SEED_COLUMNS = {
    "seed": "Name of the contrast",
    "cohort": "Its cohort",
    "outcome": "Its outcome; of a group 1 for cases, 0 for controls",
    "volume_mm3": "Volume of the seed on the grid of the data",
    "peak_connectivity": "Mean Fisher z at the voxel of the largest |t|",
    "similarity": "Spatial correlation of its map with the map of all other seeds",
    "cohort_similarity": "The same with the map of all other cohorts",
    "weighted": "Mean of its map over the 1 % of voxels where the map of all other seeds has the "
    "largest |r|, weighted by that r",
    "cohort_weighted": "The same with the map of all other cohorts",
    "damage_mean": "Mean of the map of all other seeds (partial correlation) within the seed",
    "damage_maximum": "Maximum of that map within the seed",
    "damage_sum": "Sum of that map within the seed, weighted by the seed",
}

TEST_COLUMNS = {
    "test": "What was tested",
    "n_seeds": "Seeds in the test",
    "n_voxels": "Voxels in the test",
    "statistic": "What the value is",
    "value": "Value of the statistic",
    "p": "p by permutation; two-sided and corrected for all voxels, or one-sided for predictions",
    "null_mean": "Mean of the statistic over the permutations",
    "partial_r": "Correlation of score and outcome once the covariates are out of both",
    "partial_p": "p of the partial correlation",
    "n_permutations": "Permutations, the observed order included",
    "smallest_p": "Smallest p that these permutations can give",
}

SAMPLE_COLUMNS = {
    "model": "mean alone, or the moderator",
    "covariates": "Covariates of the moderator",
    "n_contrasts": "Contrasts in the model",
    "n_studies": "Their studies, which are permuted",
    "n_voxels": "Voxels at which all of them have a value",
    "median_variance": "Median over voxels of the variance between seeds that the model leaves",
    "largest_variance": "The largest of them",
    "z": "Coefficient over its standard error, where its absolute value is largest",
    "slope": "The coefficient there, Fisher z per unit of the moderator",
    "peak_x": "Where that is, in mm",
    "peak_y": "Where that is, in mm",
    "peak_z": "Where that is, in mm",
    "p": "Its two-sided p, corrected for all voxels by permutation over studies",
    "n_permutations": "Permutations, the observed order included",
    "smallest_p": "Smallest p that these permutations can give",
}

MEAN_ALONE = "mean alone"

SAMPLE_MEANING = {
    "effect": ("Mean over contrasts of the mean Fisher z, by generalised least squares", "z"),
    "se": ("Standard error of that mean, for participants and contrasts both as samples", "z"),
    "variance": ("Variance between seeds of the mean Fisher z, without that of participants", "z2"),
}
"""Meaning and units of the maps of contrasts as a sample."""

MODERATOR_MEANING = {
    "effect": ("Coefficient of the moderator", "z per unit"),
    "z": ("The coefficient over its standard error", "z"),
    "pfwe": ("Two-sided p of z, corrected for all voxels by permutation over studies", "p"),
}
"""Meaning and units of the maps of a moderator."""

VOXELWISE = "largest |t|"
PREDICTIONS = {
    "leave one seed out": ("similarity", "similarity"),
    "leave one seed out, strongest voxels": ("weighted", "weighted"),
    "leave one cohort out": ("similarity", "cohort_similarity"),
    "leave one cohort out, strongest voxels": ("weighted", "cohort_weighted"),
    "damage score, leave one seed out": ("damage", "damage_mean"),
}
"""Tests of prediction: whose scores they take, and the column of the table of seeds."""


def outcome_clusters(
    found: Association,
    significant: NDArray[np.bool_],
    index: NDArray[np.intp],
    atlas: Atlas | None,
    grid: Grid,
    *,
    min_distance: float,
) -> pd.DataFrame:
    """Return the clusters of significant voxels, those of positive association first.

    Parameters
    ----------
    found
        Maps over the voxels of `index`.
    significant
        Shape of `index`.
    index, atlas, grid, min_distance
        As for `describe_clusters`.
    """
    tables = []
    for sign, name in ((1, "positive"), (-1, "negative")):
        r, t = (sign * np.nan_to_num(values) for values in (found.r, found.t))
        mask = grid.unflatten(significant & (t > 0), index, fill=False)
        height = grid.unflatten(t, index, fill=0.0)
        shares = grid.unflatten(r, index, fill=0.0)
        clusters = cluster_table(mask, shares, grid, height=height)
        clusters, _ = describe_clusters(
            clusters, mask, height, atlas, grid, min_distance=min_distance, probability=shares
        )
        clusters[["peak_probability", "mean_t"]] *= sign
        tables.append(clusters.assign(sign=name))
    table = pd.concat([own for own in tables if len(own)] or tables[:1], ignore_index=True)
    table = table.rename(columns={"peak_probability": "peak_r"})
    labels = atlas.columns() if atlas else {}
    return table[[name for name in (*OUTCOME_CLUSTER_COLUMNS, *labels) if name in table]]


def sample_row(
    model: str,
    covariates: Sequence[str],
    found: RandomStudies,
    n_contrasts: int,
    n_studies: int,
    positions: NDArray[np.float64],
) -> dict[str, Any]:
    """Return the row of one model of contrasts as a sample.

    Parameters
    ----------
    model
        Name of the moderator, or `MEAN_ALONE`.
    covariates
        Names of the covariates.
    found
        The fit, of one moderator or none.
    n_contrasts, n_studies
        Contrasts in the model, and their studies.
    positions
        Of the voxels, in mm, shape (V, 3).
    """
    fitted = np.isfinite(found.tau2)
    row: dict[str, Any] = {
        "model": model,
        "covariates": ", ".join(covariates) or "n/a",
        "n_contrasts": n_contrasts,
        "n_studies": n_studies,
        "n_voxels": int(fitted.sum()),
        "median_variance": float(np.median(found.tau2[fitted])) if fitted.any() else np.nan,
        "largest_variance": float(found.tau2[fitted].max()) if fitted.any() else np.nan,
    }
    if not len(found.z) or not np.isfinite(found.z[0]).any():
        return row
    peak = int(np.nanargmax(np.abs(found.z[0])))
    n_permutations = found.largest[0].size
    return {
        **row,
        "z": float(found.z[0, peak]),
        "slope": float(found.slopes[0, peak]),
        **dict(zip(("peak_x", "peak_y", "peak_z"), positions[peak].tolist(), strict=True)),
        "p": float(found.p_fwe[0, peak]),
        "n_permutations": n_permutations,
        "smallest_p": 1 / n_permutations,
    }


def outcome_test_rows(
    found: Association, predicted: Mapping[str, OutOfSample], *, is_group: bool
) -> pd.DataFrame:
    """Return one row per test.

    Parameters
    ----------
    found
        The voxelwise association.
    predicted
        Predictions with a seed, and with a cohort, left out, by their names in `PREDICTIONS`.
    is_group
        True if predictions are measured by the area under the ROC curve.
    """
    n_permutations = found.null.maxima.size
    shared = {"n_permutations": n_permutations, "smallest_p": 1 / n_permutations}
    tested = np.isfinite(found.t)
    rows: list[dict[str, Any]] = [
        {
            "test": "voxelwise association",
            "n_seeds": int(found.n.max(initial=0)),
            "n_voxels": int(tested.sum()),
            "statistic": VOXELWISE,
            "value": float(np.abs(found.t[tested]).max()) if tested.any() else np.nan,
            "p": float(found.p_fwe[tested].min()) if tested.any() else np.nan,
            "null_mean": float(found.null.maxima.mean()),
            **shared,
        }
    ]
    for name, own in predicted.items():
        prediction = getattr(own, PREDICTIONS[name][0])
        if prediction is None:
            continue
        rows.append(
            {
                "test": name,
                "n_seeds": prediction.scores.size,
                "n_voxels": own.n_voxels,
                "statistic": "area under the ROC curve" if is_group else "correlation",
                "value": prediction.statistic,
                "p": prediction.p,
                "partial_r": prediction.partial_r,
                "partial_p": prediction.partial_p,
                "null_mean": float(prediction.null[1:].mean()) if n_permutations > 1 else np.nan,
                **shared,
            }
        )
    return pd.DataFrame(rows, columns=list(TEST_COLUMNS))
