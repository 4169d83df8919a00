"""The figures of a network."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from fcnm_bids.bids.outputs import figure_name
from fcnm_bids.report.figures.charts import draw_histogram, draw_polar
from fcnm_bids.report.figures.mosaic import draw_mosaic
from fcnm_bids.report.figures.palette import BLUE, CATEGORIES
from fcnm_bids.report.figures.robustness import draw_robustness
from fcnm_bids.report.figures.slices import (
    AXIAL,
    CORONAL,
    MAP_PERCENTILE,
    SAGITTAL,
    Overlay,
    Volume,
)
from fcnm_bids.report.figures.specificity import draw_specificity
from fcnm_bids.report.results.group import NetworkOutputs, read_tsv

LOGGER = logging.getLogger("fcnm_bids")

NETWORK_FIGURES = {
    "slices": ("probseg", ".svg"),
    "convergence": ("statmap", ".svg"),
    "histogram": ("probseg", ".svg"),
    "glass": ("mask", ".svg"),
    "surface": ("probseg", ".png"),
    "polar": ("metrics", ".svg"),
    "robustness": ("metrics", ".svg"),
    "specificity": ("metrics", ".svg"),
}
"""Suffix and extension of each figure of a network, by its desc."""

_MOST_SPOKES = 24


def network_figure(root: Path, label: str, desc: str) -> Path:
    """Return the file of a figure of a network."""
    suffix, extension = NETWORK_FIGURES[desc]
    return figure_name(root, extension, network=label, desc=desc, suffix=suffix)


def draw_network(root: Path, network: NetworkOutputs) -> list[Path]:
    """Draw the figures of one network."""
    probability, mask = Volume.read(network.probability), Volume.read(network.mask)
    n_contrasts = int(network.sidecar.get("NumberOfContrasts", 1))
    threshold = float(network.sidecar.get("Threshold", np.nan))
    label = "share of contrasts"
    files = {desc: network_figure(root, network.label, desc) for desc in NETWORK_FIGURES}
    draw_probability(files["slices"], probability, mask, threshold)
    if not draw_convergence(files["convergence"], network, mask):
        files.pop("convergence").unlink(missing_ok=True)
    defined = probability.values[np.isfinite(probability.values)]
    draw_histogram(files["histogram"], defined, n_contrasts, threshold)
    inside = np.where(mask.values > 0.5, probability.values, 0)
    from fcnm_bids.report.figures.surfaces import draw_glass, draw_surface

    if inside.any():
        draw_glass(files["glass"], Volume(inside, mask.affine), high=1, label=label)
        draw_surface(files["surface"], probability, high=1, threshold=threshold, label=label)
    else:  # slices show how far it is from a network
        for desc in ("glass", "surface"):
            files.pop(desc).unlink(missing_ok=True)
    canonical = _canonical(network)
    if canonical is None:
        del files["polar"]
    else:
        names, coverage = canonical["name"].tolist(), canonical["coverage"].tolist()
        colors = CATEGORIES if len(names) <= len(CATEGORIES) else (BLUE,) * len(names)
        draw_polar(files["polar"], names, coverage, colors)
    robustness = network.tables().get("robustness")
    if robustness is None:
        del files["robustness"]
    else:
        # a study may be called NA, or 007
        text, none = {"level": str}, ["n/a"]
        table = pd.read_csv(robustness, sep="\t", dtype=text, na_values=none, keep_default_na=False)
        empty = not (mask.values > 0.5).any()
        draw_robustness(files["robustness"], table, threshold, empty=empty)
    if not draw_specificity(files["specificity"], network):
        del files["specificity"]
    return list(files.values())


def draw_probability(
    path: Path, probability: Volume, mask: Volume, threshold: float | None = None
) -> None:
    """Draw a network probability map on slices: the network outlined, its threshold marked."""
    marked = () if threshold is None else (threshold,)
    draw_mosaic(
        path,
        Overlay(probability, mask, "rising", 0, 1, 0, outside=0.5, thresholds=marked),
        "share of contrasts",
        rows=((2, AXIAL), (1, CORONAL), (0, SAGITTAL)),
    )


def draw_convergence(path: Path, network: NetworkOutputs, mask: Volume) -> bool:
    """Draw the map of convergence on slices with the network outlined; False without any value."""
    if not network.convergence.is_file():
        return False
    convergence = Volume.read(network.convergence)
    if not np.isfinite(convergence.values).any():
        return False
    limit = convergence.limit(MAP_PERCENTILE, None)
    overlay = Overlay(convergence, mask, "diverging", -limit, limit, 0, outside=1)
    draw_mosaic(path, overlay, "mean Fisher z", rows=((2, AXIAL),), step=1.25)
    return True


def _canonical(network: NetworkOutputs) -> pd.DataFrame | None:
    """The overlap with canonical networks, where a wheel can show it."""
    path = network.tables().get("canonical")
    table = None if path is None else read_tsv(path)
    if table is None or not 3 <= len(table) <= _MOST_SPOKES or "coverage" not in table:
        return None
    return table.assign(coverage=pd.to_numeric(table["coverage"], errors="coerce"))
