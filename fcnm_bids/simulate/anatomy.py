"""Networks of the simulated head: spheres, or regions that follow grey matter, with hubs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.simulate.design import SimulationDesign
from fcnm_bids.simulate.head import (
    Head,
    background_networks,
    bilateral,
    load_head,
    nodes_of,
    planted_network,
    planted_nodes,
)
from fcnm_bids.simulate.sites import (
    BACKGROUND_REGIONS,
    HUB_REGIONS,
    NETWORK_REGIONS,
    NETWORK_SITES,
    Site,
)

_REACH = 1.35
"""Mean radius of a region over that of a sphere; the folds of grey matter thin it out."""

_WOBBLE = 0.25
"""Standard deviation of a region's radius over its border, relative to the radius."""

_WAVELENGTH_MM = 14.0
_EDGE_MM = 2.0
_HUB_MM = 16.0


@dataclass(frozen=True, eq=False)
class Networks:
    """Share of each network's signal in every voxel, 0 to 1; arrays of the shape of the grid.

    Attributes
    ----------
    effects
        The networks of all effects that have sites.
    nodes
        Their nodes one by one, each with its mirror image.
    others
        Networks that no effect belongs to.
    hubs
        Places that share a signal of their own beside all networks; None without hubs.
    """

    effects: Mapping[str, NDArray[np.float32]]
    nodes: Mapping[str, tuple[NDArray[np.float32], ...]]
    others: tuple[NDArray[np.float32], ...]
    hubs: NDArray[np.float32] | None

    def planted(self, effect: str) -> NDArray[np.bool_]:
        """Return the voxels that carry at least half of an effect's signal."""
        return self.effects[effect] >= 0.5

    @property
    def anywhere(self) -> NDArray[np.bool_]:
        """Voxels that carry any of the signal of any effect."""
        return np.any([weights > 0 for weights in self.effects.values()], axis=0)


def sites_of(design: SimulationDesign, effect: str) -> NDArray[np.float64]:
    """Return the centres in mm, shape (nodes, 3), of an effect's network, both hemispheres."""
    if design.anatomy == "spheres":
        return nodes_of(effect)
    return bilateral(NETWORK_REGIONS[effect].values())


def networks_of(design: SimulationDesign) -> Networks:
    """Return the networks of a design."""
    return _networks(design.anatomy, design.space, design.voxel_size, design.node_radius)


@lru_cache(maxsize=2)
def _networks(anatomy: str, space: str, voxel_size: float, radius: float) -> Networks:
    head = load_head(space, voxel_size)
    if anatomy == "spheres":
        return Networks(
            {effect: _weights(planted_network(head, effect, radius)) for effect in NETWORK_SITES},
            {
                effect: tuple(_weights(node) for node in planted_nodes(head, effect, radius))
                for effect in NETWORK_SITES
            },
            tuple(_weights(network) for network in background_networks(head, radius)),
            None,
        )
    nodes = {
        effect: tuple(_region(head, site, radius) for site in sites.values())
        for effect, sites in NETWORK_REGIONS.items()
    }
    effects = {effect: np.max(own, axis=0) for effect, own in nodes.items()}
    planted = np.max(list(effects.values()), axis=0)
    others = tuple(
        np.max([_region(head, site, radius) for site in sites], axis=0) * (1 - planted)
        for sites in BACKGROUND_REGIONS.values()
    )
    return Networks(effects, nodes, others, _hubs(head))


def _weights(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    return mask.astype(np.float32)


def _region(head: Head, site: Site, radius: float) -> NDArray[np.float32]:
    """Grey matter around a site and its mirror image, within an uneven border."""
    inside = np.flatnonzero(head.grid.flatten(head.brain))
    positions = head.grid.positions(inside)
    reach = radius * _REACH * (1 + _WOBBLE * _waves(positions, site))
    apart = _distance(positions, [site])
    border = 1 / (1 + np.exp(np.clip((apart - reach) / _EDGE_MM, -50, 50)))
    values = np.where(border > 0.01, border, 0) * _ribbon(head, inside)
    return head.grid.unflatten(values.astype(np.float32), inside, fill=0)


def _hubs(head: Head) -> NDArray[np.float32]:
    """Grey matter near places that are connected with nearly everything."""
    inside = np.flatnonzero(head.grid.flatten(head.brain))
    apart = _distance(head.grid.positions(inside), HUB_REGIONS.values())
    values = (0.2 + 0.8 * np.exp(-0.5 * (apart / _HUB_MM) ** 2)) * _ribbon(head, inside)
    return head.grid.unflatten(values.astype(np.float32), inside, fill=0)


def _ribbon(head: Head, inside: NDArray[np.intp]) -> NDArray[np.float64]:
    """Share of the grey matter's signal, which reaches a little way into white matter."""
    return np.clip(head.grid.flatten(head.grey)[inside] / 0.5, 0.1, 1).astype(np.float64)


def _distance(positions: NDArray[np.float64], sites: Iterable[Site]) -> NDArray[np.float64]:
    """Return the distance in mm to the nearest site of either hemisphere."""
    apart = [np.linalg.norm(positions - centre, axis=1) for centre in bilateral(sites)]
    return np.asarray(np.min(apart, axis=0))


def _waves(positions: NDArray[np.float64], site: Site) -> NDArray[np.float64]:
    """Return a smooth field of mean 0 and variance 1 that is the same on every grid."""
    rng = np.random.default_rng([abs(round(value)) for value in site])
    n = 40
    folded = np.abs(positions[:, :1]) * [1, 0, 0] + positions * [0.15, 1, 1]
    phase = folded @ rng.normal(scale=1 / _WAVELENGTH_MM, size=(3, n)) + rng.uniform(0, 6.3, n)
    return np.asarray(np.sqrt(2 / n) * np.cos(phase).sum(axis=1))
