"""The specification curve of a network, from its table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from fcnm_bids.inputs.multiverse import PRIMARY, VARIED
from fcnm_bids.report.figures.palette import BLUE, GREY, INK, ORANGE, SOFT
from fcnm_bids.report.figures.style import drawn
from fcnm_bids.robustness.specifications import COMMON, DICE_HELD

_EMPTY = "The network of the primary specification has no voxel,\nso no specification can be "
"compared with it."
_NAMES = {"nuisance_regressors": "confounds", "fd_threshold": "FD mm", "radius": "radius mm"}


def draw_multiverse(path: Path, table: pd.DataFrame) -> None:
    """Draw the Dice of every specification above the choices that it makes.

    Parameters
    ----------
    path
        SVG or PNG file.
    table
        One row per specification, texts: the options, n_voxels, dice and common_dice.
    """
    dice = pd.to_numeric(table["dice"], errors="coerce").to_numpy(dtype=float)
    common = pd.to_numeric(table[f"{COMMON}dice"], errors="coerce").to_numpy(dtype=float)
    primary = (table["specification"] == PRIMARY).to_numpy()
    choices = _choices(table)
    empty = pd.to_numeric(table["n_voxels"])[primary].eq(0).all()
    if empty:
        with drawn(path, 9.2, 1.6) as figure:
            axes = figure.subplots()
            axes.axis("off")
            axes.text(0.5, 0.5, _EMPTY, ha="center", va="center", transform=axes.transAxes)
        return
    # no map comes last, and of equals the primary first
    order = np.lexsort((~primary, -np.nan_to_num(dice, nan=-1)))
    at = np.arange(len(table))
    removed = (table["global_signal"] == "True").to_numpy()[order]
    with drawn(path, 9.2, 2.4 + 0.17 * len(choices)) as figure:
        curve, below = figure.subplots(
            2, 1, sharex=True, height_ratios=(2, max(0.4, 0.17 * len(choices)))
        )
        curve.axhline(DICE_HELD, color=GREY, linewidth=0.8, linestyle="--")
        if not np.array_equal(dice, common, equal_nan=True):
            text = "common participants"
            curve.plot(at, common[order], "_", color=SOFT, markersize=6, label=text)
        for where, color, text in (
            (removed, BLUE, "global signal removed"),
            (~removed, ORANGE, "not removed"),
        ):
            if where.any():
                curve.plot(
                    at[where], dice[order][where], "o", color=color, markersize=4, label=text
                )
        own = np.flatnonzero(primary[order])
        curve.plot(own, dice[primary], "D", mfc="none", mec=INK, markersize=8, label=PRIMARY)
        curve.set_ylim(-0.03, 1.05)
        curve.set_ylabel("Dice with\nthe network")
        curve.legend(frameon=False, fontsize=7.5, ncols=4, loc="lower left")
        for row, (_, holds) in enumerate(choices):
            made = holds[order]
            below.plot(at[made], np.full(made.sum(), row), "|", color=INK, markersize=6)
        below.set_yticks(range(len(choices)), [name for name, _ in choices], fontsize=7.5)
        below.set_ylim(len(choices) - 0.5, -0.5)
        below.set_xlim(-1, len(table))
        below.set_xticks([])
        below.set_xlabel(f"{len(table)} specifications")
        figure.tight_layout()


def _choices(table: pd.DataFrame) -> list[tuple[str, np.ndarray]]:
    """Return every value of the options that vary, with the specifications that have it."""
    found = []
    for option in VARIED:
        values = list(dict.fromkeys(table[option]))
        for value in values if len(values) > 1 else ():
            name = _NAMES.get(option, option.replace("_", " "))
            found.append((f"{name} {value}", (table[option] == value).to_numpy()))
    return found
