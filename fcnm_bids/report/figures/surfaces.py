"""Networks on a glass brain and on the cortical surface, as papers show them.

The drawings of the brain and the surfaces are files of nilearn. Its own functions draw them in ten
times the time, with objects in three dimensions.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from fcnm_bids.report.figures.palette import INK, OUTLINE, colormap
from fcnm_bids.report.figures.style import drawn
from fcnm_bids.report.figures.template_slices import (
    Overlay,
    Volume,
    color_bar,
    nilearn_file,
)

_GREY = 0.6
_TOLERANCE = 2e-3
_FILLED = 0.92
"""Share of the width of its frame that a hemisphere fills."""

_PIXELS = 900
"""Width of the picture of a hemisphere."""

_GLASS = (
    ("l", "side", 0, (0.38, 0.38, -108, -70)),
    ("y", "back", 1, (0.39, 0.39, -73, -73)),
    ("r", "side", 0, (0.38, 0.38, -108, -70)),
    ("z", "top", 2, (0.36, 0.37, -71, -107)),
)
"""Views of the glass brain: name, drawing, axis of the line of sight, and from the units of the
drawing to mm (two scales, two offsets; Abraham et al. 2014, Front Neuroinform 8:14)."""

_FILES = ("pial", "white", "infl", "sulc", "thick")

_ROUNDING = 1e-6

_SCHEMATICS = "plotting/glass_brain_files/brain_schematics_{}.json"
_GLASS_ALPHA = 0.6


def draw_glass(path: Path, volume: Volume, *, high: float, threshold: float, label: str) -> None:
    """Draw the highest values along the line of sight, outlined, from four sides.

    Parameters
    ----------
    path
        SVG or PNG file.
    volume
        What is shown where it is above 0.
    high
        Value at the end of the colour map.
    threshold
        Value that the colour bar marks.
    label
        What the colour bar stands for.
    """
    seen = _upright(volume)
    views = [(*view, _schematics(view[1], view[3])) for view in _GLASS]
    # all in one scale, side by side
    widths = [box[1] - box[0] for *_, (_, box) in views]
    heights = [box[3] - box[2] for *_, (_, box) in views]
    width, height = 9.2, 2.6
    scale = min(0.92 * width / sum(widths), 0.97 * height / max(heights))
    left = 0.0
    with drawn(path, width, height) as figure:
        for (name, _, axis, _, (lines, box)), wide, tall in zip(
            views, widths, heights, strict=True
        ):
            size = scale * wide / width, scale * tall / height
            axes = figure.add_axes((left, (1 - size[1]) / 2, *size))
            left += size[0]
            axes.set(xlim=box[:2], ylim=box[2:])
            axes.set_axis_off()
            _draw_projection(axes, seen, name, axis, high)
            for color, thickness, line in lines:
                # unlike `add_patch`, without a search for the limits of each curve
                axes.add_artist(_patch(line, color, thickness))
            if name == "l":
                axes.invert_xaxis()
            elif axis:
                for x, side in ((0.12, "L"), (0.88, "R")):
                    axes.text(x, 0.95, side, transform=axes.transAxes, ha="center", va="center")
        overlay = Overlay(volume, None, "rising", 0, high, 0, outside=0, thresholds=(threshold,))
        color_bar(figure, overlay, label, (0.945, 0.1, 0.011, 0.8))


def _patch(line: Any, color: str, thickness: float) -> Any:
    from matplotlib.patches import PathPatch

    return PathPatch(
        line, edgecolor=color, linewidth=thickness, facecolor="none", alpha=_GLASS_ALPHA, zorder=3
    )


def _draw_projection(axes: Any, seen: Volume, view: str, axis: int, high: float) -> None:
    """Draw what is seen from one side, and its border."""
    values, affine = seen.values, seen.affine
    if axis == 0:
        middle = int(np.clip(-affine[0, 3] / affine[0, 0], 1, len(values) - 1))
        values = values[:middle] if view == "l" else values[middle:]
    shown = values.max(axis=axis).T
    if not shown.any():
        return
    across, up = [a for a in range(3) if a != axis]
    places = [affine[a, 3] + affine[a, a] * np.arange(seen.values.shape[a]) for a in (across, up)]
    edges = [
        edge
        for a, place in zip((across, up), places, strict=True)
        for edge in (place[0] - affine[a, a] / 2, place[-1] + affine[a, a] / 2)
    ]
    limits = axes.get_xlim(), axes.get_ylim()
    axes.imshow(
        np.ma.masked_less_equal(shown, 0),
        cmap=colormap("rising"),
        vmin=0,
        vmax=high,
        extent=edges,
        origin="lower",
        interpolation="nearest",
        aspect="auto",
    )
    axes.contour(*places, shown > 0, levels=[0.5], colors=[INK], linewidths=0.6)
    axes.set(xlim=limits[0], ylim=limits[1])


def _upright(volume: Volume) -> Volume:
    """Return a volume whose axes are those of the space, to the right, front and top."""
    values = np.nan_to_num(volume.values)
    image = nib.as_closest_canonical(nib.Nifti1Image(values, volume.affine))
    affine, size = image.affine, volume.finest
    if np.abs(affine[:3, :3] - np.diag(np.diag(affine)[:3])).max() < 1e-3 * size:
        return Volume(np.asarray(image.dataobj), affine)
    ends = np.array(np.meshgrid(*[(0, n - 1) for n in values.shape])).reshape(3, -1).T
    ends = ends @ volume.affine[:3, :3].T + volume.affine[:3, 3]
    low, high = ends.min(axis=0), ends.max(axis=0)
    places = [np.arange(a, b + size / 2, size) for a, b in zip(low, high, strict=True)]
    points = np.stack(np.meshgrid(*places, indexing="ij"), axis=-1)
    turned = np.diag([size, size, size, 1.0])
    turned[:3, 3] = low
    return Volume(np.nan_to_num(Volume(values, volume.affine).at(points, 0)), turned)


@cache
def _schematics(
    name: str, to_mm: tuple[float, float, float, float]
) -> tuple[list[tuple[str, float, Any]], tuple[float, float, float, float]]:
    """Return colour, width and path of the lines of a drawing in mm, and the box that holds it."""
    from matplotlib.path import Path as Line

    drawing = json.loads(nilearn_file(_SCHEMATICS.format(name)).read_text(encoding="utf-8"))
    scale, offset = np.array(to_mm[:2]), np.array(to_mm[2:])
    kinds = {2: Line.LINETO, 3: Line.CURVE3, 4: Line.CURVE4}
    lines = []
    for own in drawing["paths"]:
        points = [np.asarray(item["pts"]) * scale + offset for item in own["items"]]
        codes = [[Line.MOVETO] + [kinds[len(p)]] * (len(p) - 1) for p in points]
        line = Line(np.concatenate(points), np.concatenate(codes))
        lines.append((own["edgecolor"], own["linewidth"], line))
    bounds = np.array(drawing["metadata"]["bounds"]).reshape(2, 2) * scale[:, None]
    bounds += offset[:, None]
    bounds += np.array([-1, 1]) * (0.025 * np.ptp(bounds, axis=1) + 0.1)[:, None]
    left, right, bottom, top = bounds.ravel().tolist()
    return lines, (left, right, bottom, top)


def draw_surface(
    path: Path, volume: Volume, network: Volume, *, high: float, threshold: float, label: str
) -> None:
    """Draw the map on the inflated surface of fsaverage5, both sides of both hemispheres.

    The volume is sampled half-way between the white and the pial surface, so the cortex only
    is seen: nuclei below it are not.

    Parameters
    ----------
    path, volume, high, label
        As in `draw_glass`.
    network
        Mask (above 0.5) whose border is drawn.
    threshold
        Values from here on have their own colours; lower ones are pale.
    """
    faint = _pale_below(threshold / high)
    with drawn(path, 9.2, 2.5, dpi=200) as figure:
        for number, (side, view) in enumerate(
            (("left", "lateral"), ("left", "medial"), ("right", "medial"), ("right", "lateral"))
        ):
            (points, faces), middle, sulci = _surface(side)
            cortex = np.isfinite(middle).all(axis=1)
            found = np.zeros(len(middle))
            found[cortex] = np.nan_to_num(volume.at(middle[cortex], 0))
            held = np.zeros(len(middle), dtype=bool)
            held[cortex] = np.nan_to_num(network.at(middle[cortex], 0)) > 0.5
            value = found[faces].mean(axis=1)
            colors = np.repeat(1 - sulci[faces].mean(axis=1)[:, None], 3, axis=1)
            above = value > 0
            colors[above] = faint(value[above] / high)[:, :3]
            colors[_border(held, faces)] = np.array(OUTLINE) / 255
            from_left = (side == "left") == (view == "lateral")
            axes = figure.add_axes((0.23 * number, 0, 0.23, 0.92))
            axes.set_axis_off()
            axes.imshow(_hemisphere(points, faces, colors, from_left=from_left))
            figure.text(0.23 * number + 0.115, 0.93, f"{side}, {view}", ha="center", fontsize=9)
        overlay = Overlay(volume, None, "rising", 0, high, 0, outside=0, thresholds=(threshold,))
        color_bar(figure, overlay, label, (0.935, 0.15, 0.011, 0.7))


def _border(held: NDArray[np.bool_], faces: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Mark the faces around a region; single vertices have no border."""
    inside = held[faces].sum(axis=1)
    edge = np.zeros(held.size, dtype=bool)
    edge[faces[inside == 2]] = True
    return (edge & held)[faces].any(axis=1) & (inside < 3)


