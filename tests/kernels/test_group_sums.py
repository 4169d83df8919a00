"""Every function of the compiled library, against NumPy in float64.

Tolerances are those of single precision: a sum of n products is off by at most n times `HALF_STEP`
of the sum of their sizes, and the length of a correlated series is 1.
"""

from __future__ import annotations

import itertools
import platform
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fcnm_bids.kernels import arrays, group_sums, library
from fcnm_bids.stats.moments import neighbour_rows

HALF_STEP = 2.0**-24
"""Rounding of a value in single precision, relative to it."""

PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]
SHAPE = (7, 6, 5)
VARIANTS = library.usable_variants(platform.machine(), library.processor_features())


def unit(series: NDArray, axis: int) -> NDArray:
    return series / np.linalg.norm(series.astype(np.float64), axis=axis, keepdims=True)


class Correlated:
    """Random arguments of `correlate`, and what it has to find."""

    def __init__(
        self, m: int, voxels: slice, n_blocks: int = 1, dtype: type = np.float32, seed: int = 0
    ) -> None:
        rng = np.random.default_rng(seed)
        n_voxels = voxels.stop + 3
        steps = 100 if np.issubdtype(dtype, np.integer) else 1
        shared = rng.standard_normal((m, 1))
        values = rng.standard_normal((m, n_voxels)) + shared * rng.uniform(0, 2, n_voxels)
        self.values = np.clip(steps * values / 5, -steps, steps).astype(dtype)
        length = np.linalg.norm(self.values.astype(np.float64), axis=0)
        self.factors = (1 / np.where(length > 0, length, 1)).astype(np.float32)
        series = rng.standard_normal((n_blocks, m, 16)) + shared
        self.series = unit(series, 1).astype(np.float32)
        self.weights = rng.uniform(1, 90, (n_blocks, 16)).astype(np.float32)
        self.place = rng.permutation(n_voxels + 5)[:n_voxels].astype(np.int32)
        self.place[rng.random(n_voxels) < 0.1] = -1
        self.maps = rng.standard_normal((n_blocks, n_voxels + 5, 16)).astype(np.float32)
        self.voxels = voxels
        columns = self.values.astype(np.float64) * self.factors
        self.r = np.einsum("bms,mv->bvs", self.series.astype(np.float64), columns)
        # scaling a column rounds as well, and the result is rounded once more
        self.error = (m + 4) * HALF_STEP

    def call(self, maps: NDArray, *, add: bool, limit: float = 0.95) -> NDArray[np.int32]:
        return group_sums.correlate(
            *(self.values, self.voxels, self.factors, self.series, self.weights, self.place, maps),
            add=add,
            limit=limit,
        )

    def check(self, *, add: bool, limit: float = 0.95) -> None:
        """Correlate, and compare the maps and the correlations beyond the limit."""
        maps = self.maps.copy()
        near = self.call(maps, add=add, limit=limit)
        assert len(np.unique(near, axis=0)) == len(near)
        beyond = np.zeros(self.r.shape, dtype=bool)
        beyond[tuple(near.T)] = True
        mapped = np.zeros(self.r.shape[1], dtype=bool)
        mapped[self.voxels] = self.place[self.voxels] >= 0
        clear = np.abs(np.abs(self.r) - limit) > self.error
        expected_beyond = (np.abs(self.r) > limit) & mapped[:, None]
        np.testing.assert_array_equal(beyond[clear], expected_beyond[clear])

        kept = np.where(beyond | ~mapped[:, None], 0, self.r)
        z, slope = np.arctanh(kept) * self.weights[:, None], self.weights[:, None] / (1 - kept**2)
        expected, error = self.maps.astype(np.float64), np.zeros(maps.shape)
        rows = self.place[mapped]
        expected[:, rows] = add * expected[:, rows] + z[:, mapped]
        error[:, rows] = (self.error * slope + 7e-7 * np.abs(z))[:, mapped]
        error[:, rows] += add * 2 * HALF_STEP * np.abs(expected[:, rows])
        assert (np.abs(maps - expected) <= error).all()


@pytest.mark.parametrize("add", [False, True])
@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.float32, np.float64])
def test_series_of_every_type_are_correlated(dtype: type, add: bool) -> None:
    Correlated(40, slice(5, 640), dtype=dtype).check(add=add)


