"""Maps painted on slices of the anatomical template."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import scipy
from numpy.typing import NDArray

from fcnm_bids.readers.volume import read_values
from fcnm_bids.report.figures.palette import INK, OUTLINE, color_table, colormap

BOX = ((-74.0, 74.0), (-108.0, 76.0), (-68.0, 84.0))
"""The part of MNI space that is shown, in mm along x, y and z."""

AXIAL = (-44, -30, -16, -4, 8, 20, 34, 50)
CORONAL = (-80, -60, -40, -22, -6, 10, 28, 48)
SAGITTAL = (-52, -38, -8, 8, 38, 52)
N_SLICES = len(AXIAL)
MAP_PERCENTILE = 99.5
"""Percentile of absolute values at which the colour scale of a map ends."""

_BEYOND = 1.2
"""Least ratio between the end of a colour scale and the threshold."""

_APART = 6
"""Least distance in mm of a slice through a peak to the others."""

_TEMPLATE = "datasets/data/mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"


@dataclass(frozen=True, eq=False)
class Volume:
    """A three-dimensional image in memory."""

    values: NDArray[np.float32]
    affine: NDArray[np.float64]

    @classmethod
    def read(cls, path: Path) -> Volume:
        """Read a NIfTI file, its check sum compared."""
        values, grid = read_values(path, "as the map", np.dtype(np.float32))
        return cls(values, grid.affine)

    @classmethod
    def of(cls, image: nib.Nifti1Image) -> Volume:
        """Return the values of an image in memory."""
        return cls(np.asarray(image.dataobj, dtype=np.float32), np.asarray(image.affine))

    def at(self, points: NDArray[np.float64], order: int) -> NDArray[np.float32]:
        """Return values at positions in mm, shape (..., 3); NaN outside."""
        index = np.moveaxis(_voxels(points, self.affine), -1, 0)
        found: NDArray[np.float32] = scipy.ndimage.map_coordinates(
            self.values, index, order=order, mode="constant", cval=np.nan
        )
        return found

    def between(self, axes: Sequence[NDArray[np.float64]]) -> NDArray[np.float32]:
        """Return values on a grid with positions in mm along each axis, linear between voxels.

        The axes of the volume are those of the space; NaN outside.
        """
        found = self.values
        for axis, positions in enumerate(axes):
            place = (positions - self.affine[axis, 3]) / self.affine[axis, axis]
            low = np.floor(place).astype(np.intp)
            last = found.shape[axis] - 1
            near, far = (np.take(found, np.clip(i, 0, last), axis) for i in (low, low + 1))
            share = np.where((place >= 0) & (place <= last), place - low, np.nan)
            share = share.astype(np.float32).reshape(-1, *(1,) * (2 - axis))
            found = near + share * (far - near)
        return found

    def on(self, axis: int, position: float, step: float) -> NDArray[np.float32]:
        """Return the values of the nearest voxels on a slice; NaN outside."""
        where, outside = _nearest(axis, position, step, self.values.shape, self.affine.tobytes())
        # images are read in this order: nothing is copied but the slice
        found: NDArray[np.float32] = self.values.reshape(-1, order="F")[where]
        found[outside] = np.nan
        return found

    def outline(
        self, axis: int, position: float, step: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return where a mask is on a slice (above 0.5), and its border there."""
        with np.errstate(invalid="ignore"):
            marked = self.on(axis, position, step) > 0.5
        inner = marked
        for _ in range(max(1, round(0.9 / step))):
            inner = _eroded(inner)
        return marked, marked & ~inner

    def limit(self, percentile: float, threshold: float | None = None) -> float:
        """End of a scale that is the same to both sides.

        The percentile of the absolute values, or more where a threshold would lie beyond.
        """
        flat = self.values.reshape(-1, order="F")
        finite = np.abs(flat[np.isfinite(flat)])
        own = max(_percentile(finite, percentile), 1e-3) if finite.size else 1.0
        return own if threshold is None else max(own, _BEYOND * threshold)

    @property
    def finest(self) -> float:
        """The smallest edge of a voxel in mm."""
        return float(np.sqrt((self.affine[:3, :3] ** 2).sum(axis=0)).min())


