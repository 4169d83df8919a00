"""Talairach coordinates to MNI152."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fcnm_bids.seeds.foci import TALAIRACH, Focus

MNI_TO_TALAIRACH: dict[str, tuple[tuple[float, ...], ...]] = {
    "icbm_spm2tal": (
        (0.9254, 0.0024, -0.0118, -1.0207),
        (-0.0048, 0.9316, -0.0871, -1.7667),
        (0.0152, 0.0883, 0.8924, 4.0926),
    ),
    "icbm_fsl2tal": (
        (0.9464, 0.0034, -0.0026, -1.0680),
        (-0.0083, 0.9479, -0.0580, -1.0239),
        (0.0053, 0.0617, 0.9010, 3.1883),
    ),
    "icbm_other2tal": (
        (0.9357, 0.0029, -0.0072, -1.0423),
        (-0.0065, 0.9396, -0.0726, -1.3940),
        (0.0103, 0.0752, 0.8967, 3.6475),
    ),
}
"""Affines from MNI to Talairach, applied to (x, y, z, 1), for images normalised with SPM, with
FSL, and with other software (Lancaster et al. 2007, doi:10.1002/hbm.20345; BrainMap's icbm2tal)."""

TRANSFORMS = (*MNI_TO_TALAIRACH, "brett")

_BRETT_PITCH = 0.05
_BRETT_ZOOMS_ABOVE = (0.99, 0.97, 0.92)
_BRETT_ZOOMS_BELOW = (0.99, 0.97, 0.84)


def to_mni(foci: Iterable[Focus], transform: str) -> tuple[Focus, ...]:
    """Foci with the Talairach ones moved to MNI152; the others are returned as they are.

    Parameters
    ----------
    foci
        Foci in any of the known spaces.
    transform
        One of `TRANSFORMS`: an affine of Lancaster et al. (2007), inverted, or ``brett``, the
        piecewise linear transform of Brett (``tal2mni``, 2001).

    Returns
    -------
    tuple of Focus
        Moved foci have the published position and space in `reported` and `reported_space`.
    """
    if transform not in TRANSFORMS:
        raise ValueError(f"transform {transform!r} is none of {', '.join(TRANSFORMS)}")
    foci = list(foci)
    moved = [i for i, focus in enumerate(foci) if focus.space == TALAIRACH]
    if not moved:
        return tuple(foci)
    published = [(foci[i].x, foci[i].y, foci[i].z) for i in moved]
    for i, before, after in zip(
        moved, published, talairach_to_mni(published, transform).tolist(), strict=True
    ):
        x, y, z = after
        foci[i] = replace(
            foci[i], x=x, y=y, z=z, space="MNI152", reported=before, reported_space=TALAIRACH
        )
    return tuple(foci)


def talairach_to_mni(points: ArrayLike, transform: str) -> NDArray[np.float64]:
    """Positions in MNI152, in mm, of positions in Talairach space; both of shape (n, 3)."""
    points = np.asarray(points, dtype=np.float64)
    if transform == "brett":
        return _brett(points)
    affine = np.array(MNI_TO_TALAIRACH[transform])
    solved: NDArray[np.float64] = np.linalg.solve(affine[:, :3], (points - affine[:, 3]).T).T
    return solved


def _brett(points: NDArray[np.float64]) -> NDArray[np.float64]:
    cosine, sine = np.cos(_BRETT_PITCH), np.sin(_BRETT_PITCH)
    rotation = np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]])
    level = points @ rotation
    below = level[:, 2:] < 0
    zooms: NDArray[np.float64] = np.where(below, _BRETT_ZOOMS_BELOW, _BRETT_ZOOMS_ABOVE)
    moved: NDArray[np.float64] = level / zooms
    return moved
