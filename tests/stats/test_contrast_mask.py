from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage, stats

from fcnm_bids.errors import RequestError
from fcnm_bids.stats import (
    ContrastMap,
    ContrastMoments,
    HeightRule,
    Moments,
    contrast_mask,
    estimate_smoothness,
    fwe_threshold,
    label_clusters,
    one_sample,
    remove_small,
    resel_counts,
)
from tests.stats.exact_sums import exact_sums

SHAPE = (16, 15, 14)
RULE = HeightRule(
    control="fwe",
    alpha=0.05,
    tail="positive",
    min_mean_z=0.0,
    min_cluster_voxels=0,
    min_subjects=0.9,
)


def rule(**changes: object) -> HeightRule:
    return dataclasses.replace(RULE, **changes)  # type: ignore[arg-type]


def signal_and_noise(n: int, seed: int = 0, strength: float = 1.5) -> NDArray:
    """Participants' maps, (n, *SHAPE): smooth noise, a positive blob, a negative blob, a speck."""
    rng = np.random.default_rng(seed)
    maps = np.stack(
        [ndimage.gaussian_filter(rng.standard_normal(SHAPE), 1.3, mode="wrap") for _ in range(n)]
    )
    maps /= maps.std()
    maps[:, 2:6, 2:6, 2:6] += strength
    maps[:, 10:14, 9:13, 8:12] -= strength
    maps[:, 8, 2, 12] += 2 * strength
    return maps


def moments_of(maps: NDArray, clipped: NDArray[np.bool_] | None = None) -> ContrastMoments:
    z = np.stack([flat(participant) for participant in maps])
    flags = None if clipped is None else np.stack([flat(own) for own in clipped])
    return exact_sums(z, SHAPE, clipped=flags, smoothness=True)


def mask_of(maps: NDArray, height: HeightRule) -> ContrastMap:
    moments = moments_of(maps)
    return contrast_mask(one_sample(moments, min_subjects=height.min_subjects), moments, height)


def flat(volume: NDArray) -> NDArray:
    return volume.ravel(order="F")


@pytest.fixture(scope="module")
def maps() -> NDArray:
    return signal_and_noise(16)


@pytest.fixture(scope="module")
def t(maps: NDArray) -> NDArray:
    return flat(stats.ttest_1samp(maps, 0).statistic)


def test_fwe_by_its_parts(maps: NDArray, t: NDArray) -> None:
    found = mask_of(maps, rule(control="fwe"))
    smoothness = estimate_smoothness(moments_of(maps), np.ones(t.size, dtype=bool))
    resels = resel_counts(np.ones(SHAPE, dtype=bool), smoothness.fwhm)
    assert found.smoothness == smoothness
    assert found.resels == pytest.approx(tuple(resels))
    assert found.threshold == pytest.approx(fwe_threshold(0.05, 15, resels, t.size))
    assert found.df == 15
    assert found.n_tested == t.size
    np.testing.assert_array_equal(found.significant, t >= found.threshold)
    assert 20 < found.significant.sum() < 200


def test_fwe_says_which_of_its_thresholds_held(maps: NDArray) -> None:
    smooth = np.stack([ndimage.gaussian_filter(participant, 2.0) for participant in maps])
    for participants, basis in ((maps, "bonferroni"), (smooth, "random-field")):
        found = mask_of(participants, rule(control="fwe"))
        assert found.basis == basis
        lower = found.threshold < stats.t.isf(0.05 / found.n_tested, 15) * (1 - 1e-9)
        assert lower == (basis == "random-field")
    assert mask_of(maps[:4], rule(control="fwe")).basis == "bonferroni"
    assert mask_of(maps, rule(control="fdr")).basis is None


def test_fdr_is_benjamini_hochberg_over_all_voxels(maps: NDArray, t: NDArray) -> None:
    found = mask_of(maps, rule(control="fdr"))
    adjusted = stats.false_discovery_control(stats.t.sf(t, 15))
    np.testing.assert_array_equal(found.significant, adjusted <= 0.05)
    assert found.threshold == pytest.approx(t[found.significant].min(), rel=1e-12)
    assert found.smoothness is None
    assert found.resels is None


def test_two_sided_fdr_takes_two_sided_p(maps: NDArray, t: NDArray) -> None:
    found = mask_of(maps, rule(control="fdr", tail="two-sided"))
    adjusted = stats.false_discovery_control(2 * stats.t.sf(np.abs(t), 15))
    np.testing.assert_array_equal(found.significant, adjusted <= 0.05)


