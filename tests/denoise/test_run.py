"""One run's denoising as a whole, and the reasons for refusing a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fcnm_bids.denoise import (
    Confounds,
    RunDenoising,
    Strategy,
    load_strategy,
    plan_denoising,
    read_confounds,
)
from fcnm_bids.errors import RunError
from tests.kept_rows import build_projection

N, TR = 300, 2.0
SETTINGS: dict[str, Any] = {
    "n_volumes": N,
    "repetition_time": TR,
    "high_pass": 0.01,
    "low_pass": 0.1,
    "dummy_scans": "auto",
    "fd_threshold": 0.5,
    "min_time": 240.0,
    "min_dof": 30,
}
BOTH = Strategy("both", ("csf", "wm"), "")


def table(n: int = N, *, moved: int = 0, dummies: int = 0) -> Confounds:
    rng = np.random.default_rng(1)
    displacement = np.where(np.arange(n) >= n - moved, 0.9, 0.1)
    displacement[0] = np.nan
    columns = {"csf": rng.standard_normal(n), "wm": rng.standard_normal(n)}
    columns["framewise_displacement"] = displacement
    if dummies:
        columns["non_steady_state_outlier00"] = (np.arange(n) == dummies - 1).astype(float)
    return Confounds(tuple(columns), np.column_stack(list(columns.values())))


def with_hole(name: str, rows: int | slice) -> Confounds:
    whole = table()
    values = whole.select(whole.names)
    values[rows, whole.names.index(name)] = np.nan
    return Confounds(whole.names, values)


def plan(
    confounds: Confounds, strategy: Strategy = BOTH, metadata: Any = None, **changes: Any
) -> RunDenoising:
    return plan_denoising(confounds, metadata or {}, strategy, **{**SETTINGS, **changes})


def test_confounds_band_and_kept_volumes_are_put_together() -> None:
    given_table = table(moved=20, dummies=4)
    planned = plan(given_table, low_pass=0.0)
    kept = (np.arange(N) >= 4) & (np.arange(N) < N - 20)
    expected = build_projection(
        given_table.select(["csf", "wm"]), kept, TR, high_pass=0.01, low_pass=0.0
    )
    np.testing.assert_array_equal(planned.volumes.kept, kept)
    series = np.random.default_rng(2).standard_normal((N, 7)) + 100
    cleaned = planned.clean(series)
    np.testing.assert_allclose(
        cleaned[kept], expected.basis.T @ (expected.basis @ series[kept]), atol=1e-10
    )
    assert np.isnan(cleaned[~kept]).all()
    assert planned.describe() == {
        "dof": expected.dof,
        "n_kept": N - 24,
        "n_dummy": 4,
        "n_censored": 20,
        "n_blank": 0,
        "mean_fd": planned.volumes.mean_fd,
        "confounds": ["csf", "wm"],
        "n_dropped": 0,
        "leakage": 0.0,
    }


def test_volumes_that_do_not_count_may_hold_anything() -> None:
    planned = plan(table(moved=20))
    series = np.random.default_rng(2).standard_normal((N, 3))
    expected = planned.clean(series)
    series[-20:] = np.nan
    np.testing.assert_allclose(planned.clean(series), expected, atol=1e-10)


def test_first_rows_without_a_value_do_not_harm() -> None:
    holed = with_hole("csf", slice(2))
    assert plan(holed).dof == plan(table()).dof


def test_a_strategy_without_confounds() -> None:
    assert plan(table(), Strategy("none", (), "")).confounds == ()


@pytest.mark.parametrize("rows", [N - 1, N + 1])
def test_a_table_of_another_length_than_the_run(rows: int) -> None:
    with pytest.raises(RunError, match=f"300 volumes, but {rows} rows in the confound table"):
        plan(table(rows))


def test_a_table_that_lacks_columns_and_displacement_says_both() -> None:
    with pytest.raises(RunError) as caught:
        plan(Confounds(("csf",), table().select(["csf"])))
    assert "strategy both needs confounds that the table does not have: wm" in str(caught.value)
    assert "no column framewise_displacement" in str(caught.value)


def test_a_hole_in_a_confound() -> None:
    with pytest.raises(RunError, match=r"wm \(row 9\)"):
        plan(with_hole("wm", 7))


def test_too_little_time() -> None:
    with pytest.raises(RunError) as caught:
        plan(table(moved=180, dummies=5))
    assert str(caught.value) == (
        "230 s are left (115 of 300 volumes; 5 dummy scans, 180 censored for motion), but "
        "--min-time asks for 240 s; lower it, or censor less (--fd-threshold)"
    )


def test_just_enough_time() -> None:
    assert plan(table(moved=180), low_pass=0.0).volumes.kept.sum() * TR == 240


def test_nothing_left_at_all() -> None:
    with pytest.raises(RunError, match="0 residual degrees of freedom of 0 kept volumes"):
        plan(table(), dummy_scans=N, min_time=0.0)


@pytest.mark.parametrize(
    ("moved", "changes", "advice"),
    [
        (100, {"min_dof": 110}, "; --low-pass 0 or --fd-threshold 0 would leave more"),
        (0, {"min_dof": 110}, "; --low-pass 0 would leave more"),
        (100, {"low_pass": 0.0, "min_dof": 200}, "; --fd-threshold 0 would leave more"),
        (0, {"low_pass": 0.0, "min_dof": 290}, ""),
    ],
)
def test_too_few_degrees_of_freedom(moved: int, changes: dict[str, Any], advice: str) -> None:
    dof = plan(table(moved=moved), **{**changes, "min_dof": 0}).dof
    with pytest.raises(RunError) as caught:
        plan(table(moved=moved), **changes)
    asked = changes.get("min_dof", 30)
    assert str(caught.value) == (
        f"{dof} residual degrees of freedom of {N - moved} kept volumes, but "
        f"--min-dof asks for {asked}{advice}"
    )


def test_exactly_enough_degrees_of_freedom() -> None:
    dof = plan(table()).dof
    assert plan(table(), min_dof=dof).dof == dof


def test_a_real_run_of_eight_minutes(shared_data: Path) -> None:
    name = "dfc_aomic_rest/sub-0001_task-restingstate_acq-mb3_desc-confounds_regressors.tsv"
    planned = plan(
        read_confounds(shared_data / "confounds" / name),
        load_strategy("24P"),
        n_volumes=480,
        repetition_time=0.75,
    )
    assert planned.volumes.n_dummy == 3
    assert planned.volumes.n_censored == 7
    assert len(planned.confounds) == 24
    # 65 cosines pass the band; each confound and each dropped volume takes one of them
    assert planned.dof == 65 - 24 - 10


def test_a_real_run_with_much_motion_is_refused_and_the_advice_helps(shared_data: Path) -> None:
    name = "junifer_aomic_piop/sub-0001_task-anticipation_acq-seq_desc-confounds_regressors.tsv"
    confounds = read_confounds(shared_data / "confounds" / name)
    strategy = load_strategy("27P")
    with pytest.raises(RunError, match=r"of 156 kept volumes.*--low-pass 0 or --fd-threshold 0"):
        plan(confounds, strategy, n_volumes=200)
    assert plan(confounds, strategy, n_volumes=200, low_pass=0.0).dof >= 30


def test_a_real_table_beside_an_image_of_another_length(shared_data: Path) -> None:
    name = "pybids_ds005/sub-01_task-mixedgamblestask_run-01_desc-preproc_timeseries.tsv"
    with pytest.raises(RunError, match="64 volumes, but 240 rows"):
        plan(
            read_confounds(shared_data / "confounds" / name),
            load_strategy("27P"),
            n_volumes=64,
        )
