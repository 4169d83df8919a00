"""Scatter plots of an outcome hold a point for every seed."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from fcnm_bids.report.figures.outcomes import draw_scatter, outcome_figure
from fcnm_bids.report.results.group import OutcomeResult

TABLE = pd.DataFrame(
    {
        "seed": [f"s{n}" for n in range(6)],
        "cohort": ["x", "x", "y", "y", "z", "z"],
        "outcome": [str(n % 2) for n in range(6)],
        "peak_connectivity": [f"{n / 10}" for n in range(6)],
        "similarity": ["0.1", "n/a", "0.3", "0.4", "0.2", "0.5"],
    }
)


def drawn(path: Path, table: pd.DataFrame, **said: object) -> str:
    outcome = OutcomeResult("pain", {"Outcome": "Pain $now$ and " + "x" * 40, **said}, path)
    draw_scatter(path, table, outcome)
    return path.read_text()


@pytest.mark.parametrize("is_group", [False, True])
def test_every_seed_is_a_point_in_every_panel(tmp_path: Path, is_group: bool) -> None:
    svg = drawn(tmp_path / "s.svg", TABLE, IsGroup=is_group)
    collections = re.findall(r'(?s)<g id="PathCollection_\d+">(.*?)</g>\s*</g>', svg)
    points = [len(re.findall(r"<use ", own)) for own in collections[:6]]
    assert sum(points) == 6 + 5
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert {"x", "y", "z"} <= set(texts)
    assert "mean Fisher z at the peak" in texts
    if is_group:
        assert {"control", "case"} <= set(texts)
    else:
        assert any(text.startswith("Pain $now$ and x") and len(text) == 30 for text in texts)


def test_one_cohort_has_no_legend(tmp_path: Path) -> None:
    svg = drawn(tmp_path / "s.svg", TABLE.assign(cohort="only"))
    assert ">only<" not in svg


def test_figures_lie_beside_the_groups(tmp_path: Path) -> None:
    path = outcome_figure(tmp_path, "pain", "scatter")
    assert path.relative_to(tmp_path).as_posix() == (
        "group/figures/outcome-pain_desc-scatter_metrics.svg"
    )
