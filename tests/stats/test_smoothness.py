from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from fcnm_bids.errors import RequestError
from fcnm_bids.stats import ContrastMoments, Smoothness, estimate_smoothness, one_sample
from fcnm_bids.stats.smoothness import RoughnessSums, roughness_sums
from tests.stats.exact_sums import exact_sums

BOX = (40, 40, 40)


def smooth_noise(
    fwhm: tuple[float, ...], n: int, *, shape: tuple[int, int, int] = BOX, seed: int = 0
) -> NDArray:
    """Fields of unit variance, shape (n, *shape)."""
    rng = np.random.default_rng(seed)
    sigma = np.array(fwhm) / math.sqrt(8 * math.log(2))
    fields = np.stack(
        [ndimage.gaussian_filter(rng.standard_normal(shape), sigma, mode="wrap") for _ in range(n)]
    )
    return fields / fields.std()


def moments_of(fields: NDArray, mask: NDArray[np.bool_] | None = None) -> ContrastMoments:
    shape = fields.shape[1:]
    mask = np.ones(shape, dtype=bool) if mask is None else mask
    index = np.flatnonzero(mask.ravel(order="F"))
    z = np.stack([field.ravel(order="F")[index] for field in fields])
    return exact_sums(z, shape, index=index, smoothness=True)


def estimate(fields: NDArray, mask: NDArray[np.bool_] | None = None) -> Smoothness:
    moments = moments_of(fields, mask)
    return estimate_smoothness(moments, one_sample(moments, min_subjects=1.0).tested)


@pytest.mark.parametrize(
    ("fwhm", "n"),
    [
        ((3, 3, 3), 20),
        ((3, 3, 3), 60),
        ((4, 4, 4), 20),
        ((5, 5, 5), 30),
        ((6, 6, 6), 30),
        ((8, 8, 8), 40),
        ((3, 4, 6), 25),
        ((8, 3, 5), 25),
    ],
)
def test_known_smoothness_within_three_percent(fwhm: tuple[float, ...], n: int) -> None:
    found = estimate(smooth_noise(fwhm, n))
    np.testing.assert_allclose(found.fwhm, fwhm, rtol=0.03)
    assert found.resels_per_voxel == pytest.approx(1 / np.prod(found.fwhm), rel=1e-12)


def test_a_mean_and_unequal_variances_do_not_matter() -> None:
    fields = smooth_noise((4, 4, 4), 20, shape=(20, 20, 20))
    place = np.random.default_rng(2).uniform(0.5, 2, fields.shape[1:])
    np.testing.assert_allclose(estimate(5 + fields * place).fwhm, estimate(fields).fwhm, rtol=1e-9)


def residual_oracle(fields: NDArray) -> tuple[float, NDArray]:
    """Resel density and roughness per axis from residual images, as spm_est_smoothness has them."""
    u = fields - fields.mean(axis=0)
    u /= np.sqrt((u**2).sum(axis=0))
    inner = u[:, :-1, :-1, :-1]
    steps = (
        u[:, 1:, :-1, :-1] - inner,
        u[:, :-1, 1:, :-1] - inner,
        u[:, :-1, :-1, 1:] - inner,
    )
    roughness = np.array([[(a * b).sum(axis=0) for b in steps] for a in steps])
    roughness = np.moveaxis(roughness, (0, 1), (-2, -1))
    density = np.sqrt(np.linalg.det(roughness) / (4 * math.log(2)) ** 3).mean()
    return density, np.diagonal(roughness, axis1=-2, axis2=-1).reshape(-1, 3)


def test_products_of_neighbours_say_what_residual_images_say() -> None:
    fields = 0.4 + smooth_noise((3, 4, 6), 12, shape=(14, 15, 16))
    density, axes = residual_oracle(fields)
    lag_one = axes.mean(axis=0)
    corrected = np.sqrt(-2 * np.log(1 - lag_one / 2) / lag_one)
    found = estimate(fields)
    assert found.resels_per_voxel == pytest.approx(density * corrected.prod(), rel=1e-9)
    per_axis = np.sqrt(axes / (4 * math.log(2))).mean(axis=0)
    per_axis *= (density / per_axis.prod()) ** (1 / 3) * corrected
    np.testing.assert_allclose(found.fwhm, 1 / per_axis, rtol=1e-9)
    assert found.n_voxels == 13 * 14 * 15


def test_axes_may_be_exchanged() -> None:
    fields = smooth_noise((3, 4, 6), 10, shape=(14, 15, 16))
    mask = np.random.default_rng(1).random(fields.shape[1:]) < 0.95
    x, y, z = estimate(fields, mask).fwhm
    turned = estimate(fields.transpose(0, 3, 1, 2), mask.transpose(2, 0, 1))
    np.testing.assert_allclose(turned.fwhm, (z, x, y), rtol=1e-10)


