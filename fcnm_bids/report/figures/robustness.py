"""The figure of a network's robustness, from its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fcnm_bids.report.figures.palette import BLUE, GREY, ORANGE, SOFT
from fcnm_bids.report.figures.style import drawn

_MOST_STUDIES = 30
_EMPTY = "The network has no voxel,\nso no variant can be compared with it."


def draw_robustness(path: Path, table: pd.DataFrame, threshold: float, *, empty: bool) -> None:
    """Draw how well the variants of a network agree with it.

    Parameters
    ----------
    path
        SVG or PNG file.
    table
        One row per variant: check, level, n_contrasts, n_voxels, dice. Where Dice is not defined
        the figure says so and draws nothing.
    threshold
        Threshold of the network itself.
    empty
        Whether the network has no voxel, so that no Dice with it says anything.
    """
    studies = table[table["check"] == "leave-one-study-out"].sort_values("dice")
    studies = studies.head(_MOST_STUDIES)
    height = max(3.4, 0.22 * len(studies) * (not empty) + 1.2)
    with drawn(path, 9.2, height) as figure:
        if empty:
            left, middle = figure.subplots(1, 2, width_ratios=(5, 4))
            left.axis("off")
            left.text(0.5, 0.5, _EMPTY, ha="center", va="center", transform=left.transAxes)
        else:
            left, middle, right = figure.subplots(1, 3, width_ratios=(4, 2.6, 3.4))
            _draw_variants(left, table)
            _draw_studies(right, studies)
        sweep = table[table["check"] == "threshold"]
        levels = sweep["level"].astype(float)
        middle.plot(levels, sweep["n_voxels"], color=BLUE, marker="o", markersize=4)
        middle.axvline(threshold, color=ORANGE, linestyle="--", linewidth=1.2)
        middle.margins(y=0.1)
        middle.set_ylim(0, None if sweep["n_voxels"].astype(float).any() else 1)
        middle.set_xticks(levels, [f"{level:g}" for level in levels], fontsize=7.5)
        middle.set_xlabel("threshold")
        middle.set_ylabel("voxels of the network")
        figure.tight_layout()


def _draw_studies(axes: Any, studies: pd.DataFrame) -> None:
    positions = np.arange(len(studies))
    values = studies["dice"].astype(float).to_numpy()
    defined = np.isfinite(values)
    axes.barh(positions[defined], values[defined], color=BLUE, height=0.6)
    for position in positions[~defined]:
        axes.text(0.02, position, "no map", va="center", fontsize=7, color=SOFT)
    axes.set_yticks(positions, [str(level)[:32] for level in studies["level"]], fontsize=7)
    axes.set_xlim(0, 1)
    axes.set_xlabel("Dice without the study")
    axes.set_ylim(max(1, len(studies)) - 0.4, -0.6)


def _draw_variants(axes: Any, table: pd.DataFrame) -> None:
    names: list[str] = []
    for check, named in (
        ("radius", "{} mm"),
        ("studies alike", "studies alike"),
        ("away from own foci", "without {} mm\naround own foci"),
        ("bootstrap", "bootstrap"),
        ("participants", "{:.0%} of participants"),
        ("split-half", "split halves"),
        ("second connectome", "2nd connectome"),
    ):
        rows = table[table["check"] == check]
        for level, own in rows.groupby("level", dropna=False, sort=True):
            name = named.format(float(str(level)) if check == "participants" else level)
            all_values = own["dice"].astype(float)
            values = all_values.dropna().to_numpy()
            at = len(names)
            if 0 < values.size < all_values.size:
                name += f"\n({all_values.size - values.size} of {all_values.size} n/a)"
            names.append(name)
            if not values.size:
                text = _undefined(check, own)
                axes.text(at, 0.03, text, rotation=90, ha="center", fontsize=7.5, color=SOFT)
                continue
            spread = np.linspace(-0.25, 0.25, values.size) if values.size > 1 else np.zeros(1)
            axes.plot(at + spread, values, ".", color=GREY, markersize=2.5, zorder=1)
            axes.plot([at - 0.3, at + 0.3], [np.median(values)] * 2, color=ORANGE, lw=2)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", fontsize=7.5)
    axes.set_xlim(-0.6, len(names) - 0.4)
    axes.set_ylim(0, 1.02)
    halves = "\n(split halves: with each other)" if "split halves" in " ".join(names) else ""
    axes.set_ylabel(f"Dice with the network{halves}")


def _undefined(check: str, rows: pd.DataFrame) -> str:
    """Reason for the missing Dice of all variants of a kind."""
    if "n_contrasts" in rows and (rows["n_contrasts"].astype(float) > 0).any():
        return "n/a: both networks are empty"
    of_participants = check in ("participants", "split-half")
    return (
        "n/a: too few participants for the model"
        if of_participants
        else "n/a: no contrast could be tested"
    )