@pytest.mark.parametrize("m", [1, 2, 7, 64, 200])
def test_series_of_every_length_are_correlated(m: int) -> None:
    Correlated(m, slice(0, 130), seed=m).check(add=False)


@pytest.mark.parametrize("n_voxels", [1, 5, 6, 12, 13, 491, 492, 493, 984, 1500])
def test_voxels_need_not_fill_tiles(n_voxels: int) -> None:
    Correlated(9, slice(2, 2 + n_voxels), seed=n_voxels).check(add=True)


@settings(max_examples=40)
@given(
    st.integers(1, 50),
    st.integers(0, 40),
    st.integers(1, 1100),
    st.integers(1, 4),
    st.booleans(),
    st.floats(0.05, 0.95),
)
def test_any_numbers_of_blocks_voxels_and_values(
    m: int, start: int, n_voxels: int, n_blocks: int, add: bool, limit: float
) -> None:
    own = Correlated(m, slice(start, start + n_voxels), n_blocks, seed=m + n_voxels)
    own.check(add=add, limit=limit)


def test_correlations_beyond_the_limit_are_left_out() -> None:
    own = Correlated(30, slice(0, 700), 2, seed=4)
    assert 0.1 < (np.abs(own.r) > 0.5).mean() < 0.9
    own.check(add=False, limit=0.5)
    own.check(add=True, limit=0.5)


def test_nothing_is_near_a_limit_that_nothing_reaches() -> None:
    own = Correlated(200, slice(0, 100), seed=1)
    own.series[:] = unit(np.random.default_rng(2).standard_normal(own.series.shape), 1)
    assert own.call(own.maps, add=False).shape == (0, 3)


def test_a_voxel_without_place_leaves_the_maps_alone() -> None:
    own = Correlated(10, slice(0, 50))
    own.place[:] = -1
    before = own.maps.copy()
    assert len(own.call(own.maps, add=False, limit=0.01)) == 0
    np.testing.assert_array_equal(own.maps, before)


def test_fishers_z_is_off_by_no_more_than_6e_7_of_it() -> None:
    """With one value per series, r is their product: over 1.6 million correlations."""
    small = np.geomspace(1e-30, 0.5, 20_000)
    r = np.concatenate([np.linspace(-0.95, 0.95, 60_001), small, -small]).astype(np.float32)
    seeds = np.linspace(0.95, 1, 16, dtype=np.float32)
    maps = np.empty((1, r.size, 16), np.float32)
    near = group_sums.correlate(
        *(r[None], slice(0, r.size), np.ones(r.size, np.float32), seeds[None, None]),
        *(np.ones((1, 16), np.float32), np.arange(r.size, dtype=np.int32), maps),
        add=False,
        limit=0.95,
    )
    assert len(near) == 0
    product = r[:, None] * seeds
    assert product.dtype == np.float32
    exact = np.arctanh(product.astype(np.float64))
    assert (np.abs(maps[0] - exact) <= 6e-7 * np.abs(exact)).all()
    assert np.abs(exact).max() > 1.83


def maps_of(n_participants: int, n_voxels: int, *, missing: float, seed: int = 0) -> NDArray:
    """Maps of a block, shape (participants, voxels, 16)."""
    rng = np.random.default_rng(seed)
    maps = rng.normal(0.3, 0.2, (n_participants, n_voxels, 16)).astype(np.float32)
    maps[rng.random(maps.shape) < missing] = np.nan
    return maps


@pytest.mark.parametrize("n_participants", [1, 2, 8])
@pytest.mark.parametrize("missing", [0.0, 0.4])
def test_mean_maps_are_over_those_with_a_value(n_participants: int, missing: float) -> None:
    maps = maps_of(n_participants, 61, missing=missing)
    maps[:, 3, 4] = np.nan
    there = np.isfinite(maps)
    exact = np.nansum(maps, axis=0, dtype=np.float64) / np.maximum(there.sum(axis=0), 1)
    found = group_sums.mean_map(maps)
    sizes = np.nansum(np.abs(maps), axis=0)
    assert (np.abs(found - exact) <= (n_participants + 1) * HALF_STEP * sizes).all()
    assert found[3, 4] == 0


