"""Contrast seeds as one sparse matrix, contrasts by voxels."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from fcnm_bids.errors import SeedError
from fcnm_bids.grid import Grid
from fcnm_bids.seeds.foci import Contrast, Focus

_FORMAT = 1


@dataclass(frozen=True, eq=False)
class SeedMatrix:
    """The seed voxels of each contrast and their weights.

    Parameters
    ----------
    weights
        csr_array of float64, shape (n_contrasts, grid.n_voxels); a row without a stored value
        is a contrast that has no voxel on the grid.
    contrasts
        What the rows stand for.
    grid
        What the columns stand for.
    """

    weights: sparse.csr_array
    contrasts: tuple[Contrast, ...]
    grid: Grid

    def __post_init__(self) -> None:
        weights = sparse.csr_array(self.weights, dtype=np.float64)
        if weights.shape != (len(self.contrasts), self.grid.n_voxels):
            raise ValueError(
                f"weights of shape {weights.shape} for {len(self.contrasts)} contrasts"
                f" on {self.grid.n_voxels} voxels"
            )
        object.__setattr__(self, "weights", weights)

    def restrict(self, usable: ArrayLike) -> sparse.csr_array:
        """The weights on some voxels, made to average a signal over them.

        Parameters
        ----------
        usable
            Voxel numbers, shape (n_usable,).

        Returns
        -------
        csr_array
            Shape (n_contrasts, n_usable). The absolute values of a row sum to 1 (where no
            weight is negative, so do the values); a row with no usable voxel is empty.
        """
        picked = sparse.csr_array(self.weights[:, np.asarray(usable, dtype=np.intp)])
        picked.eliminate_zeros()
        total = np.asarray(abs(picked).sum(axis=1))
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        picked.data *= np.repeat(scale, np.diff(picked.indptr))
        return picked


def coverage(weights: sparse.csr_array, usable: ArrayLike) -> NDArray[np.float64]:
    """The share of each contrast's absolute seed weight that lies on usable voxels.

    Parameters
    ----------
    weights
        Shape (n_contrasts, n_voxels).
    usable
        Voxel numbers, shape (n_usable,), each once.

    Returns
    -------
    ndarray
        Shape (n_contrasts,), from 0 to 1; 0 for a contrast that has no voxel.
    """
    on = np.zeros(weights.shape[1])
    on[np.asarray(usable, dtype=np.intp)] = 1
    size = abs(weights)
    total = np.asarray(size.sum(axis=1), dtype=np.float64)
    share: NDArray[np.float64] = np.divide(
        size @ on, total, out=np.zeros_like(total), where=total > 0
    )
    return np.minimum(share, 1.0)


def write_seed_matrix(seeds: SeedMatrix, path: str | os.PathLike[str]) -> None:
    """Write a seed matrix to one NumPy archive (.npz) that needs no pickle."""
    with Path(path).open("wb") as stream:
        np.savez_compressed(
            stream,
            format=np.int64(_FORMAT),
            data=seeds.weights.data,
            indices=seeds.weights.indices,
            indptr=seeds.weights.indptr,
            shape=np.array(seeds.grid.shape),
            affine=seeds.grid.affine,
            space=np.array(seeds.grid.space),
            contrasts=np.array(json.dumps([asdict(contrast) for contrast in seeds.contrasts])),
        )


def read_seed_matrix(path: str | os.PathLike[str]) -> SeedMatrix:
    """The seed matrix that `write_seed_matrix` wrote; not to be changed.

    Raises
    ------
    SeedError
        There is no such file, or it is not a seed matrix of this format.
    """
    path = Path(path)
    written = path.stat() if path.is_file() else None
    return _read(path, written and (written.st_ino, written.st_size, written.st_mtime_ns))


@lru_cache(maxsize=1)  # every node of a contrast reads the matrix of all contrasts
def _read(path: Path, written: tuple[int, ...] | None) -> SeedMatrix:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return _from_archive({key: archive[key] for key in archive.files})
    except FileNotFoundError as error:
        raise SeedError(f"{path}: there is no such file") from error
    except Exception as error:  # a damaged archive fails in ways of zip, zlib, NumPy and JSON
        raise SeedError(f"{path.name}: not a seed matrix, or damaged ({error})") from error


def _from_archive(stored: dict[str, NDArray[Any]]) -> SeedMatrix:
    if int(stored["format"]) != _FORMAT:
        raise ValueError(f"its format is {int(stored['format'])}, not {_FORMAT}")
    nx, ny, nz = (int(n) for n in stored["shape"])
    grid = Grid((nx, ny, nz), stored["affine"], str(stored["space"]))
    contrasts = tuple(_contrast(entry) for entry in json.loads(stored["contrasts"].item()))
    weights = sparse.csr_array(
        (stored["data"], stored["indices"], stored["indptr"]),
        shape=(len(contrasts), grid.n_voxels),
    )
    weights.check_format(full_check=True)
    weights.data.flags.writeable = False
    return SeedMatrix(weights, contrasts, grid)


def _contrast(entry: dict[str, Any]) -> Contrast:
    foci = tuple(_focus(focus) for focus in entry["foci"])
    return Contrast(**{**entry, "studies": tuple(entry["studies"]), "foci": foci})


def _focus(entry: dict[str, Any]) -> Focus:
    reported = entry["reported"]
    return Focus(**{**entry, "reported": None if reported is None else tuple(reported)})