def _percentile(values: NDArray[np.float32], percentile: float) -> float:
    """Return NumPy's percentile in an eighth of its time, which goes into several partitions."""
    place = percentile / 100 * (values.size - 1)
    below = math.floor(place)
    parted = np.partition(values, below)
    beyond = parted[below + 1 :].min() if below + 1 < values.size else parted[below]
    return float(parted[below] + (place - below) * (beyond - parted[below]))


def _eroded(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask of which no neighbour lies outside of it."""
    padded = np.pad(mask, 1)
    return mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


@dataclass(frozen=True, eq=False)
class Outline:
    """The slices of a mask that is drawn again and again, without the mask."""

    slices: Mapping[tuple[int, float, float], tuple[NDArray[np.bool_], NDArray[np.bool_]]]

    @classmethod
    def of(cls, mask: Volume, axis: int, positions: Iterable[float], step: float) -> Outline:
        """Cut the slices out of a mask."""
        return cls({(axis, at, step): mask.outline(axis, at, step) for at in positions})

    def outline(
        self, axis: int, position: float, step: float
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return where the mask is on one of the slices, and its border there."""
        return self.slices[axis, position, step]


def template_volume(kind: str) -> Volume:
    """Read the ICBM 2009a template at 1 mm that nilearn carries, from 0 to 1.

    Parameters
    ----------
    kind
        "t1", "gm" (grey matter) or "wm" (white matter).
    """
    volume = Volume.read(nilearn_file(_TEMPLATE.format(kind)))
    return Volume(volume.values / volume.values.max(), volume.affine)


def nilearn_file(name: str) -> Path:
    """Return a file that comes with nilearn, which takes seconds to import."""
    spec = find_spec("nilearn")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return Path(next(iter(spec.submodule_search_locations))) / name


@cache
def anatomy() -> Volume:
    """The template's T1-weighted image; for backgrounds only."""
    return template_volume("t1")


def _sides(axis: int, step: float) -> tuple[int, NDArray[np.float64], int, NDArray[np.float64]]:
    """Return the axis across a slice with its positions in mm, and the axis up from the top."""
    across, up = [a for a in range(3) if a != axis]
    columns = np.arange(BOX[across][0], BOX[across][1] + step / 2, step)
    rows = np.arange(BOX[up][1], BOX[up][0] - step / 2, -step)
    return across, columns, up, rows


def plane(axis: int, position: float, step: float) -> NDArray[np.float64]:
    """Points of a slice in mm, shape (rows, columns, 3), the top row first."""
    across, columns, up, rows = _sides(axis, step)
    points = np.empty((rows.size, columns.size, 3))
    points[..., axis] = position
    points[..., across] = columns[None, :]
    points[..., up] = rows[:, None]
    return points


def _voxels(points: NDArray[np.float64], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    inverse = np.linalg.inv(affine)
    index: NDArray[np.float64] = points @ inverse[:3, :3].T + inverse[:3, 3]
    return index


@lru_cache(maxsize=128)
def _nearest(
    axis: int, position: float, step: float, shape: tuple[int, ...], affine: bytes
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return the numbers of the voxels on a slice in Fortran order, and where there is none."""
    points = plane(axis, position, step)
    index = np.floor(_voxels(points, np.frombuffer(affine).reshape(4, 4)) + 0.5).astype(np.intp)
    outside: NDArray[np.bool_] = np.any((index < 0) | (index >= shape), axis=-1)
    numbers = np.ravel_multi_index(tuple(np.moveaxis(index, -1, 0)), shape, mode="clip", order="F")
    return numbers, outside


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
    outlined: Volume | Outline | None
    colors: str
    low: float
    high: float
    hide_below: float
    outside: float
    thresholds: tuple[float, ...] = ()


def _anatomy_on(axis: int, position: float, step: float) -> NDArray[np.float32]:
    """Return the anatomy on a slice, interpolated along one axis after the other; 0 outside."""
    across, columns, up, rows = _sides(axis, step)
    volume = anatomy()
    values = volume.values
    for along, places in ((axis, np.array([position])), (across, columns), (up, rows)):
        # the template's axes are those of the space
        index = (places - volume.affine[along, 3]) / volume.affine[along, along]
        last = values.shape[along] - 1
        low = np.clip(np.floor(index), 0, last - 1).astype(np.intp)
        beside = np.where((index >= 0) & (index <= last), index - low, np.nan)
        share = np.expand_dims(beside, tuple(a for a in range(3) if a != along))
        before = (slice(None),) * along
        values = values[(*before, low)] * (1 - share) + values[(*before, low + 1)] * share
    grey: NDArray[np.float32] = np.nan_to_num(values.squeeze(axis).T).astype(np.float32)
    return grey


@lru_cache(maxsize=96)
def _ground(
    axis: int, position: float, step: float
) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.uint8]]:
    """Return where the head is on a slice, and the anatomy, as grey from 0 to 1 and as RGB."""
    grey = _anatomy_on(axis, position, step)
    inside = grey > 0.05
    painted = np.where(inside, 0.12 + np.float32(0.72) * grey, np.float32(1))
    picture = np.rint(255 * painted).astype(np.uint8)
    return inside, painted, np.repeat(picture[..., None], 3, axis=2)


def paint(axis: int, position: float, step: float, overlay: Overlay) -> NDArray[np.uint8]:
    """Paint a slice as RGB, shape (rows, columns, 3)."""
    inside, ground, picture = _ground(axis, position, step)
    values = overlay.values.on(axis, position, step)
    with np.errstate(invalid="ignore"):
        shown = np.flatnonzero(inside & (np.abs(values) > overlay.hide_below))
    seen = values.reshape(-1)[shown]
    scaled = np.clip((seen - overlay.low) / (overlay.high - overlay.low), 0, 1)
    colors = color_table(overlay.colors)[np.rint(scaled * 255).astype(np.uint8)]
    opacity: Any = np.float32(0.92)
    border = None
    if overlay.outlined is not None:
        marked, border = overlay.outlined.outline(axis, position, step)
        within = marked.reshape(-1)[shown]
        opacity = np.where(within, opacity, np.float32(overlay.outside))[:, None]
    below = ground.reshape(-1)[shown, None]
    painted = picture.copy()
    painted.reshape(-1, 3)[shown] = np.rint(255 * (below + opacity * (colors - below)))
    if border is not None:
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


def choose_slices(foci: Sequence[float], peaks: Sequence[float]) -> tuple[int, ...]:
    """Return positions of axial slices: through foci first, then peaks, then all over the brain.

    Parameters
    ----------
    foci
        Positions along z in mm. Three quarters of the slices at most are spent on them, so that
        the farthest focus is as near to a slice as can be.
    peaks
        Positions along z in mm, the most important first.

    Returns
    -------
    positions
        `N_SLICES` even numbers in mm, in order.
    """
    low, high = BOX[2]
    inside = sorted(z for z in foci if low <= z <= high)
    chosen = list(dict.fromkeys(map(_even, _cover(inside, 3 * N_SLICES // 4))))
    for z in peaks:
        if len(chosen) < N_SLICES and all(abs(z - at) >= _APART for at in chosen):
            chosen.append(_even(z))
    while len(chosen) < N_SLICES:
        chosen.append(max(AXIAL, key=lambda z: min((abs(z - at) for at in chosen), default=0)))
    return tuple(sorted(chosen))


def _cover(values: Sequence[float], most: int) -> list[float]:
    """Return the middles of `most` intervals or fewer, as short as can be, that hold all values."""
    for width in range(0, 200, 2):
        middles: list[float] = []
        end = -np.inf
        for value in values:
            if value > end:
                end = value + width
                middles.append(value + width / 2)
        if len(middles) <= most:
            return middles
    return []


def _even(value: float) -> int:
    return 2 * round(value / 2)


def color_bar(
    figure: Any, overlay: Overlay, label: str, box: tuple[float, float, float, float]
) -> None:
    """Draw the colour bar of a map into a part of a figure: left, bottom, width, height."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    axes = figure.add_axes(box)
    norm = Normalize(overlay.low, overlay.high)
    shown = overlay.values.values[np.isfinite(overlay.values.values)]
    below, above = overlay.low < 0 and (shown < overlay.low).any(), (shown > overlay.high).any()
    extend = ("neither", "max", "min", "both")[2 * bool(below) + bool(above)]
    bar = figure.colorbar(ScalarMappable(norm, colormap(overlay.colors)), cax=axes, extend=extend)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=7, length=2)
    for threshold in overlay.thresholds:
        bar.ax.axhline(threshold, color=INK, linewidth=1.2)
        bar.ax.plot(-0.35, threshold, ">", color=INK, markersize=3.5, clip_on=False)
    bar.outline.set_visible(False)
