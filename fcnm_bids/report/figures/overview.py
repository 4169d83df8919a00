"""All contrasts of an effect side by side, on the same slices and one scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fcnm_bids.bids.outputs import figure_name
from fcnm_bids.report.figures.contrast import peak_heights
from fcnm_bids.report.figures.mosaic import draw_bar, slices_share
from fcnm_bids.report.figures.sheet import Sheet
from fcnm_bids.report.figures.style import PAGE_WIDTH
from fcnm_bids.report.figures.template_slices import AXIAL, MAP_PERCENTILE, Overlay, Volume, strip
from fcnm_bids.report.results.group import ContrastOutputs, NetworkOutputs

_STEP = 2.0
_N_SLICES = 3
_WIDTH = 11.0
"""Width of the figure in inches."""

_COLUMNS = 4
_SIZE, _PRINT_SIZE = 10.0, 7.0
"""Size of names in points: on a screen of 1,280 pixels, where the page is narrower than the figure
was made, and in print."""

_BAND, _LETTER = 1.6, 0.61
"""Height of the row of a name and width of its letters, as shares of its size."""

_GAP = 5.0
"""Space between contrasts in points."""


def overview_figure(root: Path, label: str) -> Path:
    """Return the file of the overview of a network's contrasts."""
    return figure_name(root, ".png", network=label, desc="contrasts", suffix="statmap")


def draw_overview(
    path: Path,
    network: NetworkOutputs,
    contrasts: Sequence[ContrastOutputs],
    names: Sequence[str] = (),
) -> None:
    """Draw the t maps of a network's contrasts as small multiples.

    All are shown on the slices through the network's largest clusters and in one scale of t, each
    with the border of its own significant voxels.

    Parameters
    ----------
    path
        PNG, SVG, PDF or TIFF file.
    network
        Network that the contrasts belong to.
    contrasts
        One or more, whose t maps are there.
    names
        What they are called; their own names by default.
    """
    probability, mask = Volume.read(network.probability), Volume.read(network.mask)
    positions = _slices(probability, mask)
    maps = [(Volume.read(c.map("t")), Volume.read(c.mask)) for c in contrasts]
    limit = max(
        t.limit(MAP_PERCENTILE, c.threshold) for (t, _), c in zip(maps, contrasts, strict=True)
    )
    full = 72 * (PAGE_WIDTH.get() or _WIDTH)
    columns = min(_COLUMNS if full > 400 else 2, max(2, len(contrasts)))
    width = (slices_share(full) * full - (columns - 1) * _GAP) / columns
    size = _PRINT_SIZE if PAGE_WIDTH.get() else _SIZE
    band, letters = _BAND * size, int(width / (_LETTER * size))
    overlays = [
        Overlay(t, own, "diverging", -limit, limit, 0, outside=0.3, thresholds=())
        for t, own in maps
    ]
    pictures = [strip(2, positions, _STEP, overlay)[0] for overlay in overlays]
    height = width * pictures[0].shape[0] / pictures[0].shape[1]
    rows = -(-len(contrasts) // columns)
    total = rows * (height + band + _GAP) + band
    sheet = Sheet(full, max(total, 120.0), pictures[0].shape[1] / width)
    names = names or [contrast.name for contrast in contrasts]
    for number, (name, picture) in enumerate(zip(names, pictures, strict=True)):
        left = (number % columns) * (width + _GAP)
        top = (number // columns) * (height + band + _GAP)
        shown = name if len(name) <= letters else f"{name[: letters - 1]}\N{HORIZONTAL ELLIPSIS}"
        sheet.text(left + 2, top + band / 2, shown, size=size)
        sheet.picture(left, top + band, width, height, picture)
    listed = ", ".join(f"{z}" for z in positions)
    sheet.text(2, total - band / 2, f"z = {listed} mm; left is left", size=size)
    draw_bar(sheet, overlays[0], "t")
    sheet.save(path)


def _slices(probability: Volume, mask: Volume) -> tuple[int, ...]:
    """Return heights through the largest clusters, or the highest shares of an empty network."""
    shares = np.nan_to_num(probability.values)
    if not (mask.values > 0.5).any() and shares.any():
        mask = Volume((shares >= shares.max()).astype(np.float32), mask.affine)
    chosen: list[int] = []
    for z in (*peak_heights(probability, mask), *AXIAL[3:]):
        if len(chosen) < _N_SLICES and all(abs(z - at) >= 10 for at in chosen):
            chosen.append(2 * round(z / 2))
    return tuple(sorted(chosen))
