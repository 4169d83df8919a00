"""Tables of an outcome of the seeds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fcnm_bids.derivatives.outcomes import (
    OUTCOME_CLUSTER_COLUMNS,
    PREDICTIONS,
    SEED_COLUMNS,
    TEST_COLUMNS,
    outcome_clusters,
    outcome_test_rows,
)
from fcnm_bids.grid import Grid
from fcnm_bids.outcomes import Association, OutOfSample, Prediction
from fcnm_bids.stats import MaxNull

GRID = Grid((8, 7, 6), np.diag([3.0, 3.0, 3.0, 1.0]), "MNI")
INDEX = np.setdiff1d(np.arange(GRID.n_voxels), [0, 5, 9])
MAXIMA = np.array([4.0, 3.0, 2.0, 1.0, 0.5])


def association(seed: int = 0) -> Association:
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.standard_normal(GRID.shape), 1.0)
    t = 4 * (field / field.std()).ravel(order="F")[INDEX]
    n = np.full(INDEX.size, 20, np.int32)
    p = np.clip(np.exp(-np.abs(t)), 0, 1)
    t[:3] = np.nan
    p[:3] = np.nan
    return Association(t / np.sqrt(18 + t**2), t, n - 2, n, p, MaxNull(MAXIMA, exact=False))


def test_clusters_of_both_signs_are_those_of_scipy() -> None:
    found = association()
    significant = np.abs(np.nan_to_num(found.t)) > 3
    table = outcome_clusters(found, significant, INDEX, None, GRID, min_distance=8)
    assert set(table) <= set(OUTCOME_CLUSTER_COLUMNS)
    faces_and_edges = ndimage.generate_binary_structure(3, 2)
    for sign, name in ((1, "positive"), (-1, "negative")):
        volume = GRID.unflatten(significant & (sign * found.t > 0), INDEX)
        labels, n = ndimage.label(volume, faces_and_edges)
        own = table[table["sign"] == name]
        assert len(own) == n > 0
        sizes = sorted(np.bincount(labels.ravel())[1:] * 27.0, reverse=True)
        assert own["volume_mm3"].tolist() == sizes
        t = GRID.unflatten(np.nan_to_num(found.t), INDEX)
        r = GRID.unflatten(np.nan_to_num(found.r), INDEX)
        means = ndimage.mean(t, labels, np.arange(1, n + 1))
        assert sorted(own["mean_t"]) == pytest.approx(sorted(means))
        extreme = ndimage.maximum if sign == 1 else ndimage.minimum
        assert sorted(own["peak_r"]) == pytest.approx(sorted(extreme(r, labels, range(1, n + 1))))
    assert table["sign"].tolist() == sorted(table["sign"], reverse=True)


def test_without_significant_voxels_there_are_columns_and_no_rows() -> None:
    nothing = np.zeros(INDEX.size, bool)
    table = outcome_clusters(association(), nothing, INDEX, None, GRID, min_distance=8)
    assert table.empty
    assert {"sign", "peak_r", "mean_t"} <= set(table)


def prediction(statistic: float) -> Prediction:
    null = np.array([statistic, 0.1, 0.2, 0.3, 0.0])
    return Prediction(np.arange(20.0), statistic, 0.2, null, 0.4, 0.3, null)


@pytest.mark.parametrize("is_group", [False, True])
def test_every_test_has_a_row(is_group: bool) -> None:
    found = association()
    seeds = OutOfSample(prediction(0.5), prediction(0.45), prediction(0.25), None, 300)
    cohorts = OutOfSample(prediction(0.1), prediction(0.15), None, None, 200)
    predicted = {name: cohorts if "cohort" in name else seeds for name in PREDICTIONS}
    assert {column for _, column in PREDICTIONS.values()} <= set(SEED_COLUMNS)
    table = outcome_test_rows(found, predicted, is_group=is_group).set_index("test")
    assert [table.index.name, *table] == list(TEST_COLUMNS)
    first = table.loc["voxelwise association"]
    assert first["value"] == pytest.approx(np.nanmax(np.abs(found.t)))
    assert first["p"] == pytest.approx(np.nanmin(found.p_fwe))
    assert (first["n_voxels"], first["n_seeds"]) == (INDEX.size - 3, 20)
    assert first["null_mean"] == pytest.approx(MAXIMA.mean())
    assert table["smallest_p"].tolist() == [1 / 5] * 6
    assert table["value"].tolist()[1:] == [0.5, 0.45, 0.1, 0.15, 0.25]
    assert table["n_voxels"].tolist()[1:] == [300, 300, 200, 200, 300]
    assert table["null_mean"].tolist()[1:] == pytest.approx([0.15] * 5)
    kind = "area under the ROC curve" if is_group else "correlation"
    assert set(table["statistic"][1:]) == {kind}


def test_a_damage_score_without_seeds_has_no_row() -> None:
    name = "damage score, leave one seed out"
    table = outcome_test_rows(
        association(),
        {name: OutOfSample(prediction(0.5), prediction(0.4), None, None, 3)},
        is_group=False,
    )
    assert table["test"].tolist() == ["voxelwise association"]
