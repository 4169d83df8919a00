"""Figures for print: PDF and TIFF in the widths of one and two columns, with legends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fcnm_bids.report.bundle.public import PublicNames
from fcnm_bids.report.figures.network import draw_network
from fcnm_bids.report.figures.overview import draw_overview
from fcnm_bids.report.figures.style import page_width
from fcnm_bids.report.pages.network import figure_captions
from fcnm_bids.report.results.group import GroupOutputs, NetworkOutputs

COLUMN_WIDTHS = {"1column": 85 / 25.4, "2columns": 180 / 25.4}
"""Widths of figures in inches."""

FORMATS = (".pdf", ".tiff")

_ORDER = (
    "slices",
    "convergence",
    "surface",
    "glass",
    "histogram",
    "contrasts",
    "robustness",
    "specificity",
    "polar",
)
_NARROW = ("slices", "convergence", "histogram", "contrasts", "polar")
"""Figures that can be read at the width of one column."""


@dataclass(frozen=True)
class Legend:
    """Legend of a figure.

    Parameters
    ----------
    figure
        Name of its files without width and extension.
    text
        What stands below it.
    """

    figure: str
    text: str


def draw_figures(folder: Path, results: GroupOutputs) -> tuple[list[Path], list[Legend]]:
    """Draw the figures of all networks for print.

    Parameters
    ----------
    folder
        Where they go.
    results
        Content of an output folder.

    Returns
    -------
    files, legends
        In order.
    """
    written: list[Path] = []
    legends = []
    for network in results.networks:
        drawn: dict[str, list[Path]] = {desc: [] for desc in _ORDER}
        for width, inches in COLUMN_WIDTHS.items():
            descs = _NARROW if width == "1column" else _ORDER
            for extension in FORMATS:
                files = {d: folder / f"{network.label}_{d}_{width}{extension}" for d in descs}
                with page_width(inches):
                    for desc, path in _draw(files, results, network):
                        drawn[desc].append(path)
        captions = figure_captions(results, network)
        for desc, paths in drawn.items():
            written += paths
            if paths:
                legends.append(Legend(f"{network.label}_{desc}", captions[desc]))
    return written, legends


def _draw(
    files: dict[str, Path], results: GroupOutputs, network: NetworkOutputs
) -> Iterator[tuple[str, Path]]:
    overview = files.pop("contrasts")
    made = set(draw_network(network, files))
    yield from ((desc, path) for desc, path in files.items() if path in made)
    public = PublicNames(results)
    contrasts = [c for c in results.members(network.effect) if c.map("t").is_file()]
    if contrasts:
        draw_overview(overview, network, contrasts, [public.name(c) for c in contrasts])
        yield "contrasts", overview
