"""The knobs of a simulation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fcnm_bids.errors import RequestError
from fcnm_bids.simulate import SimulationDesign


@pytest.mark.parametrize(
    ("knobs", "word"),
    [
        ({"n_participants": 0}, "participant"),
        ({"n_runs": (1, 0)}, "run"),
        ({"n_runs": ()}, "run"),
        ({"sessions": ("a-b",)}, "session"),
        ({"space": "MNI305"}, "MNI305"),
        ({"voxel_size": 0.5}, "voxels"),
        ({"n_volumes": 5}, "volumes"),
        ({"repetition_time": 0.0}, "repetition time"),
        ({"effects": ("increase", "increase")}, "effects"),
        ({"effects": ("sideways",)}, "sideways"),
        ({"n_studies": 2, "n_shared_studies": 3}, "shared"),
        ({"foci_per_contrast": (6, 3)}, "foci"),
        ({"coordinates": "anything"}, "anything"),
        ({"node_radius": 20.0}, "radius"),
        ({"white_noise": -1.0}, "negative"),
        ({"non_steady_state": ()}, "non-steady"),
    ],
)
def test_a_knob_out_of_range_is_named(knobs: dict[str, Any], word: str) -> None:
    with pytest.raises(RequestError) as caught:
        SimulationDesign(**knobs)
    assert len(caught.value.problems) == 1
    assert word in caught.value.problems[0]


def test_all_problems_are_reported_at_once() -> None:
    with pytest.raises(RequestError) as caught:
        SimulationDesign(n_participants=0, n_volumes=3, space="nowhere")
    assert len(caught.value.problems) == 3


def test_runs_repeat_over_participants_and_single_runs_have_no_entity() -> None:
    design = SimulationDesign(n_runs=(1, 3))
    assert [design.runs_of(participant) for participant in range(3)] == [[None], [1, 2, 3], [None]]


def test_labels_have_as_many_digits_as_the_last_participant_needs() -> None:
    assert SimulationDesign(n_participants=9).label_of(0) == "01"
    assert SimulationDesign(n_participants=120).label_of(6) == "007"


def test_streams_are_reproducible_and_differ_from_one_another() -> None:
    design = SimulationDesign(random_seed=3)
    draws = [design.generator(*stream).random(4) for stream in [(1,), (1,), (2,), (1, 1)]]
    assert np.array_equal(draws[0], draws[1])
    assert not np.array_equal(draws[0], draws[2])
    assert not np.array_equal(draws[0], draws[3])
