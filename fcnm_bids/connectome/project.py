"""From a run's image to its projection, in one pass over the file."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectome.blank_volumes import BlankVolumes
from fcnm_bids.connectome.image import RunImage, VolumeStream
from fcnm_bids.connectome.larger_voxels import average_voxels, filled_voxels, larger_grid
from fcnm_bids.connectome.projected_run import ProjectedRun
from fcnm_bids.connectome.smoothing import smooth_components
from fcnm_bids.errors import RunError
from fcnm_bids.kernels.projection import (
    TILE_BYTES,
    VOLUME_TYPES,
    add_last_volumes,
    add_volumes,
    spans_of,
    take_spans,
)

_BLOCK_BYTES = 32 << 20
"""Of stored numbers that are read at once: while some are used, as many are read."""

_BLOCK_VOLUMES = 32
"""Volumes that are read at once, at most."""

_BATCH_BYTES = 96
"""Of volumes that are multiplied at once, per voxel: the components are gone through once each."""

_ROUNDING = 1e-10
"""A denoised series with less than this share of its raw energy is rounding, not signal."""
_CARPET_VOXELS = 500
_CARPET_NUMBERS = 200_000
"""Voxels of the sample at most, and numbers: of long runs, fewer voxels are kept."""

_AVERAGING = 256
"""Bytes per voxel of what shares of volume are computed with, for voxels half as large again."""

_REASONABLE = 1e-15, 1e15
"""Of the largest component of a run: beyond, squares leave the range of float32."""

_OVERFLOW = float(np.finfo(np.float32).max)
"""Energy of a raw series from which on it counts as infinite."""


@dataclass(frozen=True, eq=False)
class Projected:
    """Result of one pass over a run's image.

    Parameters
    ----------
    run
        The projected run.
    n_masked
        Voxels in the mask, with and without signal; larger ones where they were averaged.
    carpet, carpet_index
        Raw series of up to 500 voxels spread over the mask, shape (volumes, voxels), float32,
        and their voxel numbers in the image.
    sha256
        Hash of the image file.
    blank
        Its volumes that hold no measurement.
    """

    run: ProjectedRun
    n_masked: int
    carpet: NDArray[np.float32]
    carpet_index: NDArray[np.intp]
    sha256: str
    blank: BlankVolumes = field(default_factory=BlankVolumes)


def project_run(
    image: RunImage,
    mask: NDArray[np.bool_],
    basis: NDArray[np.float64],
    *,
    smoothing: float,
    voxel_size: float | None = None,
) -> Projected:
    """Stream a run through the basis of its band, and average and smooth what is left in space.

    A volume of one value throughout counts as the volume before it, since no strategy keeps it.

    Parameters
    ----------
    image
        The run.
    mask
        Shape (voxels of the box,), True inside the brain.
    basis
        Of the band, orthonormal rows, shape (m_b, volumes).
    smoothing
        Full width at half maximum of the Gaussian kernel in mm; 0 for none.
    voxel_size
        Edge length in mm of larger voxels to average over before smoothing; those of the image by
        default.

    Raises
    ------
    RunError
        The voxels of the image are larger, the file is damaged, nothing in the mask varies, or the
        numbers leave the range of float32.
    """
    if basis.shape[1] != image.n_volumes:
        raise RunError(
            f"{image.path.name} has {image.n_volumes} volumes, but "
            f"its confounds have {basis.shape[1]} rows; copy both again"
        )
    index = np.flatnonzero(mask)
    grid = larger_grid(image.grid, voxel_size)
    if index.size == 0:
        raise RunError(f"the brain mask of {image.path.name} is empty; make it again")
    if image.slope == 0 or not np.isfinite(image.slope):
        raise RunError(
            f"{image.path.name} has the scale factor {image.slope} (scl_slope); correct its header"
        )
    places = np.linspace(0, index.size - 1, carpet_voxels(image.n_volumes))
    chosen = np.unique(places.round().astype(np.intp))
    carpet = np.empty((image.n_volumes, chosen.size), dtype=np.float32)
    sums = _Sums(index, basis, image.dtype)
    blank = BlankVolumes()
    stream = VolumeStream(image, _block_volumes(image))
    with closing(iter(stream)) as blocks:
        for start, volumes in blocks:
            stop = start + len(volumes)
            sample = volumes[:, index[chosen]]
            blank.add(volumes, sample, index)
            with np.errstate(over="ignore", invalid="ignore"):
                carpet[start:stop] = sample * image.slope + image.intercept
            sums.add(volumes, {number - start for number in blank.constant})
    components, usable, largest = sums.finish(image.slope)
    del sums
    if not usable.any():
        raise RunError(
            f"no voxel in the brain mask of {image.path.name} carries signal; do they "
            "belong together?"
        )
    if not usable.all():
        components = _close_up(components, usable)
    _refuse_extremes(float(largest[usable].max()), image)
    voxels, n_masked = index[usable], index.size
    if grid is not image.grid:
        n_masked = filled_voxels(index, image.grid, grid).size
        components, voxels = average_voxels(components, voxels, image.grid, grid)
        if voxels.size == 0:
            raise RunError(
                f"the voxels with signal of {image.path.name} fill no voxel of {voxel_size:g} mm "
                "by half; give --store-voxel-size a smaller size"
            )
    smooth_components(components, voxels, grid, smoothing)
    run = ProjectedRun(components, voxels, grid)
    return Projected(run, n_masked, carpet, index[chosen], stream.sha256 or "", blank)


def _refuse_extremes(largest: float, image: RunImage) -> None:
    least, most = _REASONABLE
    if not least < largest < most:
        raise RunError(
            f"{image.path.name} has numbers up to {largest:.3g} once scaled by {image.slope:g}, "
            "which no scanner writes; if the scale factor of its header (scl_slope) is damaged, "
            "convert it again"
        )


def carpet_voxels(n_volumes: int) -> int:
    """Return how many voxels of a run are kept for the plot in the report, at most."""
    return max(1, min(_CARPET_VOXELS, _CARPET_NUMBERS // n_volumes))


def projection_bytes(
    n_voxels: int,
    n_masked: int,
    n_volumes: int,
    n_components: int,
    itemsize: int,
    *,
    averages: bool = False,
) -> int:
    """Predicted peak of what `project_run` allocates, in bytes.

    Parameters
    ----------
    n_voxels
        Voxels of the whole box.
    n_masked
        Voxels in the mask.
    n_volumes
        Volumes of the run.
    n_components
        Dimensions of the band.
    itemsize
        Bytes per stored number.
    averages
        Whether voxels are averaged over larger ones.
    """
    block = min(_BLOCK_VOLUMES, n_volumes, max(1, _BLOCK_BYTES // (n_voxels * itemsize)))
    batch = min(_BATCH_BYTES, 4 * n_volumes, itemsize * n_volumes)
    streaming = (
        2 * block * n_voxels * itemsize
        + n_masked * (batch + 4 * max(4, itemsize))
        + _BATCH_BYTES * TILE_BYTES
        + 8 * n_components * n_volumes
    )
    smoothing = 4 * n_voxels + 32 * n_masked
    averaging = _AVERAGING * n_masked * averages
    per_voxel = n_masked * (8 * 4 + 3 * 8)
    return (
        4 * n_components * n_masked
        + max(streaming, smoothing, averaging)
        + per_voxel
        + 4 * n_volumes * carpet_voxels(n_volumes)
    )


def _block_volumes(image: RunImage) -> int:
    return min(_BLOCK_VOLUMES, max(1, _BLOCK_BYTES // image.volume_bytes))


def _batch_volumes(n_volumes: int, stored: np.dtype[Any]) -> int:
    """Return how many volumes are multiplied at once; wider types are stored as float32."""
    return min(n_volumes, _BATCH_BYTES // min(4, stored.itemsize))


def _close_up(components: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The usable columns, in the memory of all: a copy would double the peak."""
    index = np.flatnonzero(usable)
    spans, width = spans_of(index), index.size
    flat = components.reshape(-1)
    for row, component in enumerate(components):
        take_spans(component, spans, flat[row * width : (row + 1) * width])
    return flat[: len(components) * width].reshape(-1, width)


