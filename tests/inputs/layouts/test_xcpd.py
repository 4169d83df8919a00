"""Filter and regression of XCP-D, from what it writes beside a denoised image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import signal

from fcnm_bids.errors import RunError
from fcnm_bids.inputs.layouts.xcpd import applied_band, lost_degrees
from tests.kept_rows import build_projection

N, TR = 120, 2.0


def said(low: float, high: float, order: int = 2) -> dict[str, Any]:
    return {
        "SoftwareFilters": {
            "Bandpass filter": {
                "Filter order": order,
                "High-pass cutoff (Hz)": low,
                "Low-pass cutoff (Hz)": high,
            }
        }
    }


@pytest.mark.parametrize(
    ("metadata", "band"),
    [
        ({}, (0, 0, 0)),
        ({"SoftwareFilters": "n/a"}, (0, 0, 0)),
        (said(0.01, 0.08), (0.01, 0.08, 2)),
        ({"SoftwareFilters": {"Lowpass": {"cutoff (Hz)": 0.1, "Filter order": 4}}}, (0, 0.1, 4)),
        ({"SoftwareFilters": {"High-pass": {"Cutoff (Hz)": "0.02"}}}, (0.02, 0, 0)),
    ],
)
def test_the_band_is_read_in_the_spellings_of_versions(
    metadata: dict[str, Any], band: tuple[float, float, int]
) -> None:
    assert applied_band(metadata) == band


@pytest.mark.parametrize(
    "filters",
    [
        {"x": 3},
        {"low": {"cutoff (Hz)": "fast"}},
        {"low": {"cutoff (Hz)": "nan"}},
        {"low": {"cutoff (Hz)": -0.1}},
        said(0.1, 0.01)["SoftwareFilters"],
        said(0.01, 0.1, 10**9)["SoftwareFilters"],
    ],
)
def test_filters_that_make_no_sense_are_refused(filters: dict[str, Any]) -> None:
    with pytest.raises(RunError, match="SoftwareFilters of its sidecar cannot be read"):
        applied_band({"SoftwareFilters": filters})


def design(path: Path, n_rows: int, n_columns: int) -> tuple[Path, np.ndarray]:
    values = np.random.default_rng(0).standard_normal((n_rows, n_columns))
    names = [f"c{i}" for i in range(n_columns)] + ["intercept", "linear_trend"]
    extra = np.column_stack([np.ones(n_rows), np.linspace(-1, 1, n_rows)])
    rows = np.column_stack([values, extra])
    lines = ["\t".join(names), *("\t".join(f"{v:.12g}" for v in row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path, values


def test_columns_are_counted_without_a_filter(tmp_path: Path) -> None:
    path, _ = design(tmp_path / "design.tsv", N, 7)
    assert lost_degrees(path, {}, N, TR) == 7
    assert lost_degrees(None, {}, N, TR) == 0


def test_columns_are_counted_where_volumes_were_censored(tmp_path: Path) -> None:
    path, _ = design(tmp_path / "design.tsv", N + 9, 5)
    assert lost_degrees(path, said(0.01, 0.1), N, TR) == 5


def test_a_filter_takes_what_it_takes_from_white_noise(tmp_path: Path) -> None:
    """Against the variance of correlations of noise that went through the same steps."""
    path, nuisance = design(tmp_path / "design.tsv", N, 6)
    sos = signal.butter(2, (0.01, 0.1), "band", fs=1 / TR, output="sos")
    rng = np.random.default_rng(1)

    def filtered(x: np.ndarray) -> np.ndarray:
        return signal.sosfiltfilt(sos, x, axis=0, padtype="constant", padlen=N - 1)

    noise = rng.standard_normal((N, 800))
    trend = np.linspace(-1, 1, N)
    columns = filtered(np.column_stack([trend, nuisance]))
    kept = filtered(noise - noise.mean(axis=0))
    kept -= columns @ np.linalg.lstsq(columns, kept, rcond=None)[0]
    none, every = np.empty((N, 0)), np.ones(N, bool)
    basis = build_projection(none, every, TR, high_pass=0.01, low_pass=0.1).basis
    left = basis @ kept
    left /= np.linalg.norm(left, axis=0)
    r = (left.T @ left)[np.triu_indices(800, 1)]
    expected = len(basis) - 1 / r.var()
    assert lost_degrees(path, said(0.01, 0.1), N, TR) == pytest.approx(expected, abs=2)


def test_a_filter_beyond_what_volumes_hold_is_refused() -> None:
    with pytest.raises(
        RunError, match=r"reach 5 Hz, but volumes every 2 s contain .* below 0\.25 Hz"
    ):
        lost_degrees(None, said(0.01, 5), N, TR)


def test_a_design_with_holes_is_refused(tmp_path: Path) -> None:
    path, _ = design(tmp_path / "design.tsv", N, 3)
    lines = path.read_text().splitlines()
    lines[50] = "\t".join(["n/a", *lines[50].split("\t")[1:]])
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(RunError, match="missing after the first rows"):
        lost_degrees(path, said(0.01, 0.1), N, TR)
