"""Participants as projected runs, without images: for power, and for how often a test errs.

What a voxel's denoised series is after projection is drawn directly, from a factor model in the
m dimensions that denoising leaves: one backbone that runs through hubs, a few networks, and
spatially smooth noise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectome import ProjectedRun
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.mapping import Participant
from fcnm_bids.seeds import Contrast, Focus
from fcnm_bids.simulate.noise import SmoothNoise

_CORTEX, _NUCLEI = 0.65, 0.35
"""Grey matter lies outside the first and inside the second share of the brain's radius."""

_LAYOUT, _PARTICIPANTS, _FOCI = range(3)
"""Streams of random numbers."""


@dataclass(frozen=True, kw_only=True)
class ConnectomeDesign:
    """Every knob of a simulated connectome.

    Strengths are standard deviations over time relative to that of the noise, which is 1: two
    voxels of a network of strength s correlate by s^2 / (1 + s^2) where nothing else reaches them.

    Parameters
    ----------
    n_participants
        Number of participants.
    shape, voxel_size
        The grid, and the edge length of its voxels in mm. The brain is the ellipsoid that fills it.
    dof
        Dimensions that denoising left in every run, m.
    n_networks, n_nodes, node_radius
        Networks; each is the grey matter in so many spheres (of this radius in mm) and in their
        mirror images. Networks do not touch.
    network_strength
        Strength of the networks.
    backbone_strength
        Strength of the backbone at its strongest voxel; 0 for none.
    hub_size
        Full width at half maximum in mm of the field whose peaks are the backbone's hubs.
    variation
        Standard deviation over participants of the logarithm of each factor's strength.
    smoothness
        Full width at half maximum of the noise, in voxels.
    random_seed
        The same seed and knobs give the same participants.

    Raises
    ------
    RequestError
        When knobs lie out of range; one line for each.
    """

    n_participants: int = 20
    shape: tuple[int, int, int] = (24, 28, 24)
    voxel_size: float = 6.0
    dof: int = 60
    n_networks: int = 3
    n_nodes: int = 3
    node_radius: float = 13.0
    network_strength: float = 0.5
    backbone_strength: float = 0.0
    hub_size: float = 30.0
    variation: float = 0.2
    smoothness: float = 1.5
    random_seed: int = 0

    def __post_init__(self) -> None:
        checks = (
            (self.n_participants < 1, "a connectome needs at least one participant"),
            (min(self.shape) < 8, f"shape {self.shape}: a brain needs 8 voxels along each axis"),
            (self.voxel_size <= 0, f"voxels of {self.voxel_size:g} mm"),
            (self.dof < 3, f"{self.dof} dimensions: a correlation needs at least 3"),
            (self.n_networks < 0 or self.n_nodes < 1, "networks with at least one node"),
            (self.node_radius <= 0, f"nodes of {self.node_radius:g} mm"),
            (
                min(self.network_strength, self.backbone_strength, self.variation) < 0,
                "strengths and their variation are not negative",
            ),
            (min(self.hub_size, self.smoothness) <= 0, "widths of fields are above 0"),
            (self.random_seed < 0, "the random seed is not negative"),
        )
        if problems := [text for wrong, text in checks if wrong]:
            raise RequestError(problems)

    def generator(self, *stream: int) -> np.random.Generator:
        """Random numbers of one part of the connectome, independent of every other part's."""
        return np.random.default_rng([self.random_seed, *stream])


@dataclass(frozen=True, eq=False)
class SimulatedConnectome:
    """Participants, and what was planted in them.

    Parameters
    ----------
    design
        The knobs.
    grid
        The voxel grid, centred on (0, 0, 0) mm.
    index
        Numbers of the brain's voxels, sorted, shape (V,).
    grey_matter
        Shape (grid.n_voxels,).
    backbone
        The backbone's loading, 0 to 1, shape (V,); 0 outside of grey matter.
    networks
        Voxel numbers of each planted network, by its name.
    participants
        Each draws its run anew whenever it is opened: the same numbers every time.
    """

    design: ConnectomeDesign
    grid: Grid
    index: NDArray[np.intp]
    grey_matter: NDArray[np.bool_]
    backbone: NDArray[np.float32]
    networks: Mapping[str, NDArray[np.intp]]
    participants: Sequence[Participant]

    def truth(self, network: str) -> NDArray[np.bool_]:
        """Return the voxels of `index` that a planted network holds, shape (V,)."""
        return np.isin(self.index, self.networks[network])


def simulate_connectome(design: ConnectomeDesign) -> SimulatedConnectome:
    """Lay out the brain; participants are drawn when they are opened.

    Raises
    ------
    RequestError
        The networks find no room in the brain.
    """
    grid = _centred_grid(design)
    positions = grid.positions(np.arange(grid.n_voxels))
    semi_axes = np.array(design.shape) * design.voxel_size / 2
    depth = np.sqrt(((positions / semi_axes) ** 2).sum(axis=1))
    grey_matter = (depth <= 1) & ((depth >= _CORTEX) | (depth <= _NUCLEI))
    index = np.flatnonzero(depth <= 1)
    rng = design.generator(_LAYOUT)
    backbone = _backbone(design, grid, index, grey_matter[index], rng)
    networks = _networks(design, positions, grey_matter, rng)
    factors = np.stack(
        [
            design.backbone_strength * backbone,
            *(design.network_strength * np.isin(index, voxels) for voxels in networks.values()),
        ]
    ).astype(np.float32)
    noise = SmoothNoise(grid, index, design.smoothness * design.voxel_size)
    participants = tuple(
        Participant(
            f"{number + 1:0{len(str(design.n_participants))}d}",
            partial(_open_runs, design, number, factors, noise, index, grid),
            lambda: index,
        )
        for number in range(design.n_participants)
    )
    return SimulatedConnectome(
        design, grid, index, grey_matter, backbone, MappingProxyType(networks), participants
    )


