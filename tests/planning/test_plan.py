"""Plans count their runs and participants."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.grid import Grid
from fcnm_bids.inputs.runs.prepare import RunInput
from fcnm_bids.planning.plan import (
    ExcludedRun,
    ParticipantPlan,
    PlannedParticipant,
    PlannedRun,
    SpecificityPlan,
    by_reason,
)

GRID = Grid((2, 2, 2), np.eye(4), "MNI")


def run(name: str) -> PlannedRun:
    return PlannedRun(RunInput(name, "", "", "", "", "", "", ""), "", GRID, False, 9, 9, 9, 9, 2, 8)


def test_runs_of_all_participants_in_their_order() -> None:
    excluded = ExcludedRun("02", "d", "short")
    participants = (
        PlannedParticipant("01", (run("a"), run("b")), (), "", False),
        PlannedParticipant("02", (run("c"),), (excluded,), "", True),
    )
    plan = ParticipantPlan(Path(), GRID, {}, (), participants, 0)
    assert [one.files.name for one in plan.runs] == ["a", "b", "c"]
    assert plan.left_out == [excluded]


def test_nulls_of_foci_come_in_the_order_of_the_registry() -> None:
    plan = SpecificityPlan(("strength", "labels", "random", "split"), (), "", "", "", ())
    assert set(plan.focus_nulls) == {"random", "strength"}
    assert SpecificityPlan(("labels",), (), "", "", "", ()).focus_nulls == ()


@pytest.mark.parametrize(
    ("reasons", "lines"),
    [
        ({}, []),
        ({"x/a.h5": "old", "x/b.h5": "old", "x/c.h5": "new"}, ["old [a.h5, b.h5]", "new [c.h5]"]),
        ({"x/a.h5": "old", "y/a.h5": "old"}, ["old [x/a.h5, y/a.h5]"]),
        ({f"{n}.h5": "old" for n in range(5)}, ["old [0.h5, 1.h5, 2.h5 and 2 more]"]),
    ],
)
def test_a_reason_stands_once_with_its_runs(reasons: dict[str, str], lines: list[str]) -> None:
    assert by_reason(reasons) == lines
