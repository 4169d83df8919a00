"""The linear model of an outcome, against least squares."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.outcomes.model import OutcomeModel, nuisance_basis, varies, without


@given(
    columns=st.lists(st.lists(st.integers(-3, 3), min_size=9, max_size=9), min_size=1, max_size=5),
    scale=st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_residuals_are_those_of_least_squares_of_any_rank(
    columns: list[list[int]], scale: float
) -> None:
    nuisance = np.array(columns, dtype=float).T * scale
    basis = nuisance_basis(nuisance)
    rank = np.linalg.matrix_rank(nuisance / scale)
    assert basis.shape == (9, rank)
    np.testing.assert_allclose(basis.T @ basis, np.eye(rank), atol=1e-12)
    outcome = np.random.default_rng(0).standard_normal((9, 2))
    fitted = (nuisance / scale) @ np.linalg.lstsq(nuisance / scale, outcome, rcond=None)[0]
    np.testing.assert_allclose(without(basis, outcome), outcome - fitted, atol=1e-9)


def model(nuisance: np.ndarray, block: list[int], outcome: np.ndarray | None = None):
    rng = np.random.default_rng(1)
    values = rng.standard_normal(len(block)) if outcome is None else outcome
    return OutcomeModel(values, nuisance, np.array(block))


def test_degrees_of_freedom_count_the_rank() -> None:
    ones, age = np.ones(6), np.arange(6.0)
    twice = model(np.column_stack([ones, age, ones, age - 1]), [0] * 6)
    assert twice.df == 6 - 2 - 1
    line = np.polynomial.polynomial.polyfit(age, twice.outcome, 1)
    np.testing.assert_allclose(
        twice.residuals, twice.outcome - np.polynomial.polynomial.polyval(age, line), atol=1e-12
    )


def test_an_outcome_that_nuisance_columns_determine_is_known() -> None:
    design = np.column_stack([np.ones(6), np.arange(6.0)])
    assert model(design, [0] * 6, 1e6 + 3 * np.arange(6.0)).determined
    assert not model(design, [0] * 6).determined
    kept = varies(np.array([[1e-9, 1e-3], [0.0, 0.0]]), np.ones((2, 2)))
    np.testing.assert_array_equal(kept, [False, True])


@pytest.mark.parametrize(
    ("column", "exact"), [([1, 1, 1, 2, 2, 2], True), ([1, 1, 1, 2, 2, 2.001], False)]
)
def test_permutation_is_exact_where_columns_are_constant_in_blocks(
    column: list[float], exact: bool
) -> None:
    nuisance = np.column_stack([np.ones(6), column])
    assert model(nuisance, [0, 0, 0, 1, 1, 1]).exact is exact


def test_seeds_that_are_alike_are_not_exchanged_unless_some_are_missing() -> None:
    groups = model(np.ones((4, 1)), [0] * 4, np.array([0.0, 0.0, 1.0, 1.0]))
    assert len(groups.permutations(99, 0).rows) == 6  # 4! / (2! 2!)
    assert len(groups.permutations(99, 0, complete=False).rows) == 24
