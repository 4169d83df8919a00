"""Rows of slices with a colour bar, as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fcnm_bids.report.figures.palette import color_table
from fcnm_bids.report.figures.sheet import Sheet
from fcnm_bids.report.figures.style import PAGE_WIDTH
from fcnm_bids.report.figures.template_slices import BOX, Overlay, strip

_BAR_SHARE, _BAR_POINTS = 0.08, 48.0
"""Part of the width that the colour bar takes, and the least width of it."""

_BAND = 9.5
"""Least height of a row of titles in points."""

_NARROW = 5.0
"""Inches below which a row of slices is broken into two."""

_GAP = 4.0
"""Between slices, in mm."""

_BAR = (0.22, 0.56)
"""Top and height of the colour bar, in shares of the height of the sheet."""


def draw_mosaic(
    path: Path,
    overlay: Overlay,
    label: str,
    *,
    rows: Sequence[tuple[int, Sequence[int]]],
    marks: Sequence[Sequence[float]] = (),
    step: float = 1.0,
    width: float = 11.0,
) -> None:
    """Draw rows of slices with a colour bar.

    Parameters
    ----------
    path
        SVG or PNG file.
    overlay
        The map.
    label
        What the colour bar stands for.
    rows
        Axis (0 to 2) and positions in mm of the slices of each row.
    marks
        Positions in mm that are circled on the nearest slice of the first row.
    step
        Millimetres between the pixels; a pixel of a slice is one of a PNG.
    width
        Width in inches.
    """
    width = PAGE_WIDTH.get() or width
    if width < _NARROW:
        halves = [(axis, positions, len(positions) // 2) for axis, positions in rows]
        rows = [row for axis, p, half in halves for row in ((axis, p[:half]), (axis, p[half:]))]
    share = slices_share(72 * width)
    text_size = 8 if width >= _NARROW else 6.5
    gap = round(_GAP / step)
    strips = [strip(axis, positions, step, overlay) for axis, positions in rows]
    widest = max(picture.shape[1] for picture, _ in strips)
    points = 72 * share * width / widest  # per pixel of a slice
    band = max(4 * gap * points, _BAND)
    height = points * sum(picture.shape[0] for picture, _ in strips)
    sheet = Sheet(72 * width, height + band * (len(strips) + 0.75), 1 / points)
    top = 1.25 * band
    for number, ((axis, positions), (picture, middles)) in enumerate(
        zip(rows, strips, strict=True)
    ):
        left = (widest - picture.shape[1]) / 2
        high, wide = (points * n for n in picture.shape[:2])
        sheet.picture(points * left, top, wide, high, picture)
        for x, at in zip(middles, positions, strict=True):
            title = f"{'xyz'[axis]} = {at} mm"
            middle = points * (left + x), top - band / 2
            sheet.text(*middle, title, size=text_size, anchor="middle")
        if number == 0:
            sheet.text(points * (left + gap), top + 0.75 * band, "L", size=8)
            for x, y in _places(axis, positions, marks, step, gap):
                sheet.ring(points * (left + x), top + points * y, 2.75)
        top += high + band
    draw_bar(sheet, overlay, label)
    sheet.save(path)


def _places(
    axis: int, positions: Sequence[int], marks: Sequence[Sequence[float]], step: float, gap: int
) -> list[tuple[float, float]]:
    """Return where marks lie on a strip, in pixels from its upper left corner."""
    across, up = [a for a in range(3) if a != axis]
    panel = round((BOX[across][1] - BOX[across][0]) / step) + 1 + gap
    numbers = [int(np.argmin([abs(mark[axis] - at) for at in positions])) for mark in marks]
    return [
        (
            number * panel + (mark[across] - BOX[across][0]) / step,
            (BOX[up][1] - mark[up]) / step,
        )
        for number, mark in zip(numbers, marks, strict=True)
    ]


def slices_share(width: float) -> float:
    """Return the share of a width in points that slices take beside the colour bar."""
    return 1 - max(_BAR_SHARE, _BAR_POINTS / width)


def draw_bar(sheet: Sheet, overlay: Overlay, label: str) -> None:
    """Draw the colour bar of a map to the right of its slices."""
    left = (slices_share(sheet.width) + 0.008) * sheet.width
    width = max(0.011 * sheet.width, 5.0)
    top, height = (share * sheet.height for share in _BAR)
    colors = np.rint(255 * color_table(overlay.colors)[::-1, None]).astype(np.uint8)
    sheet.picture(left, top, width, height, colors)

    def at(value: float) -> float:
        return top + height * (overlay.high - value) / (overlay.high - overlay.low)

    right = left + width
    sheet.ticks(overlay.low, overlay.high, lambda value: (right, at(value)), across=False)
    for value in overlay.thresholds:
        sheet.line([(left, at(value)), (right, at(value))], width=1.2)
        tip = left - 0.5
        marker = [(tip - 3, at(value) - 2), (tip, at(value)), (tip - 3, at(value) + 2)]
        sheet.line([*marker, marker[0]], width=1.2)
    sheet.text(sheet.width - 6, top + height / 2, label, size=8, upright=len(label) > 1)
