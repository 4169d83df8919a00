"""Spheres around foci, on any grid."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from fcnm_bids.errors import SeedError
from fcnm_bids.grid import Grid
from fcnm_bids.seeds import (
    Contrast,
    Focus,
    coverage,
    foci_outside,
    sphere_seeds,
    voxels_of_spheres,
)

Position = tuple[float, float, float]


def contrast(name: str, *positions: Sequence[float], space: str = "MNI152") -> Contrast:
    foci = tuple(
        Focus(float(x), float(y), float(z), space, "A", name, "up", None, f"t, row {i}")
        for i, (x, y, z) in enumerate(positions, start=2)
    )
    return Contrast(name, "up", ("A",), foci, None)


def box(size: float, half: int = 8, flip: int = 1, shift: float = 0.0) -> Grid:
    """A cube of voxels with the origin at a voxel centre, or `shift` mm beside it."""
    affine = np.diag([flip * size, size, size, 1.0])
    affine[:3, 3] = [-flip * size * half + shift, -size * half + shift, -size * half + shift]
    return Grid((2 * half + 1,) * 3, affine, "MNI152NLin6Asym")


def voxels(found: Contrast, grid: Grid, radius: float, sphere: str) -> set[int]:
    seeds = sphere_seeds([found], grid, radius=radius, sphere=sphere)
    assert (seeds.weights.data == 1).all()
    return set(seeds.weights.indices.tolist())


def places(found: Contrast, grid: Grid, radius: float, sphere: str) -> set[Position]:
    """Centres in mm of the seed's voxels, rounded, which do not depend on the voxel order."""
    index = sorted(voxels(found, grid, radius, sphere))
    rounded = np.round(grid.positions(np.array(index, dtype=int)), 6) + 0.0
    return {(float(x), float(y), float(z)) for x, y, z in rounded}


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    """Rotated, flipped, anisotropic grids, perturbed as registration leaves them."""
    shape = draw(st.tuples(*[st.integers(1, 9)] * 3))
    sizes = draw(st.tuples(*[st.sampled_from([1.0, 2.0, 3.0, 3.5])] * 3))
    flips = draw(st.tuples(*[st.sampled_from([-1, 1])] * 3))
    rotation = np.eye(3)
    if draw(st.booleans()):
        angles = draw(st.tuples(*[st.floats(-180, 180)] * 3))
        rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    axes = rotation @ np.diag(np.array(sizes) * flips)
    if draw(st.booleans()):
        axes = axes + np.array(
            draw(st.lists(st.floats(-0.05, 0.05), min_size=9, max_size=9))
        ).reshape(3, 3)
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = draw(st.tuples(*[st.floats(-20, 20)] * 3))
    return Grid(shape, affine, "MNI152NLin6Asym")  # fmt: skip


@st.composite
def grids_with_foci(draw: st.DrawFn) -> tuple[Grid, list[Position]]:
    grid = draw(grids())
    inside = [st.floats(-2, n + 1) for n in grid.shape]
    indices = draw(st.lists(st.tuples(*inside), min_size=1, max_size=4))
    positions = np.array(indices) @ grid.affine[:3, :3].T + grid.affine[:3, 3]
    return grid, [(float(x), float(y), float(z)) for x, y, z in positions]


def distances2(grid: Grid, position: Position) -> NDArray[np.float64]:
    everywhere = grid.positions(np.arange(grid.n_voxels))
    return np.asarray(((everywhere - position) ** 2).sum(axis=1))


@settings(deadline=None)
@given(case=grids_with_foci(), radius=st.sampled_from([0.0, 1.0, 2.0, 4.0, 7.0]) | st.floats(0, 9))
def test_mm_spheres_against_every_voxel_of_the_grid(
    case: tuple[Grid, list[Position]], radius: float
) -> None:
    grid, positions = case
    expected: set[int] = set()
    for position in positions:
        d2 = distances2(grid, position)
        assume((np.abs(d2 - radius**2 - 1e-3) > 1e-9).all())
        within = set(np.flatnonzero(d2 <= radius**2 + 1e-3).tolist())
        index = np.linalg.solve(grid.affine[:3, :3], np.array(position) - grid.affine[:3, 3])
        assume(np.min(np.abs(index - np.floor(index) - 0.5)) > 1e-3)
        nearest = np.rint(index).astype(int)
        if not within and ((nearest >= 0) & (nearest < grid.shape)).all():
            within = {int(np.ravel_multi_index(tuple(nearest), grid.shape, order="F"))}
        expected |= within
    assert voxels(contrast("a", *positions), grid, radius, "mm") == expected


