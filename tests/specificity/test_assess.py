"""A map against draws of a null, by brute force."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.specificity import NullAssessment, assess, upper_p

V, C = 40, 5


def network_of(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.nan_to_num(values, nan=-1.0) >= 0.6)


REGIONS = (np.arange(V) < 10, np.arange(V) % 2 == 0)


def shares(seed: int, n_draws: int, *, holes: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """An observed map and draws of C contrasts, with NaN and with voxels that never vary."""
    rng = np.random.default_rng(seed)
    chance = rng.beta(0.7, 1.0, size=V)
    maps = rng.binomial(C, chance, size=(n_draws + 1, V)) / C
    maps[:, 3] = 0.0
    maps[:, 4] = 0.2
    if holes:
        maps[0, 5] = np.nan
        maps[:, 6] = np.nan
        maps[-1, 7] = np.nan
    return maps[0], maps[1:]


def blocks(draws: np.ndarray, *cuts: int) -> Callable[[], Iterable[np.ndarray]]:
    return lambda: np.split(draws, sorted(cuts))


def assessed(
    observed: np.ndarray, draws: np.ndarray, *cuts: int, step: float = 1 / C
) -> NullAssessment:
    return assess(observed, blocks(draws, *cuts), step=step, network_of=network_of, regions=REGIONS)


def by_hand(observed: np.ndarray, draws: np.ndarray, step: float) -> dict[str, np.ndarray]:
    maps = np.vstack([observed, draws])
    n_maps = len(maps)
    defined = np.isfinite(maps).all(axis=0)
    p = np.full(V, np.nan)
    p[defined] = (maps[:, defined] >= observed[defined] - 1e-9).sum(axis=0) / n_maps
    with np.errstate(invalid="ignore"):
        sd = maps.std(axis=0)
        t = (maps - maps.mean(axis=0)) / np.sqrt(sd**2 + step**2)
    varies = defined & (sd > 1e-6)
    p_fwe, z = np.full(V, np.nan), np.full(V, np.nan)
    z[varies] = t[0, varies]
    largest = t[1:][:, varies].max(axis=1)
    for v in np.flatnonzero(varies):
        p_fwe[v] = (1 + (largest >= t[0, v] - 1e-9).sum()) / n_maps
    networks = [network_of(draw) for draw in draws]
    return {
        "p": p,
        "p_fwe": p_fwe,
        "z": z,
        "maxima": largest,
        "sizes": np.array([network.sum() for network in networks]),
        "overlaps": np.array([[(n & r).sum() for r in REGIONS] for n in networks]),
    }


@given(seed=st.integers(0, 10_000), n_draws=st.integers(1, 40), step=st.sampled_from([0, 1 / C]))
def test_brute_force_says_the_same(seed: int, n_draws: int, step: float) -> None:
    observed, draws = shares(seed, n_draws)
    found = assessed(observed, draws, step=step)
    for name, expected in by_hand(observed, draws, step).items():
        np.testing.assert_allclose(getattr(found, name), expected, atol=1e-9, err_msg=name)
    assert found.n_draws == n_draws


def test_holes_and_voxels_that_do_not_vary() -> None:
    observed, draws = shares(0, 30)
    found = assessed(observed, draws)
    assert np.isnan(found.p[[5, 6, 7]]).all()
    assert np.isnan(found.p_fwe[[3, 4, 5, 6, 7]]).all()
    assert np.isnan(found.z[[3, 4, 5, 6, 7]]).all()
    assert (found.p[[3, 4]] == 1).all()
    others = np.delete(np.arange(V), [5, 6, 7])
    varies = np.ptp(np.vstack([observed, draws])[:, others], axis=0) > 0
    assert np.count_nonzero(varies) > 20
    np.testing.assert_array_equal(np.isfinite(found.p_fwe[others]), varies)
    np.testing.assert_array_equal(np.isfinite(found.z[others]), varies)


@given(seed=st.integers(0, 10_000), n_draws=st.integers(0, 30))
def test_p_is_never_0_and_the_family_wise_one_is_no_smaller(seed: int, n_draws: int) -> None:
    found = assessed(*shares(seed, n_draws))
    for p in (found.p, found.p_fwe):
        finite = p[np.isfinite(p)]
        assert ((finite >= found.smallest_p - 1e-12) & (finite <= 1)).all()
    assert found.smallest_p == 1 / (n_draws + 1)


@given(seed=st.integers(0, 10_000), n_draws=st.integers(1, 30), data=st.data())
def test_neither_order_nor_cuts_matter(seed: int, n_draws: int, data: st.DataObject) -> None:
    observed, draws = shares(seed, n_draws)
    whole = assessed(observed, draws)
    order = data.draw(st.permutations(range(n_draws)))
    cuts = data.draw(st.lists(st.integers(0, n_draws), max_size=5))
    cut = assessed(observed, draws, *cuts)
    for name in ("p", "p_fwe", "z", "sizes", "overlaps", "maxima"):
        np.testing.assert_array_equal(getattr(cut, name), getattr(whole, name))
    assert cut.levels == whole.levels
    other = assessed(observed, draws[order], *cuts)
    for name in ("p", "p_fwe"):
        np.testing.assert_array_equal(getattr(other, name), getattr(whole, name))
    np.testing.assert_allclose(other.z, whole.z, atol=1e-12)
    np.testing.assert_array_equal(other.sizes, whole.sizes[order])
    np.testing.assert_allclose(other.maxima, whole.maxima[order], atol=1e-12)
    assert other.levels == whole.levels


@given(seed=st.integers(0, 10_000))
def test_every_map_may_be_the_observed_one(seed: int) -> None:
    """What makes the test exact: the smallest family-wise p of all maps are ranks."""
    observed, draws = shares(seed, 19, holes=False)
    maps = np.vstack([observed, draws])
    least = []
    for number in range(20):
        found = assessed(maps[number], np.delete(maps, number, axis=0))
        least.append(np.nanmin(found.p_fwe))
    ranks = np.sort(least)
    assert (ranks >= np.arange(1, 21) / 20 - 1e-12).all()
    # maps that tie for the largest share its p, but not all of them do
    assert ranks[0] < ranks[-1]


@given(seed=st.integers(0, 10_000))
def test_own_p_of_all_maps_are_ranks(seed: int) -> None:
    observed, draws = shares(seed, 19, holes=False)
    maps = np.vstack([observed, draws])
    ps = np.sort([assessed(maps[n], np.delete(maps, n, axis=0)).p for n in range(20)], axis=0)
    assert (ps >= np.arange(1, 21)[:, None] / 20 - 1e-12).all()


def test_the_levels_are_those_that_maps_take() -> None:
    observed, draws = shares(1, 50)
    found = assessed(observed, draws)
    assert found.levels == tuple(np.linspace(0, 1, C + 1).round(12))


def test_rounding_of_a_share_is_not_a_difference() -> None:
    observed = np.full(V, 0.1 + 0.2)
    draws = np.array([np.full(V, 0.3), np.full(V, 0.2), np.full(V, 0.4)])
    np.testing.assert_array_equal(assessed(observed, draws).p, 3 / 4)


def test_an_observed_map_beyond_all_others_has_the_smallest_p() -> None:
    observed, draws = shares(2, 99, holes=False)
    draws = np.minimum(draws, 0.4)
    observed[9] = 1.0
    found = assessed(observed, draws)
    assert found.p[9] == found.p_fwe[9] == 1 / 100


def test_a_rare_level_does_not_take_all_power_away() -> None:
    """Why the step is added: a voxel that one map of many reaches would stand sqrt(B) out."""
    rng = np.random.default_rng(3)
    n_draws = 99
    draws = np.zeros((n_draws, 400))
    draws[np.arange(n_draws), rng.permutation(400)[:n_draws]] = 1 / C  # one voxel, once, in each
    draws[:, 0] = rng.binomial(2, 0.5, n_draws) / C
    observed = np.zeros(400)
    observed[0] = 1.0
    added, none = (
        assess(observed, blocks(draws), step=step, network_of=network_of) for step in (1 / C, 0)
    )
    assert added.p_fwe[0] == 1 / 100
    assert none.p_fwe[0] > 0.9


def test_no_draws_say_nothing() -> None:
    observed, draws = shares(0, 0)
    found = assessed(observed, draws)
    where = np.isfinite(observed)
    assert (found.p[where] == 1).all()
    assert np.isnan(found.p_fwe).all()
    assert found.overlaps.shape == (0, len(REGIONS))


def test_maps_that_never_vary_have_no_maximum() -> None:
    observed = np.full(V, 0.2)
    found = assessed(observed, np.full((5, V), 0.2))
    assert np.isnan(found.p_fwe).all()
    assert (found.maxima == -math.inf).all()
    assert (found.p == 1).all()


@pytest.mark.parametrize(
    ("observed", "null", "expected"),
    [(3, [1, 2, 3], 2 / 4), (4, [1, 2, 3], 1 / 4), (0, [1, 2, 3], 1.0), (5, [], 1.0)],
)
def test_upper_p(observed: float, null: list[float], expected: float) -> None:
    assert upper_p(observed, np.array(null)) == expected
