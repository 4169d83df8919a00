"""Courses, maps and volumes of one simulated run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fcnm_bids.simulate import SimulationDesign
from fcnm_bids.simulate.bold import SignalModel, signal_model, slow_course, volumes
from fcnm_bids.simulate.head import Head, load_head
from fcnm_bids.simulate.sites import BACKGROUND_SITES

DESIGN = SimulationDesign(n_participants=1, voxel_size=8.0, n_volumes=40, drift=0.0)


@pytest.fixture(scope="module")
def head() -> Head:
    return load_head(DESIGN.space, DESIGN.voxel_size)


def model(head: Head, design: SimulationDesign = DESIGN, seed: int = 0) -> SignalModel:
    motion = np.zeros((design.n_volumes, 6))
    gains = np.ones(len(design.effects) + len(BACKGROUND_SITES))
    return signal_model(np.random.default_rng(seed), design, head, motion, gains)


@pytest.mark.parametrize("tr", [0.8, 3.0])
def test_a_course_is_slow_and_of_unit_variance(tr: float) -> None:
    course = slow_course(np.random.default_rng(0), 600, tr)
    assert course.std() == pytest.approx(1)
    assert course.mean() == pytest.approx(0, abs=1e-9)
    power = np.abs(np.fft.rfft(course)) ** 2
    slow = np.fft.rfftfreq(600, tr) <= 0.12
    assert power[slow].sum() > 0.95 * power.sum()


def test_every_voxel_of_head_and_rim_has_a_baseline(head: Head) -> None:
    found = model(head)
    inside = head.grid.flatten(head.brain | head.rim)
    np.testing.assert_array_equal(found.index, np.flatnonzero(inside))
    assert (found.baseline > 0).all()
    assert found.maps.shape == (found.index.size, len(found.courses))
    assert found.courses.shape[1] == DESIGN.n_volumes


def test_without_noise_volumes_are_baseline_times_what_courses_add(head: Head) -> None:
    quiet = replace(DESIGN, smooth_noise=0.0, white_noise=0.0)
    found = model(head, quiet)
    drawn = list(volumes(np.random.default_rng(1), quiet, head, found, 2))
    assert len(drawn) == quiet.n_volumes
    percent = found.maps @ found.courses
    for row, excess in ((0, 0.25), (1, 0.08), (2, 0.0), (39, 0.0)):
        expected = found.baseline * (1 + excess + 0.01 * percent[:, row])
        assert drawn[row].dtype == np.int16
        np.testing.assert_allclose(drawn[row], np.clip(expected, 1, 32767), atol=1.0)


def test_strength_and_seed_decide(head: Head) -> None:
    strong = model(head, replace(DESIGN, network_strength=2 * DESIGN.network_strength))
    first, again, other = model(head), model(head), model(head, seed=1)
    np.testing.assert_array_equal(first.courses, again.courses)
    assert not np.array_equal(first.courses, other.courses)
    np.testing.assert_allclose(strong.maps[:, 0], 2 * first.maps[:, 0], rtol=1e-5)
