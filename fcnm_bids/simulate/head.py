"""The simulated head: tissues of the MNI152 template on the grid of the data set."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from nilearn.datasets import (
    load_mni152_brain_mask,
    load_mni152_gm_template,
    load_mni152_wm_template,
)
from numpy.typing import NDArray
from scipy.ndimage import (
    affine_transform,
    binary_dilation,
    distance_transform_edt,
    gaussian_filter,
    uniform_filter,
)

from fcnm_bids.grid import Grid
from fcnm_bids.simulate.sites import BACKGROUND_SITES, BOXES, NETWORK_SITES, Site

_RIM_MM = 6.0
"""Thickness of the layer of faint signal around the brain."""

_DEEP_MM = 4.0
"""White matter and cerebrospinal fluid count as such from this depth below the brain's surface."""


@dataclass(frozen=True, eq=False)
class Head:
    """Tissues on a grid; every array has the shape of the grid.

    Attributes
    ----------
    grid
        The grid.
    brain_share, grey, white, fluid
        Share of each voxel in the brain, and its tissue probabilities, 0 to 1, float32.
    depth
        Distance from outside the brain in mm, float32.
    brain
        The template's brain mask.
    rim
        Voxels around the brain with faint signal.
    """

    grid: Grid
    brain_share: NDArray[np.float32]
    grey: NDArray[np.float32]
    white: NDArray[np.float32]
    fluid: NDArray[np.float32]
    depth: NDArray[np.float32]
    brain: NDArray[np.bool_]
    rim: NDArray[np.bool_]

    @property
    def grey_mask(self) -> NDArray[np.bool_]:
        """Voxels that are mostly grey matter."""
        return self.brain & (self.grey > 0.5)

    def tissue_sample(
        self, tissue: NDArray[np.float32], avoid: NDArray[np.bool_], most: int
    ) -> NDArray[np.intp]:
        """Numbers of deep voxels that are purely of one tissue, evenly thinned to at most `most`.

        Where voxels are too large for pure ones, the ten purest.
        """
        purity = self.grid.flatten(np.where(self.brain & ~avoid, tissue, 0))
        deep = self.grid.flatten(self.depth) > _DEEP_MM + self.grid.voxel_sizes.max()
        found = np.flatnonzero((purity > 0.9) & deep)
        if found.size < 10:
            found = np.sort(np.argsort(np.where(deep, purity, 0), kind="stable")[-10:])
        return found[np.linspace(0, found.size - 1, min(most, found.size)).astype(np.intp)]


def head_grid(space: str, voxel_size: float) -> Grid:
    """The grid that covers the box of a template space with cubic voxels (mm)."""
    first, extent = BOXES[space]
    nx, ny, nz = (int(np.ceil(length / voxel_size)) for length in extent)
    affine = np.diag([voxel_size] * 3 + [1.0])
    affine[:3, 3] = first
    return Grid((nx, ny, nz), affine, space)


@lru_cache(maxsize=2)
def load_head(space: str, voxel_size: float) -> Head:
    """The head on a grid.

    Tissues are those of the MNI152 template that nilearn carries (ICBM 152 symmetric 2009a),
    averaged over each voxel; it stands in for every MNI152 variant.
    """
    grid = head_grid(space, voxel_size)

    def resample(image: object) -> NDArray[np.float32]:
        values = np.asarray(image.dataobj, dtype=np.float32)  # type: ignore[attr-defined]
        averaged = uniform_filter(values, size=max(1, round(voxel_size)), mode="constant")
        to_template = np.linalg.inv(image.affine) @ grid.affine  # type: ignore[attr-defined]
        sampled = affine_transform(
            averaged, to_template[:3, :3], to_template[:3, 3], grid.shape, order=1
        )
        return np.asarray(np.clip(sampled, 0, 1), dtype=np.float32)

    brain_share = resample(load_mni152_brain_mask(resolution=1))
    grey = resample(load_mni152_gm_template(resolution=1))
    white = resample(load_mni152_wm_template(resolution=1))
    brain = brain_share > 0.5
    layers = max(1, round(_RIM_MM / voxel_size))
    head = Head(
        grid=grid,
        brain_share=brain_share,
        grey=grey,
        white=white,
        fluid=np.clip(brain_share - grey - white, 0, 1),
        depth=distance_transform_edt(brain, sampling=voxel_size).astype(np.float32),
        brain=brain,
        rim=binary_dilation(brain, iterations=layers) & ~brain,
    )
    for array in vars(head).values():
        if isinstance(array, np.ndarray):
            array.flags.writeable = False
    return head


def nodes_of(effect: str) -> NDArray[np.float64]:
    """Centres in mm, shape (nodes, 3), of an effect's network, both hemispheres."""
    return bilateral(NETWORK_SITES[effect].values())


def planted_network(head: Head, effect: str, radius: float) -> NDArray[np.bool_]:
    """Brain voxels within `radius` mm of a node of the effect's network."""
    return _spheres(head, nodes_of(effect), radius)


def planted_nodes(head: Head, effect: str, radius: float) -> list[NDArray[np.bool_]]:
    """The nodes of the effect's network one by one, each with its mirror image."""
    return [_spheres(head, bilateral([site]), radius) for site in NETWORK_SITES[effect].values()]


def background_networks(head: Head, radius: float) -> list[NDArray[np.bool_]]:
    """Networks that no effect belongs to, clear of all planted ones."""
    planted = np.zeros(head.grid.shape, dtype=bool)
    for effect in NETWORK_SITES:
        planted |= planted_network(head, effect, radius)
    return [
        _spheres(head, bilateral(sites), radius) & ~planted for sites in BACKGROUND_SITES.values()
    ]


def personal_mask(head: Head, rng: np.random.Generator, variation: float) -> NDArray[np.bool_]:
    """The template's brain mask with a surface that differs a little in each participant."""
    wobble = gaussian_filter(
        rng.standard_normal(head.grid.shape, dtype=np.float32), 12 / head.grid.voxel_sizes
    )
    wobble *= np.float32(0.15 * variation) / wobble.std()
    return np.asarray((head.brain_share + wobble > 0.5) & (head.brain | head.rim))


def bilateral(sites: Iterable[Site]) -> NDArray[np.float64]:
    """Return sites and their mirror images, shape (2 sites, 3), mm."""
    right = np.array(list(sites), dtype=np.float64)
    return np.concatenate([right, right * [-1, 1, 1]])


def _spheres(head: Head, centres: NDArray[np.float64], radius: float) -> NDArray[np.bool_]:
    inside = np.flatnonzero(head.grid.flatten(head.brain))
    positions = head.grid.positions(inside)
    near = np.zeros(inside.size, dtype=bool)
    for centre in centres:
        near |= ((positions - centre) ** 2).sum(axis=1) <= radius**2
    return np.asarray(head.grid.unflatten(near, inside), dtype=bool)
