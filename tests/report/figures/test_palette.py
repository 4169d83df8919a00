"""Colours go from dark to light, so that their order survives in grey."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fcnm_bids.report.figures.palette import CATEGORIES, FALLING, RISING, color_table, colormap


def luminance(colors: np.ndarray) -> np.ndarray:
    """Relative luminance of sRGB colours (WCAG 2)."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    return np.asarray(linear @ [0.2126, 0.7152, 0.0722])


def test_the_rising_map_gets_lighter() -> None:
    colors = color_table("rising")
    assert colors.shape == (256, 3)
    np.testing.assert_allclose(colors[[0, -1]], [to_rgb(RISING[0]), to_rgb(RISING[-1])], atol=1e-6)
    assert (np.diff(luminance(colors)) > 0).all()


def test_the_diverging_map_is_darkest_around_zero() -> None:
    light = luminance(color_table("diverging"))
    darkest = int(light.argmin())
    assert (np.diff(light[:darkest]) < 0).all()
    assert (np.diff(light[darkest:]) > 0).all()
    assert 100 < darkest < 156
    assert colormap("diverging")(0.0)[:3] == pytest.approx(to_rgb(FALLING[-1]))


@pytest.mark.parametrize("name", ["rising", "diverging"])
def test_the_table_is_that_of_matplotlibs_map(name: str) -> None:
    expected = colormap(name)(np.arange(256))[:, :3]
    np.testing.assert_allclose(color_table(name), expected, atol=1e-6)


def test_categories_are_apart() -> None:
    colors = np.array([to_rgb(color) for color in CATEGORIES])
    apart = np.linalg.norm(colors[:, None] - colors, axis=2)
    assert apart[~np.eye(len(colors), dtype=bool)].min() > 0.15
