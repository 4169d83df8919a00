"""The figure of a network's robustness, from its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fcnm_bids.report.drawing import drawn
from fcnm_bids.report.palette import BLUE, GREY, ORANGE

_MOST_STUDIES = 30


def draw_robustness(path: Path, table: pd.DataFrame, threshold: float) -> None:
    """Draw how well the variants of a network agree with it.

    Parameters
    ----------
    path
        SVG or PNG file.
    table
        One row per variant: check, level, n_voxels, dice.
    threshold
        Threshold of the network itself.
    """
    studies = table[table["check"] == "leave-one-study-out"].sort_values("dice")
    studies = studies.head(_MOST_STUDIES)
    height = max(3.4, 0.22 * len(studies) + 1.2)
    with drawn(path, 9.2, height) as figure:
        left, middle, right = figure.subplots(1, 3, width_ratios=(4, 2.6, 3.4))
        _draw_variants(left, table)
        sweep = table[table["check"] == "threshold"]
        levels = sweep["level"].astype(float)
        middle.plot(levels, sweep["n_voxels"], color=BLUE, marker="o", markersize=4)
        middle.axvline(threshold, color=ORANGE, linestyle="--", linewidth=1.2)
        middle.set_ylim(bottom=0)
        middle.set_xticks(levels, [f"{level:g}" for level in levels], fontsize=7.5)
        middle.set_xlabel("threshold")
        middle.set_ylabel("voxels of the network")
        positions = np.arange(len(studies))
        right.barh(positions, studies["dice"].fillna(0).astype(float), color=BLUE, height=0.6)
        right.set_yticks(positions, [str(level)[:32] for level in studies["level"]], fontsize=7)
        right.set_xlim(0, 1)
        right.set_xlabel("Dice without the study")
        right.invert_yaxis()
        figure.tight_layout()


def _draw_variants(axes: Any, table: pd.DataFrame) -> None:
    groups: list[tuple[str, np.ndarray]] = []
    for check, name in (
        ("radius", "{} mm"),
        ("bootstrap", "bootstrap"),
        ("people", "{:.0%} of people"),
        ("split-half", "split halves"),
        ("second connectome", "2nd connectome"),
    ):
        rows = table[table["check"] == check]
        for level, own in rows.groupby("level", dropna=False, sort=True):
            shown = float(str(level)) if check == "people" else level
            values = own["dice"].astype(float).fillna(0.0).to_numpy()
            groups.append((name.format(shown), values))
    for position, (_, values) in enumerate(groups):
        spread = np.linspace(-0.25, 0.25, values.size) if values.size > 1 else np.zeros(1)
        axes.plot(position + spread, values, ".", color=GREY, markersize=2.5, zorder=1)
        axes.plot([position - 0.3, position + 0.3], [np.median(values)] * 2, color=ORANGE, lw=2)
    axes.set_xticks(
        range(len(groups)), [name for name, _ in groups], rotation=40, ha="right", fontsize=7.5
    )
    axes.set_ylim(0, 1.02)
    axes.set_ylabel("Dice with the network")