@settings(deadline=None)
@given(case=grids_with_foci(), radius=st.floats(0, 9))
def test_rounded_spheres_against_every_voxel_of_the_grid(
    case: tuple[Grid, list[Position]], radius: float
) -> None:
    grid, positions = case
    in_voxels = radius / grid.voxel_sizes.mean()
    assume(abs(in_voxels % 1 - 0.5) > 1e-9)
    everywhere = grid.subscripts(np.arange(grid.n_voxels))
    expected: set[int] = set()
    for position in positions:
        index = np.linalg.solve(grid.affine[:3, :3], np.array(position) - grid.affine[:3, 3])
        assume(np.min(np.abs(index - np.floor(index) - 0.5)) > 1e-3)
        steps2 = ((everywhere - np.rint(index)) ** 2).sum(axis=1)
        expected |= set(np.flatnonzero(steps2 <= round(in_voxels) ** 2).tolist())
    assert voxels(contrast("a", *positions), grid, radius, "voxel-rounded") == expected


@pytest.mark.parametrize(("radius", "count"), [(1.0, 1), (4.0, 7), (7.0, 33)])
@pytest.mark.parametrize("flip", [-1, 1])
def test_rounded_spheres_of_the_published_scripts(radius: float, count: int, flip: int) -> None:
    seed = contrast("a", (4.0, -7.0, 10.0))
    assert len(voxels(seed, box(3.0, flip=flip), radius, "voxel-rounded")) == count


def matlab_ball(position: Position, size: float, half: int, radius: float) -> set[Position]:
    """The steps of ROI_ball_gen_combined.m on an image of SPM's orientation, voxel by voxel."""

    def away(value: float) -> int:
        return int(np.sign(value) * np.floor(abs(value) + 0.5))

    origin = half + 1
    centre = [away(value / size) + origin for value in (-position[0], position[1], position[2])]
    reach = away(radius / size)
    ball = set()
    for i in range(1, 2 * half + 2):
        for j in range(1, 2 * half + 2):
            for k in range(1, 2 * half + 2):
                if np.linalg.norm(np.subtract((i, j, k), centre)) <= reach:
                    mm = ((origin - i) * size, (j - origin) * size, (k - origin) * size)
                    ball.add((float(mm[0]), float(mm[1]), float(mm[2])))
    return ball


@pytest.mark.parametrize("flip", [-1, 1])
@pytest.mark.parametrize(
    "position",
    [
        (1.5, 4.5, -1.5), (-1.5, -4.5, 1.5), (-7.5, 0.0, 7.5), (4.0, -7.0, 10.0), (0.0, 0.0, 0.0),
        (13.0, 13.5, -15.0), (16.0, 0.0, 0.0), (40.0, 0.0, 0.0),
    ],
)  # fmt: skip
def test_ties_and_edges_as_matlab_rounds_them(position: Position, flip: int) -> None:
    found = places(contrast("a", position), box(3.0, half=4, flip=flip), 4.0, "voxel-rounded")
    assert found == matlab_ball(position, 3.0, 4, 4.0)


def test_a_tie_is_recognised_through_a_float32_affine() -> None:
    affine = np.diag([-1.7, 1.7, 1.7, 1.0]).astype(np.float32)
    affine[:3, 3] = np.array([17.0, -17.0, -17.0]) / 1
    grid = Grid((21, 21, 21), affine.astype(float), "MNI152NLin6Asym")
    (place,) = places(contrast("a", (4.25, -4.25, 0.85)), grid, 0.0, "voxel-rounded")
    assert place == pytest.approx((5.1, -5.1, 1.7), abs=1e-5)


@pytest.mark.parametrize("sphere", ["mm", "voxel-rounded"])
@given(position=st.tuples(*[st.integers(-30, 30).map(lambda n: n / 2)] * 3))
@settings(deadline=None)
def test_a_seed_does_not_depend_on_how_the_image_is_stored(sphere: str, position: Position) -> None:
    seed = contrast("a", position)
    assert places(seed, box(3.0), 4.0, sphere) == places(seed, box(3.0, flip=-1), 4.0, sphere)


def test_centres_on_the_surface_belong_to_the_sphere() -> None:
    assert len(voxels(contrast("a", (0, 0, 0)), box(2.0), 4.0, "mm")) == 33
    slightly_less = np.nextafter(4.0, 0)
    assert len(voxels(contrast("a", (0, 0, 0)), box(2.0), slightly_less, "mm")) == 33


def test_a_small_sphere_between_voxels_is_the_voxel_that_holds_the_focus() -> None:
    assert places(contrast("a", (1.4, 1.4, 1.4)), box(3.0), 1.0, "mm") == {(0.0, 0.0, 0.0)}
    assert len(voxels(contrast("a", (1.5, 1.5, 1.5)), box(3.0), 1.0, "mm")) == 1


