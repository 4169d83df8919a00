"""The figure of a contrast."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.ndimage import label, maximum_position

from fcnm_bids.bids.outputs import figure_name
from fcnm_bids.report.figures.mosaic import draw_mosaic
from fcnm_bids.report.figures.template_slices import MAP_PERCENTILE, Overlay, Volume, choose_slices
from fcnm_bids.report.results.group import ContrastOutputs

LOGGER = logging.getLogger("fcnm_bids")

_MOST_PEAKS = 20


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
    """Draw a t map on slices through its foci and peaks, its mask outlined, its foci circled."""
    limit = t.limit(MAP_PERCENTILE, threshold)
    signs = {"negative": (-1,), "two-sided": (1, -1)}.get(tail, (1,))
    marked = () if threshold is None else tuple(sign * threshold for sign in signs)
    draw_mosaic(
        path,
        Overlay(t, mask, "diverging", -limit, limit, 0, outside=0.3, thresholds=marked),
        "t",
        rows=((2, choose_slices([focus[2] for focus in foci], peak_heights(t, mask))),),
        marks=foci,
        step=1.25,
    )


def peak_heights(values: Volume, mask: Volume) -> list[float]:
    """Return z in mm of the strongest voxel of each cluster of a mask, the largest cluster first.

    Parameters
    ----------
    values, mask
        Images on one grid.
    """
    clusters, n = label(mask.values > 0.5)
    sizes = np.bincount(clusters.ravel(), minlength=n + 1)[1:]
    largest = 1 + np.argsort(-sizes, kind="stable")[:_MOST_PEAKS]
    peaks = maximum_position(np.abs(np.nan_to_num(values.values)), clusters, largest)
    return [float((values.affine @ [*peak, 1])[2]) for peak in peaks]
