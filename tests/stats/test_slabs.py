"""Sums over participants at slabs of voxels and in blocks of contrasts, against those of the whole.

All of them are the same to the bit.
"""

from __future__ import annotations

import itertools
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fcnm_bids.stats import (
    PARTICIPANTS_AT_ONCE,
    ContrastMoments,
    Moments,
    estimate_smoothness,
    one_sample,
)
from fcnm_bids.stats.moments import BlockMoments
from fcnm_bids.stats.smoothness import VOXELS_PER_SUM, RoughnessSums, roughness_sums

SHAPE = (6, 5, 8)
PLANE = SHAPE[0] * SHAPE[1]


class Study:
    """Maps of participants, some of them missing, and the sums over them at any slab of voxels."""

    def __init__(
        self,
        n_participants: int = 13,
        n_contrasts: int = 19,
        *,
        missing: float = 0.03,
        n_covariates: int = 0,
        smoothness: bool = True,
        shape: tuple[int, int, int] = SHAPE,
        share: float = 0.9,
        seed: int = 0,
    ) -> None:
        rng = np.random.default_rng(seed)
        self.index = np.flatnonzero(rng.random(np.prod(shape)) < share)
        self.shape, self.n_voxels, self.smoothness = shape, self.index.size, smoothness
        z = rng.normal(0.3, 1, (n_participants, n_contrasts, self.n_voxels))
        z += rng.standard_normal((n_participants, n_contrasts, 1))
        z[rng.random(z.shape) < missing] = np.nan
        z[:, :, rng.random(self.n_voxels) < missing] = np.nan
        if missing:
            z[rng.random(z.shape[:2]) < 0.1] = np.nan
            # maps of which only one end of the voxels has values
            z[::3, 0, : self.n_voxels // 2] = np.nan
            z[:9, 1 % n_contrasts, self.n_voxels // 3 :] = np.nan
            z[:, 2 % n_contrasts] = np.nan
        self.z = z.astype(np.float32)
        self.clipped = rng.random(z.shape) < 0.005
        self.covariates = rng.standard_normal((n_participants, n_covariates))
        self.present = np.isfinite(self.z).any(axis=2)

    @property
    def n_blocks(self) -> int:
        return -(-self.z.shape[1] // 16)

    def end(self, first: int, last: int) -> int:
        """Return the end of what a slab needs: the voxels up to the next plane but one behind."""
        if first == last:
            return last
        plane = self.shape[0] * self.shape[1]
        return int(np.searchsorted(self.index, self.index[last - 1] + plane, side="right"))

    def summed(self, first: int = 0, last: int | None = None) -> Moments:
        """Sum at a slab of voxels and those behind it; the whole without presence, by default."""
        whole = last is None
        last = self.n_voxels if last is None else last
        end = self.end(first, last)
        n_contrasts, n_covariates = self.z.shape[1], self.covariates.shape[1]
        moments = Moments(
            n_contrasts,
            self.index[first:end],
            self.shape,
            smoothness=self.smoothness,
            n_covariates=n_covariates,
            n_summed=None if whole else last - first,
        )
        for start in range(0, len(self.z), PARTICIPANTS_AT_ONCE):
            group = slice(start, start + PARTICIPANTS_AT_ONCE)
            z, clipped = self.z[group, :, first:end], self.clipped[group, :, first:end]
            for block in range(self.n_blocks):
                own = z[:, block * 16 : (block + 1) * 16]
                maps = np.zeros((len(z), end - first, 16), np.float32)
                maps[:, :, : own.shape[1]] = own.swapaxes(1, 2)
                present = self.present[group, block * 16 : (block + 1) * 16]
                given_ = None if whole else present
                found = moments.add_block(block, maps, self.covariates[group], given_)
                np.testing.assert_array_equal(found, present)
            moments.clip(
                [
                    {contrast: [np.flatnonzero(where)] for contrast, where in enumerate(own)}
                    for own in clipped
                ]
            )
            moments.end_group(len(z))
        return moments


def check_block(found: BlockMoments, whole: BlockMoments, first: int, last: int) -> None:
    """Compare the rows of a slab with those of the whole."""
    rows = slice(first, first + len(found.n))
    for name in ("n", "total", "square", "clipped_in"):
        own = getattr(found, name)
        assert own.shape == (rows.stop - first, 16)
        np.testing.assert_array_equal(own, getattr(whole, name)[rows])
    np.testing.assert_array_equal(found.n_participants, whole.n_participants)
    assert found.n_added == whole.n_added
    if whole.products is None:
        assert found.products is None
        assert found.neighbours is None
        return
    assert found.products is not None
    assert found.neighbours is not None
    assert whole.neighbours is not None
    own, everywhere = slice(0, last - first), slice(0, whole.n_voxels)
    np.testing.assert_array_equal(found.products(own), whole.products(everywhere)[first:last])
    part = slice(own.stop // 3, own.stop // 2)
    np.testing.assert_array_equal(found.products(part), found.products(own)[part])
    neighbours = whole.neighbours[:, first:last].astype(np.int64) - first
    none = whole.neighbours[:, first:last] == len(whole.n)
    neighbours[none] = len(found.n)
    np.testing.assert_array_equal(found.neighbours[:, : last - first], neighbours)


def check_contrast(found: ContrastMoments, whole: ContrastMoments, first: int, last: int) -> None:
    """Compare the sums at the voxels of a slab with those of the whole."""
    for name in ("n", "total", "square", "clipped_in", "index"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name)[first:last])
    assert (found.products is None) == (whole.products is None)
    if found.products is not None and whole.products is not None:
        np.testing.assert_array_equal(found.products, whole.products[:, first:last])
    assert (found.n_participants, found.n_added) == (whole.n_participants, whole.n_added)
    assert found.shape == whole.shape
    assert (found.covariates is None) == (whole.covariates is None)
    if found.covariates is None or whole.covariates is None:
        return
    one, other = found.covariates, whole.covariates
    np.testing.assert_array_equal(one.products, other.products[:, first:last])
    np.testing.assert_array_equal(one.gram, other.gram)
    places = one.lacking, other.lacking[first:last]
    some = places[0] >= 0
    np.testing.assert_array_equal(some, places[1] >= 0)
    np.testing.assert_array_equal(
        one.lacking_gram[places[0][some]], other.lacking_gram[places[1][some]]
    )


def check_slabs(study: Study, edges: list[int]) -> None:
    whole = study.summed()
    for first, last in itertools.pairwise([0, *sorted(edges), study.n_voxels]):
        slab = study.summed(first, last)
        assert slab.n_summed == last - first
        np.testing.assert_array_equal(slab.n_participants, whole.n_participants)
        for number in range(study.n_blocks):
            check_block(slab.block(number), whole.block(number), first, last)
        for position in range(whole.n_contrasts):
            check_contrast(slab.contrast(position), whole.contrast(position), first, last)


@pytest.mark.parametrize("smoothness", [True, False])
@pytest.mark.parametrize("n_covariates", [0, 2])
@pytest.mark.parametrize("missing", [0.0, 0.05])
def test_slabs_have_the_sums_of_the_whole(
    missing: float, n_covariates: int, smoothness: bool
) -> None:
    study = Study(missing=missing, n_covariates=n_covariates, smoothness=smoothness)
    lacking = np.isnan(study.z).any()
    assert lacking == (missing > 0)
    check_slabs(study, [1, 80, 81, 170])


@settings(max_examples=25)
@given(
    st.integers(1, 18),
    st.integers(1, 18),
    st.sampled_from([0.0, 0.02, 0.4]),
    st.integers(0, 2),
    st.booleans(),
    st.floats(0.1, 1),
    st.lists(st.floats(0, 1), max_size=3),
    st.integers(0, 2**31),
)
def test_any_slabs(
    n_participants: int,
    n_contrasts: int,
    missing: float,
    n_covariates: int,
    smoothness: bool,
    share: float,
    edges: list[float],
    seed: int,
) -> None:
    study = Study(
        n_participants,
        n_contrasts,
        missing=missing,
        n_covariates=n_covariates,
        smoothness=smoothness,
        share=share,
        seed=seed,
    )
    check_slabs(study, [int(edge * study.n_voxels) for edge in edges])


def test_a_map_without_a_value_in_the_slab_counts_if_it_is_said_to_be_there() -> None:
    moments = Moments(2, np.arange(4), (4, 1, 1), smoothness=False)
    maps = np.ones((3, 4, 16), np.float32)
    maps[1, :, 0] = np.nan
    present = np.array([[True, True], [True, True], [True, False]])
    maps[2, :, 1] = np.nan
    np.testing.assert_array_equal(moments.add_block(0, maps, present=present), present)
    moments.end_group(3)
    np.testing.assert_array_equal(moments.n_participants, [3, 2])
    assert [moments.contrast(own).n.tolist() for own in range(2)] == [[2] * 4, [2] * 4]


def test_reading_a_contrast_after_more_was_added_reads_all_of_it() -> None:
    study = Study()
    moments = study.summed()
    before = moments.contrast(3)
    moments.add_participants(study.z[:5], list(study.clipped[:5]))
    after = moments.contrast(3)
    assert after.n_added == before.n_added + 5
    np.testing.assert_array_equal(after.n, before.n + np.isfinite(study.z[:5, 3]).sum(axis=0))
    moments.release()
    np.testing.assert_array_equal(moments.contrast(3).total, after.total)


@pytest.mark.parametrize("min_subjects", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("missing", [0.0, 0.05])
@pytest.mark.parametrize("n_participants", [1, 2, 13])
def test_the_test_of_a_block_is_that_of_each_contrast(
    n_participants: int, missing: float, min_subjects: float
) -> None:
    study = Study(n_participants, missing=missing)
    moments = study.summed()
    tested = 0
    for number in range(study.n_blocks):
        block = one_sample(moments.block(number), min_subjects=min_subjects)
        for lane in range(min(16, moments.n_contrasts - 16 * number)):
            alone = one_sample(moments.contrast(16 * number + lane), min_subjects=min_subjects)
            for field in fields(alone):
                own, one = getattr(block, field.name), getattr(alone, field.name)
                assert own.shape == (study.n_voxels, 16)
                assert own.dtype == one.dtype
                np.testing.assert_array_equal(own[:, lane], one)
            tested += alone.tested.sum()
        behind = block.tested[:, moments.n_contrasts - 16 * number :]
        assert not behind.any()
    assert (tested > 0) == (n_participants > 1)


@pytest.mark.parametrize("missing", [0.0, 0.02])
def test_roughness_of_a_block_is_that_of_each_contrast(missing: float) -> None:
    study = Study(missing=missing, shape=(12, 11, 10))
    moments = study.summed()
    for number in range(study.n_blocks):
        block = moments.block(number)
        tested = one_sample(block, min_subjects=0.7).tested
        sums = roughness_sums(block, tested)
        assert sums.shape == (2, 8, 16)
        lanes = min(16, moments.n_contrasts - 16 * number)
        for lane in range(lanes):
            alone = roughness_sums(moments.contrast(16 * number + lane), tested[:, lane])
            np.testing.assert_array_equal(sums[:, :, lane], alone)
        assert (sums[:, 0, 5:lanes] > 0).all() or number > 0
        np.testing.assert_array_equal(sums[:, :, lanes:], 0)


def test_roughness_of_slabs_is_that_of_the_whole() -> None:
    study = Study(10, 17, missing=0.01, shape=(17, 16, 15))
    assert study.n_voxels > 3 * VOXELS_PER_SUM
    whole = study.summed()

    def sums(moments: Moments, number: int) -> NDArray[np.float64]:
        block = moments.block(number)
        return roughness_sums(block, one_sample(block, min_subjects=0.7).tested)

    expected = [sums(whole, number) for number in range(2)]
    assert len(expected[0]) == 4
    assert (expected[0][:, 0, 3:] > 100).all()
    for edges in ([0, 1, 2, 3], [0, 2], [0, 1, 3]):
        starts = [edge * VOXELS_PER_SUM for edge in edges]
        slabs = [study.summed(*own) for own in itertools.pairwise([*starts, study.n_voxels])]
        for number in range(2):
            found = np.concatenate([sums(slab, number) for slab in slabs])
            np.testing.assert_array_equal(found, expected[number])


def test_smoothness_from_slabs_is_that_of_a_contrast() -> None:
    study = Study(10, 3, missing=0.0, shape=(17, 16, 15))
    whole, parts = study.summed(), []
    for first, last in ((0, VOXELS_PER_SUM), (VOXELS_PER_SUM, study.n_voxels)):
        block = study.summed(first, last).block(0)
        parts.append(roughness_sums(block, one_sample(block, min_subjects=0.7).tested))
    sums = np.concatenate(parts)
    for position in range(3):
        contrast = whole.contrast(position)
        tested = one_sample(contrast, min_subjects=0.7).tested
        summed = RoughnessSums(sums[:, :, position], 10, study.index, study.shape)
        assert estimate_smoothness(summed, tested) == estimate_smoothness(contrast, tested)


def test_no_voxel_has_no_sums_of_roughness() -> None:
    study = Study()
    block = study.summed(40, 40).block(0)
    assert roughness_sums(block, np.zeros((0, 16), dtype=bool)).shape == (0, 8, 16)


def test_a_block_without_products_has_no_roughness() -> None:
    study = Study(smoothness=False)
    with pytest.raises(ValueError, match="not kept"):
        roughness_sums(study.summed().block(0), np.ones((study.n_voxels, 16), dtype=bool))