class _Sums:
    """Y = B X, block by block, with the energy of the raw series beside it.

    The first volume is taken away from all others: the intercept is projected out anyway, and
    float32 keeps the digits that the mean intensity would have used up.
    """

    def __init__(
        self, index: NDArray[np.intp], basis: NDArray[np.float64], stored: np.dtype[Any]
    ) -> None:
        self._basis = basis
        self._spans = spans_of(index)
        self._index = index
        self._components = np.zeros((len(basis), index.size), dtype=np.float32)
        self._origin: NDArray[Any] | None = None
        self._energy = np.zeros(index.size)
        self._n = 0
        # wider types lose digits in float32 unless the first volume goes before the conversion
        self._as_stored = stored.newbyteorder("=") in VOLUME_TYPES
        kind = stored.newbyteorder("=") if self._as_stored else np.dtype(np.float32)
        self._batch = np.zeros((_batch_volumes(basis.shape[1], stored), index.size), kind)
        self._waiting = 0

    def add(self, volumes: NDArray[Any], constant: set[int]) -> None:
        """Add a block of volumes; infinities become NaN, which `finish` leaves out."""
        for number, volume in enumerate(volumes):
            row = self._batch[self._waiting]
            if number in constant:
                row[:] = self._batch[self._waiting - 1]
            else:
                self._take(volume, row)
            self._waiting += 1
            # the last volumes are left to `finish`
            if self._waiting == len(self._batch) and self._n + self._waiting < self._basis.shape[1]:
                self._multiply()

    def _take(self, volume: NDArray[Any], row: NDArray[Any]) -> None:
        """Put a volume into a row of the batch."""
        first = self._origin is None
        if self._as_stored:
            take_spans(volume, self._spans, row)
            if not volume.dtype.isnative:
                row.byteswap(inplace=True)
            if first:
                self._origin = row.copy()
        else:
            values = volume.take(self._index).astype(np.float64, copy=False)
            if self._origin is None:
                self._origin = values
            with np.errstate(over="ignore", invalid="ignore"):
                np.subtract(values, self._origin, out=row, casting="same_kind")
        if first:
            # blank volumes before the first measurement
            self._batch[: self._waiting] = row

    def _waiting_volumes(self) -> tuple[NDArray[Any], NDArray[Any] | None, NDArray[np.float64]]:
        """Return the volumes that were not added to the components yet, and forget them."""
        batch = self._batch[: self._waiting]
        basis = self._basis[:, self._n : self._n + self._waiting]
        self._n += self._waiting
        self._waiting = 0
        # without any measurement so far, the rows are zeros
        return batch, self._origin if self._as_stored else None, basis

    def _multiply(self) -> None:
        """Add the volumes that wait to the components."""
        batch, origin, basis = self._waiting_volumes()
        add_volumes(batch, origin, basis, self._components, self._energy)

    def finish(
        self, slope: float
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
        """The components in the image's units, which voxels carry signal, and their largest."""
        batch, origin, basis = self._waiting_volumes()
        left, largest = add_last_volumes(
            batch, origin, basis, self._components, self._energy, slope
        )
        # false for NaN as well, and for a series that does not vary: both sides are 0 then
        usable: NDArray[np.bool_] = (left > _ROUNDING * self._energy) & (self._energy < _OVERFLOW)
        return self._components, usable, largest