def _hemisphere(
    points: NDArray[np.float64],
    faces: NDArray[np.int32],
    colors: NDArray[np.float64],
    *,
    from_left: bool,
) -> NDArray[np.uint8]:
    """Paint the faces of a hemisphere as seen from a side, shape (rows, columns, 3)."""
    toward = -1 if from_left else 1
    across, up, near = toward * points[:, 1], points[:, 2], toward * points[:, 0]
    scale = _FILLED * _PIXELS / np.ptp(points[:, 1])
    n_rows = round(np.ptp(up) * scale) + 2
    x = (across - (across.min() + across.max()) / 2) * scale + _PIXELS / 2
    y = ((up.min() + up.max()) / 2 - up) * scale + n_rows / 2
    # those that face away are hidden behind others
    (ax, bx, cx), (ay, by, cy) = x[faces].T, y[faces].T
    area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
    facing = np.flatnonzero(area * _orientation(points, faces) < 0)
    facing = facing[np.argsort(near[faces[facing]].mean(axis=1))]
    return _painted(x, y, faces[facing], colors[facing], (n_rows, _PIXELS))


def _orientation(points: NDArray[np.float64], faces: NDArray[np.int32]) -> float:
    """Return 1 where the corners of faces are in order as seen from outside, else -1."""
    a, b, c = (points[faces[:, corner]] for corner in range(3))
    volume = np.einsum("ij,ij->", a - points.mean(axis=0), np.cross(b - a, c - a))
    return float(np.sign(volume))


