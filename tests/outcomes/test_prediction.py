from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

from fcnm_bids.outcomes.model import OutcomeModel
from fcnm_bids.outcomes.prediction import leave_one_out, predict, roc_area

Array = NDArray[np.float64]


def simulated(
    k: int = 14, v: int = 40, *, seed: int = 0, cohorts: int = 1, signal: float = 0.0
) -> tuple[Array, OutcomeModel]:
    rng = np.random.default_rng(seed)
    cohort = np.arange(k) % cohorts
    dummies = [cohort == c for c in range(1, cohorts)]
    nuisance = np.column_stack([np.ones(k), rng.standard_normal(k), *dummies]).astype(float)
    outcome = rng.standard_normal(k) + nuisance[:, 1]
    maps = rng.standard_normal((k, v)) + nuisance[:, [1]]
    maps[:, : v // 4] += signal * outcome[:, None]
    return maps, OutcomeModel(outcome, nuisance, cohort)


def map_without(maps: Array, outcome: Array, nuisance: Array, others: NDArray[np.bool_]) -> Array:
    """The partial correlation map of some seeds, one regression after the other."""
    D = nuisance[others]
    y = outcome[others] - D @ np.linalg.lstsq(D, outcome[others], rcond=None)[0]
    found = np.empty(maps.shape[1])
    for voxel, m in enumerate(maps[others].T):
        x = m - D @ np.linalg.lstsq(D, m, rcond=None)[0]
        found[voxel] = x @ y / np.sqrt((x @ x) * (y @ y))
    return found


def by_brute_force(maps: Array, outcome: Array, nuisance: Array, folds: NDArray[np.intp]) -> Array:
    scores = np.empty(len(maps))
    for i, fold in enumerate(folds):
        left_out = map_without(maps, outcome, nuisance, folds != fold)
        scores[i] = np.corrcoef(left_out, maps[i])[0, 1]
    return scores


@pytest.mark.parametrize("by_cohort", [False, True])
@pytest.mark.parametrize("is_group", [False, True])
def test_every_permutation_repeats_the_whole_procedure(by_cohort: bool, is_group: bool) -> None:
    maps, model = simulated(k=15, cohorts=3)
    if is_group:
        labels = (np.arange(15) % 5 < 2).astype(float)
        model = OutcomeModel(labels, model.nuisance, model.block)
    folds = model.block if by_cohort else leave_one_out(15)
    permutations = model.permutations(6, 1)
    found = predict(maps, model, permutations, folds, is_group=is_group).similarity
    fitted = model.outcome - model.residuals
    for number, row in enumerate(permutations.rows):
        y = model.outcome[row] if is_group else fitted + model.residuals[row]
        scores = by_brute_force(maps, y, model.nuisance, folds)
        if is_group:
            pairs = scores[y > 0.5][:, None] - scores[y < 0.5][None]
            wanted = (pairs > 0).mean() + (pairs == 0).mean() / 2
        else:
            wanted = np.corrcoef(scores, y)[0, 1]
        assert found.null[number] == pytest.approx(wanted, abs=1e-10)
        D = model.nuisance
        a, b = (x - D @ np.linalg.lstsq(D, x, rcond=None)[0] for x in (scores, y))
        partial = a @ b / np.sqrt((a @ a) * (b @ b))
        assert found.partial_null[number] == pytest.approx(partial, abs=1e-10)
    assert found.p == np.mean(found.null >= found.null[0] - 1e-9)
    scores = by_brute_force(maps, model.outcome, model.nuisance, folds)
    np.testing.assert_allclose(found.scores, scores, atol=1e-10)


def test_the_damage_score_is_the_map_of_the_others_within_the_seed() -> None:
    maps, model = simulated()
    rng = np.random.default_rng(3)
    weights = rng.random(maps.shape) * (rng.random(maps.shape) < 0.3)
    found = predict(
        maps, model, model.permutations(5, 0), leave_one_out(14), seeds=sparse.csr_array(weights)
    )
    assert found.damage_scores is not None
    assert found.damage is not None
    for i in range(14):
        left_out = map_without(maps, model.outcome, model.nuisance, np.arange(14) != i)
        total = weights[i] @ left_out
        assert found.damage_scores.total[i] == pytest.approx(total, abs=1e-10)
        assert found.damage_scores.mean[i] == pytest.approx(total / weights[i].sum(), abs=1e-10)
        largest = left_out[weights[i] > 0].max()
        assert found.damage_scores.maximum[i] == pytest.approx(largest, abs=1e-10)
    wanted = np.corrcoef(found.damage_scores.mean, model.outcome)[0, 1]
    assert found.damage.statistic == pytest.approx(wanted, abs=1e-10)


@pytest.mark.parametrize("by_cohort", [False, True])
def test_the_weighted_score_takes_the_strongest_voxels_of_the_fold(by_cohort: bool) -> None:
    maps, model = simulated(k=15, v=230, cohorts=3)
    folds = model.block if by_cohort else leave_one_out(15)
    permutations = model.permutations(4, 1)
    found = predict(maps, model, permutations, folds).weighted
    fitted = model.outcome - model.residuals
    for number, row in enumerate(permutations.rows):
        y = fitted + model.residuals[row]
        scores = np.empty(15)
        for i, fold in enumerate(folds):
            own = map_without(maps, y, model.nuisance, folds != fold)
            strongest = np.argsort(-np.abs(own))[:3]  # 1 % of 230, and no less
            scores[i] = own[strongest] @ maps[i, strongest] / np.abs(own[strongest]).sum()
        wanted = np.corrcoef(scores, y)[0, 1]
        assert found.null[number] == pytest.approx(wanted, abs=1e-5)
        if not number:
            np.testing.assert_allclose(found.scores, scores, atol=1e-5)


def test_the_weighted_score_finds_a_small_circuit_better_than_whole_maps() -> None:
    rng = np.random.default_rng(0)
    planted, whole, weighted = np.empty((3, 20))
    for number in range(20):
        shared = rng.standard_normal((40, 6)) @ rng.standard_normal((6, 1000))
        maps = rng.standard_normal((40, 1000)) + shared
        circuit = rng.standard_normal(40)
        maps[:, :15] = 2 * circuit[:, None] + rng.standard_normal((40, 15))
        outcome = circuit + rng.standard_normal(40)
        model = OutcomeModel(outcome, np.ones((40, 1)), np.zeros(40, dtype=int))
        found = predict(maps, model, model.permutations(20, number), leave_one_out(40))
        planted[number] = np.corrcoef(circuit, outcome)[0, 1]
        whole[number], weighted[number] = found.similarity.statistic, found.weighted.statistic
    assert abs(weighted.mean() - planted.mean()) < 0.05
    assert whole.mean() < planted.mean() - 0.1


def test_tiles_do_not_change_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    maps, model = simulated(v=300)
    whole = predict(maps, model, model.permutations(20, 0), leave_one_out(14))
    monkeypatch.setattr("fcnm_bids.outcomes.prediction._TILE_NUMBERS", 1)
    tiled = predict(maps, model, model.permutations(20, 0), leave_one_out(14))
    np.testing.assert_allclose(tiled.similarity.null, whole.similarity.null, atol=1e-12)


def test_the_outcome_of_a_seed_does_not_enter_its_own_score() -> None:
    maps, model = simulated(signal=1.0)
    changed = model.outcome.copy()
    changed[4] += 100
    other = OutcomeModel(changed, model.nuisance, model.block)
    scores = [predict(maps, m, m.permutations(1, 0), leave_one_out(14)) for m in (model, other)]
    for name, rounding in (("similarity", 1e-9), ("weighted", 1e-4)):
        first, second = (getattr(own, name).scores for own in scores)
        assert first[4] == pytest.approx(second[4], abs=rounding)
        assert abs(first[5] - second[5]) > 1e-3


def test_voxels_where_a_seed_has_no_value_or_none_varies_are_left_out() -> None:
    maps, model = simulated()
    worse = np.hstack([maps, maps[:, :2], np.ones((14, 1))])
    worse[3, -3] = worse[5, -2] = np.nan
    found = predict(worse, model, model.permutations(3, 0), leave_one_out(14))
    wanted = predict(maps, model, model.permutations(3, 0), leave_one_out(14))
    assert found.n_voxels == 40
    np.testing.assert_allclose(found.similarity.null, wanted.similarity.null, atol=1e-12)


def test_a_planted_outcome_is_predicted() -> None:
    maps, model = simulated(k=40, v=100, signal=1.0)
    found = predict(maps, model, model.permutations(199, 0), leave_one_out(40)).similarity
    assert found.statistic > 0.6
    assert found.p == 1 / 200


def test_what_cannot_be_done() -> None:
    maps, model = simulated()
    with pytest.raises(ValueError, match="two folds"):
        predict(maps, model, model.permutations(3, 0), np.zeros(14, dtype=int))
    with pytest.raises(ValueError, match="no voxel"):
        predict(np.full((14, 3), np.nan), model, model.permutations(3, 0), leave_one_out(14))


def test_roc_area_counts_ties_as_half() -> None:
    scores = np.array([[1.0], [2.0], [2.0], [3.0]])
    assert roc_area(scores, np.array([[False], [False], [True], [True]]))[0] == 0.875