@pytest.mark.parametrize(("tail", "alpha"), [("positive", 0.05), ("two-sided", 0.025)])
def test_bonferroni(maps: NDArray, t: NDArray, tail: str, alpha: float) -> None:
    found = mask_of(maps, rule(control="bonferroni", tail=tail))
    threshold = stats.t.isf(alpha / t.size, 15)
    assert found.threshold == pytest.approx(threshold, rel=1e-10)
    size = np.abs(t) if tail == "two-sided" else t
    np.testing.assert_array_equal(found.significant, size >= threshold)


def test_bonferroni_by_each_voxels_own_degrees_of_freedom(maps: NDArray) -> None:
    holes = maps.copy()
    holes[:4, ::2] = np.nan
    found = mask_of(holes, rule(control="bonferroni", min_subjects=0.5))
    result = stats.ttest_1samp(holes, 0, nan_policy="omit")
    p = flat(np.asarray(result.pvalue)) / 2
    positive = flat(np.asarray(result.statistic)) > 0
    np.testing.assert_array_equal(found.significant, positive & (p <= 0.05 / p.size))
    assert found.df == 11
    assert found.threshold == pytest.approx(stats.t.isf(0.05 / p.size, 15))


def test_fwe_takes_the_smallest_degrees_of_freedom_for_all(maps: NDArray) -> None:
    holes = maps.copy()
    holes[0, 15] = np.nan
    found = mask_of(holes, rule(control="fwe"))
    assert found.df == 14
    assert found.resels is not None
    assert found.threshold == fwe_threshold(0.05, 14, found.resels, found.n_tested)


def test_a_height_in_t(maps: NDArray, t: NDArray) -> None:
    found = mask_of(maps, rule(control="t=3.1"))
    assert found.threshold == 3.1
    np.testing.assert_array_equal(found.significant, t >= 3.1)


@pytest.mark.parametrize("control", ["fwe", "fdr", "bonferroni", "t=3"])
def test_tails_mirror_each_other(maps: NDArray, control: str) -> None:
    positive = mask_of(maps, rule(control=control, tail="positive"))
    negative = mask_of(-maps, rule(control=control, tail="negative"))
    np.testing.assert_array_equal(positive.significant, negative.significant)
    assert positive.threshold == pytest.approx(negative.threshold, rel=1e-12)


@pytest.mark.parametrize("control", ["fwe", "bonferroni"])
def test_two_sided_is_the_union_at_half_of_alpha(maps: NDArray, control: str) -> None:
    both = mask_of(maps, rule(control=control, tail="two-sided"))
    sides = [
        mask_of(maps, rule(control=control, tail=s, alpha=0.025)) for s in ("positive", "negative")
    ]
    np.testing.assert_array_equal(both.significant, sides[0].significant | sides[1].significant)
    assert both.threshold == sides[0].threshold
    assert sides[0].significant.any()
    assert sides[1].significant.any()


@pytest.mark.parametrize("tail", ["positive", "negative", "two-sided"])
def test_a_least_effect_in_the_direction_of_the_tail(maps: NDArray, t: NDArray, tail: str) -> None:
    found = mask_of(maps, rule(control="t=3", tail=tail, min_mean_z=1.6))
    mean = flat(maps.mean(axis=0))
    up, down = (t >= 3) & (mean >= 1.6), (t <= -3) & (mean <= -1.6)
    expected = {"positive": up, "negative": down, "two-sided": up | down}[tail]
    np.testing.assert_array_equal(found.significant, expected)
    assert 0 < expected.sum() < (np.abs(t) >= 3).sum()


def test_small_clusters_are_removed(maps: NDArray, t: NDArray) -> None:
    without = (t >= 4).reshape(SHAPE, order="F")
    assert label_clusters(without)[1].min() < 5
    found = mask_of(maps, rule(control="t=4", min_cluster_voxels=5))
    np.testing.assert_array_equal(found.significant, flat(remove_small(without, 5)))


def test_clusters_of_opposite_sign_are_counted_apart() -> None:
    rng = np.random.default_rng(0)
    maps = 0.1 * rng.standard_normal((12, *SHAPE))
    maps[:, 3, 3, 3:5] += 5
    maps[:, 3, 3, 5:8] -= 5
    found = mask_of(maps, rule(control="t=20", tail="two-sided", min_cluster_voxels=3))
    expected = np.zeros(SHAPE, dtype=bool)
    expected[3, 3, 5:8] = True
    np.testing.assert_array_equal(found.significant, flat(expected))


