"""Networks on a glass brain and on the cortical surface, as papers show them."""

from __future__ import annotations

import warnings
from functools import cache
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from fcnm_bids.report.figures.palette import INK, OUTLINE, colormap
from fcnm_bids.report.figures.style import drawn
from fcnm_bids.report.figures.template_slices import Overlay, Volume, color_bar

_GREY = 0.6
_TOLERANCE = 2e-3
_ZOOM = 1.45
"""Share of its frame that a hemisphere fills."""


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
    from nilearn.plotting import plot_glass_brain

    values = np.nan_to_num(volume.values)
    with drawn(path, 9.2, 2.6) as figure, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        display = plot_glass_brain(
            nib.Nifti1Image(values, volume.affine),
            display_mode="lyrz",
            figure=figure,
            axes=(0.0, 0.0, 0.98, 0.98),
            colorbar=True,
            cmap=colormap("rising"),
            vmin=0,
            vmax=high,
            threshold=1e-6,
            alpha=0.6,
        )
        network = nib.Nifti1Image((values > 0).astype(np.float32), volume.affine)
        display.add_contours(network, levels=[0.5], colors=[INK], linewidths=0.6)
        bar = getattr(display, "_cbar", None)
        if bar is not None:
            bar.set_label(label, fontsize=8)
            bar.ax.axhline(threshold, color=INK, linewidth=1.2)


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
    from nilearn.plotting import plot_surf_contours, plot_surf_stat_map

    with drawn(path, 9.2, 2.5, dpi=200) as figure, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        faint = _pale_below(threshold / high)
        for number, (side, view) in enumerate(
            (("left", "lateral"), ("left", "medial"), ("right", "medial"), ("right", "lateral"))
        ):
            axes = figure.add_axes((0.23 * number, 0, 0.23, 0.92), projection="3d")
            inflated, middle, sulci = _surface(side)
            cortex = np.isfinite(middle).all(axis=1)
            found = np.zeros(len(middle))
            found[cortex] = np.nan_to_num(volume.at(middle[cortex], 0))
            plot_surf_stat_map(
                surf_mesh=inflated,
                stat_map=found,
                bg_map=sulci,
                hemi=side,
                view=view,
                cmap=faint,
                vmin=0,
                vmax=high,
                threshold=1e-6,
                colorbar=False,
                bg_on_data=False,
                axes=axes,
                figure=figure,
            )
            held = np.zeros(len(middle), np.int32)
            held[cortex] = np.nan_to_num(network.at(middle[cortex], 0)) > 0.5
            if (held[inflated[1]].sum(axis=1) > 1).any():  # single vertices have no border
                white = [np.array(OUTLINE) / 255]
                plot_surf_contours(
                    inflated, held, levels=[1], colors=white, axes=axes, figure=figure
                )
            for faces in axes.collections:
                faces.set_rasterized(True)
            axes.set_box_aspect(None, zoom=_ZOOM)
            figure.text(0.23 * number + 0.115, 0.93, f"{side}, {view}", ha="center", fontsize=9)
        overlay = Overlay(volume, None, "rising", 0, high, 0, outside=0, thresholds=(threshold,))
        color_bar(figure, overlay, label, (0.935, 0.15, 0.011, 0.7))


def _pale_below(share: float) -> Any:
    """The rising colours, mixed with grey below a share of the scale."""
    from matplotlib.colors import ListedColormap

    colors = np.asarray(colormap("rising")(np.linspace(0, 1, 256)))
    below = np.linspace(0, 1, 256) < share - _TOLERANCE
    colors[below, :3] = 0.35 * colors[below, :3] + 0.65 * _GREY
    return ListedColormap(colors)


@cache
def _surface(side: str) -> tuple[list[NDArray[Any]], NDArray[np.float64], NDArray[np.float32]]:
    from nilearn.datasets import fetch_surf_fsaverage

    meshes = fetch_surf_fsaverage("fsaverage5")  # comes with nilearn: nothing is fetched
    pial, faces = _mesh(meshes[f"pial_{side}"])
    white, _ = _mesh(meshes[f"white_{side}"])
    inflated, _ = _mesh(meshes[f"infl_{side}"])
    sulci = np.asarray(nib.load(meshes[f"sulc_{side}"]).darrays[0].data)
    thickness = np.asarray(nib.load(meshes[f"thick_{side}"]).darrays[0].data)
    middle = (pial + white) / 2
    middle[thickness <= 0] = np.inf  # the medial wall is no cortex, and shows nothing
    return [inflated, faces], middle, np.where(sulci > 0, 0.62, 0.42).astype(np.float32)


def _mesh(path: str) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    points, faces = nib.load(path).agg_data()
    return np.asarray(points, dtype=np.float64), np.asarray(faces)
