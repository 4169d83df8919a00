"""Simulated studies of the nulls of foci: how often they err."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from fcnm_bids.config import NULLS, GroupSettings
from fcnm_bids.mapping import MappingRule, Participant
from fcnm_bids.seeds import Contrast
from fcnm_bids.simulate.connectome import (
    ConnectomeDesign,
    SimulatedConnectome,
    planted_contrasts,
    simulate_connectome,
)
from fcnm_bids.specificity import (
    DrawMapper,
    FocusPlaces,
    NullAssessment,
    Strength,
    assess,
    joined,
    matched_foci,
    measure_strength,
    nearest_foci,
    random_foci,
    strength_strata,
)
from fcnm_bids.stats import HeightRule

VALIDITY_COLUMNS = {
    "null": "Random foci; foci of equal strength, by strata or by the nearest 20 percent; or of "
    "equal true loading of the backbone, which nobody knows",
    "foci": "How the observed foci fell: uniformly; on hubs, by measured strength or by the true "
    "loading; or as those by measured strength once their places in their strata are drawn anew",
    "p": "Own p of voxels all over the brain, own p of the strongest hubs' voxels, or the smallest "
    "family-wise p of any voxel",
    "level": "Nominal error rate",
    "rate": "Share of p at most that, over repetitions (and voxels)",
    "bound": "The level and three binomial standard errors of so many repetitions",
}
"""Columns of the error rates of the nulls of foci."""

_OBSERVED, _NULL = 0, 1
"""Streams of random numbers of foci."""


@dataclass(frozen=True, kw_only=True)
class ValidityDesign:
    """Small studies of literatures that hold nothing but the null.

    Parameters
    ----------
    repetitions
        Literatures, each on participants of their own.
    n_draws
        Draws of each null.
    n_contrasts, n_foci
        Contrasts, and foci of each.
    hub_exponent
        Foci that look for hubs fall in proportion to the rank of a voxel's strength or loading
        to this power.
    height_control, radius
        As the options of that name.
    levels
        Nominal error rates.
    connectome
        Number of participants of each literature, and what they are like.
    """

    repetitions: int = 200
    n_draws: int = 99
    n_contrasts: int = 5
    n_foci: int = 4
    hub_exponent: float = 20.0
    height_control: str = "t=4"
    radius: float = 8.0
    levels: tuple[float, ...] = (0.01, 0.05, 0.10, 0.20)
    connectome: ConnectomeDesign = field(
        default=ConnectomeDesign(
            n_participants=10,
            shape=(10, 10, 10),
            voxel_size=8.0,
            dof=30,
            n_networks=1,
            n_nodes=2,
            backbone_strength=0.7,
        )
    )


QUICK_VALIDITY = ValidityDesign(repetitions=20)


def in_memory(participants: Sequence[Participant]) -> tuple[Participant, ...]:
    """The same participants, drawn once and kept."""

    def keep(participant: Participant) -> Participant:
        runs = participant.open_runs()
        return Participant(participant.name, lambda: runs, participant.voxels)

    return tuple(keep(participant) for participant in participants)


def simulated_rule(height_control: str) -> MappingRule:
    """A rule for simulated participants, in whom everybody has signal everywhere."""
    group = GroupSettings()
    height = HeightRule(height_control, group.alpha, "positive", 0.0, 0, 1.0)
    return MappingRule(height, min_coverage=0.5)


def strength_of(participants: Sequence[Participant], connectome: SimulatedConnectome) -> Strength:
    """The strengths of simulated participants, with all of grey matter as targets."""
    grey = np.flatnonzero(connectome.grey_matter)
    # the eigenvector is for the audit alone
    return measure_strength(participants, connectome.index, grey, tolerance=1, max_iterations=0)


def simulate_validity(
    design: ValidityDesign, progress: Callable[[int], None] = lambda done: None
) -> pd.DataFrame:
    """How often nulls of foci reject literatures that hold nothing else.

    Returns
    -------
    DataFrame
        With the columns `VALIDITY_COLUMNS`.
    """
    n_participants = design.connectome.n_participants
    # all literatures have the same brain, and participants of their own
    connectome = simulate_connectome(
        replace(design.connectome, n_participants=n_participants * design.repetitions)
    )
    order = np.argsort(connectome.backbone)
    voxel_sets = {
        "voxels": np.arange(0, connectome.index.size, 10),
        "hub voxels": order[-max(1, order.size // 25) :],
    }
    rates: dict[tuple[str, str, str], list[list[float]]] = {}
    for number in range(design.repetitions):
        participants = in_memory(
            connectome.participants[number * n_participants : (number + 1) * n_participants]
        )
        for (null, foci), found in _validity_repetition(design, connectome, participants, number):
            ps = {name: found.p[own] for name, own in voxel_sets.items()}
            finite = found.p_fwe[np.isfinite(found.p_fwe)]
            ps["family-wise"] = np.array([finite.min() if finite.size else 1.0])
            for name, p in ps.items():
                reached = [float(np.mean(p <= level + 1e-9)) for level in design.levels]
                rates.setdefault((null, foci, name), []).append(reached)
        progress(number + 1)
    levels = np.array(design.levels)
    bounds = levels + 3 * np.sqrt(levels * (1 - levels) / design.repetitions)
    rows = [
        (*case, float(level), float(rate), float(bound))
        for case, each in rates.items()
        for level, rate, bound in zip(levels, np.mean(each, axis=0), bounds, strict=True)
    ]
    return pd.DataFrame(rows, columns=list(VALIDITY_COLUMNS))


def _validity_repetition(
    design: ValidityDesign,
    connectome: SimulatedConnectome,
    participants: Sequence[Participant],
    number: int,
) -> list[tuple[tuple[str, str], NullAssessment]]:
    strength = strength_of(participants, connectome)
    grey = np.flatnonzero(connectome.grey_matter)
    own = np.searchsorted(connectome.index, grey)
    measured, loading = strength.positive[own], connectome.backbone[own].astype(np.float64)
    places = FocusPlaces(connectome.grid, grey)
    strata = strength_strata(measured, NULLS.strata)
    template = planted_contrasts(
        connectome, n_contrasts=design.n_contrasts, n_foci=design.n_foci, seed=number
    )

    def numbers(*stream: int) -> np.random.Generator:
        return np.random.default_rng([number, *stream])

    def scattered(where: FocusPlaces, rng: np.random.Generator) -> tuple[Contrast, ...]:
        return random_foci(template, where, rng, keep_distances=False, keep_hemisphere=False)

    def on_hubs(values: NDArray[np.float64], rng: np.random.Generator) -> tuple[Contrast, ...]:
        rate = (rankdata(values) / values.size) ** design.hub_exponent
        return scattered(FocusPlaces(connectome.grid, grey, rate), rng)

    by_strength = on_hubs(measured, numbers(_OBSERVED, 1, 0))
    observed = {
        "uniform": scattered(places, numbers(_OBSERVED, 0, 0)),
        "by strength": by_strength,
        "within strata": matched_foci(by_strength, places, strata, numbers(_OBSERVED, 2, 0)),
        "by loading": on_hubs(loading, numbers(_OBSERVED, 3, 0)),
    }
    true_strata = strength_strata(loading, NULLS.strata)
    makers: dict[tuple[str, str], Callable[[np.random.Generator], tuple[Contrast, ...]]] = {
        ("random", "uniform"): partial(scattered, places),
        **{
            ("strength", foci): partial(matched_foci, observed[foci], places, strata)
            for foci in ("within strata", "by strength", "by loading")
        },
        ("true loading", "by loading"): partial(
            matched_foci, observed["by loading"], places, true_strata
        ),
        ("nearest20", "by strength"): partial(
            nearest_foci, by_strength, places, measured, share=NULLS.nearest_share
        ),
    }
    draws = [
        make(numbers(_NULL, case, draw))
        for case, make in enumerate(makers.values())
        for draw in range(design.n_draws)
    ]
    literatures = [*observed.values(), *draws]
    maps, _ = draw_maps(connectome, participants, design.height_control, design.radius, literatures)
    seen = dict(zip(observed, maps, strict=False))
    blocks = dict(zip(makers, np.split(maps[len(observed) :], len(makers)), strict=True))
    # random foci, asked about foci on hubs: a question with another answer
    blocks["random", "by strength"] = blocks["random", "uniform"]
    return [
        ((null, foci), assessed(seen[foci], block, 1 / design.n_contrasts))
        for (null, foci), block in blocks.items()
    ]


def draw_maps(
    connectome: SimulatedConnectome,
    participants: Sequence[Participant],
    height_control: str,
    radius: float,
    draws: Sequence[Sequence[Contrast]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the probability and the convergence maps of literatures, shape (draws, V) each."""
    mapper = DrawMapper(
        connectome.grid,
        radius,
        "mm",
        participants,
        simulated_rule(height_control),
        connectome.index,
        None,
        None,
    )
    maps = joined(mapper.maps(draws, memory=5e8))
    (probability,), (convergence,) = maps.probability.values(), maps.convergence.values()
    return probability, convergence.astype(np.float64)


def assessed(
    observed: NDArray[np.float64], block: NDArray[np.float64], step: float
) -> NullAssessment:
    """A map against the draws of one block."""
    return assess(observed, lambda: [block], step=step, network_of=lambda values: values >= 1)
