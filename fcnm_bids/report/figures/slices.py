"""Maps on slices of the anatomical template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, map_coordinates

from fcnm_bids.report.figures.palette import INK, OUTLINE, colormap
from fcnm_bids.report.figures.style import drawn

BOX = ((-74.0, 74.0), (-108.0, 76.0), (-68.0, 84.0))
"""The part of MNI space that is shown, in mm along x, y and z."""

AXIAL = (-44, -30, -16, -4, 8, 20, 34, 50)
CORONAL = (-80, -60, -40, -22, -6, 10, 28, 48)
SAGITTAL = (-52, -38, -8, 8, 38, 52)
_SHARE = 0.92
"""Share of the width that the slices take beside the colour bar."""

_BEYOND = 1.2
"""Return the least factor between the threshold and the end of a map's colour scale."""

_TEMPLATE = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True, eq=False)
class Volume:
    """A three-dimensional image in memory."""

    values: NDArray[np.float32]
    affine: NDArray[np.float64]

    @classmethod
    def read(cls, path: Path) -> Volume:
        """Read a NIfTI file."""
        return cls.of(nib.load(path))

    @classmethod
    def of(cls, image: nib.Nifti1Image) -> Volume:
        """Return the values of an image in memory."""
        return cls(np.asarray(image.dataobj, dtype=np.float32), np.asarray(image.affine))

    def at(self, points: NDArray[np.float64], order: int) -> NDArray[np.float32]:
        """Values at positions in mm, shape (..., 3); NaN outside."""
        inverse = np.linalg.inv(self.affine)
        index = np.moveaxis(points @ inverse[:3, :3].T + inverse[:3, 3], -1, 0)
        found: NDArray[np.float32] = map_coordinates(
            self.values, index, order=order, mode="constant", cval=np.nan
        )
        return found

    def limit(self, percentile: float, threshold: float | None = None) -> float:
        """End of a scale that is the same to both sides.

        The percentile of the absolute values, or more where a threshold would lie beyond.
        """
        finite = np.abs(self.values[np.isfinite(self.values)])
        own = max(float(np.percentile(finite, percentile)), 1e-3) if finite.size else 1.0
        return own if threshold is None else max(own, _BEYOND * threshold)

    @property
    def finest(self) -> float:
        """The smallest edge of a voxel in mm."""
        return float(np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0)).min())


def template_volume(kind: str) -> Volume:
    """Read the ICBM 2009a template at 1 mm that nilearn carries, from 0 to 1.

    Parameters
    ----------
    kind
        "t1", "gm" (grey matter) or "wm" (white matter).
    """
    spec = find_spec("nilearn")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    # read as a file: nilearn.datasets takes seconds to import, for every participant anew
    folder = Path(next(iter(spec.submodule_search_locations)))
    volume = Volume.read(folder / _TEMPLATE.format(kind))
    return Volume(volume.values / volume.values.max(), volume.affine)


@cache
def anatomy() -> Volume:
    """The template's T1-weighted image; for backgrounds only."""
    return template_volume("t1")


def plane(axis: int, position: float, step: float) -> NDArray[np.float64]:
    """Points of a slice in mm, shape (rows, columns, 3), the top row first."""
    across, up = [a for a in range(3) if a != axis]
    columns = np.arange(BOX[across][0], BOX[across][1] + step / 2, step)
    rows = np.arange(BOX[up][1], BOX[up][0] - step / 2, -step)
    points = np.empty((rows.size, columns.size, 3))
    points[..., axis] = position
    points[..., across] = columns[None, :]
    points[..., up] = rows[:, None]
    return points


@dataclass(frozen=True, eq=False)
class Overlay:
    """Layers drawn over the anatomy.

    Parameters
    ----------
    values
        The map; not finite where nothing is shown.
    outlined
        Mask (above 0.5) whose border is drawn; what lies outside it is pale where `pale` is set.
    colors
        Name of a colour map.
    low, high
        Values at the ends of the colour map.
    hide_below
        Absolute values not above this are not shown.
    outside
        Opacity of values outside the mask: shown, but faintly (Taylor et al. 2023, NeuroImage 274).
    thresholds
        Values that the colour bar marks.
    """

    values: Volume
    outlined: Volume | None
    colors: str
    low: float
    high: float
    hide_below: float
    outside: float
    thresholds: tuple[float, ...] = ()


