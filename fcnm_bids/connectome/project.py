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
from fcnm_bids.kernels.threads import limited, n_threads

_BLOCK_BYTES = 32 << 20
"""Of stored numbers that are read at once: while some are used, as many are read."""

_BATCH = 32
"""Volumes that are multiplied at once: the components are gone through once a batch."""

_TILE = 1 << 12
"""Voxels of the components that are gone through at once."""

_ROUNDING = 1e-10
"""A denoised series with less than this share of its raw energy is rounding, not signal."""
_CARPET_VOXELS = 500
_CARPET_NUMBERS = 200_000
"""Voxels of the sample at most, and numbers: of long runs, fewer voxels are kept."""

_AVERAGING = 256
"""Bytes per voxel of what shares of volume are computed with, for voxels half as large again."""

_REASONABLE = 1e-15, 1e15
"""Of the largest component of a run: beyond, squares leave the range of float32."""


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
    sums = _Sums(index.size, basis)
    blank = BlankVolumes()
    stream = VolumeStream(image, _block_volumes(image))
    with _one_thread_less(), closing(iter(stream)) as blocks:
        for start, volumes in blocks:
            stop = start + len(volumes)
            sample = volumes[:, index[chosen]]
            blank.add(volumes, sample, index)
            with np.errstate(over="ignore", invalid="ignore"):
                carpet[start:stop] = sample * image.slope + image.intercept
            sums.add(volumes, {number - start for number in blank.constant}, index)
    components, usable = sums.finish(image.slope)
    if not usable.any():
        raise RunError(
            f"no voxel in the brain mask of {image.path.name} carries signal; do they "
            "belong together?"
        )
    if not usable.all():
        components = _close_up(components, usable)
    _refuse_extremes(components, image)
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


def _refuse_extremes(components: NDArray[np.float32], image: RunImage) -> None:
    least, most = _REASONABLE
    largest = float(np.max([np.abs(component).max() for component in components]))
    if not least < largest < most:
        raise RunError(
            f"{image.path.name} has numbers up to {largest:.3g} once scaled by {image.slope:g}, "
            "which no scanner writes; if the scale factor of its header (scl_slope) is damaged, "
            "convert it again"
        )


def _one_thread_less() -> Any:
    """Leave a processor to the thread that decompresses: waiting threads of BLAS would take it."""
    return limited(max(1, n_threads() - 1))


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
    block = min(_BATCH, n_volumes, max(1, _BLOCK_BYTES // (n_voxels * itemsize)))
    batch = min(_BATCH, n_volumes)
    product = 8 * (n_components + batch) * min(_TILE, n_masked)
    streaming = (
        2 * block * n_voxels * itemsize + n_masked * (4 * batch + 4 * max(4, itemsize)) + product
    )
    smoothing = 3 * 4 * n_voxels + 8 * n_masked
    averaging = _AVERAGING * n_masked * averages
    per_voxel = n_masked * (8 * 4 + 3 * 8)
    return (
        4 * n_components * n_masked
        + max(streaming, smoothing, averaging)
        + per_voxel
        + 4 * n_volumes * carpet_voxels(n_volumes)
    )


def _block_volumes(image: RunImage) -> int:
    return min(_BATCH, max(1, _BLOCK_BYTES // image.volume_bytes))


def _close_up(components: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The usable columns, in the memory of all: a copy would double the peak."""
    width = int(np.count_nonzero(usable))
    flat = components.reshape(-1)
    for row, component in enumerate(components):
        flat[row * width : (row + 1) * width] = component[usable]
    return flat[: len(components) * width].reshape(-1, width)


class _Sums:
    """Y = B X, block by block, with the energy of the raw series beside it.

    The first volume is taken away from all others: the intercept is projected out anyway, and
    float32 keeps the digits that the mean intensity would have used up.
    """

    def __init__(self, n_voxels: int, basis: NDArray[np.float64]) -> None:
        self._basis = basis
        self._components = np.zeros((len(basis), n_voxels), dtype=np.float32)
        self._origin: NDArray[Any] | None = None
        self._energy = np.zeros(n_voxels)
        self._n = 0
        self._batch = np.zeros((min(_BATCH, basis.shape[1]), n_voxels), np.float32)
        self._waiting = 0

    def add(self, volumes: NDArray[Any], constant: set[int], index: NDArray[np.intp]) -> None:
        """Add a block of volumes; infinities become NaN, which `finish` leaves out."""
        with np.errstate(over="ignore", invalid="ignore"):
            self._add(volumes, constant, index)

    def _add(self, volumes: NDArray[Any], constant: set[int], index: NDArray[np.intp]) -> None:
        # 16-bit integers and float32 are exact in float32; wider types lose digits there
        # unless the first volume goes before the conversion
        exact = volumes.dtype.itemsize <= 2 or volumes.dtype.newbyteorder("=") == np.float32
        precision = np.float32 if exact else np.float64
        for number, volume in enumerate(volumes):
            row = self._batch[self._waiting]
            if number in constant:
                # before the first measurement the row of zeros stands for it
                row[:] = self._batch[self._waiting - 1]
            else:
                values = volume.take(index).astype(precision, copy=False)
                if self._origin is None:
                    self._origin = values.copy()
                np.subtract(values, self._origin, out=row, casting="same_kind")
            self._waiting += 1
            if self._waiting == len(self._batch):
                self._multiply()

    def _multiply(self) -> None:
        """Add the volumes that wait to the components."""
        batch = self._batch[: self._waiting]
        basis = np.ascontiguousarray(self._basis[:, self._n : self._n + self._waiting])
        # not SciPy's sgemm, which could add as it multiplies: it holds the interpreter lock, and
        # the reader would have to stop
        # in float64, whose rounding differs from processor to processor below all that is stored
        series = np.empty((len(batch), _TILE))
        product = np.empty((len(basis), _TILE))
        for start in range(0, batch.shape[1], _TILE):
            tile = slice(start, min(start + _TILE, batch.shape[1]))
            width = tile.stop - start
            series[:, :width] = batch[:, tile]
            np.matmul(basis, series[:, :width], out=product[:, :width])
            self._components[:, tile] += product[:, :width]
        self._energy += np.einsum("ij,ij->j", batch, batch)
        self._n += self._waiting
        self._waiting = 0

    def finish(self, slope: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The components in the image's units, and which voxels carry signal."""
        with np.errstate(over="ignore", invalid="ignore"):
            self._multiply()
        left = np.einsum("ij,ij->j", self._components, self._components, dtype=np.float64)
        # false for NaN as well, and for a series that does not vary: both sides are 0 then
        usable: NDArray[np.bool_] = left > _ROUNDING * self._energy
        with np.errstate(over="ignore", under="ignore"):
            self._components *= np.float32(slope)
        return self._components, usable
