from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fcnm_bids.stats import PARTICIPANTS_AT_ONCE, Moments, bytes_of_sums, forward_neighbours

SHAPE = (6, 5, 7)
PAIRS = [(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)]


def scattered_voxels(seed: int = 0, share: float = 0.7) -> NDArray[np.intp]:
    return np.flatnonzero(np.random.default_rng(seed).random(np.prod(SHAPE)) < share)


def participants(n: int, n_maps: int, n_voxels: int, *, missing: float, seed: int = 1) -> NDArray:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, n_maps, n_voxels))
    z[rng.random(z.shape) < missing] = np.nan
    return z


def stacked(moments: Moments, name: str) -> NDArray:
    return np.stack([getattr(moments.contrast(i), name) for i in range(len(moments.n))])


def summed(z: NDArray, index: NDArray[np.intp], *, smoothness: bool = True) -> Moments:
    moments = Moments(z.shape[1], index, SHAPE, smoothness=smoothness)
    for participant in z:
        moments.add(participant, np.zeros(participant.shape, dtype=bool))
    return moments


@given(st.lists(st.booleans(), min_size=24, max_size=24))
def test_neighbours_are_found_by_their_subscripts(inside: list[bool]) -> None:
    shape = (2, 3, 4)
    index = np.flatnonzero(inside)
    neighbours = forward_neighbours(index, shape)
    place = {tuple(np.unravel_index(voxel, shape, order="F")): i for i, voxel in enumerate(index)}
    for subscripts, i in place.items():
        for axis in range(3):
            step = np.eye(3, dtype=int)[axis]
            assert neighbours[axis, i] == place.get(tuple(np.add(subscripts, step)), -1)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_sums_are_those_over_all_participants_at_once(missing: float) -> None:
    index = scattered_voxels()
    z = participants(9, 3, index.size, missing=missing)
    moments = summed(z, index)
    np.testing.assert_array_equal(moments.n, np.isfinite(z).sum(axis=0))
    total, square = stacked(moments, "total"), stacked(moments, "square")
    np.testing.assert_allclose(total, np.nansum(z, axis=0), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(square, np.nansum(z**2, axis=0), rtol=1e-13)
    np.testing.assert_array_equal(moments.n_participants, [9, 9, 9])


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_neighbour_products_by_brute_force(missing: float) -> None:
    index = scattered_voxels()
    z = participants(5, 2, index.size, missing=missing)
    z[3, 1] = np.nan
    products = stacked(summed(z, index), "products")
    neighbours = forward_neighbours(index, SHAPE)
    complete = np.isfinite(z).sum(axis=0) == np.array([5, 4])[:, None]
    assert complete.any()
    for v in range(index.size):
        places = (v, *neighbours[:, v])
        for row, (a, b) in enumerate(PAIRS):
            expected = np.zeros(2)
            if places[a] >= 0 and places[b] >= 0:
                expected = np.nansum(z[:, :, places[a]] * z[:, :, places[b]], axis=0)
                expected[~(complete[:, places[a]] & complete[:, places[b]])] = 0
            np.testing.assert_allclose(products[:, row, v], expected, rtol=1e-12, atol=1e-13)


def test_more_voxels_than_one_block() -> None:
    shape = (40, 30, 30)
    index = np.arange(np.prod(shape))
    z = np.random.default_rng(3).standard_normal((1, index.size))
    moments = Moments(1, index, shape, smoothness=True)
    moments.add(z, np.zeros(z.shape, dtype=bool))
    volume = z.reshape(shape, order="F")
    sums = moments.contrast(0)
    product = sums.products.reshape(6, *shape, order="F")
    close = partial(np.testing.assert_allclose, rtol=1e-12, atol=1e-15)
    close(sums.square, z[0] ** 2)
    close(product[0, :-1], volume[:-1] * volume[1:])
    close(product[2, :, :, :-1], volume[:, :, :-1] * volume[:, :, 1:])
    close(product[3, :-1, :-1], volume[1:, :-1] * volume[:-1, 1:])
    assert (product[0, -1] == 0).all()


def test_a_participant_without_a_map_is_not_one_of_its_participants() -> None:
    index = scattered_voxels()
    z = participants(4, 2, index.size, missing=0)
    z[1, 0] = np.nan
    moments = summed(z, index)
    np.testing.assert_array_equal(moments.n_participants, [3, 4])
    assert (moments.n[0] == 3).all()
    np.testing.assert_allclose(moments.contrast(0).total, np.nansum(z[:, 0], axis=0))


def test_clipped_in_anybody_is_remembered() -> None:
    moments = Moments(2, np.arange(4), (4, 1, 1), smoothness=False)
    for voxel in (0, 3):
        clipped = np.zeros((2, 4), dtype=bool)
        clipped[1, voxel] = True
        moments.add(np.ones((2, 4)), clipped)
    np.testing.assert_array_equal(moments.clipped_in, [[0, 0, 0, 0], [1, 0, 0, 1]])


def test_single_precision_maps_are_summed_in_double() -> None:
    z = np.full((1, 6), 0.1, dtype=np.float32)
    moments = Moments(1, np.arange(6), (6, 1, 1), smoothness=False)
    for _ in range(1000):
        moments.add(z, np.zeros(z.shape, dtype=bool))
    expected = 1000 * np.float64(np.float32(0.1))
    np.testing.assert_allclose(moments.contrast(0).total, expected, rtol=1e-12)


@pytest.mark.parametrize("mean", [0.0, 1.0, 30.0])
def test_the_variance_of_single_precision_maps_is_that_of_double_ones(mean: float) -> None:
    """Squares of z in single precision would lose half of the digits at a mean of 30."""
    rng = np.random.default_rng(5)
    index = scattered_voxels()
    z = (mean + 0.1 * rng.standard_normal((40, 1, index.size))).astype(np.float32)
    z[7, 0, ::5] = np.nan
    moments = Moments(1, index, SHAPE, smoothness=True)
    for first in range(0, 40, PARTICIPANTS_AT_ONCE):
        group = z[first : first + PARTICIPANTS_AT_ONCE]
        moments.add_participants(group, list(np.zeros(group.shape, dtype=bool)))
    sums, exact = moments.contrast(0), z[:, 0].astype(np.float64)
    variance = (sums.square - sums.total**2 / sums.n) / (sums.n - 1)
    np.testing.assert_allclose(variance, np.nanvar(exact, axis=0, ddof=1), rtol=2e-6)
    np.testing.assert_allclose(sums.total / sums.n, np.nanmean(exact, axis=0), atol=2e-7)
    neighbours = forward_neighbours(index, SHAPE)
    voxels = np.flatnonzero((neighbours[1] >= 0) & (sums.products[1] != 0))
    assert voxels.size > 20
    for v in voxels:
        w = neighbours[1, v]
        covariance = (sums.products[1, v] - sums.total[v] * sums.total[w] / 40) / 39
        expected = np.cov(exact[:, v], exact[:, w])[0, 1]
        assert covariance == pytest.approx(expected, abs=2e-6 * 0.01)


def test_adding_leaves_the_maps_as_they_were() -> None:
    index = scattered_voxels()
    z = participants(1, 2, index.size, missing=0.3)[0]
    before = z.copy()
    Moments(2, index, SHAPE, smoothness=True).add(z, np.zeros(z.shape, dtype=bool))
    np.testing.assert_array_equal(z, before)


def test_maps_of_another_shape_are_refused() -> None:
    moments = Moments(1, np.arange(4), (4, 1, 1), smoothness=False)
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        moments.add(np.ones((1, 3)), np.zeros((1, 3), dtype=bool))


def test_unsorted_voxels_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted"):
        Moments(1, np.array([2, 1]), (4, 1, 1), smoothness=False)


def test_one_contrast_by_itself() -> None:
    index = scattered_voxels()
    moments = summed(participants(3, 2, index.size, missing=0), index)
    contrast = moments.contrast(1)
    assert contrast.n_participants == 3
    assert contrast.products is not None
    assert contrast.products.shape == (6, index.size)
    assert (
        summed(participants(3, 2, index.size, missing=0), index, smoothness=False)
        .contrast(0)
        .products
        is None
    )


def test_sums_travel_between_processes() -> None:
    index = scattered_voxels()
    z = participants(2, 1, index.size, missing=0)
    moments = pickle.loads(pickle.dumps(summed(z[:1], index)))
    moments.add(z[1], np.zeros(z[1].shape, dtype=bool))
    whole = summed(z, index)
    np.testing.assert_array_equal(stacked(moments, "total"), stacked(whole, "total"))


@pytest.mark.parametrize("n_covariates", [0, 1, 4])
@pytest.mark.parametrize("smoothness", [True, False])
def test_sums_take_no_more_memory_than_is_said(n_covariates: int, smoothness: bool) -> None:
    rng = np.random.default_rng(0)
    index, n_contrasts = np.arange(1000), 3
    moments = Moments(
        n_contrasts, index, (10, 10, 10), smoothness=smoothness, n_covariates=n_covariates
    )
    before = {
        name: value.nbytes for name, value in vars(moments).items() if hasattr(value, "nbytes")
    }
    for _ in range(40):
        z = rng.standard_normal((n_contrasts, 1000))
        z[:, rng.random(1000) < 0.2] = np.nan
        moments.add(z, np.zeros(z.shape, dtype=bool), rng.standard_normal(n_covariates))
    counted = sum(before[name] for name in ("n", "clipped_in", "_centre", "_sums"))
    for contrast in range(n_contrasts if n_covariates else 0):
        sums = moments.contrast(contrast).covariates
        assert sums is not None
        assert (sums.lacking >= 0).all()
        counted += sums.products.nbytes + sums.lacking.nbytes + sums.lacking_gram.nbytes
    said = bytes_of_sums(smoothness=smoothness, n_covariates=n_covariates)
    assert counted == said * n_contrasts * 1000
