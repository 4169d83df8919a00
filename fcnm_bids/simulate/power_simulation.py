"""Simulated studies: what of a planted network the package's default rule finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import pandas as pd

from fcnm_bids.config import GroupSettings, SeedSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.rules import height_rule
from fcnm_bids.mapping import MappingRule, NetworkMap, map_network, probability_map
from fcnm_bids.network import dice, network_mask
from fcnm_bids.seeds import Contrast, sphere_seeds
from fcnm_bids.simulate.connectome import (
    ConnectomeDesign,
    SimulatedConnectome,
    planted_contrasts,
    simulate_connectome,
)

POWER_COLUMNS = {
    "backbone": "Strength of the backbone that runs through hubs, at its strongest; 0: none",
    "repetition": "Number of the simulated literature and its participants",
    "participants": "Participants in the connectome",
    "contrasts": "Contrasts of the literature",
    "share": "Share of the foci that were drawn from the planted network; 0: random coordinates",
    "dice": "Dice overlap of the network found with the one planted",
    "volume_cm3": "Volume of the network found",
    "planted_cm3": "Volume of the network planted",
}


_PARTICIPANTS = ConnectomeDesign(network_strength=0.35)


@dataclass(frozen=True, kw_only=True)
class PowerDesign:
    """Return the studies that are simulated.

    Parameters
    ----------
    participants, contrasts, shares
        Numbers of participants and of contrasts, and shares of the foci in the network; every
        combination is mapped.
    n_foci
        Foci of every contrast.
    backbones
        Strengths of the backbone; everything is repeated for each.
    min_mean_z
        Mean Fisher z that a voxel of a contrast mask also needs.
    repetitions
        Times that participants and foci are drawn anew.
    connectome
        The participants; their number, backbone and seed are set here.
    """

    participants: tuple[int, ...] = (20, 50, 100, 200)
    contrasts: tuple[int, ...] = (10, 20, 30, 40)
    shares: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75)
    n_foci: int = 6
    backbones: tuple[float, ...] = (0.0, 0.6)
    min_mean_z: float = GroupSettings.min_mean_z
    repetitions: int = 5
    connectome: ConnectomeDesign = _PARTICIPANTS

    def __post_init__(self) -> None:
        checks = (
            (min(self.participants, default=0) < 2, "a group has at least two participants"),
            (min(self.contrasts, default=0) < 1, "a network has at least one contrast"),
            (
                not self.shares or min(self.shares) < 0 or max(self.shares) > 1,
                "shares of foci lie between 0 and 1",
            ),
            (min(self.backbones, default=-1) < 0, "strengths of a backbone are not negative"),
            (min(self.n_foci, self.repetitions) < 1, "at least one focus and one repetition"),
            (self.connectome.n_networks < 1, "there is no network to be found"),
        )
        if problems := [text for wrong, text in checks if wrong]:
            raise RequestError(problems)


QUICK = PowerDesign(
    participants=(20, 50), contrasts=(10, 20), shares=(0.0, 0.5), backbones=(0.0,), repetitions=2
)


def simulate_power(
    design: PowerDesign, progress: Callable[[int], None] = lambda done: None
) -> pd.DataFrame:
    """Map every combination of the design through `map_network`.

    Fewer participants are the first of the many, and fewer contrasts the first of the many, so that
    numbers along a row differ by what was added.

    Parameters
    ----------
    design
        The studies.
    progress
        Called with the number of literatures done, of len(backbones) x repetitions.

    Returns
    -------
    DataFrame
        One row per repetition and combination, with the columns `POWER_COLUMNS`.
    """
    rows: list[dict[str, float]] = []
    todo = list(product(design.backbones, range(design.repetitions)))
    for done, (backbone, repetition) in enumerate(todo, start=1):
        rows += _repetition(design, backbone, repetition)
        progress(done)
    return pd.DataFrame(rows, columns=list(POWER_COLUMNS))


def _repetition(
    design: PowerDesign, backbone: float, repetition: int
) -> Iterator[dict[str, float]]:
    group, seeds = GroupSettings(min_mean_z=design.min_mean_z), SeedSettings()
    rule = MappingRule(height_rule(group), seeds.min_coverage)
    connectome = simulate_connectome(
        replace(
            design.connectome,
            n_participants=max(design.participants),
            backbone_strength=backbone,
            random_seed=repetition,
        )
    )
    truth = connectome.truth("network1")
    contrasts = tuple(
        contrast
        for number, share in enumerate(design.shares)
        for contrast in _literature(connectome, design, share, seed=number)
    )
    matrix = sphere_seeds(contrasts, connectome.grid, radius=seeds.radius, sphere=seeds.sphere)
    litre = connectome.grid.voxel_volume / 1000
    for n_participants in design.participants:
        found = map_network(
            matrix, connectome.participants[:n_participants], rule, connectome.index
        )
        for share, n_contrasts in product(design.shares, design.contrasts):
            network = network_mask(
                _probability(found, contrasts, share, n_contrasts),
                threshold=group.network_threshold,
                min_cluster_volume=group.min_cluster_volume,
                grid=connectome.grid,
                index=connectome.index,
            )
            yield {
                "backbone": backbone,
                "repetition": repetition,
                "participants": n_participants,
                "contrasts": n_contrasts,
                "share": share,
                "dice": dice(network, truth),
                "volume_cm3": float(network.sum() * litre),
                "planted_cm3": float(truth.sum() * litre),
            }


def _literature(
    connectome: SimulatedConnectome, design: PowerDesign, share: float, *, seed: int
) -> tuple[Contrast, ...]:
    return planted_contrasts(
        connectome,
        n_contrasts=max(design.contrasts),
        n_foci=design.n_foci,
        network="network1",
        share=share,
        effect=_effect(share),
        seed=seed,
    )


def _probability(
    found: NetworkMap, contrasts: Sequence[Contrast], share: float, n_contrasts: int
) -> np.ndarray:
    """The probability map of the first contrasts of a literature."""
    own = [m for m, c in zip(found.contrasts, contrasts, strict=True) if c.effect == _effect(share)]
    masks = np.stack([mapped.mask.significant for mapped in own[:n_contrasts]])
    counted = np.stack([mapped.counted for mapped in own[:n_contrasts]])
    return probability_map(masks, counted, None)[0]


def _effect(share: float) -> str:
    return f"share {share:g}"
