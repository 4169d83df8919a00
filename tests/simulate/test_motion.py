"""Simulated head motion."""

from __future__ import annotations

import numpy as np
import pytest

from fcnm_bids.simulate.motion import framewise_displacement, simulate_motion


def test_displacement_of_known_movements() -> None:
    motion = np.zeros((4, 6))
    motion[1, 0] = 0.3
    motion[2, :] = [0.3, -0.2, 0, 0.01, 0, 0]
    motion[3, :] = motion[2]
    expected = [np.nan, 0.3, 0.2 + 50 * 0.01, 0.0]
    np.testing.assert_allclose(framewise_displacement(motion), expected, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_spikes_stay_within_their_share(seed: int) -> None:
    motion = simulate_motion(np.random.default_rng(seed), 200, mean_fd=0.12, spike_share=0.03)
    above = np.count_nonzero(framewise_displacement(motion)[1:] > 0.5)
    assert 2 <= above <= 2 * 0.03 * 200


def test_without_spikes_displacement_is_as_small_as_asked_for() -> None:
    fd = [
        framewise_displacement(
            simulate_motion(np.random.default_rng(seed), 300, mean_fd=0.1, spike_share=0.0)
        )[1:]
        for seed in range(20)
    ]
    assert np.max(fd) < 0.5
    assert np.mean(fd) == pytest.approx(0.1, rel=0.2)
