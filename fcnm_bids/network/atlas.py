"""An atlas on the voxel grid of the data: where regions lie, and what they are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid


@dataclass(frozen=True, eq=False)
class Atlas:
    """Regions on a grid, and the canonical networks they belong to.

    Parameters
    ----------
    name
        What reports call it.
    labels
        Region number of each voxel of the grid, shape (voxels,); 0 for none.
    regions
        Names of the regions by number.
    networks
        Region numbers of each canonical network, by its name.
    codes
        Labels of the regions in the atlas' own table, by number; those of `regions` by default.
    parts
        The atlases that were joined into this one.
    """

    name: str
    labels: NDArray[np.int32]
    regions: Mapping[int, str]
    networks: Mapping[str, tuple[int, ...]]
    codes: Mapping[int, str] = field(default_factory=dict)
    parts: tuple[Atlas, ...] = ()

    def columns(self) -> dict[str, str]:
        """Return the columns of labels in tables, one an atlas, and what they hold."""
        return {
            column_of(own): f"Label of the atlas {own.name} at the peak, as its table has it"
            for own in self.parts or (self,)
        }

    def labels_at(self, voxel: int) -> dict[str, str | None]:
        """Return the label of every atlas at a voxel, by column; None where there is none."""
        parts = self.parts or (self,)
        return {
            column_of(own): (own.codes or own.regions).get(int(own.labels[voxel])) for own in parts
        }

    def joined(self, other: Atlas) -> Atlas:
        """Both atlases in one; where both have a region, this one's stands.

        Raises
        ------
        ValueError
            The atlases lie on different grids, or have networks of one name.
        """
        if self.labels.shape != other.labels.shape:
            raise ValueError("the atlases lie on different grids")
        if set(self.networks) & set(other.networks):
            raise ValueError("the atlases have networks of the same name")
        step = max(self.regions, default=0)
        moved = np.where(other.labels > 0, other.labels + step, 0)
        return Atlas(
            name=f"{self.name}, {other.name}",
            labels=np.where(self.labels > 0, self.labels, moved).astype(np.int32),
            regions={**self.regions, **{n + step: name for n, name in other.regions.items()}},
            networks={
                **self.networks,
                **{k: tuple(n + step for n in v) for k, v in other.networks.items()},
            },
            parts=(*(self.parts or (self,)), *(other.parts or (other,))),
        )


def column_of(atlas: Atlas) -> str:
    """Return the column of a table that holds the labels of an atlas."""
    return f"label_{atlas.name.replace(' ', '_')}"


def resample_labels(
    values: NDArray[np.integer], affine: NDArray[np.float64], grid: Grid
) -> NDArray[np.int32]:
    """Labels of the voxels of a grid: those of the nearest voxels of an image in the same space.

    Parameters
    ----------
    values
        Label image, three-dimensional.
    affine
        From its voxel indices to mm.
    grid
        Where labels are wanted.

    Returns
    -------
    labels
        Shape (grid.n_voxels,); 0 outside the image.
    """
    inverse = np.linalg.inv(affine)
    positions = grid.positions(np.arange(grid.n_voxels))
    # rounded first, so that positions half-way between voxels fall to one side on any machine
    index = np.floor(np.round(positions @ inverse[:3, :3].T + inverse[:3, 3], 6) + 0.5)
    index = index.astype(np.intp)
    inside = ((index >= 0) & (index < np.array(values.shape))).all(axis=1)
    labels = np.zeros(grid.n_voxels, dtype=np.int32)
    labels[inside] = values[tuple(index[inside].T)]
    return labels


NEAR = 6.0
"""Distance in mm within which a place outside of all regions is named by the nearest."""


def region_name(atlas: Atlas, voxel: int) -> str | None:
    """Return the name of the region at a voxel; None where there is none."""
    return atlas.regions.get(int(atlas.labels[voxel]))


def describe_region(atlas: Atlas, voxel: int, grid: Grid) -> str | None:
    """Return the region at a voxel, or the nearest with its distance, such as "2 mm from ...".

    Distances are between centres of voxels of the grid, up to `NEAR`; None beyond.
    """
    if name := region_name(atlas, voxel):
        return name
    place = np.array(np.unravel_index(voxel, grid.shape, order="F"))
    reach = np.floor(NEAR / grid.voxel_sizes).astype(int)
    low, high = np.maximum(place - reach, 0), np.minimum(place + reach + 1, grid.shape)
    around = np.stack(np.meshgrid(*map(np.arange, low, high), indexing="ij"), axis=-1)
    voxels: tuple[NDArray[np.intp], ...] = tuple(around.reshape(-1, 3).T)
    beside: NDArray[np.intp] = np.asarray(np.ravel_multi_index(voxels, grid.shape, order="F"))
    beside = beside[atlas.labels[beside] > 0]
    apart = np.linalg.norm(grid.positions(beside) - grid.positions([voxel]), axis=1)
    if not beside.size or apart.min() > NEAR:
        return None
    nearest = int(beside[int(np.round(apart, 6).argmin())])
    return f"{apart.min():.0f} mm from {region_name(atlas, nearest)}"


def region_shares(atlas: Atlas, voxels: NDArray[np.intp]) -> list[tuple[str | None, float]]:
    """Return the share of some voxels by name of region, the largest first; None for no region.

    Regions of one name count as one.
    """
    numbers, counts = np.unique(atlas.labels[voxels], return_counts=True)
    found: dict[str | None, int] = {}
    for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
        name = atlas.regions.get(number)
        found[name] = found.get(name, 0) + count
    return [(name, n / len(voxels)) for name, n in sorted(found.items(), key=lambda own: -own[1])]
