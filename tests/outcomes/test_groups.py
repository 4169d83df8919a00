from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from fcnm_bids.outcomes.groups import (
    conjunction,
    fisher_exact,
    liebermeister,
    mask_test,
    sensitivity,
)
from fcnm_bids.outcomes.permutation import block_permutations

TABLES = st.tuples(*[st.integers(0, 12)] * 4).filter(lambda t: t[0] + t[1] > 0 and t[2] + t[3] > 0)


def counts(table: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, int, int]:
    a, b, c, _ = table
    return np.array([a]), np.array([a + c]), a + b, sum(table)


@given(TABLES)
def test_fisher_is_that_of_scipy(table: tuple[int, ...]) -> None:
    a, b, c, d = table
    wanted = stats.fisher_exact([[a, b], [c, d]], alternative="greater").pvalue
    assert fisher_exact(*counts(table))[0] == pytest.approx(wanted, rel=1e-8)


@pytest.mark.parametrize("table", [(5, 3, 1, 8), (0, 4, 3, 2), (6, 0, 0, 6), (2, 2, 2, 2)])
def test_liebermeister_is_a_posterior_probability(table: tuple[int, int, int, int]) -> None:
    a, b, c, d = table
    cases, controls = stats.beta(a + 1, b + 1), stats.beta(c + 1, d + 1)
    wanted = integrate.quad(lambda x: cases.cdf(x) * controls.pdf(x), 0, 1, epsabs=1e-12)[0]
    assert liebermeister(*counts(table))[0] == pytest.approx(wanted, rel=1e-8)


@given(TABLES)
def test_liebermeister_is_less_conservative_than_fisher(table: tuple[int, ...]) -> None:
    assert liebermeister(*counts(table))[0] < fisher_exact(*counts(table))[0] + 1e-12


@pytest.mark.parametrize("test", ["fisher", "liebermeister"])
def test_masks_are_tested_by_all_ways_to_choose_the_cases(test: str) -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((9, 30)) < 0.5
    is_case = np.arange(9) < 4
    masks[:, 0] = is_case
    counted = np.ones_like(masks)
    counted[2, 7] = False
    masks[2, 7] = False
    permutations = block_permutations(np.zeros(9), 200, 0, alike=is_case)
    found = mask_test(masks, counted, is_case, permutations, test=test)
    p_of = {"fisher": fisher_exact, "liebermeister": liebermeister}[test]

    def p_map(cases: np.ndarray) -> np.ndarray:
        return p_of(masks[cases].sum(axis=0), masks.sum(axis=0), 4, 9)

    wanted = np.where(np.arange(30) == 7, np.nan, p_map(is_case))
    np.testing.assert_allclose(found.p, wanted)
    smallest = []
    for chosen in itertools.combinations(range(9), 4):
        smallest.append(np.delete(p_map(np.isin(np.arange(9), chosen)), 7).min())
    assert found.exact
    assert len(smallest) == len(permutations.rows) == 126
    for voxel in (0, 3, 8):
        assert found.p_fwe[voxel] == np.mean(np.array(smallest) <= wanted[voxel] * (1 + 1e-4))
    assert np.isnan(found.p_fwe[7])


def test_sensitivity_is_the_share_of_cases() -> None:
    masks = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1]], dtype=bool)
    found = sensitivity(masks, np.ones_like(masks), np.array([True, True, False]))
    assert found.tolist() == [1, 0.5, 0]


def test_conjunction_needs_both_and_the_sign() -> None:
    share = np.array([0.9, 0.9, 0.9, 0.5, np.nan])
    t = np.array([4.0, -4.0, 2.0, 4.0, 4.0])
    p_fwe = np.array([0.01, 0.01, 0.3, 0.01, np.nan])
    found = conjunction(share, t, p_fwe, threshold=0.75, alpha=0.05)
    assert found.tolist() == [True, False, False, False, False]
