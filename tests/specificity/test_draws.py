"""Draws through the map's own function."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnm_bids.connectome import ProjectedRun
from fcnm_bids.grid import Grid
from fcnm_bids.mapping import (
    MappingRule,
    Participant,
    analysis_voxels,
    bytes_of_contrast,
    map_network,
    network_names,
)
from fcnm_bids.seeds import Contrast, Focus, sphere_seeds
from fcnm_bids.specificity import (
    DrawMapper,
    FocusPlaces,
    draw_generator,
    focus_groups,
    joined,
    matched_foci,
    random_foci,
    strength_strata,
)
from fcnm_bids.stats import HeightRule

GRID = Grid((9, 8, 7), np.diag([4.0, 4.0, 4.0, 1.0]), "MNI152NLin6Asym")
V = GRID.n_voxels
HEIGHT = HeightRule("t=2.5", 0.05, "positive", 0.0, 0, 0.7)
RULE = MappingRule(HEIGHT, min_coverage=0.5)
RADIUS = 5.0


@cache
def participants() -> tuple[Participant, ...]:
    """One or two runs of unequal length; some lack voxels, one of them in one run only."""
    rng = np.random.default_rng(1)
    loadings = np.abs(rng.standard_normal((3, V)))
    made = []
    for number in range(9):
        runs = []
        for run in range(1 + number % 2):
            index = np.arange(V)
            if number in (1, 4):
                index = np.setdiff1d(index, rng.choice(V, 40, replace=False))
            if (number, run) == (3, 1):
                index = index[60:]
            m = 25 + 3 * number + 4 * run
            values = rng.standard_normal((m, 3)) @ loadings + 2 * rng.standard_normal((m, V))
            runs.append(ProjectedRun(values[:, index].astype(np.float32), index, GRID))
        voxels = np.unique(np.concatenate([run.index for run in runs]))
        made.append(Participant(str(number), lambda r=runs: r, lambda v=voxels: v))  # type: ignore[misc]
    return tuple(made)


INDEX = analysis_voxels(participants(), GRID, min_subjects=0.7)
COVARIATES = np.random.default_rng(2).standard_normal((9, 2))
COVARIATES -= COVARIATES.mean(axis=0)
PLACES = FocusPlaces(GRID, INDEX[::2])


def contrast(number: int, effect: str, rng: np.random.Generator) -> Contrast:
    n_foci = int(rng.integers(1, 5))
    positions = PLACES.within(rng.choice(PLACES.index.size, n_foci, replace=False), rng)
    foci = tuple(
        Focus(*p, "MNI152", str(number), str(number), effect, None, "") for p in positions.tolist()
    )
    return Contrast(f"contrast {number}", effect, (str(number),), foci, 10 + number)


def contrasts() -> tuple[Contrast, ...]:
    rng = np.random.default_rng(3)
    return tuple(contrast(n, "up" if n % 3 else "down", rng) for n in range(8))


OBSERVED = contrasts()
GROUPS = focus_groups(OBSERVED)
WEIGHTS = np.array([float(c.n or 0) for c in OBSERVED])


def mapper(
    height: HeightRule = HEIGHT, *, covariates: bool = False, weights: bool = False
) -> DrawMapper:
    return DrawMapper(
        GRID,
        RADIUS,
        "mm",
        participants(),
        replace(RULE, height=height),
        INDEX,
        COVARIATES if covariates else None,
        WEIGHTS if weights else None,
    )


def probabilities(
    made: DrawMapper, draws: Sequence[Sequence[Contrast]], *, memory: float
) -> dict[str, np.ndarray]:
    """Probability maps of every draw, by network."""
    return dict(joined(made.maps(draws, memory=memory)).probability)


def as_published(height: HeightRule, *, covariates: bool, weights: bool) -> dict[str, np.ndarray]:
    seeds = sphere_seeds(OBSERVED, GRID, radius=RADIUS, sphere="mm")
    found = map_network(
        seeds,
        participants(),
        replace(RULE, height=height),
        INDEX,
        covariates=COVARIATES if covariates else None,
        weights=WEIGHTS if weights else None,
    )
    return dict(found.probability)


def random_draws(n: int, first: int = 0) -> list[tuple[Contrast, ...]]:
    return [
        random_foci(
            OBSERVED,
            PLACES,
            draw_generator(5, 0, first + number),
            keep_distances=False,
            keep_hemisphere=False,
            groups=GROUPS,
        )
        for number in range(n)
    ]


def matched_draws(n: int) -> list[tuple[Contrast, ...]]:
    strata = strength_strata(np.random.default_rng(6).random(PLACES.index.size), 10)
    return [
        matched_foci(OBSERVED, PLACES, strata, draw_generator(5, 1, number), groups=GROUPS)
        for number in range(n)
    ]


def memory_for(n_draws: float) -> float:
    """Bytes with which so many draws go through the participants at once."""
    per_contrast = bytes_of_contrast(HEIGHT.needs, 0, 60)
    return n_draws * per_contrast * len(OBSERVED) * INDEX.size


HEIGHTS = [
    HEIGHT,
    replace(HEIGHT, tail="negative", control="t=1.0"),
    replace(HEIGHT, tail="two-sided", control="t=1.5", min_mean_z=0.02, min_cluster_voxels=3),
    replace(HEIGHT, control="bonferroni", alpha=0.2),
    replace(HEIGHT, control="fdr", alpha=0.2),
    replace(HEIGHT, control="fwe", alpha=0.2),
]


@pytest.mark.parametrize(("covariates", "weights"), [(False, False), (True, True)])
@pytest.mark.parametrize("height", HEIGHTS, ids=lambda h: f"{h.control} {h.tail}")
def test_the_observed_foci_as_a_draw_give_the_observed_map(
    height: HeightRule, covariates: bool, weights: bool
) -> None:
    expected = as_published(height, covariates=covariates, weights=weights)
    made = mapper(height, covariates=covariates, weights=weights)
    assert set(expected) == set(network_names(["down", "up"], height.tail))
    assert sum(np.unique(p[np.isfinite(p)]).size > 1 for p in expected.values()) >= 2
    companies = [
        [OBSERVED],
        [OBSERVED, OBSERVED, *random_draws(3)],
        [*random_draws(4), OBSERVED],
        [*matched_draws(3), OBSERVED, *random_draws(2)],
    ]
    for company in companies:
        where = next(n for n, draw in enumerate(company) if draw is OBSERVED)
        for memory in (memory_for(2.5), 1e9):
            found = probabilities(made, company, memory=memory)
            assert set(found) == set(expected)
            for effect, probability in expected.items():
                np.testing.assert_array_equal(found[effect][where], probability)


@pytest.mark.parametrize("n_before", [0, 3, 17])
@pytest.mark.parametrize("n_after", [0, 20])
def test_company_does_not_change_a_bit_of_t(n_before: int, n_after: int) -> None:
    """A share has few values; equal t say more."""

    def t_maps(draws: list[tuple[Contrast, ...]]) -> np.ndarray:
        together = [
            replace(c, name=f"{c.name}, {n}", effect=f"{c.effect}, {n}")
            for n, draw in enumerate(draws)
            for c in draw
        ]
        seeds = sphere_seeds(together, GRID, radius=RADIUS, sphere="mm")
        found = map_network(seeds, participants(), RULE, INDEX, covariates=COVARIATES)
        return np.stack([mapped.test.t for mapped in found.contrasts])

    draws = random_draws(n_before + n_after)
    company = t_maps([*draws[:n_before], OBSERVED, *draws[n_before:]])
    own = slice(n_before * len(OBSERVED), (n_before + 1) * len(OBSERVED))
    np.testing.assert_array_equal(company[own], t_maps([OBSERVED]))


@pytest.mark.parametrize("kind", ["random", "matched"])
@pytest.mark.parametrize("height", [HEIGHT, replace(HEIGHT, control="fwe", alpha=0.2)])
def test_a_draw_is_what_map_network_makes_of_it(kind: str, height: HeightRule) -> None:
    draws = random_draws(3) if kind == "random" else matched_draws(3)
    found = probabilities(mapper(height), draws, memory=1e9)
    for number, draw in enumerate(draws):
        seeds = sphere_seeds(draw, GRID, radius=RADIUS, sphere="mm")
        alone = map_network(seeds, participants(), replace(RULE, height=height), INDEX)
        for effect, probability in alone.probability.items():
            np.testing.assert_array_equal(found[effect][number], probability)


@settings(max_examples=8)
@given(
    cuts=st.lists(st.integers(1, 6), max_size=4), at_once=st.integers(1, 8), control=st.booleans()
)
def test_neither_blocks_nor_memory_change_a_bit(
    cuts: list[int], at_once: int, control: bool
) -> None:
    made = mapper(replace(HEIGHT, control="fwe", alpha=0.2) if control else HEIGHT)
    whole = probabilities(made, random_draws(7), memory=1e9)
    bounds = [0, *sorted(set(cuts)), 7]
    parts = [
        # each block makes its draws anew, as another job would
        probabilities(made, random_draws(stop - start, start), memory=memory_for(at_once + 0.5))
        for start, stop in pairwise(bounds)
    ]
    for effect, probability in whole.items():
        joined = np.concatenate([part[effect] for part in parts])
        np.testing.assert_array_equal(joined, probability)


def test_draws_differ_and_come_again() -> None:
    first, second = random_draws(2)
    assert first != second
    assert random_draws(1, 1)[0] == second
    states = {
        tuple(draw_generator(seed, null, draw).integers(0, 2**62, 2))
        for seed in range(3)
        for null in range(2)
        for draw in range(20)
    }
    assert len(states) == 3 * 2 * 20


@pytest.mark.parametrize("memory", [1e9, memory_for(3.5)])
def test_maps_of_a_few_draws_are_given_at_a_time(
    memory: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcnm_bids.specificity.draws.DRAWS_OF_PART", 2)
    parts = [
        len(own)
        for part in mapper().maps(random_draws(5), memory=memory)
        for own in (part.convergence["up"],)
    ]
    assert parts == ([2, 2, 1] if memory == 1e9 else [2, 1, 2])


def test_contrasts_may_share_names_with_effects_and_draws() -> None:
    """Draws are told apart by numbers that are added to names."""
    odd = tuple(replace(c, name=f"{c.name}\n1", effect=f"{c.effect}\n0") for c in OBSERVED)
    found = probabilities(mapper(), [odd, odd], memory=1e9)
    expected = as_published(HEIGHT, covariates=False, weights=False)
    for effect, probability in expected.items():
        np.testing.assert_array_equal(found[f"{effect}\n0"][1], probability)
