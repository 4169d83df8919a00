"""What one node leaves for the next comes back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.intermediates.maps import (
    EffectMaps,
    read_effect,
    read_index,
    read_mapped,
    read_mean,
    read_smoothness,
    write_effect,
    write_mapped,
)
from fcnm_bids.mapping import MappedContrast
from fcnm_bids.stats import ContrastMap, OneSample, Smoothness

INDEX = np.array([2, 3, 5, 7])
SMOOTHNESS = Smoothness((2.5, 2.0, 3.0), 1 / 15, 4)


def mapped(seed: int, smoothness: Smoothness | None) -> MappedContrast:
    rng = np.random.default_rng(seed)
    t, mean, variance = rng.standard_normal((3, INDEX.size))
    tested, significant, counted = rng.random((3, INDEX.size)) < 0.5
    n = np.full(INDEX.size, 9, dtype=np.int32)
    test = OneSample(t, mean, n - 1, tested, variance**2, n)
    mask = ContrastMap(significant, 3.0, smoothness, None, df=8, n_tested=4)
    return MappedContrast(test, mask, counted)


@pytest.mark.parametrize("smoothness", [None, SMOOTHNESS])
def test_a_contrast_comes_back(smoothness: Smoothness | None, tmp_path: Path) -> None:
    path = tmp_path / "mapped.npz"
    one = mapped(1, smoothness)
    write_mapped(path, one, INDEX)
    found = read_mapped([str(path)], 1)
    np.testing.assert_array_equal(found.masks, [one.side(1)])
    both = found.masks[0] | read_mapped([str(path)], -1).masks[0]
    np.testing.assert_array_equal(both, one.mask.significant)
    np.testing.assert_array_equal(found.counted, [one.counted])
    np.testing.assert_array_equal(found.index, INDEX)
    np.testing.assert_array_equal(read_index(str(path)), INDEX)
    np.testing.assert_array_equal(read_mean(str(path)), one.test.mean)
    assert read_smoothness(path) == smoothness
    assert [child.name for child in tmp_path.iterdir()] == ["mapped.npz"]


def test_contrasts_stand_in_the_order_of_their_files(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{name}.npz") for name in "ba"]
    several = [mapped(number, None) for number in range(2)]
    for path, one in zip(paths, several, strict=True):
        write_mapped(Path(path), one, INDEX)
    np.testing.assert_array_equal(read_mapped(paths, -1).masks, [one.side(-1) for one in several])


def test_the_maps_of_an_effect_come_back(tmp_path: Path) -> None:
    maps = EffectMaps(np.array([0, 0.5, 1, np.nan]), np.arange(4.0), -np.arange(4.0), INDEX)
    path = tmp_path / "effect.npz"
    write_effect(path, maps)
    found = read_effect(str(path))
    np.testing.assert_array_equal(found.probability, maps.probability)
    np.testing.assert_array_equal(found.mean, maps.mean)
    np.testing.assert_array_equal(found.convergence, maps.convergence)
    np.testing.assert_array_equal(found.index, INDEX)
