"""The time of draws, measured on one run and counted for all."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fcnm_bids.config import Config
from fcnm_bids.connectome import open_run
from fcnm_bids.planning.plan import SpecificityPlan
from fcnm_bids.resources import draw_time
from fcnm_bids.resources.draw_time import describe_cost, draw_seconds


def plan(*nulls: str) -> SpecificityPlan:
    return SpecificityPlan(nulls, (), "", "", "", ())


def test_a_draw_takes_time(projected: Path) -> None:
    run = open_run(next(projected.rglob("*.h5")))
    assert 0 < draw_seconds(Config("in", "out", "group"), [run], 1) < 1


def test_the_cost_is_that_of_all_draws_runs_and_contrasts(
    projected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [open_run(path) for path in sorted(projected.rglob("*.h5"))[:3]]
    participants = [("01", runs[:1]), ("02", runs[1:])]
    config = Config("in", "out", "group").update(
        {"group": {"n_permutations": 100}, "resources": {"nprocs": 2}}
    )
    monkeypatch.setattr(draw_time, "measure_contrast", lambda *_: 0.48)
    text = describe_cost(plan("random", "labels", "strength"), config, participants, 7)
    assert text is not None
    assert text.startswith("specificity: 200 draws of 7 contrasts over 2 participants, 10 s a draw")
    # 200 draws of 3 runs x 7 contrasts x 0.48 s, on two processes
    assert re.search(r"about 17 min with 2 processes$", text)
    limited = config.update({"specificity": {"specificity_time": 1800.0}})
    again = describe_cost(plan("random"), limited, participants, 7)
    assert again is not None
    assert again.endswith("; none is begun after 30 min")


def test_without_draws_there_is_no_cost() -> None:
    assert describe_cost(plan("labels", "split"), Config("in", "out", "group"), [], 7) is None
