"""What the strengths explain of maps."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.specificity import DEGREE_COLUMNS, Strength, degree_audit, residual_map

V = 60
RNG = np.random.default_rng(0)
POSITIVE = RNG.gamma(2.0, size=V)
SIGNED = 0.5 * POSITIVE + RNG.standard_normal(V)
EIGENVECTOR = 0.1 * POSITIVE + 0.1 * RNG.standard_normal(V)
VECTORS = np.vstack([EIGENVECTOR, RNG.standard_normal((2, V))])
STRENGTH = Strength(
    POSITIVE,
    SIGNED,
    VECTORS,
    (0.2, 0.1, 0.05),
    5,
    1e-7,
    np.arange(V),
    np.arange(0, V, 2),
    20,
    0.8,
)
COLUMNS = (POSITIVE, SIGNED, *VECTORS)


def test_correlations_and_r2_are_those_of_a_regression() -> None:
    values = POSITIVE - 0.3 * SIGNED + RNG.standard_normal(V)
    audit = degree_audit({"map": values}, STRENGTH, "map")
    (row,) = audit.rows
    assert list(row) == list(DEGREE_COLUMNS)
    for name, column in zip(list(DEGREE_COLUMNS)[1:6], COLUMNS, strict=True):
        assert row[name] == pytest.approx(np.corrcoef(values, column)[0, 1])
    design = np.column_stack([np.ones(V), *COLUMNS])
    fit, *_ = np.linalg.lstsq(design, values, rcond=None)
    np.testing.assert_allclose(audit.residual, values - design @ fit, atol=1e-10)
    r2 = 1 - audit.residual.var() / values.var()
    assert row["r2"] == pytest.approx(r2)
    assert 0.3 < r2 < 0.99


@given(seed=st.integers(0, 1000), n_holes=st.integers(0, 20))
def test_a_residual_is_orthogonal_to_what_was_taken_out(seed: int, n_holes: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(V)
    holes = rng.choice(V, n_holes, replace=False)
    values[holes] = np.nan
    left = residual_map(values, COLUMNS)
    where = np.isfinite(values)
    np.testing.assert_array_equal(np.isfinite(left), where)
    assert left[where].mean() == pytest.approx(0, abs=1e-10)
    for column in COLUMNS:
        assert column[where] @ left[where] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(residual_map(left, COLUMNS), left, atol=1e-10)


def test_a_map_made_of_degree_leaves_nothing() -> None:
    audit = degree_audit({"map": 3 + 2 * POSITIVE - EIGENVECTOR}, STRENGTH, "map")
    assert audit.rows[0]["r2"] == pytest.approx(1)
    np.testing.assert_allclose(audit.residual, 0, atol=1e-10)


def test_every_map_has_a_row_and_one_its_residual() -> None:
    maps = {name: np.random.default_rng(n).random(V) for n, name in enumerate("abc")}
    audit = degree_audit(maps, STRENGTH, "b")
    assert [row["map"] for row in audit.rows] == list("abc")
    np.testing.assert_array_equal(audit.residual, residual_map(maps["b"], COLUMNS))


def test_columns_that_say_the_same_do_not_disturb() -> None:
    values = np.random.default_rng(3).random(V)
    twice = residual_map(values, (POSITIVE, 2 * POSITIVE, EIGENVECTOR))
    np.testing.assert_allclose(twice, residual_map(values, (POSITIVE, EIGENVECTOR)), atol=1e-10)


@pytest.mark.parametrize("values", [np.full(V, np.nan), np.full(V, 0.4)])
def test_a_map_without_variance_has_no_r2(values: np.ndarray) -> None:
    (row,) = degree_audit({"map": values}, STRENGTH, "map").rows
    assert all(math.isnan(float(row[name])) for name in list(DEGREE_COLUMNS)[1:])


def test_too_few_voxels_leave_no_residual() -> None:
    values = np.full(V, np.nan)
    values[:4] = [1.0, 2.0, 3.0, 5.0]
    assert np.isnan(residual_map(values, COLUMNS)).all()
