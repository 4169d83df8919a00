"""The figure of a network against its nulls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.report.figures.palette import BLUE, GREY, INK, ORANGE
from fcnm_bids.report.figures.style import drawn
from fcnm_bids.report.figures.template_slices import AXIAL, Overlay, Volume, color_bar, strip
from fcnm_bids.report.results.group import NetworkOutputs
from fcnm_bids.report.results.specificity import SpecificityResult, capital, number_in
from fcnm_bids.report.results.text import as_text
from fcnm_bids.specificity import FOCUS_NULLS
from fcnm_bids.specificity.interpretation import p_text

_WIDTH = 9.2
_TITLE, _CHARTS, _SLICES = 0.34, 2.0, 1.62
"""Heights in inches of what belongs to a null."""

_STEP = 1.5
_BARS = 30
_PERCENTILE = 99.8
_LONGEST = 40


@dataclass(frozen=True, eq=False)
class _Band:
    """Content of the figure of one test."""

    test: str
    title: str
    draws: pd.DataFrame | None
    z: Volume | None

    @property
    def height(self) -> float:
        charts = _CHARTS if self.draws is not None else 0.0
        return _TITLE + charts + (_SLICES if self.z is not None else 0.0)


def draw_specificity(path: Path, network: NetworkOutputs) -> bool:
    """Draw the sizes and the largest studentised values of a network's nulls, with its own.

    Parameters
    ----------
    path
        SVG or PNG file.
    network
        The network; tables of draws and z maps are looked for beside it.

    Returns
    -------
    drawn
        Whether there was anything to draw.
    """
    result = SpecificityResult(network)
    bands = _bands(result)
    if not bands:
        return False
    height = sum(band.height for band in bands)
    limit = max([1e-3, *(_limit(band.z) for band in bands if band.z is not None)])
    mask = Volume.read(network.mask)
    with drawn(path, _WIDTH, height) as figure:
        top = height
        for band in bands:
            figure.text(0.012, (top - 0.12) / height, band.title, weight="bold", va="top")
            top -= _TITLE
            if band.draws is not None:
                place = (top - _CHARTS + 0.5) / height, (_CHARTS - 0.78) / height
                _draw_charts(figure, result, band, *place)
                top -= _CHARTS
            if band.z is not None:
                place = (top - _SLICES + 0.1) / height, (_SLICES - 0.12) / height
                overlay = Overlay(band.z, mask, "diverging", -limit, limit, 0, outside=0.55)
                _draw_slices(figure, overlay, *place)
                top -= _SLICES
    return True


def _bands(result: SpecificityResult) -> list[_Band]:
    bands = []
    for test in FOCUS_NULLS:
        draws = result.table(f"{test}draws")
        if draws is None or not {"n_voxels", "max_z"} <= set(draws) or not result.has(test):
            continue
        if result.withheld(test):  # nothing can be concluded from a picture of it either
            continue
        numbers = draws[["n_voxels", "max_z"]].apply(pd.to_numeric, errors="coerce")
        title = f"{capital(result.named(test))}: {len(draws):,} draws"
        bands.append(_Band(test, title, numbers, _z_map(result, test)))
    difference = _z_map(result, "labels") if result.has("labels") else None
    if difference is not None:
        labels = [str(label) for label in result.about("labels").get("Labels", [])]
        names = [f"{n[:_LONGEST]}…" if len(n) > _LONGEST else n for n in labels]
        title = f"{capital(result.named('labels'))}: {' minus '.join(names)}"
        bands.append(_Band("labels", title, None, difference))
    return bands


def _z_map(result: SpecificityResult, test: str) -> Volume | None:
    path = result.image(test, "z")
    volume = None if path is None else Volume.read(path)
    return volume if volume is not None and np.isfinite(volume.values).any() else None


def _limit(z: Volume) -> float:
    return float(np.percentile(np.abs(z.values[np.isfinite(z.values)]), _PERCENTILE))


def _draw_charts(
    figure: Any, result: SpecificityResult, band: _Band, bottom: float, height: float
) -> None:
    assert band.draws is not None
    row = result.row(band.test)
    size = number_in(row.get("n_voxels"))
    highest = None if band.z is None else float(np.nanmax(band.z.values))
    left = figure.add_axes((0.075, bottom, 0.4, height))
    right = figure.add_axes((0.575, bottom, 0.4, height))
    _draw_chart(left, band.draws["n_voxels"].to_numpy(dtype=float), size)
    _draw_chart(right, band.draws["max_z"].to_numpy(dtype=float), highest)
    left.set_xlabel("voxels of the network")
    left.set_ylabel("draws")
    right.set_xlabel("largest studentised value of any voxel")
    for axes, value, p, name in (
        (left, size, row.get("p_size"), "p"),
        (right, highest, row.get("min_pfwe"), "family-wise p"),
    ):
        if value is not None:
            text = f"observed: {as_text(value)}"
            number = number_in(p)
            text += f", {name} = {p_text(number)}" if number is not None else ""
            axes.set_title(text, fontsize=8.5, color=ORANGE, loc="left")


def _draw_chart(axes: Any, values: NDArray[np.float64], observed: float | None) -> None:
    """Bars over draws; those that reach the observed value in colour."""
    values = values[np.isfinite(values)]
    limit = np.inf if observed is None else observed
    ends = [*values, *([] if observed is None else [observed])]
    if not ends:
        axes.set_yticks([])
        return
    low, high = min(ends), max(ends)
    if high - low < 1e-3 * max(1.0, abs(high)):  # all the same
        low, high = low - 0.5, high + 0.5
    # maps are stored in single precision, tables with ten digits
    reached = values >= limit - 1e-5 * max(1.0, abs(limit))
    axes.hist(
        [values[~reached], values[reached]],
        bins=np.linspace(low, high, _BARS + 1),
        stacked=True,
        color=[GREY, BLUE],
        edgecolor="white",
        linewidth=0.3,
    )
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.4g}")
    if observed is not None:
        axes.axvline(observed, color=ORANGE, linewidth=1.6)


def _draw_slices(figure: Any, overlay: Overlay, bottom: float, height: float) -> None:
    picture, middles = strip(2, AXIAL, _STEP, overlay)
    axes = figure.add_axes((0.012, bottom, 0.9, height))
    axes.imshow(picture, interpolation="none", aspect="equal")
    axes.axis("off")
    axes.text(2, 2, "L", fontsize=7, color=INK, va="top")
    for middle, at in zip(middles, AXIAL, strict=True):
        axes.text(middle, -3, f"z = {at} mm", ha="center", va="bottom", fontsize=7)
    color_bar(figure, overlay, "studentised", (0.925, bottom + 0.1 * height, 0.011, 0.7 * height))
