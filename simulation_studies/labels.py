"""Simulated studies of two effects whose labels are exchanged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from fcnm_bids.config import GroupSettings
from fcnm_bids.mapping import Participant, map_network
from fcnm_bids.seeds import Contrast, sphere_seeds, study_units
from fcnm_bids.simulate.connectome import (
    ConnectomeDesign,
    SimulatedConnectome,
    planted_contrasts,
    simulate_connectome,
)
from fcnm_bids.specificity import LabelledContrasts, label_sentence, label_test
from simulation_studies.backbone import PARTICIPANTS
from simulation_studies.nulls import in_memory, simulated_rule

LABEL_COLUMNS = {
    "repetition": "Number of the simulated participants and literatures",
    "effects": "disjoint: two networks that do not touch; same: both effects are about one, so "
    "that labels are exchangeable",
    "studies": "paired: every study reports both effects; separate: every study reports one",
    "n_studies": "Studies",
    "smallest_p": "The least p that the labellings can give",
    "n_labellings": "Labellings compared",
    "exact": "Whether these are all there are",
    "found_first": "Share of the first network with family-wise p at most 0.05 and the right sign",
    "found_second": "The same for the second network",
    "min_pfwe": "Smallest family-wise p of any voxel; 1 where no voxel varies",
    "verdict": "What the test says",
}
"""Columns of what exchanging labels finds."""


@dataclass(frozen=True, kw_only=True)
class LabelDesign:
    """Literatures of two effects.

    Parameters
    ----------
    repetitions
        Times that participants and foci are drawn anew.
    paired
        Numbers of studies that report both effects.
    separate
        Numbers of studies, half of which report either effect.
    n_draws
        Labellings, at most.
    n_foci, share, height_control, radius
        As in `BackboneDesign`.
    connectome
        The participants.
    """

    repetitions: int = 200
    paired: tuple[int, ...] = (5, 6, 8, 12)
    separate: tuple[int, ...] = (16,)
    n_draws: int = 1000
    n_foci: int = 6
    share: float = 0.75
    height_control: str = "fwe"
    radius: float = 4.0
    connectome: ConnectomeDesign = PARTICIPANTS


QUICK_LABELS = LabelDesign(repetitions=5, paired=(5, 8))


def simulate_labels(
    design: LabelDesign, progress: Callable[[int], None] = lambda done: None
) -> pd.DataFrame:
    """What exchanging labels finds, and how often it errs.

    Returns
    -------
    DataFrame
        With the columns `LABEL_COLUMNS`.
    """
    rows: list[dict[str, float | str | bool]] = []
    for number in range(design.repetitions):
        rows += _repetition(design, number)
        progress(number + 1)
    return pd.DataFrame(rows, columns=list(LABEL_COLUMNS))


def _repetition(design: LabelDesign, number: int) -> list[dict[str, float | str | bool]]:
    connectome = simulate_connectome(replace(design.connectome, random_seed=number))
    participants = in_memory(connectome.participants)
    most = max(*design.paired, *(n // 2 for n in design.separate), 1)

    def literature(effect: str, network: str, seed: int) -> tuple[Contrast, ...]:
        return planted_contrasts(
            connectome,
            n_contrasts=most,
            n_foci=design.n_foci,
            network=network,
            share=design.share,
            effect=effect,
            studies="study",
            seed=seed,
        )

    first = literature("first", "network1", 3 * number)
    others = {
        "disjoint": literature("disjoint", "network2", 3 * number + 1),
        "same": literature("same", "network1", 3 * number + 2),
    }
    contrasts = [*first, *others["disjoint"], *others["same"]]
    masks, counted = _masks(design, connectome, participants, contrasts)
    truth = (connectome.truth("network1"), connectome.truth("network2"))
    rows: list[dict[str, float | str | bool]] = []
    for position, (effects, other) in enumerate(others.items(), start=1):
        for studies, sizes in (("paired", design.paired), ("separate", design.separate)):
            for n_studies in sizes:
                each = n_studies if studies == "paired" else n_studies // 2
                chosen = np.r_[0:each, position * most : position * most + each]
                units = study_units([*first[:each], *other[:each]])
                if studies == "separate":
                    units = np.arange(2 * each)
                labelled = LabelledContrasts(
                    masks[chosen], counted[chosen], np.arange(2 * each) < each, units, None
                )
                found = label_test(labelled, n_draws=design.n_draws, seed=number)
                alpha = GroupSettings().alpha
                beyond = np.nan_to_num(found.p_fwe, nan=1.0) <= alpha + 1e-9
                signs = (found.difference > 0, found.difference < 0)
                right = [
                    float((beyond & sign)[where].mean())
                    for sign, where in zip(signs, truth, strict=True)
                ]
                varies = np.isfinite(found.p_fwe)
                rows.append(
                    {
                        "repetition": number,
                        "effects": effects,
                        "studies": studies,
                        "n_studies": n_studies,
                        "smallest_p": found.smallest_p,
                        "n_labellings": found.n_labellings,
                        "exact": found.exact,
                        "found_first": right[0],
                        "found_second": right[1],
                        "min_pfwe": float(found.p_fwe[varies].min()) if varies.any() else 1.0,
                        "verdict": label_sentence("first", "second", found, truth, alpha),
                    }
                )
    return rows


def _masks(
    design: LabelDesign,
    connectome: SimulatedConnectome,
    participants: Sequence[Participant],
    contrasts: Sequence[Contrast],
) -> tuple[np.ndarray, np.ndarray]:
    seeds = sphere_seeds(contrasts, connectome.grid, radius=design.radius, sphere="mm")
    mapped = map_network(
        seeds, participants, simulated_rule(design.height_control), connectome.index
    ).contrasts
    return (
        np.stack([one.mask.significant for one in mapped]),
        np.stack([one.counted for one in mapped]),
    )
