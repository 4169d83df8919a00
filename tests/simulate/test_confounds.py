"""Confounds as fMRIPrep writes them, from series made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fcnm_bids.simulate.confounds import confounds_table
from fcnm_bids.simulate.motion import MOTION_COLUMNS

N, DUMMIES, TR = 200, 2, 2.0


@pytest.fixture(scope="module")
def made() -> tuple[pd.DataFrame, dict[str, Any], dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    motion = np.zeros((N, 6))
    motion[50:, 0] = 1.0  # one jump of a millimetre
    series = {
        "global_signal": rng.standard_normal(N),
        "white": rng.standard_normal((N, 40)),
        "fluid": rng.standard_normal((N, 30)),
        "dvars": np.r_[np.nan, np.full(N - 1, 2.0)],
        "motion": motion,
    }
    series["dvars"][120] = 9.0
    table, metadata = confounds_table(**series, n_non_steady=DUMMIES, repetition_time=TR)
    return table, metadata, series


def test_derivatives_and_powers_are_those_of_their_columns(made: Any) -> None:
    table, _, series = made
    np.testing.assert_array_equal(table["csf"], series["fluid"].mean(axis=1))
    np.testing.assert_array_equal(table[list(MOTION_COLUMNS)], series["motion"])
    for name in ("global_signal", "white_matter", "trans_x"):
        change = np.diff(table[name])
        assert np.isnan(table[f"{name}_derivative1"][0])
        np.testing.assert_array_equal(table[f"{name}_derivative1"][1:], change)
        np.testing.assert_array_equal(table[f"{name}_power2"], table[name] ** 2)
        np.testing.assert_array_equal(table[f"{name}_derivative1_power2"][1:], change**2)


def test_outliers_have_columns_of_their_own(made: Any) -> None:
    table, _, _ = made
    ones = {name: np.flatnonzero(table[name]).tolist() for name in table if "outlier" in str(name)}
    assert ones == {
        "non_steady_state_outlier00": [0],
        "non_steady_state_outlier01": [1],
        "motion_outlier00": [50],
        "motion_outlier01": [120],
    }
    assert table["std_dvars"][120] == 4.5


def test_cosines_are_slower_than_128_s_and_orthonormal(made: Any) -> None:
    table, _, _ = made
    cosines = table[[c for c in table if c.startswith("cosine")]].to_numpy()
    assert cosines.shape[1] == int(2 * (N - DUMMIES) * TR / 128)
    np.testing.assert_allclose(cosines.T @ cosines, np.eye(cosines.shape[1]), atol=1e-12)
    assert not cosines[:DUMMIES].any()


def test_components_are_those_of_the_cleaned_tissue(made: Any) -> None:
    table, metadata, series = made
    masks = pd.Series({name: facts["Mask"] for name, facts in metadata.items()})
    assert masks.value_counts().to_dict() == {"combined": 3, "CSF": 3, "WM": 3}
    cosines = table[[c for c in table if c.startswith("cosine")]].to_numpy()[DUMMIES:]
    steady = series["white"][DUMMIES:]
    design = np.column_stack([np.ones(N - DUMMIES), cosines])
    clean = steady - design @ np.linalg.lstsq(design, steady, rcond=None)[0]
    clean /= clean.std(axis=0)
    values, vectors = np.linalg.eigh(clean @ clean.T)
    own = masks.index[masks == "WM"]
    for rank, name in enumerate(own, 1):
        component = table[name].to_numpy()
        assert not component[:DUMMIES].any()
        assert abs(component[DUMMIES:] @ vectors[:, -rank]) == pytest.approx(1, abs=1e-8)
        share = values[-rank] / values.sum()
        assert metadata[name]["VarianceExplained"] == pytest.approx(share)