@pytest.mark.parametrize("sphere", ["mm", "voxel-rounded"])
def test_a_voxel_in_several_spheres_counts_once(sphere: str) -> None:
    grid = box(2.0)
    once = contrast("a", (0, 0, 0), (4, 0, 0))
    again = contrast("a", (0, 0, 0), (4, 0, 0), (0, 0, 0))
    both = voxels(contrast("a", (0, 0, 0)), grid, 4.0, sphere) | voxels(
        contrast("a", (4, 0, 0)), grid, 4.0, sphere
    )
    assert voxels(once, grid, 4.0, sphere) == voxels(again, grid, 4.0, sphere) == both


@pytest.mark.parametrize("sphere", ["mm", "voxel-rounded"])
def test_one_contrast_outside_does_not_disturb_the_others(sphere: str) -> None:
    grid = box(3.0)
    contrasts = [contrast("in", (0, 0, 0)), contrast("out", (90, 0, 0)), contrast("none")]
    seeds = sphere_seeds(contrasts, grid, radius=4.0, sphere=sphere)
    assert np.diff(seeds.weights.indptr).tolist() == [7, 0, 0]
    assert coverage(seeds.weights, np.arange(grid.n_voxels)).tolist() == [1, 0, 0]
    assert seeds.restrict(np.arange(grid.n_voxels)).sum(axis=1).tolist() == pytest.approx([1, 0, 0])


def test_no_contrasts_make_an_empty_matrix() -> None:
    grid = box(3.0)
    assert sphere_seeds([], grid, radius=4.0, sphere="mm").weights.shape == (0, grid.n_voxels)


def test_foci_outside_of_the_box_are_named() -> None:
    grid = box(3.0, half=4)
    contrasts = [contrast("a", (0, 0, 0), (13.4, 0, 0)), contrast("b", (13.6, 0, 0), (0, 0, -40))]
    assert foci_outside(contrasts, grid) == list(contrasts[1].foci)
    assert len(voxels(contrast("b", (13.6, 0, 0)), grid, 4.0, "mm")) == 5


@pytest.mark.parametrize("radius", [-1.0, np.nan, np.inf])
def test_a_radius_is_a_length(radius: float) -> None:
    with pytest.raises(ValueError, match="not a length"):
        sphere_seeds([], box(3.0), radius=radius, sphere="mm")


def test_an_unknown_sphere_is_an_error() -> None:
    with pytest.raises(ValueError, match="none of mm, voxel-rounded"):
        sphere_seeds([], box(3.0), radius=4.0, sphere="cube")


def test_talairach_foci_are_refused() -> None:
    seed = contrast("a", (0, 0, 0), space="TAL")
    with pytest.raises(SeedError, match="t, row 2: the focus is in Talairach space"):
        sphere_seeds([seed], box(3.0), radius=4.0, sphere="mm")
    with pytest.raises(SeedError, match="Talairach"):
        foci_outside([seed], box(3.0))


def test_many_foci_are_worked_on_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    contrasts = [contrast(str(i), *rng.uniform(-20, 20, (5, 3))) for i in range(20)]
    whole = [
        sphere_seeds(contrasts, box(2.0), radius=4.0, sphere=s) for s in ("mm", "voxel-rounded")
    ]
    monkeypatch.setattr("fcnm_bids.seeds.spheres._PAIRS_AT_ONCE", 300)
    parts = [
        sphere_seeds(contrasts, box(2.0), radius=4.0, sphere=s) for s in ("mm", "voxel-rounded")
    ]
    for one, other in zip(whole, parts, strict=True):
        assert (one.weights != other.weights).nnz == 0  # fmt: skip


def test_voxels_are_counted_for_every_focus() -> None:
    grid = box(10)
    found = contrast("a", (10, 10, 10), (13.9, 10, 10), (-35, 10, 10), (500, 0, 0))
    other = contrast("b", (10, 10, 10), (0, 0, 0))

    def counted(radius: float, sphere: str) -> list[int]:
        return voxels_of_spheres([found, other], grid, radius=radius, sphere=sphere).tolist()

    # a focus between centres has the voxel that holds it
    assert counted(4, "mm") == [1, 1, 1, 0, 1, 1]
    assert counted(8, "mm") == [1, 2, 2, 0, 1, 1]
    assert counted(10, "voxel-rounded") == [7, 7, 7, 0, 7, 7]
    for number, seed in enumerate((found, other)):
        alone = voxels_of_spheres([seed], grid, radius=10, sphere="mm")
        both = counted(10, "mm")
        assert alone.tolist() == (both[4:] if number else both[:4])
        assert len(voxels(seed, grid, 10, "mm")) <= alone.sum()
