"""Sums over participants, against brute force in float64."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from fcnm_bids.kernels.threads import n_threads
from fcnm_bids.stats import (
    PARTICIPANTS_AT_ONCE,
    ContrastMoments,
    Moments,
    bytes_of_sums,
    forward_neighbours,
    one_sample,
    summed_moments,
)
from fcnm_bids.stats.moments import NEIGHBOUR_PAIRS, neighbour_rows
from fcnm_bids.stats.regression import unpacked
from tests.stats.exact_sums import exact_sums

SHAPE = (6, 5, 7)

HALF_STEP = 2.0**-24
"""Rounding of a value in single precision, relative to it."""


def scattered_voxels(seed: int = 0, share: float = 0.7) -> NDArray[np.intp]:
    return np.flatnonzero(np.random.default_rng(seed).random(np.prod(SHAPE)) < share)


def participants(
    n: int, n_maps: int, n_voxels: int, *, missing: float = 0, mean: float = 0.3, seed: int = 1
) -> NDArray[np.float32]:
    """Maps of unit variance, shape (participants, contrasts, V); half of it is shared."""
    rng = np.random.default_rng(seed)
    z = mean + np.sqrt(0.5) * rng.standard_normal((n, n_maps, n_voxels))
    z += np.sqrt(0.5) * rng.standard_normal((n, n_maps, 1))
    z[rng.random(z.shape) < missing] = np.nan
    return z.astype(np.float32)


def summed(
    z: NDArray,
    index: NDArray[np.intp],
    *,
    smoothness: bool = True,
    clipped: NDArray[np.bool_] | None = None,
    covariates: NDArray | None = None,
) -> Moments:
    """Add all participants, in groups as the program has them."""
    clipped = np.zeros(z.shape, dtype=bool) if clipped is None else clipped
    columns = np.zeros((len(z), 0)) if covariates is None else covariates
    moments = Moments(
        z.shape[1], index, SHAPE, smoothness=smoothness, n_covariates=columns.shape[1]
    )
    for first in range(0, len(z), PARTICIPANTS_AT_ONCE):
        group = slice(first, first + PARTICIPANTS_AT_ONCE)
        moments.add_participants(z[group], list(clipped[group]), columns[group])
    return moments


def every_contrast(moments: Moments) -> list[ContrastMoments]:
    return [moments.contrast(position) for position in range(moments.n_contrasts)]


def about_centre(z: NDArray[np.float32]) -> NDArray[np.float64]:
    """Sums of one contrast: deviations from the mean of the first group with a map.

    Shape (participants, V); 0 where there is no value. The centre is 0 at a voxel that nobody of
    that group has.
    """
    there = np.isfinite(z)
    first = int(there.any(axis=1).argmax()) // PARTICIPANTS_AT_ONCE * PARTICIPANTS_AT_ONCE
    group = slice(first, first + PARTICIPANTS_AT_ONCE)
    count = there[group].sum(axis=0)
    centre = np.nansum(z[group], axis=0, dtype=np.float64) / np.maximum(count, 1)
    return np.where(there, z - centre, 0)


def check(found: ContrastMoments, exact: ContrastMoments, z: NDArray[np.float32]) -> None:
    """Compare the sums of one contrast with exact ones.

    A deviation has the rounding of one subtraction, its square twice that. A sum over a group of 8
    in single precision rounds 8 times. The sum over the groups is in float64, but for products of
    neighbours, which round once for each group. The total thus is off by 9 half steps of the sum
    of deviations' sizes at most, and sums of squares and of products about the means by 8 + 2, and
    twice 9 more for what is taken out for the means, of the sums of squares of deviations: about
    as many of n times the variance. The size of the mean does not enter.
    """
    assert found.n.dtype == np.int32
    np.testing.assert_array_equal(found.n, exact.n)
    np.testing.assert_array_equal(found.clipped_in, exact.clipped_in)
    np.testing.assert_array_equal(found.index, exact.index)
    assert found.shape == exact.shape
    assert (found.n_participants, found.n_added) == (exact.n_participants, exact.n_added)

    deviation = about_centre(z)
    in_float64 = 1e-14 * np.nansum(np.abs(z), axis=0)
    size = np.abs(deviation).sum(axis=0)
    assert (np.abs(found.total - exact.total) <= 9 * HALF_STEP * size + in_float64).all()

    scatter = (deviation**2).sum(axis=0)
    some = exact.n > 0
    squares = [own.square - own.total**2 / np.maximum(own.n, 1) for own in (found, exact)]
    in_float64 = 1e-14 * np.maximum(exact.square, 1e-30)
    error = np.abs(squares[0] - squares[1])
    assert (error <= 28 * HALF_STEP * scatter + in_float64)[some].all()
    assert (found.total[~some] == 0).all()
    assert (found.square[~some] == 0).all()

    assert (found.products is None) == (exact.products is None)
    if found.products is None or exact.products is None:
        return
    n_groups = -(-len(z) // PARTICIPANTS_AT_ONCE)
    around = np.vstack([np.arange(found.index.size), neighbour_rows(found.index, found.shape)])
    root = np.append(np.sqrt(scatter), 0)
    for row, (a, b) in enumerate(NEIGHBOUR_PAIRS):
        allowed = (28 + n_groups) * HALF_STEP * root[around[a]] * root[around[b]]
        assert (np.abs(found.products[row] - exact.products[row]) <= allowed).all()
        np.testing.assert_array_equal(found.products[row][allowed == 0], 0)


def check_all(
    moments: Moments,
    z: NDArray[np.float32],
    index: NDArray[np.intp],
    *,
    smoothness: bool = True,
    clipped: NDArray[np.bool_] | None = None,
) -> None:
    assert moments.n_contrasts == z.shape[1]
    for position, found in enumerate(every_contrast(moments)):
        own = z[:, position]
        flags = None if clipped is None else clipped[:, position]
        exact = exact_sums(own, SHAPE, index=index, clipped=flags, smoothness=smoothness)
        check(found, exact, own)
        assert moments.n_participants[position] == exact.n_participants
    assert moments.n_added == len(z)


def assert_same_bits(one: ContrastMoments, other: ContrastMoments) -> None:
    np.testing.assert_equal(asdict(one), asdict(other))


@given(st.lists(st.booleans(), min_size=24, max_size=24))
def test_neighbours_are_found_by_their_subscripts(inside: list[bool]) -> None:
    shape = (2, 3, 4)
    index = np.flatnonzero(inside)
    neighbours = forward_neighbours(index, shape)
    rows = neighbour_rows(index, shape)
    place = {tuple(np.unravel_index(voxel, shape, order="F")): i for i, voxel in enumerate(index)}
    for subscripts, i in place.items():
        for axis in range(3):
            step = np.eye(3, dtype=int)[axis]
            expected = place.get(tuple(np.add(subscripts, step)))
            assert neighbours[axis, i] == (-1 if expected is None else expected)
            assert rows[axis, i] == (index.size if expected is None else expected)


@pytest.mark.parametrize("smoothness", [True, False])
@pytest.mark.parametrize("missing", [0.0, 0.2])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 21])
def test_sums_are_those_over_all_participants_at_once(
    n: int, missing: float, smoothness: bool
) -> None:
    index = scattered_voxels()
    z = participants(n, 3, index.size, missing=missing)
    check_all(summed(z, index, smoothness=smoothness), z, index, smoothness=smoothness)


@pytest.mark.parametrize("n_contrasts", [15, 16, 17, 33])
def test_contrasts_need_not_fill_blocks(n_contrasts: int) -> None:
    index = scattered_voxels()
    z = participants(10, n_contrasts, index.size, missing=0.05)
    check_all(summed(z, index), z, index)


@pytest.mark.parametrize("mean", [1.0, 30.0, 1000.0])
def test_a_large_mean_costs_no_digit(mean: float) -> None:
    """Squares of z in single precision would leave nothing of the variance at a mean of 1000."""
    index = scattered_voxels()
    z = participants(20, 2, index.size, mean=mean)
    z[11, 0, ::5] = np.nan
    moments = summed(z, index)
    check_all(moments, z, index)
    sums, exact = moments.contrast(1), z[:, 1].astype(np.float64)
    variance = (sums.square - sums.total**2 / 20) / 19
    np.testing.assert_allclose(variance, exact.var(axis=0, ddof=1), rtol=3e-6)


def test_a_participant_without_a_map_is_not_one_of_its_participants() -> None:
    index = scattered_voxels()
    z = participants(12, 2, index.size)
    z[[1, 9], 0] = np.nan
    moments = summed(z, index)
    np.testing.assert_array_equal(moments.n_participants, [10, 12])
    assert (moments.contrast(0).n == 10).all()
    assert (moments.contrast(0).products != 0).any()
    check_all(moments, z, index)


def test_a_contrast_that_the_first_group_lacks_is_centred_by_the_next() -> None:
    index = scattered_voxels()
    z = participants(20, 3, index.size, mean=1000.0)
    z[:8, 1] = np.nan
    moments = summed(z, index)
    check_all(moments, z, index)
    error = moments.contrast(1).total - z[:, 1].astype(np.float64)[8:].sum(axis=0)
    assert np.abs(error).max() < 1e-4


def test_a_voxel_that_the_first_group_lacks_is_centred_by_the_next() -> None:
    index = scattered_voxels()
    z = participants(40, 1, index.size)
    z[:8, 0, 5] = np.nan
    check_all(summed(z, index), z, index)
    # the rounding of a sum of squares about 0 would be larger than the variance
    z += np.float32(1000)
    own = summed(z, index).contrast(0)
    mean = own.total[5] / own.n[5]
    found = own.square[5] / own.n[5] - mean**2
    assert found == pytest.approx(np.nanvar(z[:, 0, 5].astype(np.float64)), rel=1e-3)


def test_a_contrast_that_nobody_has_sums_to_nothing() -> None:
    index = scattered_voxels()
    z = participants(3, 2, index.size)
    z[:, 1] = np.nan
    moments = summed(z, index)
    check_all(moments, z, index)
    assert (moments.contrast(1).n == 0).all()


def test_present_are_those_with_a_value() -> None:
    index = scattered_voxels()
    z = participants(5, 3, index.size, missing=0.3)
    z[1, 0] = z[4, 2] = np.nan
    z[2, 1] = np.nan
    z[2, 1, 7] = 0.5  # one voxel is a map
    maps = np.full((5, index.size, 16), np.inf, np.float32)  # any value behind the last contrast
    maps[:, :, :3] = z.swapaxes(1, 2)
    moments = Moments(3, index, SHAPE, smoothness=True)
    present = moments.add_block(0, maps)
    moments.end_group(5)
    expected = np.ones((5, 3), dtype=bool)
    expected[1, 0] = expected[4, 2] = False
    np.testing.assert_array_equal(present, expected)
    check_all(moments, z, index)


@settings(max_examples=60)
@given(
    st.integers(1, 20),
    st.integers(1, 35),
    st.sampled_from([0.0, 0.02, 0.5]),
    st.sampled_from([0.0, 0.3, -50.0]),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_any_participants_contrasts_and_gaps(
    n: int, n_contrasts: int, missing: float, mean: float, smoothness: bool, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    index = scattered_voxels(seed, rng.uniform(0.05, 1))
    z = participants(n, n_contrasts, index.size, missing=missing, mean=mean, seed=seed)
    z[rng.random(z.shape[:2]) < 0.2 * rng.random()] = np.nan
    z[:, :, rng.random(index.size) < 0.1 * rng.random()] = np.nan
    clipped = rng.random(z.shape) < 0.01
    moments = summed(z, index, smoothness=smoothness, clipped=clipped)
    check_all(moments, z, index, smoothness=smoothness, clipped=clipped)


def test_clipped_in_anybody_is_remembered() -> None:
    index = scattered_voxels()
    z, clipped = participants(3, 18, index.size), np.zeros((3, 18, index.size), dtype=bool)
    clipped[0, 17, 0] = clipped[2, 17, 3] = clipped[1, 2, 5] = True
    found = every_contrast(summed(z, index, clipped=clipped))
    assert [np.flatnonzero(own.clipped_in).tolist() for own in found] == [
        *([], [], [5]),
        *([] for _ in range(14)),
        [0, 3],
    ]


def test_clipped_places_of_contrasts_beyond_the_last_are_left_out() -> None:
    moments = Moments(2, np.arange(4), (4, 1, 1), smoothness=False)
    moments.clip([{1: [np.array([0]), np.array([3, 0])], 2: [np.array([1])]}, {}, {0: []}])
    found = [moments.contrast(position).clipped_in.tolist() for position in range(2)]
    assert found == [[False] * 4, [True, False, False, True]]


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_covariates_are_summed_in_float64(missing: float) -> None:
    index = scattered_voxels()
    z = participants(19, 18, index.size, missing=missing)
    z[2, 17] = np.nan
    covariates = np.random.default_rng(3).standard_normal((19, 2)) * [1, 100]
    moments = summed(z, index, covariates=covariates)
    check_all(moments, z, index)
    for position, own in enumerate(every_contrast(moments)):
        exact = exact_sums(z[:, position], SHAPE, index=index, covariates=covariates).covariates
        found = own.covariates
        assert found is not None
        assert exact is not None
        size = np.abs(covariates).T @ np.abs(np.nan_to_num(z[:, position]))
        assert (np.abs(found.products - exact.products) <= 1e-14 * size).all()
        np.testing.assert_allclose(found.gram, exact.gram, rtol=1e-13, atol=1e-11)
        some = exact.lacking >= 0
        np.testing.assert_array_equal(found.lacking >= 0, some)
        assert some.any() == (missing > 0)
        lacking = [unpacked(own.lacking_gram[own.lacking[some]], 3) for own in (found, exact)]
        np.testing.assert_allclose(lacking[0], lacking[1], rtol=1e-13, atol=1e-11)


def test_covariates_come_with_each_participant() -> None:
    moments = Moments(1, np.arange(2), (2, 1, 1), smoothness=False, n_covariates=2)
    with pytest.raises(ValueError, match="2 covariates"):
        moments.add(np.ones((1, 2)), np.zeros((1, 2), dtype=bool))


@pytest.mark.parametrize("value", [0.1, 8.4, -1e-3, 1e6])
@pytest.mark.parametrize("n", [2, 7, 30])
def test_a_voxel_that_does_not_vary_is_not_tested(value: float, n: int) -> None:
    index = scattered_voxels()
    z = participants(n, 1, index.size)
    z[:, :, 4] = value
    result = one_sample(summed(z, index).contrast(0), min_subjects=0.9)
    np.testing.assert_array_equal(np.flatnonzero(~result.tested), [4])
    assert result.mean[4] == pytest.approx(float(np.float32(value)), rel=1e-12)


def in_some_order(n_contrasts: int, kind: str) -> Sequence[list[int]]:
    """Contrasts of each of several sums."""
    rng = np.random.default_rng(2)
    if kind == "one by one":
        return [[position] for position in range(n_contrasts)]
    if kind == "backwards":
        return [list(range(n_contrasts))[::-1]]
    if kind == "mixed":
        return [rng.permutation(n_contrasts).tolist()]
    return [own.tolist() for own in np.array_split(rng.permutation(n_contrasts), 3)]


@pytest.mark.parametrize("kind", ["one by one", "backwards", "mixed", "in three parts"])
@pytest.mark.parametrize("smoothness", [True, False])
def test_a_contrast_has_the_same_bits_whichever_are_summed_beside_it(
    kind: str, smoothness: bool
) -> None:
    index = scattered_voxels()
    z = participants(13, 35, index.size, missing=0.05)
    z[[0, 3], 7] = np.nan
    z[:8, 20] = np.nan
    clipped = np.random.default_rng(3).random(z.shape) < 0.01
    covariates = np.random.default_rng(4).standard_normal((13, 1))

    def over(contrasts: list[int] | slice) -> list[ContrastMoments]:
        return every_contrast(
            summed(
                z[:, contrasts],
                index,
                smoothness=smoothness,
                clipped=clipped[:, contrasts],
                covariates=covariates,
            )
        )

    together = over(slice(None))
    for contrasts in in_some_order(35, kind):
        for position, own in zip(contrasts, over(contrasts), strict=True):
            assert_same_bits(own, together[position])


@pytest.mark.parametrize("smoothness", [True, False])
def test_threads_do_not_matter(smoothness: bool) -> None:
    index = scattered_voxels()
    z = participants(13, 18, index.size, missing=0.05)
    found = []
    for threads in (1, 2, 5):
        with threadpool_limits(threads, user_api="blas"):
            assert n_threads() == threads
            found.append(every_contrast(summed(z, index, smoothness=smoothness)))
    for several in found[1:]:
        for one, other in zip(found[0], several, strict=True):
            assert_same_bits(one, other)


def test_groups_are_added_in_their_order_and_size() -> None:
    """Bits depend on the groups alone: this is why they are fixed."""
    index = scattered_voxels()
    z = participants(16, 1, index.size)
    fixed, again = summed(z, index).contrast(0), summed(z.copy(), index).contrast(0)
    assert_same_bits(fixed, again)
    one_by_one = Moments(1, index, SHAPE, smoothness=True)
    for own in z:
        one_by_one.add(own, np.zeros(own.shape, dtype=bool))
    singly = one_by_one.contrast(0)
    assert singly.n_added == 16
    assert (singly.total != fixed.total).any()
    # the first participant is the centre: deviations are twice as large
    np.testing.assert_allclose(singly.total, fixed.total, atol=16 * 16 * HALF_STEP)


def test_parts_add_up_to_the_whole_without_products() -> None:
    index = scattered_voxels()
    z = participants(14, 1, index.size, missing=0.1)
    covariates = np.random.default_rng(4).standard_normal((14, 2))
    clipped = np.random.default_rng(5).random(z.shape) < 0.01
    parts = [
        summed(z[own], index, covariates=covariates[own], clipped=clipped[own]).contrast(0)
        for own in (slice(0, 5), slice(5, 14))
    ]
    found = summed_moments(parts)
    exact = exact_sums(
        z[:, 0], SHAPE, index=index, covariates=covariates, clipped=clipped[:, 0], smoothness=False
    )
    check(found, exact, z[:, 0])
    assert found.covariates is not None
    assert exact.covariates is not None
    np.testing.assert_allclose(found.covariates.gram, exact.covariates.gram, rtol=1e-13)


def test_maps_of_double_precision_are_rounded_first() -> None:
    index = scattered_voxels()
    exact = np.random.default_rng(0).standard_normal((9, 2, index.size))
    for one, other in zip(
        every_contrast(summed(exact, index)),
        every_contrast(summed(exact.astype(np.float32), index)),
        strict=True,
    ):
        assert_same_bits(one, other)


def test_adding_leaves_the_maps_as_they_were() -> None:
    index = scattered_voxels()
    z = participants(3, 16, index.size, missing=0.3)
    blocks = np.ascontiguousarray(z.swapaxes(1, 2))
    before = blocks.copy()
    Moments(16, index, SHAPE, smoothness=True).add_block(0, blocks)
    np.testing.assert_array_equal(blocks, before)


def test_sums_that_were_read_do_not_change_with_what_is_added_later() -> None:
    index = scattered_voxels()
    z = participants(16, 2, index.size)
    moments = summed(z[:8], index)
    first = moments.contrast(1)
    before = pickle.loads(pickle.dumps(first))
    moments.add_participants(z[8:], list(np.zeros(z[8:].shape, dtype=bool)))
    assert_same_bits(first, before)
    assert_same_bits(moments.contrast(1), summed(z, index).contrast(1))


def test_maps_of_another_shape_are_refused() -> None:
    moments = Moments(1, np.arange(4), (4, 1, 1), smoothness=False)
    with pytest.raises(ValueError, match=r"\(1, 3\)"):
        moments.add(np.ones((1, 3)), np.zeros((1, 3), dtype=bool))
    with pytest.raises(ValueError, match=r"\(1, 4\)"):
        moments.add(np.ones((1, 4)), np.zeros((2, 4), dtype=bool))
    assert moments.n_added == 0


def test_unsorted_voxels_are_refused() -> None:
    with pytest.raises(ValueError, match="sorted"):
        Moments(1, np.array([2, 1]), (4, 1, 1), smoothness=False)


def test_sums_travel_between_processes() -> None:
    index = scattered_voxels()
    z = participants(11, 2, index.size)
    moments = pickle.loads(pickle.dumps(summed(z[:8], index)))
    moments.add_participants(z[8:], list(np.zeros(z[8:].shape, dtype=bool)))
    for one, other in zip(every_contrast(moments), every_contrast(summed(z, index)), strict=True):
        assert_same_bits(one, other)


@pytest.mark.parametrize("n_covariates", [0, 1, 4])
@pytest.mark.parametrize("smoothness", [True, False])
def test_full_blocks_take_no_more_memory_than_is_said(n_covariates: int, smoothness: bool) -> None:
    rng = np.random.default_rng(0)
    index, n_contrasts = np.arange(1000), 32
    moments = Moments(
        n_contrasts, index, (10, 10, 10), smoothness=smoothness, n_covariates=n_covariates
    )
    for _ in range(5):
        z = rng.standard_normal((8, n_contrasts, 1000))
        z[rng.random(z.shape) < 0.4] = np.nan
        flags = list(np.zeros(z.shape, dtype=bool))
        moments.add_participants(z, flags, rng.standard_normal((8, n_covariates)))
    # what is worked in grows with the participants of a group, not with the contrasts
    counted = sum(
        value.nbytes
        for name, value in vars(moments).items()
        if name not in ("index", "_neighbours", "_deviations", "n_participants")
        and isinstance(value, np.ndarray)
    )
    for contrast in range(n_contrasts if n_covariates else 0):
        sums = moments.contrast(contrast).covariates
        assert sums is not None
        assert (sums.lacking >= 0).all()
        counted += sums.products.nbytes + sums.lacking.nbytes + sums.lacking_gram.nbytes
    said = bytes_of_sums(smoothness=smoothness, n_covariates=n_covariates)
    assert counted == said * n_contrasts * 1000
