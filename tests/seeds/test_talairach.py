"""Talairach coordinates to MNI152."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.seeds import TRANSFORMS, Focus, talairach_to_mni, to_mni
from fcnm_bids.seeds.talairach import MNI_TO_TALAIRACH

millimetres = st.floats(-120, 120)


def focus(space: str, x: float = -44.0, y: float = 31.0, z: float = 27.0) -> Focus:
    return Focus(x, y, z, space, "A", "a", "up", 18, "table.tsv, row 2")


def mni_to_brett(point: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    """The formula of Brett's web page, with the four digits it was published with."""
    x, y, z = point
    if z >= 0:
        return [0.99 * x, 0.9688 * y + 0.0460 * z, -0.0485 * y + 0.9189 * z]
    return [0.99 * x, 0.9688 * y + 0.0420 * z, -0.0485 * y + 0.8390 * z]


def test_the_published_affines() -> None:
    """Lancaster et al. 2007 by way of BrainMap's icbm_*2tal.m: their images of two points."""
    for name, origin, of_100 in (
        ("icbm_spm2tal", (-1.0207, -1.7667, 4.0926), (90.5793, 82.2033, 103.6826)),
        ("icbm_fsl2tal", (-1.0680, -1.0239, 3.1883), (93.6520, 87.1361, 99.9883)),
        ("icbm_other2tal", (-1.0423, -1.3940, 3.6475), (92.0977, 84.6560, 101.8675)),
    ):
        affine = np.array(MNI_TO_TALAIRACH[name])
        np.testing.assert_allclose(affine @ [0, 0, 0, 1], origin, atol=1e-12)
        np.testing.assert_allclose(affine @ [100, 100, 100, 1], of_100, atol=1e-10)


def test_the_reference_values_of_nimare() -> None:
    """NiMARE's own test of tal2mni, which is the icbm_other affine."""
    moved = talairach_to_mni([[-44, 31, 27], [20, -32, 14], [28, -76, 28]], "icbm_other2tal")
    expected = [
        [-45.83997568, 35.97904559, 23.55194326],
        [22.69248975, -31.34145016, 13.91284087],
        [31.53113226, -76.61685748, 33.22105166],
    ]
    np.testing.assert_allclose(moved, expected, atol=1e-8)


@pytest.mark.parametrize("transform", sorted(MNI_TO_TALAIRACH))
@given(point=st.tuples(millimetres, millimetres, millimetres))
def test_the_affine_takes_a_moved_focus_back(
    transform: str, point: tuple[float, float, float]
) -> None:
    (moved,) = talairach_to_mni([point], transform)
    back = np.array(MNI_TO_TALAIRACH[transform]) @ [*moved, 1]
    np.testing.assert_allclose(back, point, atol=1e-10)


@pytest.mark.parametrize("transform", sorted(MNI_TO_TALAIRACH))
def test_the_origin_moves_as_the_inverse_says(transform: str) -> None:
    square = np.vstack([MNI_TO_TALAIRACH[transform], [0, 0, 0, 1]])
    (moved,) = talairach_to_mni([[0, 0, 0]], transform)
    np.testing.assert_allclose(moved, np.linalg.inv(square)[:3, 3], atol=1e-12)
    assert np.linalg.norm(moved) > 3


@given(point=st.tuples(millimetres, millimetres, millimetres))
def test_brett_inverts_the_published_formula_on_both_sides_of_the_commissures(
    point: tuple[float, float, float],
) -> None:
    (moved,) = talairach_to_mni([point], "brett")
    np.testing.assert_allclose(mni_to_brett(moved), point, atol=0.03)


def test_brett_stretches_more_below_than_above() -> None:
    above, below = talairach_to_mni([[0, 0, 50], [0, 0, -50]], "brett")
    assert above[2] == pytest.approx(50 * np.cos(0.05) / 0.92)
    assert below[2] == pytest.approx(-50 * np.cos(0.05) / 0.84)


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_moved_foci_remember_what_was_published(transform: str) -> None:
    untouched, moved = to_mni([focus("MNI152NLin6Asym"), focus("TAL")], transform)
    assert untouched == focus("MNI152NLin6Asym")
    assert (moved.space, moved.reported, moved.reported_space) == (
        "MNI152",
        (-44.0, 31.0, 27.0),
        "TAL",
    )
    expected = talairach_to_mni([[-44, 31, 27]], transform)[0]
    assert [moved.x, moved.y, moved.z] == expected.tolist()
    assert (moved.n, moved.origin) == (18, "table.tsv, row 2")


def test_nothing_to_move() -> None:
    assert to_mni([], "brett") == ()
    assert to_mni([focus("MNI152")], "brett") == (focus("MNI152"),)


def test_an_unknown_transform_is_an_error() -> None:
    with pytest.raises(ValueError, match="none of icbm_spm2tal"):
        to_mni([], "guess")
