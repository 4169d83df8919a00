"""Charts hold the counts of their maps."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.report.figures.charts import counts_contrasts, draw_histogram, draw_polar

COUNTS = np.repeat([0, 1, 2, 3], [1200, 40, 7, 3]) / 3


def texts(path: Path) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())


@pytest.mark.parametrize("noise", [0.0, 1e-5])
def test_equal_contrasts_are_counted(noise: float) -> None:
    assert counts_contrasts(COUNTS + noise, 3)
    assert not counts_contrasts(COUNTS + 0.1, 3)
    assert not counts_contrasts(COUNTS, 4)


def test_a_histogram_has_a_bar_for_every_number_of_contrasts(tmp_path: Path) -> None:
    draw_histogram(tmp_path / "h.svg", COUNTS, 3, 0.6)
    found = texts(tmp_path / "h.svg")
    assert {"1,200", "40", "7", "3"} <= set(found)
    assert "contrasts (of 3) whose mask holds the voxel" in found


def test_weighted_shares_have_bars_of_their_own(tmp_path: Path) -> None:
    draw_histogram(tmp_path / "h.svg", np.array([0.05, 0.33, 0.99]), 3, 0.6)
    assert "weighted share of the contrasts whose mask holds the voxel" in texts(tmp_path / "h.svg")


def test_the_wheel_names_every_network_with_its_share(tmp_path: Path) -> None:
    shares = [0.5, float("nan"), 0.126]
    draw_polar(tmp_path / "p.svg", ["Visual", "Limbic", "A & b"], shares, ["r", "g", "b"])
    text = " ".join(texts(tmp_path / "p.svg"))
    assert "Visual 50 %" in text
    assert "Limbic 0 %" in text
    assert "13 %" in text
