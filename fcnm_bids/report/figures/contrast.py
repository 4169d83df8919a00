"""The figure of a contrast."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from fcnm_bids.bids.outputs import figure_name
from fcnm_bids.report.figures.mosaic import draw_mosaic
from fcnm_bids.report.figures.slices import AXIAL, MAP_PERCENTILE, Overlay, Volume
from fcnm_bids.report.results.group import ContrastOutputs

LOGGER = logging.getLogger("fcnm_bids")


def contrast_figure(root: Path, label: str) -> Path:
    """Return the file of the figure of a contrast."""
    return figure_name(root, ".png", seed=label, desc="slices", suffix="statmap")


def draw_contrast(root: Path, contrast: ContrastOutputs) -> Path:
    """Draw the t map of one contrast with the border of its mask."""
    path = contrast_figure(root, contrast.label)
    draw_t_map(
        path,
        Volume.read(contrast.map("t")),
        Volume.read(contrast.mask),
        threshold=contrast.threshold,
        tail=str(contrast.sidecar.get("Tail")),
        foci=contrast.foci,
    )
    return path


def draw_t_map(
    path: Path,
    t: Volume,
    mask: Volume,
    *,
    threshold: float | None,
    tail: str = "positive",
    foci: Sequence[Sequence[float]] = (),
) -> None:
    """Draw a t map on slices, with the border of its mask and circles at its foci."""
    limit = t.limit(MAP_PERCENTILE, threshold)
    signs = {"negative": (-1,), "two-sided": (1, -1)}.get(tail, (1,))
    marked = () if threshold is None else tuple(sign * threshold for sign in signs)
    draw_mosaic(
        path,
        Overlay(t, mask, "diverging", -limit, limit, 0, outside=0.3, thresholds=marked),
        "t",
        rows=((2, AXIAL),),
        marks=foci,
        step=1.25,
    )