@pytest.mark.parametrize("control", ["fwe", "fdr", "bonferroni", "t=3"])
def test_an_untested_voxel_is_never_significant(maps: NDArray, control: str) -> None:
    holes, clipped = maps.copy(), np.zeros(maps.shape, dtype=bool)
    holes[:, 3, 3, 3] = 9.0
    holes[:8, 4, 4, 4] = np.nan
    clipped[2, 5, 5, 5] = True
    moments = moments_of(holes, clipped)
    found = contrast_mask(one_sample(moments, min_subjects=0.9), moments, rule(control=control))
    volume = found.significant.reshape(SHAPE, order="F")
    assert not volume[[3, 4, 5], [3, 4, 5], [3, 4, 5]].any()
    assert found.n_tested == found.significant.size - 3
    assert volume.any()


@pytest.mark.parametrize("control", ["fwe", "fdr", "bonferroni", "t=3"])
def test_a_contrast_without_a_tested_voxel_has_an_empty_mask(control: str) -> None:
    found = mask_of(np.full((8, *SHAPE), np.nan), rule(control=control))
    assert not found.significant.any()
    assert found.n_tested == 0
    assert found.threshold == math.inf


def test_three_participants_leave_bonferroni_alone(maps: NDArray) -> None:
    found = mask_of(maps[:3], rule(control="fwe"))
    assert found.smoothness is None
    assert found.threshold == pytest.approx(stats.t.isf(0.05 / found.n_tested, 2), rel=1e-9)


@pytest.mark.parametrize(
    "control", ["permutations", "FWE", "", "t", "t=", "t=x", "t=0", "t=-2", "t=nan", "t=inf"]
)
def test_controls_that_there_are_not(control: str) -> None:
    with pytest.raises(RequestError, match="height control"):
        rule(control=control)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"alpha": 0.0}, "alpha"),
        ({"alpha": 1.0}, "alpha"),
        ({"alpha": math.nan}, "alpha"),
        ({"tail": "both"}, "tail"),
        ({"min_mean_z": -0.1}, "effect"),
        ({"min_mean_z": math.nan}, "effect"),
        ({"min_cluster_voxels": -1}, "cluster"),
        ({"min_subjects": 1.5}, "participants"),
    ],
)
def test_settings_that_cannot_be_used(changes: dict[str, object], named: str) -> None:
    with pytest.raises(RequestError, match=named):
        rule(**changes)


def test_every_wrong_setting_has_its_line() -> None:
    with pytest.raises(RequestError) as raised:
        rule(control="x", alpha=2.0, tail="up")
    assert len(raised.value.problems) == 3


@pytest.mark.slow
def test_false_positive_rate_of_fwe_on_smooth_noise() -> None:
    """400 groups of 24 null maps, FWHM 4 voxels, in an ellipsoid."""
    shape, n_participants, n_groups = (26, 26, 26), 24, 400
    rng = np.random.default_rng(20)
    radii = np.array([12, 11, 10])[:, None, None, None]
    ellipsoid = (((np.indices(shape) - 12.5) / radii) ** 2).sum(axis=0) <= 1
    index = np.flatnonzero(ellipsoid.ravel(order="F"))
    distance = np.minimum(np.arange(26), 26 - np.arange(26))
    kernel = np.exp(-(distance**2) * 8 * math.log(2) / 4**2 / 2)
    smoothing = np.fft.rfftn(kernel[:, None, None] * kernel[:, None] * kernel)
    false_positives = 0
    for _ in range(n_groups):
        noise = rng.standard_normal((n_participants, *shape))
        spectrum = np.fft.rfftn(noise, axes=(1, 2, 3)) * smoothing
        fields = np.fft.irfftn(spectrum, s=shape, axes=(1, 2, 3))
        moments = Moments(1, index, shape, smoothness=True)
        for field in fields:
            z = field.ravel(order="F")[index][None]
            moments.add(z, np.zeros(z.shape, dtype=bool))
        contrast = moments.contrast(0)
        found = contrast_mask(one_sample(contrast, min_subjects=1.0), contrast, RULE)
        assert found.smoothness is not None
        false_positives += bool(found.significant.any())
    rate = false_positives / n_groups
    print(f"false-positive rate {rate:.4f} ({false_positives} of {n_groups})")
    assert 0.02 <= rate <= 0.08
