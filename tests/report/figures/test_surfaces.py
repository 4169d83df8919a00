"""Networks on a glass brain and on the cortical surface."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.report.figures.palette import colormap
from fcnm_bids.report.figures.surfaces import _pale_below, _surface, draw_surface
from fcnm_bids.report.figures.template_slices import Volume


@pytest.mark.parametrize("share", [0.0, 0.5, 0.6])
def test_colours_below_the_threshold_are_pale(share: float) -> None:
    plain = np.asarray(colormap("rising")(np.linspace(0, 1, 256)))[:, :3]
    found = np.asarray(_pale_below(share).colors)[:, :3]
    below = np.linspace(0, 1, 256) < share - 2e-3
    np.testing.assert_allclose(found[~below], plain[~below])
    assert below.sum() == pytest.approx(256 * share, abs=1.5)
    if below.any():
        spread = np.ptp(found[below], axis=1) / np.ptp(plain[below], axis=1)
        np.testing.assert_allclose(spread, 0.35)


@pytest.mark.parametrize(("side", "sign"), [("left", -1), ("right", 1)])
def test_the_middle_of_the_cortex_lies_in_its_hemisphere(side: str, sign: int) -> None:
    (inflated, faces), middle, sulci = _surface(side)
    assert len(inflated) == len(middle) == len(sulci) == 10242
    assert faces.max() == len(middle) - 1
    cortex = np.isfinite(middle).all(axis=1)
    assert 0.8 < cortex.mean() < 1  # the medial wall has no cortex
    assert (sign * middle[cortex, 0]).mean() > 20
    assert set(np.unique(sulci).round(2)) == {0.42, 0.62} or len(np.unique(sulci)) == 2


def test_a_network_of_one_vertex_is_drawn(tmp_path: Path) -> None:
    middle = _surface("left")[1]
    affine = np.diag([0.5, 0.5, 0.5, 1])
    affine[:3, 3] = middle[5000] - 1  # the vertex is voxel 2, 2, 2, with no other in the box
    data = np.zeros((5, 5, 5), np.float32)
    data[2, 2, 2] = 1
    one = Volume(data, affine)
    cortex = np.isfinite(middle).all(axis=1)
    assert (np.nan_to_num(one.at(middle[cortex], 0)) > 0.5).sum() == 1
    draw_surface(tmp_path / "one.svg", one, one, high=1, threshold=0.5, label="share")
    assert (tmp_path / "one.svg").stat().st_size > 10_000
