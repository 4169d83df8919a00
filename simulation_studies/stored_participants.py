"""Error rates of the nulls on real participants, with literatures that hold no agreement.

``python -m simulation_studies.stored_participants STORE OUT``: half of the participants of a store
are mapped; the strength of the others is what hub-seeking foci follow.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from fcnm_bids.connectome import open_run
from fcnm_bids.mapping import MappingRule, Participant, analysis_voxels, map_network
from fcnm_bids.network import network_mask
from fcnm_bids.seeds import Contrast, Focus, sphere_seeds, study_units
from fcnm_bids.specificity import (
    DrawMapper,
    FocusPlaces,
    LabelledContrasts,
    assess,
    focus_groups,
    joined,
    label_test,
    matched_foci,
    measure_strength,
    random_foci,
    strength_strata,
)
from fcnm_bids.stats import HeightRule

COLUMNS = {
    "scenario": "How the foci of the literature fall",
    "null": "The test",
    "measure": "probability: shares of contrasts; convergence: their mean z, unthresholded",
    "literatures": "Literatures so far",
    "any_voxel": "Share with a family-wise p of at most 0.05 at any voxel",
    "in_network": "Share with such a voxel in the network (probability)",
    "network": "Share with a network",
    "bound": "0.05 and three standard errors of so many literatures",
}

RELIABILITIES = {f"hubs at reliability {value:g}": value for value in (0.8, 0.9, 0.95, 0.98, 0.99)}
"""Scenarios of foci that follow a strength with such an r with that of those who are mapped."""

SCENARIOS = (
    "three contrasts a study",
    "uniform",
    "base rate",
    "hubs of others",
    "clustered",
    "bilateral",
    *RELIABILITIES,
)

_N_CONTRASTS, _N_FOCI, _RADIUS, _THRESHOLD, _STRATA = 8, 6, 8.0, 0.6, 20
_ALPHA = 0.05


@dataclass(frozen=True, eq=False)
class StoredHalves:
    """The participants of a store, halved, and where foci may fall."""

    mine: Sequence[Participant]
    mapper: DrawMapper
    places: FocusPlaces
    strata: NDArray[np.intp]
    rates: dict[str, NDArray[np.float64]]


def open_halves(store: Path) -> StoredHalves:
    """Read all runs of a store and measure the strength of both halves."""
    by_participant: dict[str, list[Path]] = {}
    for path in sorted(store.rglob("*.h5")):
        by_participant.setdefault(path.name.split("_")[0], []).append(path)
    participants = []
    for name, paths in by_participant.items():
        runs = [open_run(path).load() for path in paths]
        voxels = np.unique(np.concatenate([run.index for run in runs]))
        participants.append(Participant(name, lambda runs=runs: runs, lambda voxels=voxels: voxels))  # type: ignore[misc]
    half = len(participants) // 2
    mine, others = participants[:half], participants[half : 2 * half]
    grid = mine[0].open_runs()[0].grid
    index = analysis_voxels(participants, grid, min_subjects=1.0)
    rule = MappingRule(HeightRule("t=4", _ALPHA, "positive", 0.0, 0, 0.9), 0.5)
    mapper = DrawMapper(grid, _RADIUS, "mm", mine, rule, index, None, None)
    own, other = (
        measure_strength(some, index, index, tolerance=1, max_iterations=0).positive
        for some in (mine, others)
    )
    print(f"r of the strengths of two halves of {half}: {np.corrcoef(own, other)[0, 1]:.3f}")
    places = FocusPlaces(grid, index)
    xyz = places.centres
    frontal = sum(np.exp(-((xyz - [x, 20, 0]) ** 2).sum(axis=1) / (2 * 25**2)) for x in (30, -30))
    strengths = {"hubs of others": other} | {
        scenario: _of_reliability(own, other, reliability)
        for scenario, reliability in RELIABILITIES.items()
    }
    rates = {"base rate": frontal + 0.15} | {
        scenario: (rankdata(values) / values.size) ** 20 for scenario, values in strengths.items()
    }
    return StoredHalves(mine, mapper, places, strength_strata(own, _STRATA), rates)


def _of_reliability(
    own: NDArray[np.float64], other: NDArray[np.float64], reliability: float
) -> NDArray[np.float64]:
    """Mix two strengths so that the result has an r of ``reliability`` with the first.

    Two measures of one strength, each with this reliability, have this r.
    """
    first, second = ((values - values.mean()) / values.std() for values in (own, other))
    rest = second - (first @ second / first.size) * first
    return reliability * first + np.sqrt(1 - reliability**2) * rest / rest.std()


def _contrast(
    positions: NDArray[np.float64], number: int, study: str, effect: str = "e"
) -> Contrast:
    name = f"c{number}"
    foci = tuple(
        Focus(x, y, z, "MNI152", study, name, effect, None, "") for x, y, z in positions.tolist()
    )
    return Contrast(name, effect, (study,), foci, None)


def literature(
    halves: StoredHalves, scenario: str, rng: np.random.Generator
) -> tuple[Contrast, ...]:
    """Draw the contrasts of one literature."""
    places = halves.places
    rate = halves.rates.get(scenario)
    share = None if rate is None else rate / rate.sum()

    def scattered(n: int) -> NDArray[np.float64]:
        return places.within(rng.choice(places.index.size, n, p=share), rng)

    def snapped(positions: NDArray[np.float64]) -> NDArray[np.float64]:
        return places.centres[places.nearest(positions)]

    def foci() -> NDArray[np.float64]:
        if scenario == "clustered":
            centres = np.repeat(scattered(2), 3, axis=0)
            return snapped(centres + rng.uniform(-14, 14, centres.shape))
        if scenario == "bilateral":
            right = scattered(3)
            return np.concatenate([right, snapped(right * [-1, 1, 1])])
        return scattered(_N_FOCI)

    if scenario == "three contrasts a study":
        bases = [foci() for _ in range(4)]
        return tuple(
            _contrast(base + rng.normal(0, 4, base.shape), 3 * study + k, f"s{study}")
            for study, base in enumerate(bases)
            for k in range(3)
        )
    return tuple(_contrast(foci(), k, f"s{k}") for k in range(_N_CONTRASTS))


Drawer = Callable[[np.random.Generator], tuple[Contrast, ...]]


def nulls_of(
    halves: StoredHalves, scenario: str, observed: Sequence[Contrast]
) -> dict[str, Drawer]:
    """Name the nulls that a scenario is tested with."""
    rated = FocusPlaces(halves.places.grid, halves.places.index, halves.rates["base rate"])
    places, named = (rated, ", base rate") if scenario == "base rate" else (halves.places, "")
    groups = focus_groups(observed)
    free = {"keep_distances": False, "keep_hemisphere": False}
    nulls: dict[str, Drawer] = {
        f"random{named}": lambda rng: random_foci(observed, places, rng, groups=groups, **free),
        f"strength{named}": lambda rng: matched_foci(
            observed, places, halves.strata, rng, groups=groups
        ),
    }
    return {"strength": nulls["strength"]} if scenario.startswith("hubs") else nulls


def assess_literature(
    halves: StoredHalves, scenario: str, number: int, n_draws: int
) -> list[dict[str, object]]:
    """Test one literature with every null, by shares and by convergence."""
    observed = literature(
        halves, scenario, np.random.default_rng([number, SCENARIOS.index(scenario)])
    )
    rows: list[dict[str, object]] = []
    for position, (null, draw) in enumerate(nulls_of(halves, scenario, observed).items()):
        numbers = (np.random.default_rng([number, 100 + position, i]) for i in range(n_draws))
        literatures = [observed, *(draw(rng) for rng in numbers)]
        maps = joined(halves.mapper.maps(literatures, memory=4e8))
        own = {
            "probability": maps.probability["e"],
            "convergence": maps.convergence["e"].astype(np.float64),
        }
        network = network_mask(
            own["probability"][0],
            threshold=_THRESHOLD,
            min_cluster_volume=0,
            grid=halves.mapper.grid,
            index=halves.mapper.index,
        )
        for measure, values in own.items():
            step = 1 / len(observed) if measure == "probability" else 0.0
            found = assess(values[0], partial(_all_but_the_first, values), step=step)
            beyond = np.nan_to_num(found.p_fwe, nan=1.0) <= _ALPHA + 1e-9
            rows.append(
                {
                    "scenario": scenario,
                    "literature": number,
                    "null": null,
                    "measure": measure,
                    "any_voxel": beyond.any(),
                    "in_network": (beyond & network).any(),
                    "network": network.any(),
                }
            )
    return rows


def _all_but_the_first(maps: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [maps[1:]]


LABEL_DESIGNS = {
    "6 paired studies": ((6, 6), 1, (_N_FOCI, _N_FOCI)),
    "8 paired studies": ((8, 8), 1, (_N_FOCI, _N_FOCI)),
    "16 separate studies": ((8, 8), 0, (_N_FOCI, _N_FOCI)),
    "6 and 10 separate studies": ((6, 10), 0, (_N_FOCI, _N_FOCI)),
    "8 and 8, three contrasts a study": ((8, 8), 3, (_N_FOCI, _N_FOCI)),
    "8 and 8, numbers of foci of a study vary": ((8, 8), 0, (2, 10)),
}
"""Studies of each effect; 1 paired, 0 separate, 3 contrasts each; fewest and most foci."""


def exchange_labels(
    halves: StoredHalves, design: str, number: int, n_draws: int
) -> dict[str, object]:
    """Exchange the labels of a literature whose two effects are alike."""
    (n_first, n_second), kind, (fewest, most) = LABEL_DESIGNS[design]
    rng = np.random.default_rng([number, 1000 + list(LABEL_DESIGNS).index(design)])
    copies = kind if kind == 3 else 1
    contrasts: list[Contrast] = []
    for effect, n in (("a", n_first), ("b", n_second)):
        for study in range(n):
            n_foci = int(rng.integers(fewest, most + 1))
            base = halves.places.within(rng.choice(halves.places.index.size, n_foci), rng)
            name = f"s{study}" if kind == 1 else f"{effect}{study}"
            for _ in range(copies):
                moved = base + (rng.normal(0, 4, base.shape) if copies > 1 else 0)
                contrasts.append(_contrast(moved, len(contrasts), name, effect))
    mapper = halves.mapper
    seeds = sphere_seeds(contrasts, mapper.grid, radius=_RADIUS, sphere="mm")
    found = map_network(seeds, halves.mine, mapper.rule, mapper.index)
    labelled = LabelledContrasts(
        np.stack([one.mask.significant for one in found.contrasts]),
        np.stack([one.counted for one in found.contrasts]),
        np.array([contrast.effect == "a" for contrast in contrasts]),
        study_units(contrasts),
        None,
    )
    tested = label_test(labelled, n_draws=n_draws, seed=number)
    beyond = np.nan_to_num(tested.p_fwe, nan=1.0) <= _ALPHA + 1e-9
    return {
        "scenario": design,
        "literature": number,
        "null": "labels",
        "measure": "probability",
        "any_voxel": beyond.any(),
        "in_network": False,
        "network": False,
    }


def summary(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Rates by scenario, null and measure, with the columns `COLUMNS`."""
    frame = pd.DataFrame(rows)
    grouped = frame.groupby(["scenario", "null", "measure"], sort=False)
    found = grouped[["any_voxel", "in_network", "network"]].mean()
    n = grouped.size()
    found.insert(0, "literatures", n)
    found["bound"] = _ALPHA + 3 * np.sqrt(_ALPHA * (1 - _ALPHA) / n)
    return found.reset_index()


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("store", type=Path)
    parser.add_argument("out", type=Path, help="table; a row per literature goes beside it")
    parser.add_argument("--repetitions", type=int, default=300)
    parser.add_argument("--first", type=int, default=0, help="number of the first literature")
    parser.add_argument("--n-draws", type=int, default=99)
    parser.add_argument("--scenario", nargs="*", choices=(*SCENARIOS, *LABEL_DESIGNS), default=None)
    parser.add_argument("--block", type=int, default=20, help="literatures of each at a time")
    return parser


def main() -> None:
    """Test literatures, some of every scenario at a time, and rewrite the table each time.

    Literatures that the rows beside the table have are not tested again.
    """
    options = build_parser().parse_args()
    wanted = options.scenario or (*SCENARIOS, *LABEL_DESIGNS)
    each = options.out.with_suffix(".rows.tsv")
    rows: list[dict[str, object]] = []
    if each.exists():
        rows = [dict(row) for _, row in pd.read_csv(each, sep="\t").iterrows()]
    done = {(row["scenario"], row["literature"]) for row in rows}
    halves = open_halves(options.store)
    started = time.monotonic()
    for first in range(options.first, options.repetitions, options.block):
        numbers = range(first, min(first + options.block, options.repetitions))
        for scenario in wanted:
            for number in numbers:
                if (scenario, number) in done:
                    continue
                if scenario in LABEL_DESIGNS:
                    rows.append(exchange_labels(halves, scenario, number, 999))
                else:
                    rows += assess_literature(halves, scenario, number, options.n_draws)
        pd.DataFrame(rows).to_csv(each, sep="\t", index=False)
        summary(rows).to_csv(options.out, sep="\t", index=False, float_format="%.3f")
        print(f"{numbers.stop} literatures, {time.monotonic() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
