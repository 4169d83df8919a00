"""The density of an unrelated literature."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from fcnm_bids.seeds import Contrast, Focus
from fcnm_bids.specificity import focus_density


def contrast(*positions: tuple[float, float, float]) -> Contrast:
    foci = tuple(Focus(*p, "MNI152", "s", "c", "e", None, "x") for p in positions)
    return Contrast("c", "e", ("s",), foci, None)


def test_a_focus_spreads_as_a_gaussian_of_the_width() -> None:
    centres = np.stack([np.arange(-60.0, 61), np.zeros(121), np.zeros(121)], axis=1)
    density = focus_density([contrast((0, 0, 0))], centres, fwhm=20)
    floor = density.min()
    peak = density[60] - floor
    assert density[70] - floor == pytest.approx(peak / 2, rel=1e-6)
    shape = norm.pdf(centres[:, 0], scale=20 / np.sqrt(8 * np.log(2)))
    np.testing.assert_allclose((density - floor) / peak, shape / shape.max(), atol=1e-6)
    assert density.mean() == pytest.approx(1)
    assert density.min() > 0


def test_contrasts_count_the_same_however_many_foci_they_report() -> None:
    centres = np.array([[0.0, 0, 0], [200, 0, 0]])
    many = contrast(*[(0.0, 0.0, 0.0)] * 9)
    density = focus_density([many, contrast((200, 0, 0))], centres)
    assert density[0] == pytest.approx(density[1])