def test_participants_of_a_mean_map_may_lie_apart() -> None:
    buffer = np.stack([maps_of(3, 20, missing=0.2, seed=own) for own in range(4)], axis=1)
    for block in range(4):
        apart = buffer[:, block]
        assert not apart.flags.c_contiguous
        together = np.ascontiguousarray(apart)
        np.testing.assert_array_equal(group_sums.mean_map(apart), group_sums.mean_map(together))


@pytest.mark.parametrize("missing", [0.0, 0.01, 0.5, 1.0])
def test_the_centre_is_subtracted_and_missing_values_are_counted(missing: float) -> None:
    (maps,), (centre,) = maps_of(1, 77, missing=missing), maps_of(1, 77, missing=0, seed=1)
    before = np.random.default_rng(2).integers(0, 9, maps.shape).astype(np.int32)
    lacking, deviations = before.copy(), np.full(maps.shape, 7, np.float32)
    found = group_sums.subtract_centre(maps, centre, deviations, lacking)
    there = np.isfinite(maps)
    np.testing.assert_array_equal(deviations, np.where(there, maps - centre, 0))
    np.testing.assert_array_equal(lacking, before + ~there)
    np.testing.assert_array_equal(found, there.sum(axis=0))


class Group:
    """Random deviations of a group, and sums to add to."""

    def __init__(self, n_participants: int, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        index = np.flatnonzero(rng.random(np.prod(SHAPE)) < 0.8)
        self.n_voxels = index.size
        self.neighbours = neighbour_rows(index, SHAPE)
        shape = (n_participants, self.n_voxels + 1, 16)
        self.deviations = rng.standard_normal(shape).astype(np.float32)
        self.deviations[:, -1] = 0
        self.sums = rng.standard_normal((self.n_voxels, 2, 16))
        self.products = rng.standard_normal((self.n_voxels, 6, 16)).astype(np.float32)

    def added(
        self, *parts: slice, neighbours: bool = True
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        sums, products = self.sums.copy(), self.products.copy()
        for part in parts:
            group_sums.add_group(
                self.deviations,
                part,
                self.neighbours if neighbours else None,
                sums,
                products if neighbours else None,
            )
        return sums, products


@pytest.mark.parametrize("n_participants", [1, 3, 8])
def test_sums_and_products_of_a_group_are_added(n_participants: int) -> None:
    own = Group(n_participants)
    sums, products = own.added(slice(0, own.n_voxels))
    exact = own.deviations.astype(np.float64)
    here, rounding = exact[:, :-1], n_participants * HALF_STEP
    for row, terms in enumerate((here, here**2)):
        error = np.abs(sums[:, row] - own.sums[:, row] - terms.sum(axis=0))
        # the sums themselves are in float64
        assert (error <= rounding * np.abs(terms).sum(axis=0) + 1e-15).all()
    around = [here, *(exact[:, rows] for rows in own.neighbours)]
    for row, (a, b) in enumerate(PAIRS):
        terms = around[a] * around[b]
        total = own.products[:, row] + terms.sum(axis=0)
        sizes = np.abs(terms).sum(axis=0)
        allowed = (rounding + HALF_STEP) * sizes + HALF_STEP * np.abs(total)
        assert (np.abs(products[:, row] - total) <= allowed).all()


def test_without_neighbours_the_sums_have_the_same_bits() -> None:
    own = Group(8)
    with_them, _ = own.added(slice(0, own.n_voxels))
    without, untouched = own.added(slice(0, own.n_voxels), neighbours=False)
    np.testing.assert_array_equal(with_them, without)
    np.testing.assert_array_equal(untouched, own.products)


@given(st.lists(st.integers(0, 160), max_size=5))
def test_divided_voxels_have_the_same_bits(edges: list[int]) -> None:
    own = Group(8)
    edges = [0, *sorted(min(edge, own.n_voxels) for edge in edges), own.n_voxels]
    parts = [slice(*pair) for pair in itertools.pairwise(edges)]
    whole = own.added(slice(0, own.n_voxels))
    for divided, expected in zip(own.added(*parts[::-1]), whole, strict=True):
        np.testing.assert_array_equal(divided, expected)


def test_other_voxels_are_left_as_they_were() -> None:
    own = Group(2)
    sums, products = own.added(slice(20, 30))
    changed = (sums != own.sums).any(axis=(1, 2))
    np.testing.assert_array_equal(np.flatnonzero(changed), np.arange(20, 30))
    alone = (own.neighbours == own.n_voxels).all(axis=0)
    changed = (products != own.products).any(axis=(1, 2))
    np.testing.assert_array_equal(changed, (sums != own.sums).any(axis=(1, 2)) & ~alone)


def test_products_may_end_with_the_last_of_the_voxels() -> None:
    """The voxels behind a slab lend it their values, and have no products of their own."""
    own, slab = Group(3), slice(4, 50)
    expected = own.added(slab)
    own.products = own.products[: slab.stop].copy()
    sums, products = own.added(slab)
    np.testing.assert_array_equal(sums, expected[0])
    np.testing.assert_array_equal(products, expected[1][: slab.stop])


class Neighbours:
    """Deviations of participants in 16 contrasts, and the voxels beside each voxel."""

    def __init__(self, n_participants: int = 9, *, with_map: float = 1, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        index = np.flatnonzero(rng.random(np.prod(SHAPE)) < 0.9)
        self.n_voxels = index.size
        self.rows = neighbour_rows(index, SHAPE)
        smooth = rng.standard_normal((n_participants, 1, 16))
        self.values = 0.4 + smooth + rng.standard_normal((n_participants, self.n_voxels, 16))
        self.has_map = rng.random((n_participants, 16)) < with_map
        self.values *= self.has_map[:, None]
        self.lacking = rng.integers(1, 4, (self.n_voxels, 16)).astype(np.int32)
        self.lacking[rng.random(self.lacking.shape) < 0.9] = 0
        self.usable = self.lacking == 0
        self.around = np.vstack([np.arange(self.n_voxels), self.rows])
        # row behind the last voxel for no neighbour
        self.there = np.vstack([self.usable, np.zeros((1, 16), dtype=bool)])[self.around]

    @property
    def everywhere(self) -> slice:
        return slice(0, self.n_voxels)

    def products(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums over participants of products of neighbours, shape (voxels, 6, 16)."""
        padded = np.concatenate([values, np.zeros((len(values), 1, 16))], axis=1)
        pairs = [(self.around[a], self.around[b]) for a, b in PAIRS]
        return np.stack([(padded[:, a] * padded[:, b]).sum(axis=0) for a, b in pairs], axis=1)

    def about_means(self) -> NDArray[np.float64]:
        """Products of what participants with a map have beyond their mean."""
        n = np.maximum(self.has_map.sum(axis=0), 1)
        return self.products((self.values - self.values.sum(axis=0) / n) * self.has_map[:, None])

    def comoments_arguments(self) -> dict[str, Any]:
        return {
            "products": self.products(self.values).astype(np.float32),
            "sums": np.stack([self.values.sum(axis=0), (self.values**2).sum(axis=0)], axis=1),
            "lacking": self.lacking,
            "neighbours": self.rows,
            "n": self.has_map.sum(axis=0),
        }

    def roughness_arguments(self, n_fitted: int = 0, seed: int = 5) -> dict[str, Any]:
        """Return arguments of `roughness`, of residuals of a model with so many covariates."""
        n = len(self.values)
        columns = np.random.default_rng(seed).standard_normal((n, n_fitted))
        basis, _ = np.linalg.qr(np.column_stack([np.ones(n), columns]))
        fitted = np.einsum("pk,pvs->kvs", basis, self.values)
        self.residuals = self.values - np.einsum("pk,kvs->pvs", basis, fitted)
        return {
            "comoments": self.about_means(),
            "fitted": np.ascontiguousarray(fitted[1:]),
            "length": np.linalg.norm(self.residuals, axis=0),
            "usable": self.usable,
            "neighbours": self.rows,
            "voxels": self.everywhere,
        }


NEIGHBOURS = Neighbours()


def of_lane(arguments: dict[str, Any], lane: int) -> dict[str, Any]:
    """Arguments of `roughness` for one of 16 contrasts."""
    own = {name: arguments[name][..., lane].copy() for name in ("fitted", "length", "usable")}
    comoments = np.ascontiguousarray(arguments["comoments"][:, :, lane].T)
    return {**arguments, **own, "comoments": comoments}


@pytest.mark.parametrize("with_map", [1, 0.8])
def test_products_of_deviations_become_products_about_the_means(with_map: float) -> None:
    own = Neighbours(with_map=with_map)
    if with_map < 1:
        own.has_map[:, 3], own.values[:, :, 3] = False, 0
    arguments = own.comoments_arguments()
    found, exact = group_sums.comoments(**arguments), own.about_means()
    for row, (a, b) in enumerate(PAIRS):
        both = own.there[a] & own.there[b]
        error = np.abs(found[:, row] - np.where(both, exact[:, row], 0))
        # the products came in single precision, nothing else did
        assert (error <= HALF_STEP * np.abs(arguments["products"][:, row]) + 1e-13).all()
        assert (found[:, row][~both] == 0).all()
        assert 0.3 < both.mean() < 0.9
    assert (found != 0).any(axis=(0, 1)).sum() == 16 - (with_map < 1)


def test_a_contrast_has_the_same_products_whichever_are_beside_it() -> None:
    own = Neighbours(with_map=0.8)
    arguments = own.comoments_arguments()
    expected = group_sums.comoments(**arguments)
    order = np.random.default_rng(3).permutation(16)
    for name in ("products", "sums", "lacking", "n"):
        arguments[name] = np.ascontiguousarray(arguments[name][..., order])
    np.testing.assert_array_equal(group_sums.comoments(**arguments), expected[..., order])


@given(st.integers(0, 180))
def test_products_of_the_first_voxels_have_the_same_bits(n_voxels: int) -> None:
    arguments = NEIGHBOURS.comoments_arguments()
    expected = group_sums.comoments(**arguments)[:n_voxels]
    arguments["products"] = arguments["products"][:n_voxels].copy()
    np.testing.assert_array_equal(group_sums.comoments(**arguments), expected)


def roughness_by_hand(u: NDArray, own: Neighbours, lane: int) -> NDArray:
    """From residuals of unit length, one voxel after the other, by 3 x 3 matrices."""
    total = np.zeros(8)
    for v in np.flatnonzero(own.there[:, :, lane].all(axis=0)):
        steps = u[:, own.rows[:, v], lane] - u[:, [v], lane]
        roughness = steps.T @ steps
        total[0] += 1
        total[1] += np.sqrt(np.linalg.det(roughness))
        total[2:5] += np.sqrt(np.diag(roughness))
        total[5:] += np.diag(roughness)
    return total


@pytest.mark.parametrize("n_fitted", [0, 1, 3])
def test_roughness_is_that_of_residuals(n_fitted: int) -> None:
    own = Neighbours(12, seed=n_fitted)
    arguments = own.roughness_arguments(n_fitted)
    found = group_sums.roughness(**arguments)
    assert found.shape == (8, 16)
    assert found[0].min() > 30
    unit_residuals = own.residuals / arguments["length"]
    for lane in range(16):
        expected = roughness_by_hand(unit_residuals, own, lane)
        np.testing.assert_allclose(found[:, lane], expected, rtol=1e-11)


@pytest.mark.parametrize("n_fitted", [0, 1, 3])
def test_one_contrast_has_the_roughness_that_it_has_among_sixteen(n_fitted: int) -> None:
    arguments = Neighbours(12, seed=n_fitted).roughness_arguments(n_fitted)
    together = group_sums.roughness(**arguments)
    for lane in range(16):
        alone = group_sums.roughness(**of_lane(arguments, lane))
        assert alone.shape == (8,)
        np.testing.assert_array_equal(alone, together[:, lane])


@given(st.lists(st.integers(0, 180), max_size=4), st.booleans())
def test_roughness_of_parts_of_the_voxels_adds_up(edges: list[int], alone: bool) -> None:
    arguments = NEIGHBOURS.roughness_arguments(1)
    arguments = of_lane(arguments, 2) if alone else arguments
    whole = group_sums.roughness(**arguments)
    edges = [0, *sorted(min(edge, NEIGHBOURS.n_voxels) for edge in edges), NEIGHBOURS.n_voxels]
    parts = [
        group_sums.roughness(**{**arguments, "voxels": slice(*own)})
        for own in itertools.pairwise(edges)
    ]
    np.testing.assert_array_equal(sum(part[0] for part in parts), whole[0])
    np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=1e-13)


@given(st.integers(0, 130), st.integers(0, 40))
def test_roughness_of_a_slab_is_that_of_its_voxels_in_the_whole(start: int, size: int) -> None:
    """A slab of voxels with those up to the next plane but one behind it."""
    plane = SHAPE[0] * SHAPE[1]
    last = min(start + size, NEIGHBOURS.n_voxels)
    end = min(last + plane, NEIGHBOURS.n_voxels)
    arguments = NEIGHBOURS.roughness_arguments(1)
    expected = group_sums.roughness(**{**arguments, "voxels": slice(start, last)})
    rows = NEIGHBOURS.rows[:, start:end] - start
    slab = {
        "comoments": arguments["comoments"][start:last].copy(),
        "fitted": arguments["fitted"][:, start:end].copy(),
        "length": arguments["length"][start:end].copy(),
        "usable": arguments["usable"][start:end].copy(),
        "neighbours": np.minimum(rows, end - start).astype(np.int32),
        "voxels": slice(0, last - start),
    }
    np.testing.assert_array_equal(group_sums.roughness(**slab), expected)


@pytest.mark.parametrize("alone", [False, True])
def test_values_at_voxels_that_do_not_enter_do_not_matter(alone: bool) -> None:
    own = Neighbours()
    arguments = own.roughness_arguments(2)
    enters, usable = own.there.all(axis=0), own.usable
    expected = group_sums.roughness(**(of_lane(arguments, 7) if alone else arguments))
    arguments["comoments"].swapaxes(1, 2)[~enters] = np.nan
    arguments["length"][~usable] = np.nan
    arguments["fitted"][:, ~usable] = np.nan
    found = group_sums.roughness(**(of_lane(arguments, 7) if alone else arguments))
    assert (found[0] > 0).all()
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("lanes", [(), (16,)])
def test_no_usable_voxel_has_no_roughness(lanes: tuple[int, ...]) -> None:
    own = Neighbours()
    comoments = (own.n_voxels, 6, 16) if lanes else (6, own.n_voxels)
    found = group_sums.roughness(
        np.ones(comoments),
        np.zeros((0, own.n_voxels, *lanes)),
        np.ones((own.n_voxels, *lanes)),
        np.zeros((own.n_voxels, *lanes), dtype=bool),
        own.rows,
        own.everywhere,
    )
    np.testing.assert_array_equal(found, np.zeros((8, *lanes)))


def every_second(array: NDArray) -> NDArray:
    """The same values, not contiguous."""
    return np.repeat(array, 2, axis=-1)[..., ::2]


def changed_ways(array: NDArray) -> list[NDArray]:
    """The array in another type, not contiguous, and too small."""
    other = np.float64 if array.dtype == np.float32 else np.float32
    return [array.astype(other), every_second(array), array[..., :-1].copy()]


def refused(call: Callable[..., object], arguments: dict[str, object], names: list[str]) -> None:
    """Check that none of the arguments may be another kind of array."""
    call(**arguments)
    for name in names:
        for changed in changed_ways(arguments[name]):  # type: ignore[arg-type]
            with pytest.raises(ValueError, match=r"instead of \d+ contiguous"):
                call(**{**arguments, name: changed})


def test_correlate_refuses_other_arrays() -> None:
    own = Correlated(5, slice(0, 20))
    arguments: dict[str, object] = {
        "values": own.values,
        "voxels": slice(0, 23),
        "factors": own.factors,
        "series": own.series,
        "weights": own.weights,
        "place": own.place,
        "maps": own.maps,
        "add": False,
        "limit": 0.9,
    }
    refused(group_sums.correlate, arguments, ["factors", "weights", "place"])
    for name in ("series", "maps"):
        for changed in changed_ways(arguments[name])[:2]:  # type: ignore[arg-type]
            with pytest.raises(ValueError, match="contiguous"):
                group_sums.correlate(**{**arguments, name: changed})  # type: ignore[arg-type]
    for values in (every_second(own.values), own.values[:-1].copy()):
        with pytest.raises(ValueError, match=r"contiguous|series of"):
            group_sums.correlate(**{**arguments, "values": values})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="values of uint8"):
        group_sums.correlate(**{**arguments, "values": own.values.astype(np.uint8)})  # type: ignore[arg-type]


def test_functions_of_one_participant_refuse_other_arrays() -> None:
    maps = maps_of(2, 9, missing=0)
    for changed in changed_ways(maps)[:2]:
        with pytest.raises(ValueError, match="contiguous"):
            group_sums.mean_map(changed)
    arguments: dict[str, object] = {
        "maps": maps[0],
        "centre": maps[1].copy(),
        "deviations": np.empty((9, 16), np.float32),
        "lacking": np.zeros((9, 16), np.int32),
    }
    refused(group_sums.subtract_centre, arguments, ["centre", "deviations", "lacking"])


def test_functions_of_sums_refuse_other_arrays() -> None:
    own = Group(2)
    arguments: dict[str, object] = {
        "deviations": own.deviations,
        "voxels": slice(0, own.n_voxels),
        "neighbours": own.neighbours,
        "sums": own.sums,
        "products": own.products,
    }
    refused(group_sums.add_group, arguments, ["deviations", "neighbours", "sums", "products"])


def test_functions_of_neighbours_refuse_other_arrays() -> None:
    arguments = NEIGHBOURS.comoments_arguments()
    refused(group_sums.comoments, arguments, ["sums", "lacking", "neighbours"])
    for changed in changed_ways(arguments["products"]):
        with pytest.raises(ValueError, match="contiguous"):
            group_sums.comoments(**{**arguments, "products": changed})
    with pytest.raises(ValueError, match="instead of 16 contiguous"):
        group_sums.comoments(**{**arguments, "n": arguments["n"][:15]})
    with pytest.raises(ValueError, match=r"of \d+ voxels, sums of \d+ rows"):
        group_sums.comoments(**{**arguments, "sums": arguments["sums"][:-1].copy()})


@pytest.mark.parametrize("alone", [False, True])
def test_roughness_refuses_other_arrays(alone: bool) -> None:
    arguments = NEIGHBOURS.roughness_arguments(2)
    arguments = of_lane(arguments, 0) if alone else arguments
    n_voxels = NEIGHBOURS.n_voxels
    refused(group_sums.roughness, arguments, ["neighbours"])
    # a lane or a voxel less is refused already by its shape
    for name in ("comoments", "fitted", "length", "usable"):
        for changed in changed_ways(arguments[name]):
            with pytest.raises(ValueError, match=r"contiguous|of shape|rows"):
                group_sums.roughness(**{**arguments, name: changed})
    for voxels in (slice(-1, 5), slice(6, 5), slice(0, n_voxels + 1)):
        with pytest.raises(ValueError, match=f"of {n_voxels} voxels and {n_voxels} rows"):
            group_sums.roughness(**{**arguments, "voxels": voxels})


def test_contrasts_side_by_side_are_sixteen() -> None:
    arguments = NEIGHBOURS.roughness_arguments(1)
    for name in ("comoments", "fitted", "length", "usable"):
        arguments[name] = arguments[name][..., :8].copy()
    with pytest.raises(ValueError, match="lengths of shape"):
        group_sums.roughness(**arguments)


def test_voxels_that_are_not_there_are_not_added_to() -> None:
    own = Group(2)
    for voxels in (slice(-1, 5), slice(6, 5), slice(0, own.n_voxels + 1)):
        with pytest.raises(ValueError, match=f"of {own.n_voxels} voxels"):
            own.added(voxels)
    own.products = own.products[:49].copy()
    with pytest.raises(ValueError, match="contiguous"):
        own.added(slice(0, 50))


@pytest.fixture
def in_variant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], list[NDArray]]]:
    """Everything that the functions return and write, with a variant of the library."""

    def everything(variant: str) -> list[NDArray]:
        monkeypatch.setattr(arrays, "load", lambda: library.load_variant(variant))
        arrays.function.cache_clear()
        found: list[NDArray] = []
        for dtype in (np.int8, np.int16, np.float32, np.float64):
            own = Correlated(73, slice(5, 1300), 3, dtype)
            for add in (False, True):
                near = own.call(own.maps, add=add, limit=0.6)
                # in the order in which registers are filled
                found += [own.maps.copy(), near[np.lexsort(near.T)]]
        maps = maps_of(8, 90, missing=0.2)
        centre, deviations = group_sums.mean_map(maps), np.empty((90, 16), np.float32)
        lacking = np.zeros((90, 16), np.int32)
        n_found = group_sums.subtract_centre(maps[0], centre, deviations, lacking)
        found += [centre, deviations, lacking, n_found]
        group = Group(8)
        sums, products = group.added(slice(0, group.n_voxels))
        lacking = NEIGHBOURS.lacking[: group.n_voxels].copy()
        n = np.full(16, 8)
        comoments = group_sums.comoments(products, sums, lacking, group.neighbours, n)
        arguments: dict[str, Any] = {
            "comoments": comoments,
            "fitted": np.ascontiguousarray(sums.swapaxes(0, 1)),
            "length": 9 + sums[:, 1] ** 2,
            "usable": lacking == 0,
            "neighbours": group.neighbours,
            "voxels": slice(3, group.n_voxels),
        }
        together = group_sums.roughness(**arguments)
        assert (together[0] > 9).all()
        alone = group_sums.roughness(**of_lane(arguments, 3))
        return [*found, sums, products, comoments, together, alone]

    yield everything
    arrays.function.cache_clear()


@pytest.mark.parametrize(
    ("m", "n_voxels", "n_targets"), [(1, 5, 3), (62, 500, 16), (89, 1000, 531)]
)
def test_positive_correlations_are_summed_over_targets(
    m: int, n_voxels: int, n_targets: int
) -> None:
    columns = unit(np.random.default_rng(m).standard_normal((m, n_voxels)), 0).astype(np.float32)
    columns[:, 2] = 0
    chosen = np.random.default_rng(0).integers(n_voxels, size=n_targets)
    found = group_sums.positive_sums(columns, columns[:, chosen])
    r = columns.T.astype(np.float64) @ columns[:, chosen]
    # every r within the rounding of m products, and 32 of them added before they are float64
    bound = n_targets * (m + 32) * HALF_STEP
    np.testing.assert_allclose(found, np.maximum(r, 0).sum(axis=1), rtol=0, atol=bound)
    assert found[2] == 0


WITH_FUSED = [variant for variant in VARIANTS if variant != "x86_64"]


@pytest.mark.skipif(len(WITH_FUSED) < 2, reason="this processor runs one variant at most")
def test_variants_with_fused_operations_give_the_same_bits(
    in_variant: Callable[[str], list[NDArray]],
) -> None:
    first, *others = (in_variant(variant) for variant in WITH_FUSED)
    for other in others:
        for one, two in zip(first, other, strict=True):
            np.testing.assert_array_equal(one, two)


@pytest.mark.skipif(len(VARIANTS) < 2, reason="this processor runs one variant only")
def test_the_variant_without_them_differs_by_rounding(
    in_variant: Callable[[str], list[NDArray]],
) -> None:
    fused, plain = in_variant(VARIANTS[0]), in_variant("x86_64")
    for one, two in zip(fused, plain, strict=True):
        if np.issubdtype(one.dtype, np.integer):
            np.testing.assert_array_equal(one, two)
        else:
            # of 73 products of unit series, weighted by up to 90
            np.testing.assert_allclose(one, two, rtol=1e-5, atol=90 * 77 * HALF_STEP)


def test_series_of_another_length_and_a_higher_limit_are_refused() -> None:
    own = Correlated(5, slice(0, 9))
    maps = own.maps.copy()
    own.series = own.series[:, :2].copy()
    with pytest.raises(ValueError, match="series of"):
        own.call(maps, add=False)
    with pytest.raises(ValueError, match="approximated up to"):
        Correlated(5, slice(0, 9)).call(maps, add=False, limit=0.99)


def test_neighbours_without_their_products_are_refused() -> None:
    deviations, sums = np.zeros((1, 4, 16), np.float32), np.zeros((3, 2, 16))
    neighbours = np.full((3, 3), 3, np.int32)
    with pytest.raises(ValueError, match="together"):
        group_sums.add_group(deviations, slice(0, 3), neighbours, sums, None)