def planted_contrasts(
    connectome: SimulatedConnectome,
    *,
    n_contrasts: int,
    n_foci: int,
    seed: int,
    network: str | None = None,
    share: float = 0.0,
    hub_exponent: float = 0.0,
    effect: str = "planted",
    studies: str | None = None,
) -> tuple[Contrast, ...]:
    """Contrasts with foci at the centres of voxels, one contrast a study.

    Parameters
    ----------
    connectome
        Where the foci lie.
    n_contrasts, n_foci
        Contrasts, and foci of each.
    seed
        Of the draw.
    network, share
        Each focus lies in this planted network with this probability; elsewhere it may lie
        anywhere in grey matter.
    hub_exponent
        Foci elsewhere are drawn in proportion to the backbone's loading to this power: 0 draws
        uniformly, larger ones look for hubs.
    effect
        Name of the effect.
    studies
        Word that the studies' names begin with, `effect` by default: effects that are given the
        same one share their studies.

    Raises
    ------
    ValueError
        A share without a network.
    """
    if share > 0 and network is None:
        raise ValueError("foci lie in a network: name it")
    rng = connectome.design.generator(_FOCI, seed)
    inside = connectome.grey_matter[connectome.index]
    elsewhere = connectome.index[inside]
    chance = connectome.backbone[inside].astype(np.float64) ** hub_exponent
    chance /= chance.sum()
    contrasts = []
    for number in range(1, n_contrasts + 1):
        voxels = rng.choice(elsewhere, n_foci, p=chance)
        if network is not None:
            planted = rng.random(n_foci) < share
            voxels[planted] = rng.choice(connectome.networks[network], np.count_nonzero(planted))
        study = f"{studies or effect} {number}"
        name = f"{effect} {number}"
        foci = tuple(
            Focus(x, y, z, "MNI152", study, name, effect, None, origin="simulated")
            for x, y, z in connectome.grid.positions(voxels).tolist()
        )
        contrasts.append(Contrast(name, effect, (study,), foci, None))
    return tuple(contrasts)


def _open_runs(
    design: ConnectomeDesign,
    number: int,
    factors: NDArray[np.float32],
    noise: SmoothNoise,
    index: NDArray[np.intp],
    grid: Grid,
) -> list[ProjectedRun]:
    rng = design.generator(_PARTICIPANTS, number)
    gains = np.exp(rng.normal(scale=design.variation, size=len(factors))).astype(np.float32)
    courses = rng.standard_normal((design.dof, len(factors)), dtype=np.float32)
    values = np.asarray((courses * gains) @ factors, dtype=np.float32)
    for component in values:
        component += noise.draw(rng)
    return [ProjectedRun(values, index, grid)]


def _centred_grid(design: ConnectomeDesign) -> Grid:
    affine = np.diag([design.voxel_size] * 3 + [1.0])
    affine[:3, 3] = -(np.array(design.shape) - 1) * design.voxel_size / 2
    return Grid(design.shape, affine, "MNI152NLin6Asym")


def _backbone(
    design: ConnectomeDesign,
    grid: Grid,
    index: NDArray[np.intp],
    grey: NDArray[np.bool_],
    rng: np.random.Generator,
) -> NDArray[np.float32]:
    """Peaks of a smooth random field over grey matter, scaled to a maximum of 1."""
    field = np.where(grey, SmoothNoise(grid, index, design.hub_size).draw(rng), -np.inf)
    peaks = np.maximum(field - np.median(field[grey]), 0)
    return np.asarray(peaks / peaks.max(), dtype=np.float32)


def _networks(
    design: ConnectomeDesign,
    positions: NDArray[np.float64],
    grey_matter: NDArray[np.bool_],
    rng: np.random.Generator,
) -> dict[str, NDArray[np.intp]]:
    """Grey matter around centres that keep clear of each other and of the midline."""
    apart = 2 * design.node_radius + design.voxel_size
    candidates = positions[grey_matter & (positions[:, 0] > apart / 2)]
    candidates = rng.permutation(candidates)
    centres: list[NDArray[np.float64]] = []
    for _ in range(design.n_networks * design.n_nodes):
        if len(candidates) == 0:
            raise RequestError(
                f"no room for {design.n_networks} networks of {design.n_nodes} nodes of "
                f"{design.node_radius:g} mm that do not touch: fewer, or smaller ones"
            )
        centre = candidates[0]
        centres.append(centre)
        candidates = candidates[np.linalg.norm(candidates - centre, axis=1) > apart]
    networks = {}
    for number in range(design.n_networks):
        near = np.zeros(len(positions), dtype=bool)
        for centre in centres[number :: design.n_networks]:
            for side in (centre, centre * [-1, 1, 1]):
                near |= np.linalg.norm(positions - side, axis=1) <= design.node_radius
        networks[f"network{number + 1}"] = np.flatnonzero(near & grey_matter)
    return networks
