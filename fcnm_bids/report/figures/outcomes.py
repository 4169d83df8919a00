"""Figures of an outcome: its association with connectivity, and its prediction."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fcnm_bids.bids.outputs import figure_name
from fcnm_bids.report.figures.mosaic import draw_mosaic
from fcnm_bids.report.figures.palette import BLUE, CATEGORIES
from fcnm_bids.report.figures.style import drawn
from fcnm_bids.report.figures.template_slices import AXIAL, CORONAL, SAGITTAL, Overlay, Volume
from fcnm_bids.report.results.group import GroupOutputs, OutcomeResult

OUTCOME_FIGURES = {"slices": "statmap", "scatter": "metrics"}
"""Suffix of each figure of an outcome, by its desc."""

_PANELS = {
    "peak_connectivity": "mean Fisher z at the peak",
    "similarity": "similarity to the map\nof the other seeds",
    "cohort_similarity": "similarity to the map\nof the other cohorts",
    "weighted": "mean at the strongest voxels\nof the other seeds' map",
    "damage_mean": "mean of the map of the\nother seeds in the seed",
}
_ABREAST = 3
"""Panels of a row, so that their texts are legible on a page."""

_PERCENTILE = 99.5
_LONGEST = 30


def outcome_figure(root: Path, label: str, desc: str) -> Path:
    """Return where a figure of an outcome lies."""
    return figure_name(root, ".svg", outcome=label, desc=desc, suffix=OUTCOME_FIGURES[desc])


def draw_outcome_figures(root: Path, label: str) -> list[Path]:
    """Draw the figures of one outcome from the files in an output folder.

    Parameters
    ----------
    root
        Output folder.
    label
        BIDS label of the outcome.
    """
    outcome = next(own for own in GroupOutputs(root).outcomes if own.label == label)
    slices, scatter = (outcome_figure(root, label, desc) for desc in OUTCOME_FIGURES)
    t, mask = Volume.read(outcome.map("t")), Volume.read(outcome.mask)
    limit = t.limit(_PERCENTILE, None)
    draw_mosaic(
        slices,
        Overlay(t, mask, "diverging", -limit, limit, 0, outside=0.5),
        "t",
        rows=((2, AXIAL), (1, CORONAL), (0, SAGITTAL)),
    )
    table = outcome.table("seeds")
    if table is None:
        return [slices]
    draw_scatter(scatter, table, outcome)
    return [slices, scatter]


def sample_figure(root: Path, label: str) -> Path:
    """Return where the figure of an effect's contrasts as a sample lies."""
    return figure_name(root, ".svg", network=label, desc="betweenseeds", suffix="statmap")


def draw_sample_figure(root: Path, label: str) -> Path:
    """Draw the standard deviation between the seeds of an effect.

    Parameters
    ----------
    root
        Output folder.
    label
        BIDS label of the effect.
    """
    sample = next(own for own in GroupOutputs(root).samples if own.label == label)
    variance = Volume.read(sample.variance)
    deviation = replace(variance, values=np.sqrt(variance.values))
    path = sample_figure(root, label)
    draw_mosaic(
        path,
        Overlay(deviation, None, "rising", 0, deviation.limit(_PERCENTILE, None), 0, outside=1),
        "standard deviation between seeds (Fisher z)",
        rows=((2, AXIAL), (1, CORONAL), (0, SAGITTAL)),
    )
    return path


def draw_scatter(path: Path, table: pd.DataFrame, outcome: OutcomeResult) -> None:
    """Draw the outcome of every seed against its connectivity and what predicts it.

    Parameters
    ----------
    path
        SVG or PNG file.
    table
        The table of seeds, as texts.
    outcome
        Whose table it is.
    """
    panels = [name for name in _PANELS if name in table]
    numbers = {name: pd.to_numeric(table[name], errors="coerce") for name in ("outcome", *panels)}
    cohorts = sorted(set(table["cohort"]))
    colors = CATEGORIES if 1 < len(cohorts) <= len(CATEGORIES) else (BLUE,) * len(cohorts)
    several = len(set(colors[: len(cohorts)])) > 1
    columns = min(_ABREAST, len(panels))
    lines = -(-len(panels) // columns)
    with drawn(path, 2.9 * columns + 0.4, 2.7 * lines + 0.6) as figure:
        rows = np.ravel(figure.subplots(lines, columns, sharey=True))
        for axes in rows[len(panels) :]:
            axes.remove()
        for name, axes in zip(panels, rows, strict=False):
            for cohort, color in zip(cohorts, colors, strict=False):
                own = (table["cohort"] == cohort).to_numpy()
                _scatter(axes, numbers[name][own], numbers["outcome"][own], color, outcome)
            axes.set_xlabel(_PANELS[name], fontsize=8)
            axes.tick_params(labelsize=7.5)
            axes.locator_params("x", nbins=5)
        if outcome.is_group:
            rows[0].set_yticks((0, 1), ("control", "case"))
            rows[0].set_ylim(-0.6, 1.6)
        else:
            for axes in rows[: len(panels) : columns]:
                axes.set_ylabel(outcome.name[:_LONGEST])
        if several:
            figure.legend(
                handles=rows[0].collections,
                labels=[cohort[:_LONGEST] for cohort in cohorts],
                loc="lower center",
                ncols=min(len(cohorts), 5),
                fontsize=7.5,
                frameon=False,
            )
        figure.tight_layout(rect=(0, 0.3 / (2.7 * lines + 0.6) if several else 0, 1, 1))


def _scatter(axes: Any, x: pd.Series, y: pd.Series, color: str, outcome: OutcomeResult) -> None:
    """Draw the seeds of one cohort; those of a group are spread so that none hides another."""
    spread = np.linspace(-0.3, 0.3, len(x)) if outcome.is_group else 0.0
    axes.scatter(x, y + spread, s=16, color=color, alpha=0.8, linewidths=0)
