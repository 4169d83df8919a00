"""Charts about a network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.report.figures.palette import GREY, ORANGE, SOFT, colormap
from fcnm_bids.report.figures.style import drawn

_BINS = 20
"""Bars where contrasts have weights, so that shares are not multiples of one over their number."""


def draw_histogram(
    path: Path, probability: NDArray[np.floating], n_contrasts: int, threshold: float
) -> None:
    """Voxels per number of contrasts, those at or above the threshold in colour.

    Parameters
    ----------
    path
        SVG or PNG file.
    probability
        The map's values where it is defined.
    n_contrasts
        Contrasts in the count.
    threshold
        Share of the contrasts that the network asks for.
    """
    counted = counts_contrasts(probability, n_contrasts)
    if not counted:
        n_contrasts = _BINS
    levels = np.arange(n_contrasts + 1)
    steps = probability * n_contrasts
    whole = np.rint(steps) if counted else np.floor(steps + 1e-6)
    counts = np.bincount(whole.astype(int), minlength=levels.size)
    needed = np.ceil(threshold * n_contrasts - 1e-6)
    with drawn(path, 5.6, 2.9) as figure:
        axes = figure.add_axes((0.165, 0.19, 0.805, 0.74))
        colors = [
            colormap("rising")(level / max(n_contrasts, 1)) if level >= needed else GREY
            for level in levels
        ]
        axes.bar(levels, np.maximum(counts, 0), color=colors, edgecolor=SOFT, linewidth=0.4)
        axes.set_yscale("symlog", linthresh=1)
        axes.set_ylim(0, max(counts.max() * 4, 2))
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.axvline(needed - 0.5, color=ORANGE, linewidth=1.2, linestyle="--")
        if counted and n_contrasts <= 16:
            axes.set_xticks(levels)
            for level, count in zip(levels, counts, strict=True):
                if count:
                    axes.text(level, count * 1.15, f"{count:,}", ha="center", fontsize=7)
        if counted:
            axes.set_xlabel(f"contrasts (of {n_contrasts}) whose mask holds the voxel")
        else:
            axes.set_xticks(levels[::4], [f"{level / _BINS:g}" for level in levels[::4]])
            axes.set_xlabel("weighted share of the contrasts whose mask holds the voxel")
        axes.set_ylabel("voxels")


def counts_contrasts(probability: NDArray[np.floating], n_contrasts: int) -> bool:
    """Return True if a probability map counts contrasts, at least one, equally, without weights."""
    steps = probability * n_contrasts
    return n_contrasts > 0 and bool(np.allclose(steps, np.rint(steps), atol=1e-3))


def draw_polar(
    path: Path, names: Sequence[str], shares: Sequence[float], colors: Sequence[str]
) -> None:
    """Share of each canonical network that is covered, as a wheel.

    Parameters
    ----------
    path
        SVG or PNG file.
    names, shares, colors
        One per canonical network; shares from 0 to 1.
    """
    angles = np.linspace(0, 2 * np.pi, len(names), endpoint=False)
    values = np.nan_to_num(np.asarray(shares, dtype=float))
    top = max(0.1, float(np.ceil(values.max() * 10) / 10))
    with drawn(path, 6.4, 4.8) as figure:
        axes = figure.add_axes((0.25, 0.13, 0.5, 0.74), projection="polar")
        axes.set_theta_zero_location("N")
        axes.set_theta_direction(-1)
        axes.bar(
            angles,
            values,
            width=0.88 * 2 * np.pi / len(names),
            color=list(colors),
            edgecolor="white",
            linewidth=1,
            zorder=3,
        )
        axes.set_ylim(0, top)
        axes.set_yticks(np.linspace(0, top, 5)[1:])
        axes.set_yticklabels(
            [f"{100 * tick:g} %" for tick in np.linspace(0, top, 5)[1:]], fontsize=7
        )
        axes.set_rlabel_position(180 / len(names))
        axes.set_xticks(angles)
        axes.set_xticklabels([])
        for angle, name, value in zip(angles, names, values, strict=True):
            side = np.sin(angle)
            align = "center" if abs(side) < 0.1 else ("left" if side > 0 else "right")
            axes.text(
                angle,
                1.1 * top,
                f"{name}\n{100 * value:.0f} %",
                ha=align,
                va="center",
                fontsize=8.5,
            )
        axes.grid(color="#d0d7de", linewidth=0.6)
        axes.spines["polar"].set_visible(False)
