"""Studies left out, one after the other."""

from __future__ import annotations

import numpy as np
import pytest

from fcnm_bids.specificity import LabelledContrasts, similarity_test

V = 600


def labelled(first: list[int], second: list[int]) -> LabelledContrasts:
    unit = np.array(first + second)
    masks = np.ones((unit.size, V), dtype=bool)
    is_first = np.arange(unit.size) < len(first)
    return LabelledContrasts(masks, masks, is_first, unit, None)


def means_of(labels: LabelledContrasts, strength: float, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    effects = rng.standard_normal((2, V))
    own = effects[labels.is_first.astype(int)]
    return strength * own + rng.standard_normal((labels.is_first.size, V))


def test_correlations_are_those_of_numpy() -> None:
    labels = labelled([0, 1, 1, 2], [2, 3, 4])
    means, near = means_of(labels, 1.0), np.zeros((7, V), dtype=bool)
    for row in range(7):
        near[row, 30 * row : 30 * row + 40] = True
    found = similarity_test(labels, means, near, n_draws=100, seed=0)
    assert list(zip(found.study, found.is_first, strict=True)) == [
        (0, True), (1, True), (2, False), (2, True), (3, False), (4, False)
    ]  # fmt: skip
    # the second study's two contrasts, left out, against the others of both effects
    away = ~near[[1, 2, 0, 3]].any(axis=0)
    own = means[[1, 2]].mean(axis=0)
    expected = np.corrcoef(own[away], means[[0, 3]].mean(axis=0)[away])[0, 1]
    assert found.within[1] == pytest.approx(expected)
    away = ~near[[1, 2, 4, 5, 6]].any(axis=0)
    expected = np.corrcoef(own[away], means[[4, 5, 6]].mean(axis=0)[away])[0, 1]
    assert found.between[1] == pytest.approx(expected)
    # a study of both effects is left out of both
    away = ~near[[4, 5, 6]].any(axis=0)
    expected = np.corrcoef(means[4][away], means[[5, 6]].mean(axis=0)[away])[0, 1]
    assert found.within[2] == pytest.approx(expected)
    assert found.statistic == pytest.approx(np.mean(found.within - found.between))


def test_studies_of_two_networks_are_told_apart() -> None:
    labels = labelled([0, 1, 2, 3, 4], [5, 6, 7, 8, 9])
    near = np.zeros((10, V), dtype=bool)
    found = similarity_test(labels, means_of(labels, 1.0), near, n_draws=1000, seed=0)
    assert (found.n_labellings, found.n_possible, found.exact) == (252, 252, True)
    # the mirrored labelling gives the same
    assert found.p == pytest.approx(2 / 252)


def test_p_is_valid_without_a_difference() -> None:
    labels = labelled([0, 1, 2], [3, 4, 5])  # 0.1 is the smallest p, so that it is reached
    near = np.zeros((6, V), dtype=bool)
    p = [
        similarity_test(labels, means_of(labels, 0.0, seed), near, n_draws=100, seed=0).p
        for seed in range(150)
    ]
    assert np.mean(np.array(p) <= 0.1 + 1e-9) <= 0.1 + 3 * np.sqrt(0.09 / 150)


def test_nothing_to_compare_has_no_p() -> None:
    labels = labelled([0, 1], [2, 3])
    near = np.ones((4, V), dtype=bool)
    found = similarity_test(labels, means_of(labels, 1.0), near, n_draws=10, seed=0)
    assert np.isnan(found.p)
    assert np.isnan(found.statistic)
