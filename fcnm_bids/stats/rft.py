"""Random field theory for the maximum of a t field (Worsley et al. 1996)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from fcnm_bids.stats.ttest import t_isf, t_sf

_SEARCHED = np.geomspace(1e-3, 1e9, 4_000)
"""The t values between which the root of the expected Euler characteristic is bracketed."""


def resel_counts(mask: NDArray[np.bool_], fwhm_voxels: ArrayLike) -> NDArray[np.float64]:
    """Resel counts of a set of voxels.

    The voxels are the points of a lattice; its edges, faces and cubes are counted (Worsley et
    al. 1996, Hum Brain Mapp 4:58, equation 3.2; ``spm_resels_vol`` of SPM).

    Parameters
    ----------
    mask
        Three-dimensional mask.
    fwhm_voxels
        Smoothness along each axis, full width at half maximum in voxels, shape (3,).

    Returns
    -------
    resels
        Shape (4,): the Euler characteristic, then resel diameter, surface and volume.
    """
    mask = np.asarray(mask, dtype=bool)
    x, y, z = 1.0 / np.asarray(fwhm_voxels, dtype=np.float64)
    along_x = mask[:-1] & mask[1:]
    along_y = mask[:, :-1] & mask[:, 1:]
    along_z = mask[:, :, :-1] & mask[:, :, 1:]
    face_xy = along_x[:, :-1] & along_x[:, 1:]
    face_xz = along_x[:, :, :-1] & along_x[:, :, 1:]
    face_yz = along_y[:, :, :-1] & along_y[:, :, 1:]
    cube = face_xy[:, :, :-1] & face_xy[:, :, 1:]
    points, ex, ey, ez, fxy, fxz, fyz, cubes = (
        float(np.count_nonzero(part))
        for part in (mask, along_x, along_y, along_z, face_xy, face_xz, face_yz, cube)
    )
    return np.array(
        [
            points - (ex + ey + ez) + (fxy + fxz + fyz) - cubes,
            (ex - fxy - fxz + cubes) * x
            + (ey - fxy - fyz + cubes) * y
            + (ez - fxz - fyz + cubes) * z,
            (fxy - cubes) * x * y + (fxz - cubes) * x * z + (fyz - cubes) * y * z,
            cubes * x * y * z,
        ]
    )


def ec_densities(t: ArrayLike, df: float) -> NDArray[np.float64]:
    """Euler characteristic densities of a t field in 0 to 3 dimensions.

    Worsley et al. (1996), Hum Brain Mapp 4:58, Table II, per resel.

    Parameters
    ----------
    t
        Heights.
    df
        Degrees of freedom of the field.

    Returns
    -------
    densities
        Shape (4, ...).
    """
    t = np.asarray(t, dtype=np.float64)
    a = 4 * math.log(2)
    # Gamma((df + 1) / 2) / Gamma(df / 2)
    gammas = float(scipy.special.poch(df / 2, 0.5))
    decay = np.exp((1 - df) / 2 * np.log1p(t * t / df))
    return np.stack(
        [
            t_sf(t, df),
            math.sqrt(a) / (2 * math.pi) * decay,
            a / (2 * math.pi) ** 1.5 * decay * t * gammas / math.sqrt(df / 2),
            a**1.5 / (2 * math.pi) ** 2 * decay * ((df - 1) * t * t / df - 1),
        ]
    )


def expected_ec(t: ArrayLike, df: float, resels: ArrayLike) -> NDArray[np.float64]:
    """Expected Euler characteristic of the voxels above `t`."""
    densities = ec_densities(t, df)
    expected: NDArray[np.float64] = np.tensordot(
        np.asarray(resels, dtype=np.float64), densities, axes=1
    )
    return expected


@lru_cache(maxsize=16)
def _searched_densities(df: float) -> NDArray[np.float64]:
    """Densities at the heights that are searched, for the degrees of freedom that maps share."""
    return ec_densities(_SEARCHED, df)


def peak_p(t: ArrayLike, df: float, resels: ArrayLike) -> NDArray[np.float64]:
    """Probability that the maximum of a null t field exceeds `t`, corrected over the search.

    P = 1 - exp(-E[EC]), as SPM has it; an approximation for the t of interest, that is high ones.
    """
    return np.clip(-np.expm1(-expected_ec(t, df, resels)), 0.0, 1.0)


def rft_threshold(alpha: float, df: float, resels: ArrayLike) -> float:
    """The t that the maximum of a null t field exceeds with probability `alpha`.

    Parameters
    ----------
    alpha
        One-tailed family-wise error rate.
    df
        Degrees of freedom of the field.
    resels
        Resel counts, shape (4,).

    Returns
    -------
    t
        The largest root of ``peak_p(t) = alpha``: the expected Euler characteristic is not
        monotone at low t. Infinite where the theory gives none: where a field of so few degrees
        of freedom is not defined (D dimensions take more than D), or where the expectation
        never reaches the level.
    """
    resels = np.asarray(resels, dtype=np.float64)
    dimensions = int(np.flatnonzero(resels).max(initial=0))
    if df <= dimensions:
        return math.inf
    target = -math.log1p(-alpha)
    above = np.flatnonzero(resels @ _searched_densities(df) > target)
    if above.size == 0 or above[-1] == _SEARCHED.size - 1:
        return math.inf
    low, high = _SEARCHED[above[-1]], _SEARCHED[above[-1] + 1]
    root = scipy.optimize.brentq(
        lambda t: float(expected_ec(t, df, resels)) - target, low, high, xtol=1e-12
    )
    return float(root)


def bonferroni_threshold(alpha: float, df: float, n_voxels: int) -> float:
    """The t whose one-tailed p is `alpha` divided by the number of voxels."""
    return float(t_isf(alpha / n_voxels, df))


def fwe_threshold(alpha: float, df: float, resels: ArrayLike, n_voxels: int) -> float:
    """The lower of the random-field and the Bonferroni threshold, as SPM takes it."""
    return min(rft_threshold(alpha, df, resels), bonferroni_threshold(alpha, df, n_voxels))
