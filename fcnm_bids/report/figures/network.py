"""The figures of a network."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from fcnm_bids.bids.outputs import figure_name
from fcnm_bids.inputs.multiverse import MULTIVERSE
from fcnm_bids.report.figures.charts import draw_histogram, draw_polar
from fcnm_bids.report.figures.mosaic import draw_mosaic
from fcnm_bids.report.figures.multiverse import draw_multiverse
from fcnm_bids.report.figures.palette import BLUE, CATEGORIES
from fcnm_bids.report.figures.robustness import draw_robustness
from fcnm_bids.report.figures.specificity import draw_specificity
from fcnm_bids.report.figures.template_slices import (
    AXIAL,
    CORONAL,
    MAP_PERCENTILE,
    SAGITTAL,
    Overlay,
    Volume,
)
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
    MULTIVERSE: ("metrics", ".svg"),
}
"""Suffix and extension of each figure of a network, by its desc."""

_MOST_SPOKES = 24


def network_figure(root: Path, label: str, desc: str) -> Path:
    """Return the file of a figure of a network."""
    suffix, extension = NETWORK_FIGURES[desc]
    return figure_name(root, extension, network=label, desc=desc, suffix=suffix)


def network_figures(root: Path, label: str) -> dict[str, Path]:
    """Return the files of the figures of a network, by their descs."""
    return {desc: network_figure(root, label, desc) for desc in NETWORK_FIGURES}


def draw_network(network: NetworkOutputs, files: Mapping[str, Path]) -> list[Path]:
    """Draw the figures of one network.

    Parameters
    ----------
    network
        The network.
    files
        What each figure is saved as, by its desc.

    Returns
    -------
    drawn
        The figures whose sources are there.
    """
    drawing = _Drawing(network)
    made = []
    for desc, path in files.items():
        if getattr(drawing, desc)(path):
            made.append(path)
        else:  # one of an earlier result
            path.unlink(missing_ok=True)
    return made


class _Drawing:
    """The figures of a network, a method for each desc; False where its source is not there."""

    def __init__(self, network: NetworkOutputs) -> None:
        self._network = network
        self._probability, self._mask = Volume.read(network.probability), Volume.read(network.mask)
        self._threshold = float(network.sidecar.get("Threshold", np.nan))
        self._label = "share of contrasts"

    def slices(self, path: Path) -> bool:
        draw_probability(path, self._probability, self._mask, self._threshold)
        return True

    def multiverse(self, path: Path) -> bool:
        table = self._network.multiverse
        if table is None:
            return False
        draw_multiverse(path, table)
        return True

    def convergence(self, path: Path) -> bool:
        return draw_convergence(path, self._network, self._mask)

    def histogram(self, path: Path) -> bool:
        n_contrasts = int(self._network.sidecar.get("NumberOfContrasts", 1))
        values = self._probability.values
        draw_histogram(path, values[np.isfinite(values)], n_contrasts, self._threshold)
        return True

    def glass(self, path: Path) -> bool:
        from fcnm_bids.report.figures.surfaces import draw_glass

        inside = np.where(self._mask.values > 0.5, self._probability.values, 0)
        if not inside.any():  # slices show how far it is from a network
            return False
        volume = Volume(inside, self._mask.affine)
        draw_glass(path, volume, high=1, threshold=self._threshold, label=self._label)
        return True

    def surface(self, path: Path) -> bool:
        from fcnm_bids.report.figures.surfaces import draw_surface

        if not (self._mask.values > 0.5).any():
            return False
        threshold = self._threshold
        shown = (self._probability, self._mask)
        draw_surface(path, *shown, high=1, threshold=threshold, label=self._label)
        return True

    def polar(self, path: Path) -> bool:
        canonical = _canonical(self._network)
        if canonical is None:
            return False
        names, coverage = canonical["name"].tolist(), canonical["coverage"].tolist()
        colors = CATEGORIES if len(names) <= len(CATEGORIES) else (BLUE,) * len(names)
        draw_polar(path, names, coverage, colors)
        return True

    def robustness(self, path: Path) -> bool:
        source = self._network.tables().get("robustness")
        if source is None:
            return False
        # a study may be called NA, or 007
        text, none = {"level": str}, ["n/a"]
        table = pd.read_csv(source, sep="\t", dtype=text, na_values=none, keep_default_na=False)
        empty = not (self._mask.values > 0.5).any()
        draw_robustness(path, table, self._threshold, empty=empty)
        return True

    def specificity(self, path: Path) -> bool:
        return draw_specificity(path, self._network)


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