def _painted(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    faces: NDArray[np.int32],
    colors: NDArray[np.float64],
    shape: tuple[int, int],
) -> NDArray[np.uint8]:
    """Paint triangles on white, the last ones in front, shape (rows, columns, 3).

    Parameters
    ----------
    x, y
        Of each corner in pixels, to the right and down.
    faces, colors
        Corners and colour of each triangle.
    shape
        Rows and columns.
    """
    picture = np.full((*shape, 3), 255, np.uint8)
    corners = np.stack([x, y], axis=1)[faces]
    # the rows that each triangle crosses, and within each the columns between its edges
    top = np.ceil(corners[..., 1].min(axis=1) - 0.5)
    own, row = _counted(top, np.floor(corners[..., 1].max(axis=1) - 0.5))
    left, right = np.zeros(own.size), np.full(own.size, float(shape[1] - 1))
    sides = corners[:, 1:] - corners[:, :1]
    turn = np.sign(sides[:, 0, 0] * sides[:, 1, 1] - sides[:, 0, 1] * sides[:, 1, 0])
    for first, second in ((0, 1), (1, 2), (2, 0)):
        along = (corners[:, second] - corners[:, first]) * turn[:, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            slope = along[:, 0] / along[:, 1]
            met = corners[own, first, 0] + slope[own] * (row + 0.5 - corners[own, first, 1]) - 0.5
        falls, rises = along[own, 1] > 0, along[own, 1] < 0
        right[falls] = np.minimum(right[falls], np.floor(met[falls] + _ROUNDING))
        left[rises] = np.maximum(left[rises], np.ceil(met[rises] - _ROUNDING))
    seen = (row >= 0) & (row < shape[0])
    own, row = own[seen], row[seen]
    span, column = _counted(left[seen], right[seen])
    rgb = np.rint(255 * colors).astype(np.uint8)
    picture[row[span], column] = rgb[own[span]]
    return picture


def _counted(
    first: NDArray[np.float64], last: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return all whole numbers between pairs, one pair after the other, and their pairs."""
    count = np.maximum(last - first + 1, 0).astype(np.intp)
    pair = np.repeat(np.arange(count.size), count)
    start = first.astype(np.intp) - (np.cumsum(count) - count)
    return pair, np.arange(pair.size) + start[pair]


def _pale_below(share: float) -> Any:
    """The rising colours, mixed with grey below a share of the scale."""
    from matplotlib.colors import ListedColormap

    colors = np.asarray(colormap("rising")(np.linspace(0, 1, 256)))
    below = np.linspace(0, 1, 256) < share - _TOLERANCE
    colors[below, :3] = 0.35 * colors[below, :3] + 0.65 * _GREY
    return ListedColormap(colors)


@cache
def _surface(side: str) -> tuple[list[NDArray[Any]], NDArray[np.float64], NDArray[np.float32]]:
    meshes = {
        name: nilearn_file(f"datasets/data/fsaverage5/{name}_{side}.gii.gz") for name in _FILES
    }
    pial, faces = _mesh(meshes["pial"])
    white, _ = _mesh(meshes["white"])
    inflated, _ = _mesh(meshes["infl"])
    sulci = np.asarray(nib.load(meshes["sulc"]).darrays[0].data)
    thickness = np.asarray(nib.load(meshes["thick"]).darrays[0].data)
    middle = (pial + white) / 2
    middle[thickness <= 0] = np.inf  # the medial wall is no cortex, and shows nothing
    return [inflated, faces], middle, np.where(sulci > 0, 0.62, 0.42).astype(np.float32)


def _mesh(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    points, faces = nib.load(path).agg_data()
    return np.asarray(points, dtype=np.float64), np.asarray(faces)
