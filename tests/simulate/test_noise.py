"""Noise of unit variance, as smooth as it was asked for."""

from __future__ import annotations

import numpy as np
import pytest

from fcnm_bids.grid import Grid
from fcnm_bids.simulate.noise import FWHM_PER_SD, SmoothNoise

GRID = Grid((12, 10, 9), np.diag([3.0, 3.0, 4.0, 1.0]), "MNI")
DRAWS = 1500


@pytest.mark.parametrize("fwhm", [4.0, 9.0])
def test_variance_is_one_and_neighbours_correlate_as_the_kernel_says(fwhm: float) -> None:
    box = np.zeros(GRID.shape, bool)
    box[2:9, 1:10, 3:8] = True  # not the whole grid, up to its own edges
    index = np.flatnonzero(box.ravel(order="F"))
    noise, rng = SmoothNoise(GRID, index, fwhm), np.random.default_rng(0)
    drawn = np.stack([noise.draw(rng) for _ in range(DRAWS)])
    assert drawn.dtype == np.float32
    assert drawn.var(axis=0).mean() == pytest.approx(1, abs=0.04)
    assert abs(drawn.mean()) < 0.05
    volume = np.full((DRAWS, *GRID.shape), np.nan)
    volume[(slice(None), *GRID.subscripts(index).T)] = drawn
    centre = volume[:, 5, 5, 5]
    for axis, (size, first, last) in enumerate(((3.0, 2, 8), (3.0, 1, 9), (4.0, 3, 7))):
        step = [5, 5, 5]
        step[axis] += 1
        r = np.corrcoef(centre, volume[(slice(None), *step)])[0, 1]
        # two Gaussians of one width, sampled at the voxels of the box
        away = size * (np.arange(first, last + 1)[:, None] - [5, 6])
        one, other = np.exp(-0.5 * (away * FWHM_PER_SD / fwhm) ** 2).T
        expected = one @ other / np.sqrt((one @ one) * (other @ other))
        assert r == pytest.approx(expected, abs=4 / np.sqrt(DRAWS))


def test_the_same_generator_gives_the_same_noise() -> None:
    noise = SmoothNoise(GRID, np.arange(50), 6.0)
    first, second = (noise.draw(np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
