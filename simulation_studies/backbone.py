"""Simulated literatures beside a strong backbone: what the nulls of foci leave of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.config import NULLS, GroupSettings
from fcnm_bids.network import network_mask, spatial_correlation
from fcnm_bids.seeds import Contrast
from fcnm_bids.simulate.connectome import ConnectomeDesign, planted_contrasts, simulate_connectome
from fcnm_bids.specificity import (
    FocusPlaces,
    draw_generator,
    matched_foci,
    random_foci,
    strength_strata,
)
from simulation_studies.nulls import assessed, draw_maps, in_memory, strength_of

BACKBONE_COLUMNS = {
    "repetition": "Number of the simulated participants and literatures",
    "coordinates": "planted: most foci in one network; random: anywhere in grey matter",
    "null": "random or strength",
    "measure": "probability: share of contrasts; convergence: their mean z, unthresholded",
    "step": "Whether the step of the share is added to the variance",
    "r_strength": "Correlation of the probability map with the positive strength",
    "n_voxels": "Voxels of the network",
    "found": "Share of the planted voxels with family-wise p at most 0.05",
    "inside": "Share of the voxels with family-wise p at most 0.05 that were planted",
    "surviving": "Share of the network with family-wise p at most 0.05",
    "flagged": "Whether any voxel has family-wise p at most 0.05",
}
"""Columns of what the nulls of foci find."""

_MEASURES = (("probability", "added"), ("probability", "none"), ("convergence", "none"))

_SCATTERED, _MATCHED = 1, 2
"""Streams of random numbers of draws."""


PARTICIPANTS = ConnectomeDesign(
    n_participants=20,
    shape=(14, 16, 14),
    voxel_size=8.0,
    dof=60,
    n_networks=2,
    n_nodes=2,
    network_strength=0.7,
    backbone_strength=1.0,
)
"""Participants with two networks beside a strong backbone."""


@dataclass(frozen=True, kw_only=True)
class BackboneDesign:
    """Literatures about a planted network, and random coordinates, on a strong backbone.

    Parameters
    ----------
    repetitions
        Times that participants and foci are drawn anew.
    n_draws, n_contrasts, n_foci, height_control, radius
        As in `ValidityDesign`.
    share
        Share of the planted literature's foci in the network.
    connectome
        The participants.
    """

    repetitions: int = 40
    n_draws: int = 99
    n_contrasts: int = 10
    n_foci: int = 6
    share: float = 0.6
    height_control: str = "bonferroni"
    radius: float = 4.0
    connectome: ConnectomeDesign = PARTICIPANTS


QUICK_BACKBONE = BackboneDesign(repetitions=3)


def simulate_backbone(
    design: BackboneDesign, progress: Callable[[int], None] = lambda done: None
) -> pd.DataFrame:
    """What the nulls of foci leave of a planted network, and of random coordinates.

    Returns
    -------
    DataFrame
        With the columns `BACKBONE_COLUMNS`.
    """
    rows: list[dict[str, float | str | bool]] = []
    for number in range(design.repetitions):
        rows += _repetition(design, number)
        progress(number + 1)
    return pd.DataFrame(rows, columns=list(BACKBONE_COLUMNS))


def _repetition(design: BackboneDesign, number: int) -> list[dict[str, float | str | bool]]:
    connectome = simulate_connectome(replace(design.connectome, random_seed=number))
    participants = in_memory(connectome.participants)
    strength = strength_of(participants, connectome)
    grey = np.flatnonzero(connectome.grey_matter)
    places = FocusPlaces(connectome.grid, grey)
    measured = strength.positive[np.searchsorted(connectome.index, grey)]
    strata = strength_strata(measured, NULLS.strata)
    planted = planted_contrasts(
        connectome,
        n_contrasts=design.n_contrasts,
        n_foci=design.n_foci,
        network="network1",
        share=design.share,
        seed=number,
    )

    def scattered(rng: np.random.Generator) -> tuple[Contrast, ...]:
        return random_foci(planted, places, rng, keep_distances=False, keep_hemisphere=False)

    observed = {
        "planted": planted,
        "random": scattered(np.random.default_rng([number, 0])),
    }
    n_draws = range(design.n_draws)
    draws = [scattered(draw_generator(number, _SCATTERED, draw)) for draw in n_draws]
    for position, literature in enumerate(observed.values()):
        draws += [
            matched_foci(
                literature, places, strata, draw_generator(number, _MATCHED + position, draw)
            )
            for draw in n_draws
        ]
    everything = [*observed.values(), *draws]
    measures = dict(
        zip(
            ("probability", "convergence"),
            draw_maps(connectome, participants, design.height_control, design.radius, everything),
            strict=True,
        )
    )
    truth = connectome.truth("network1")
    group = GroupSettings()
    rows: list[dict[str, float | str | bool]] = []
    n = design.n_draws
    for position, coordinates in enumerate(observed):
        own = measures["probability"][position]
        network = network_mask(
            own,
            threshold=group.network_threshold,
            min_cluster_volume=group.min_cluster_volume,
            grid=connectome.grid,
            index=connectome.index,
        )
        r = spatial_correlation(own, strength.positive, np.ones(own.size, dtype=bool))
        for null, start in (("random", 2), ("strength", 2 + n * (1 + position))):
            for measure, step in _MEASURES:
                maps = measures[measure]
                added = (step == "added") / design.n_contrasts
                found = assessed(maps[position], maps[start : start + n], added)
                beyond = np.nan_to_num(found.p_fwe, nan=1.0) <= group.alpha + 1e-9
                rows.append(
                    {
                        "repetition": number,
                        "coordinates": coordinates,
                        "null": null,
                        "measure": measure,
                        "step": step,
                        "r_strength": float(r),
                        "n_voxels": int(np.count_nonzero(network)),
                        "found": float(beyond[truth].mean()),
                        "inside": _share(beyond & truth, beyond),
                        "surviving": _share(beyond & network, network),
                        "flagged": bool(beyond.any()),
                    }
                )
    return rows


def _share(part: NDArray[np.bool_], whole: NDArray[np.bool_]) -> float:
    return float(np.count_nonzero(part) / n) if (n := np.count_nonzero(whole)) else float("nan")
