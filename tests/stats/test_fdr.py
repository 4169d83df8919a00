from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats

from fcnm_bids.stats import benjamini_hochberg, fdr_threshold, t_sf


def rejected_by_scipy(p: np.ndarray, alpha: float) -> np.ndarray:
    return stats.false_discovery_control(p, method="bh") <= alpha


@given(
    hnp.arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1)),
    st.sampled_from([0.01, 0.05, 0.1, 0.3]),
)
def test_what_is_rejected_is_what_scipy_rejects(p: np.ndarray, alpha: float) -> None:
    np.testing.assert_array_equal(p <= benjamini_hochberg(p, alpha), rejected_by_scipy(p, alpha))


@given(
    hnp.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 40)),
    st.sampled_from([0.05, 0.1, 0.25]),
)
def test_ties_and_p_exactly_at_the_level(steps: np.ndarray, alpha: float) -> None:
    """Every p lies on the line that it is compared with, so equality is the rule."""
    p = np.minimum(steps * alpha / steps.size, 1.0)
    np.testing.assert_array_equal(p <= benjamini_hochberg(p, alpha), rejected_by_scipy(p, alpha))


def test_all_p_equal_to_the_level_are_rejected_together() -> None:
    assert benjamini_hochberg(np.full(7, 0.05), 0.05) == 0.05
    assert math.isnan(benjamini_hochberg(np.full(7, np.nextafter(0.05, 1)), 0.05))


def test_the_published_example() -> None:
    """Benjamini and Hochberg (1995), section 4.2: four of fifteen hypotheses at 0.05."""
    p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
    p += [0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert benjamini_hochberg(np.array(p), 0.05) == 0.0095


def t_map(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    df = rng.integers(20, 30, 3000)
    t = rng.standard_t(df) + np.where(np.arange(3000) < 600, 3, 0)
    t[600:800] -= 4
    t[::50] = np.nan
    return t, df


@pytest.mark.parametrize("tail", ["positive", "negative", "two-sided"])
def test_a_t_map_with_its_own_degrees_of_freedom(tail: str) -> None:
    t, df = t_map()
    tested = np.isfinite(t)
    p = {
        "positive": stats.t.sf(t[tested], df[tested]),
        "negative": stats.t.cdf(t[tested], df[tested]),
        "two-sided": 2 * stats.t.sf(np.abs(t[tested]), df[tested]),
    }[tail]
    result = fdr_threshold(t, df, alpha=0.05, tail=tail)
    np.testing.assert_array_equal(result.significant[tested], rejected_by_scipy(p, 0.05))
    assert not result.significant[~tested].any()
    assert 100 < result.significant.sum() < 1000
    assert result.threshold == np.abs(t[result.significant]).min()


def test_with_one_df_the_threshold_separates() -> None:
    t, _ = t_map()
    result = fdr_threshold(t, 25, alpha=0.05, tail="positive")
    np.testing.assert_array_equal(result.significant, t >= result.threshold)
    assert t_sf(result.threshold, 25) == pytest.approx(result.p_threshold, rel=1e-12)


def test_nothing_admitted() -> None:
    result = fdr_threshold(np.array([0.1, np.nan, -0.5]), 20, alpha=0.05, tail="positive")
    assert not result.significant.any()
    assert math.isnan(result.p_threshold)
    assert result.threshold == math.inf


def test_an_unknown_tail() -> None:
    with pytest.raises(ValueError, match="upper"):
        fdr_threshold(np.array([1.0]), 20, alpha=0.05, tail="upper")
