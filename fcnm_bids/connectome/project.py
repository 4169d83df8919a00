"""From a run's image to its projection, in one pass over the file."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import sgemm
from threadpoolctl import ThreadpoolController

from fcnm_bids.connectome.image import RunImage, VolumeStream
from fcnm_bids.connectome.projected import ProjectedRun
from fcnm_bids.connectome.smoothing import smooth_components
from fcnm_bids.denoise.projection import Projection
from fcnm_bids.errors import RunError

_BLOCK_BYTES = 32 << 20
_BLOCK_VOLUMES = 32
_ROUNDING = 1e-10
"""A denoised series with less than this share of its raw energy is rounding, not signal."""
CARPET_VOXELS = 2000


@dataclass(frozen=True, eq=False)
class Projected:
    """What one pass over a run's image gives.

    Parameters
    ----------
    run
        The projected run.
    n_masked
        Voxels in the mask, with and without signal.
    carpet, carpet_index
        Raw series of up to 2,000 voxels spread over the mask, shape (volumes, voxels), float32,
        and their voxel numbers.
    sha256
        Hash of the image file.
    """

    run: ProjectedRun
    n_masked: int
    carpet: NDArray[np.float32]
    carpet_index: NDArray[np.intp]
    sha256: str


def project_run(
    image: RunImage, mask: NDArray[np.bool_], projection: Projection, *, smoothing: float
) -> Projected:
    """Stream a run through its projection and smooth what is left.

    Parameters
    ----------
    image
        The run.
    mask
        Shape (voxels of the box,), True inside the brain.
    projection
        The projection for this run's volumes.
    smoothing
        Full width at half maximum of the Gaussian kernel in mm; 0 for none.

    Raises
    ------
    RunError
        The file is damaged, or nothing in the mask varies.
    """
    if len(projection.kept) != image.n_volumes:
        raise RunError(
            f"{image.path.name} has {image.n_volumes} volumes, "
            f"its confounds have {len(projection.kept)} rows"
        )
    index = np.flatnonzero(mask)
    if index.size == 0:
        raise RunError(f"the brain mask of {image.path.name} is empty")
    if image.slope == 0 or not np.isfinite(image.slope):
        raise RunError(f"{image.path.name} has the scale factor {image.slope}")
    chosen = np.unique(np.linspace(0, index.size - 1, CARPET_VOXELS).round().astype(np.intp))
    carpet = np.empty((image.n_volumes, chosen.size), dtype=np.float32)
    sums = _Sums(index.size, projection)
    stream = VolumeStream(image, _block_volumes(image))
    with _room_for_the_reader(), closing(iter(stream)) as blocks:
        for start, volumes in blocks:
            stop = start + len(volumes)
            with np.errstate(over="ignore", invalid="ignore"):
                carpet[start:stop] = volumes[:, index[chosen]] * image.slope + image.intercept
            kept = np.flatnonzero(projection.kept[start:stop])
            if kept.size:
                sums.add(volumes, kept, index)
    components, usable = sums.finish(image.slope)
    if not usable.any():
        raise RunError(f"no voxel in the brain mask of {image.path.name} carries signal")
    if not usable.all():
        components = _close_up(components, usable)
    voxels = index[usable]
    smooth_components(components, voxels, image.grid, smoothing)
    run = ProjectedRun(components, voxels, image.grid)
    return Projected(run, index.size, carpet, index[chosen], stream.sha256 or "")


def _room_for_the_reader() -> Any:
    """One thread of BLAS less while a thread decompresses: spinning, it would take that core."""
    blas = ThreadpoolController().select(user_api="blas")
    threads = max((library["num_threads"] for library in blas.info()), default=1)
    return blas.limit(limits=max(1, threads - 1))


def projection_bytes(n_voxels: int, n_masked: int, n_volumes: int, dof: int, itemsize: int) -> int:
    """Predicted peak of what `project_run` allocates, in bytes.

    Parameters
    ----------
    n_voxels
        Voxels of the whole box.
    n_masked
        Voxels in the mask.
    n_volumes
        Volumes of the run.
    dof
        Residual degrees of freedom.
    itemsize
        Bytes per stored number.
    """
    block = min(_BLOCK_VOLUMES, n_volumes, max(1, _BLOCK_BYTES // (n_voxels * itemsize)))
    streaming = block * (2 * n_voxels * itemsize + n_masked * (4 + max(4, itemsize)))
    smoothing = 3 * 4 * n_voxels
    per_voxel = n_masked * (8 * 4 + 3 * 8)
    return (
        4 * dof * n_masked + max(streaming, smoothing) + per_voxel + 4 * n_volumes * CARPET_VOXELS
    )


def _block_volumes(image: RunImage) -> int:
    return min(_BLOCK_VOLUMES, max(1, _BLOCK_BYTES // image.volume_bytes))


def _close_up(components: NDArray[np.float32], usable: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The usable columns, in the memory of all: a copy would double the peak."""
    width = int(np.count_nonzero(usable))
    flat = components.reshape(-1)
    for row, component in enumerate(components):
        flat[row * width : (row + 1) * width] = component[usable]
    return flat[: len(components) * width].reshape(-1, width)


class _Sums:
    """Y = P X, block by block, with the energy of the raw series beside it.

    The first kept volume is taken away from all others: the intercept is projected out anyway,
    and float32 keeps the digits that the mean intensity would have used up.
    """

    def __init__(self, n_voxels: int, projection: Projection) -> None:
        self._basis = projection.basis.astype(np.float32)
        self._components = np.zeros((projection.dof, n_voxels), dtype=np.float32)
        self._origin: NDArray[Any] | None = None
        self._energy = np.zeros(n_voxels)
        self._n = 0
        self._differences = np.empty((0, n_voxels), dtype=np.float32)

    def add(self, volumes: NDArray[Any], kept: NDArray[np.intp], index: NDArray[np.intp]) -> None:
        """Add the volumes `kept` of a block; infinities become NaN, which `finish` leaves out."""
        with np.errstate(over="ignore", invalid="ignore"):
            self._add(volumes, kept, index)

    def _add(self, volumes: NDArray[Any], kept: NDArray[np.intp], index: NDArray[np.intp]) -> None:
        # 16-bit integers and float32 are exact in float32; wider types lose digits there
        # unless the first volume goes before the conversion
        exact = volumes.dtype.itemsize <= 2 or volumes.dtype.newbyteorder("=") == np.float32
        precision = np.float32 if exact else np.float64
        if len(self._differences) < kept.size:
            self._differences = np.empty((kept.size, index.size), dtype=np.float32)
        block = self._differences[: kept.size]
        for row, volume in zip(block, kept, strict=True):
            values = volumes[volume].take(index).astype(precision, copy=False)
            if self._origin is None:
                self._origin = values.copy()
            np.subtract(values, self._origin, out=row, casting="same_kind")
        if self._components.size:
            basis = np.ascontiguousarray(self._basis[:, self._n : self._n + kept.size])
            sgemm(1.0, block.T, basis.T, 1.0, self._components.T, overwrite_c=True)
        self._energy += np.einsum("ij,ij->j", block, block)
        self._n += kept.size

    def finish(self, slope: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The components in the image's units, and which voxels carry signal."""
        if self._n == 0:
            raise RunError("no volume is left")
        left = np.einsum("ij,ij->j", self._components, self._components, dtype=np.float64)
        # false for NaN as well, and for a series that does not vary: both sides are 0 then
        usable: NDArray[np.bool_] = left > _ROUNDING * self._energy
        self._components *= np.float32(slope)
        return self._components, usable
