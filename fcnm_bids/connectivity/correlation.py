"""Seed-to-voxel correlation within one projected run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import csr_array

from fcnm_bids.connectome.projected_run import ProjectedRun

LARGEST_R = 1 - 1e-7
"""|r| is clipped here before the Fisher transform; only a voxel against itself reaches it."""


_SEEDS, _VOXELS = 16, 1536
"""Seeds and voxels of one matrix product, multiples of the register tiles of BLAS kernels.

With more seeds, or with the seeds as rows, OpenBLAS' kernel for Haswell rounds single precision
differently at different places.
"""

_NEAR_ONE = 0.95
"""Above it z would show the rounding of float32: by 3e-6 here, by more nearer to 1."""


def seed_series(run: ProjectedRun, weights: csr_array) -> NDArray[np.float64]:
    """Mean denoised series of every seed in the run's band, shape (seeds, m_b).

    Parameters
    ----------
    run
        The projected run.
    weights
        Shape (seeds, voxels of the run); rows sum to 1, or are empty.
    """
    voxels, position = np.unique(weights.indices, return_inverse=True)
    compact = csr_array(
        (weights.data, position, weights.indptr), shape=(weights.shape[0], voxels.size)
    )
    series: NDArray[np.float64] = compact @ run.columns(voxels).T
    if run.directions is None:
        return series
    # products of one shape, so that a seed's bits do not depend on the others
    for first in range(0, len(series), _SEEDS):
        some = series[first : first + _SEEDS]
        padded = np.zeros((run.n_components, _SEEDS))
        padded[:, : len(some)] = some.T
        some[:] = run.remove(padded).T[: len(some)]
    return series


@dataclass(frozen=True, eq=False)
class NearOne:
    """Correlations with ``|r|`` above 0.95, in float64 whatever the precision of the others.

    Fisher's transform multiplies the rounding of r by 1 / (1 - r^2).

    Parameters
    ----------
    places
        Rows and columns among the correlations of a tile.
    r
        Their correlations.
    """

    places: tuple[NDArray[np.intp], NDArray[np.intp]]
    r: NDArray[np.float64]


_NONE_NEAR = NearOne((np.empty(0, np.intp), np.empty(0, np.intp)), np.empty(0))

TileCorrelations = Callable[[slice], Iterator[tuple[slice, NDArray[np.floating], NearOne]]]


def correlator(
    run: ProjectedRun, weights: csr_array, precision: DTypeLike
) -> tuple[list[slice], TileCorrelations]:
    """Return the tiles of a run's voxels, and the function that correlates the seeds with a tile.

    The correlation of the mean series, not the mean of correlations. The function yields slices of
    seeds with their r, shape (seeds of the slice, voxels of the tile), and those near 1 and -1; NaN
    for a seed without voxels or without variance.

    A seed's r do not depend on the other seeds to the bit: all matrix products of a run are of one
    shape, filled up with zeros, so that BLAS takes one and the same way through each of them.

    Parameters
    ----------
    run
        The projected run.
    weights
        Shape (seeds, voxels of the run); rows sum to 1, or are empty.
    precision
        Of the products, float64 or float32.
    """
    series = seed_series(run, weights)
    length = np.sqrt(np.einsum("ij,ij->i", series, series))
    with np.errstate(divide="ignore", invalid="ignore"):
        series /= length[:, None]
        # a voxel's scale does not enter its correlations
        per_length = 1 / run.lengths
    n_seeds = len(series)
    padded = np.zeros((run.n_components, -(-n_seeds // _SEEDS) * _SEEDS), precision)
    padded[:, :n_seeds] = series.T
    factors = per_length.astype(precision)

    def correlations(tile: slice) -> Iterator[tuple[slice, NDArray[np.floating], NearOne]]:
        n_voxels = tile.stop - tile.start
        columns = np.zeros((run.n_components, _VOXELS), precision)
        with np.errstate(invalid="ignore"):
            np.multiply(run.values[:, tile], factors[tile], out=columns[:, :n_voxels])
        product = np.empty((_VOXELS, _SEEDS), precision)
        for first in range(0, n_seeds, _SEEDS):
            rows = slice(first, min(first + _SEEDS, n_seeds))
            np.matmul(columns.T, padded[:, first : first + _SEEDS], out=product)
            r = product[:n_voxels, : rows.stop - first].T
            yield rows, r, near_one(tile, rows, r)

    def near_one(tile: slice, rows: slice, r: NDArray[np.floating]) -> NearOne:
        if r.min() >= -_NEAR_ONE and r.max() <= _NEAR_ONE:
            return _NONE_NEAR
        seeds, voxels = np.nonzero(np.abs(r) > _NEAR_ONE)
        if r.dtype == np.float64:
            return NearOne((seeds, voxels), r[seeds, voxels].astype(np.float64))
        columns = run.values[:, tile.start + voxels].T.astype(np.float64, order="C")
        columns *= series[rows][seeds]
        return NearOne((seeds, voxels), columns.sum(axis=1) * per_length[tile.start + voxels])

    starts = range(0, run.n_voxels, _VOXELS)
    return [slice(i, min(i + _VOXELS, run.n_voxels)) for i in starts], correlations


def correlate(run: ProjectedRun, weights: csr_array) -> NDArray[np.float64]:
    """Return the r of every seed with every voxel of a run, shape (seeds, voxels of the run)."""
    r = np.empty((weights.shape[0], run.n_voxels))
    tiles, correlations = correlator(run, weights, np.float64)
    for tile in tiles:
        for rows, values, _ in correlations(tile):
            r[rows, tile] = values
    return r


def fisher_z(
    r: NDArray[np.floating], out: NDArray[np.floating] | None = None
) -> NDArray[np.floating]:
    """Fisher's z of r, finite for ``|r|`` = 1 (clipped at 1 - 1e-7).

    By a logarithm of the ratio, to 4e-16 (float32: 2e-7): three times as fast as NumPy's arctanh.
    """
    ratio = np.empty(r.shape, r.dtype)
    np.clip(r, -LARGEST_R, LARGEST_R, out=ratio)
    rest = 1 - ratio
    ratio += 1
    ratio /= rest
    np.log(ratio, out=ratio)
    z: NDArray[np.floating] = np.multiply(ratio, 0.5, out=out)
    return z