def test_only_voxels_that_all_participants_have_enter() -> None:
    fields = smooth_noise((4, 4, 4), 12, shape=(16, 16, 16))
    everywhere = np.ones(fields.shape[1:], dtype=bool)
    everywhere[:5] = False
    partly = fields.copy()
    partly[3, :5] = np.nan
    moments = moments_of(partly)
    found = estimate_smoothness(moments, one_sample(moments, min_subjects=0.5).tested)
    reference = estimate(fields, everywhere)
    np.testing.assert_allclose(found.fwhm, reference.fwhm, rtol=1e-12)
    assert found.n_voxels == reference.n_voxels


def test_untested_voxels_and_the_edge_do_not_enter() -> None:
    fields = smooth_noise((4, 4, 4), 10, shape=(9, 9, 9))
    moments = moments_of(fields)
    tested = np.ones(fields[0].shape, dtype=bool)
    tested[:, :, 4] = False
    found = estimate_smoothness(moments, tested.ravel(order="F"))
    assert found.n_voxels == 8 * 8 * (3 + 3)


def test_noise_without_any_correlation_is_rougher_than_a_voxel() -> None:
    fields = np.random.default_rng(0).standard_normal((30, 16, 16, 16))
    assert max(estimate(fields).fwhm) < 1


def test_a_thin_mask_is_refused_with_a_way_out() -> None:
    fields = smooth_noise((4, 4, 4), 10, shape=(20, 20, 1))
    with pytest.raises(RequestError, match=r"thin.*bonferroni"):
        estimate(fields)


def test_too_few_participants_are_refused_with_a_way_out() -> None:
    with pytest.raises(RequestError, match=r"3 participants.*bonferroni"):
        estimate(smooth_noise((4, 4, 4), 3, shape=(10, 10, 10)))


def test_maps_that_are_flat_along_an_axis_are_refused() -> None:
    fields = smooth_noise((4, 4, 4), 10, shape=(10, 10, 10))
    flat = np.repeat(fields[:, :, :, :1], 10, axis=3)
    with pytest.raises(RequestError, match="do not vary in space"):
        estimate(flat)


def test_without_products_there_is_nothing_to_estimate_from() -> None:
    moments = exact_sums(np.zeros((5, 27)), (3, 3, 3), smoothness=False)
    with pytest.raises(ValueError, match="not kept"):
        estimate_smoothness(moments, np.ones(27, dtype=bool))


def from_sums(sums: NDArray, n_participants: int) -> Smoothness:
    """Estimate from sums that were taken before, of which voxels play no part any more."""
    box, everywhere = (10, 10, 10), np.ones(1000, dtype=bool)
    summed = RoughnessSums(sums, n_participants, np.arange(1000), box)
    return estimate_smoothness(summed, everywhere)


def test_sums_over_too_few_participants_are_refused() -> None:
    moments = moments_of(smooth_noise((4, 4, 4), 10, shape=(10, 10, 10)))
    sums = roughness_sums(moments, np.ones(1000, dtype=bool))
    assert from_sums(sums, 4).n_voxels == 9**3
    with pytest.raises(RequestError, match=r"from 3 participants: 4 at least.*bonferroni"):
        from_sums(sums, 3)


def test_sums_over_too_few_voxels_are_refused() -> None:
    with pytest.raises(RequestError, match=r"only 0 tested voxels.*bonferroni"):
        from_sums(np.zeros((0, 8)), 10)
    with pytest.raises(RequestError, match="only 7 tested voxels"):
        from_sums(np.ones((7, 8)), 10)
    assert from_sums(np.ones((8, 8)), 10).n_voxels == 8


def test_sums_that_do_not_vary_along_an_axis_are_refused() -> None:
    sums = np.ones((9, 8))
    sums[:, 6] = 0
    with pytest.raises(RequestError, match="do not vary in space"):
        from_sums(sums, 10)


def test_parts_of_the_voxels_are_added_one_after_the_other() -> None:
    moments = moments_of(smooth_noise((4, 4, 4), 10, shape=(14, 13, 12)))
    everywhere = np.ones(14 * 13 * 12, dtype=bool)
    sums = roughness_sums(moments, everywhere)
    assert sums.shape == (3, 8)
    total = np.zeros((1, 8))
    for part in sums:
        total += part
    found = from_sums(sums, 10)
    assert found == from_sums(total, 10) == estimate_smoothness(moments, everywhere)
    assert found.n_voxels == 13 * 12 * 11
