"""Signals of white matter, cerebrospinal fluid and the brain, from a run's own image."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from nibabel.affines import apply_affine
from numpy.typing import NDArray

from fcnm_bids.connectome.image import RunImage, VolumeStream
from fcnm_bids.denoise.strategy import Strategy
from fcnm_bids.errors import FileError, RequestError, RunError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.templates import fetch_template, find_templates, template_home
from fcnm_bids.readers.volume import read_volume_image

THRESHOLDS = {"white_matter": 0.9, "csf": 0.7}
"""Probabilities above which a voxel of the template is of a tissue; DPABI's masks have these."""
_TEMPLATE = "MNI152NLin2009cAsym"
_BLOCK = 32
_FEWEST_VOXELS = 10


def needs_tissue(strategy: Strategy) -> bool:
    """Return whether a strategy removes a signal that is read from the image."""
    signals = (*THRESHOLDS, "global_signal")
    return any(fnmatchcase(name, pattern) for pattern in strategy.patterns for name in signals)


@cache
def template_tissue(space: str) -> Mapping[str, str]:
    """Return TemplateFlow's probabilities of white matter and cerebrospinal fluid.

    Those of MNI152NLin2009cAsym stand for all MNI spaces, of which it alone has them.

    Raises
    ------
    RequestError
        They are not on this machine and cannot be fetched, or the space is no MNI space.
    """
    if not space.startswith("MNI152"):
        raise RequestError(
            f"space {space}: there are no tissue masks for it; use -p 24P, which needs none"
        )
    found = {}
    for tissue, label in (("white_matter", "WM"), ("csf", "CSF")):
        name = f"res-02_label-{label}_probseg.nii.gz"
        failure = ""
        if not find_templates(_TEMPLATE, name):
            failure = fetch_template(_TEMPLATE, resolution=2, label=label, suffix="probseg")
        paths = find_templates(_TEMPLATE, name)
        if not paths:
            path = template_home() / f"tpl-{_TEMPLATE}" / f"tpl-{_TEMPLATE}_{name}"
            raise RequestError(
                f"{path} is not there and cannot be fetched ({failure or 'not in its index'}): "
                "put it there, or do not remove tissue signals (-p 24P, or -p none for images "
                "that are already cleaned)"
            )
        found[tissue] = str(paths[0])
    return found


def tissue_mask(
    probability: Path | str, grid: Grid, brain: NDArray[np.bool_], tissue: str
) -> NDArray[np.bool_]:
    """Resample a tissue's probability to a run's grid and cut it off.

    Parameters
    ----------
    probability
        Image in the run's space, on any grid: a probability, or a mask.
    grid, brain
        Grid of the run, and its brain mask of shape (voxels of the box,).
    tissue
        A key of `THRESHOLDS`: the probability above which a voxel belongs to it (linear
        interpolation).

    Raises
    ------
    RunError
        The image cannot be read, or fewer than 10 voxels are left.
    """
    probability, threshold = Path(probability), THRESHOLDS[tissue]
    try:
        image = read_volume_image(probability, grid.space)
    except FileError as error:
        raise RunError(str(error)) from error
    index = np.flatnonzero(brain)
    places = apply_affine(np.linalg.inv(image.grid.affine), grid.positions(index))
    inside = (
        scipy.ndimage.map_coordinates(image.values, places.T, order=1, mode="constant") > threshold
    )
    if np.count_nonzero(inside) < _FEWEST_VOXELS:
        raise RunError(
            f"{probability.name}: only {np.count_nonzero(inside)} voxels of {tissue} in the "
            "brain mask; check its space, or use -p 24P, which needs none"
        )
    mask = np.zeros(grid.n_voxels, dtype=bool)
    mask[index[inside]] = True
    return mask


def sampled_series(image: RunImage, mask: NDArray[np.bool_], most: int = 500) -> NDArray[Any]:
    """Read series of voxels spread over a mask, shape (volumes, voxels), as they are stored."""
    index = np.flatnonzero(mask)
    chosen = index[np.unique(np.linspace(0, index.size - 1, most).round().astype(np.intp))]
    with closing(iter(VolumeStream(image, _BLOCK))) as blocks:
        return np.concatenate([volumes[:, chosen] for _, volumes in blocks])


def tissue_signals(image: RunImage, masks: Mapping[str, NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Average a run over masks, in one pass over its file.

    Parameters
    ----------
    masks
        Shape (voxels of the box,) each, by the signal's name.

    Returns
    -------
    ndarray
        Shape (volumes, masks), in the image's units.

    Raises
    ------
    RunError
        The file is damaged, or a mean is not finite.
    """
    series = np.empty((image.n_volumes, len(masks)))
    voxels = [np.flatnonzero(mask) for mask in masks.values()]
    with closing(iter(VolumeStream(image, _BLOCK))) as blocks:
        for start, volumes in blocks:
            for column, index in enumerate(voxels):
                means = volumes[:, index].mean(axis=1, dtype=np.float64)
                series[start : start + len(volumes), column] = means
    series = series * image.slope + image.intercept
    if not np.isfinite(series).all():
        raise RunError(
            f"{image.path.name} has values in the brain that are not finite; convert it again"
        )
    return series