@lru_cache(maxsize=64)
def _ground(
    axis: int, position: float, step: float
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Points of a slice, and the anatomy there."""
    points = plane(axis, position, step)
    return points, np.nan_to_num(anatomy().at(points, 1))


def paint(axis: int, position: float, step: float, overlay: Overlay) -> NDArray[np.uint8]:
    """A slice as RGB, shape (rows, columns, 3)."""
    points, grey = _ground(axis, position, step)
    inside = grey > 0.05
    picture = np.ones((*grey.shape, 3))
    picture[inside] = (0.12 + 0.72 * grey[inside])[:, None]
    values = overlay.values.at(points, 0)
    shown = inside & np.isfinite(values) & (np.abs(values) > overlay.hide_below)
    scaled = np.clip((values[shown] - overlay.low) / (overlay.high - overlay.low), 0, 1)
    colors = np.asarray(colormap(overlay.colors)(scaled))[:, :3]
    opacity = np.full(scaled.shape, 0.92)
    if overlay.outlined is not None:
        marked = np.nan_to_num(overlay.outlined.at(points, 0)) > 0.5
        opacity[~marked[shown]] = overlay.outside
    picture[shown] = (1 - opacity[:, None]) * picture[shown] + opacity[:, None] * colors
    painted = np.rint(255 * picture).astype(np.uint8)
    if overlay.outlined is not None:
        width = max(1, round(0.9 / step))
        border = marked & ~binary_erosion(marked, iterations=width)
        painted[border] = OUTLINE
    return painted


def strip(
    axis: int, positions: Sequence[int], step: float, overlay: Overlay
) -> tuple[NDArray[np.uint8], list[float]]:
    """Slices side by side as RGB, and the middle of each in pixels from the left."""
    gap = round(4 / step)
    parts, middles, left = [], [], 0
    for at in positions:
        panel = paint(axis, at, step, overlay)
        middles.append(left + panel.shape[1] / 2)
        parts += [panel, np.full((panel.shape[0], gap, 3), 255, np.uint8)]
        left += panel.shape[1] + gap
    return np.concatenate(parts[:-1], axis=1), middles


def draw_mosaic(
    path: Path,
    overlay: Overlay,
    label: str,
    *,
    rows: tuple[tuple[int, tuple[int, ...]], ...],
    marks: Sequence[Sequence[float]] = (),
    step: float = 1.0,
    width: float = 11.0,
    dpi: int = 150,
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
        Millimetres between the pixels.
    width
        Width in inches.
    dpi
        Pixels per inch, of PNG files.
    """
    gap = round(4 / step)
    names = "xyz"
    strips, titles, top = [], [], 0.0
    for axis, positions in rows:
        picture, middles = strip(axis, positions, step, overlay)
        titles += [
            (x, f"{names[axis]} = {at} mm") for x, at in zip(middles, positions, strict=True)
        ]
        strips.append(picture)
        top += picture.shape[0] + 4 * gap
    widest = max(picture.shape[1] for picture in strips)
    offsets = [(widest - picture.shape[1]) / 2 for picture in strips]
    total = top - 2 * gap
    scale = _SHARE * width / widest
    with drawn(path, width, scale * (total + 5 * gap), dpi) as figure:
        axes = figure.add_axes((0, 0, _SHARE, 1))
        axes.set(xlim=(0, widest), ylim=(total, -5 * gap))
        axes.axis("off")
        at_row = 0.0
        first = 0
        for (_, positions), picture, offset in zip(rows, strips, offsets, strict=True):
            axes.imshow(
                picture,
                extent=(offset, offset + picture.shape[1], at_row + picture.shape[0], at_row),
                interpolation="none" if path.suffix == ".svg" else "antialiased",
                aspect="equal",
            )
            for x, text in titles[first : first + len(positions)]:
                axes.text(
                    offset + x, at_row - 0.5 * gap, text, ha="center", va="bottom", fontsize=8
                )
            if at_row == 0:
                _circle(axes, rows[0], marks, offset, step, gap)
            first += len(positions)
            at_row += picture.shape[0] + 4 * gap
        axes.text(offsets[0] + gap, 2 * gap, "L", fontsize=8, color=INK, va="top")
        axes.set(xlim=(0, widest), ylim=(total, -5 * gap))
        color_bar(figure, overlay, label, (_SHARE + 0.008, 0.22, 0.011, 0.56))


def _circle(
    axes: Any,
    row: tuple[int, tuple[int, ...]],
    marks: Sequence[Sequence[float]],
    offset: float,
    step: float,
    gap: int,
) -> None:
    axis, positions = row
    across, up = [a for a in range(3) if a != axis]
    panel = round((BOX[across][1] - BOX[across][0]) / step) + 1 + gap
    for mark in marks:
        number = int(np.argmin([abs(mark[axis] - at) for at in positions]))
        x = offset + number * panel + (mark[across] - BOX[across][0]) / step
        y = (BOX[up][1] - mark[up]) / step
        for color, edge in (("black", 1.9), ("white", 1.0)):
            axes.plot(x, y, "o", ms=5.5, mfc="none", mec=color, mew=edge)


def color_bar(
    figure: Any, overlay: Overlay, label: str, box: tuple[float, float, float, float]
) -> None:
    """Draw the colour bar of a map into a part of a figure: left, bottom, width, height."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axes = figure.add_axes(box)
    norm = Normalize(overlay.low, overlay.high)
    bar = figure.colorbar(ScalarMappable(norm, colormap(overlay.colors)), cax=axes)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7, length=2)
    for threshold in overlay.thresholds:
        bar.ax.axhline(threshold, color=INK, linewidth=1.2)
        bar.ax.plot(-0.35, threshold, ">", color=INK, markersize=3.5, clip_on=False)
    bar.outline.set_visible(False)
