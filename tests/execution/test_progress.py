"""Lines of progress count what nodes stand for, and the time left settles."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fcnm_bids.execution import progress as module
from fcnm_bids.execution.progress import Progress, ProgressCounter
from fcnm_bids.resources.forecast import Forecast, Needs


def finish(progress: Progress, name: str, status: str = "end") -> None:
    progress(SimpleNamespace(fullname=name), status)


def test_progress_counts_what_nodes_stand_for(said: pytest.LogCaptureFixture) -> None:
    stages = (
        ProgressCounter("runs projected", {"a": 2, "b": 3}),
        ProgressCounter("participants mapped", {"c": 1}),
    )
    assert [stage.total for stage in stages] == [5, 1]
    progress = Progress(*stages)
    finish(progress, "a")
    assert said.messages == ["2 of 5 runs projected"]
    finish(progress, "unknown")
    finish(progress, "b", "start")
    assert len(said.messages) == 1
    finish(progress, "b", "exception")
    finish(progress, "c")
    assert said.messages[1:] == [
        "5 of 5 runs projected (3 failed)",
        "1 of 1 participants mapped (3 failed)",
    ]


def test_what_there_is_none_of_is_not_told(said: pytest.LogCaptureFixture) -> None:
    progress = Progress(
        ProgressCounter("contrasts tested", {}), ProgressCounter("networks mapped", {"a": 1})
    )
    finish(progress, "a")
    assert said.messages == ["1 of 1 networks mapped"]


def test_progress_is_not_told_at_every_turn(said: pytest.LogCaptureFixture) -> None:
    progress = Progress(ProgressCounter("things done", {str(n): 1 for n in range(100)}))
    for n in range(100):
        finish(progress, str(n))
    assert len(said.messages) == 2
    assert said.messages[-1].startswith("100 of 100 things done")


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    return clock


KINDS = {"sums": (1, 30.0, 1), "contrast": (10, 2.0, 2), "draws": (40, 20.0, 2)}
"""Number of nodes of each kind, the forecast of one in seconds, and how many run at once."""


@pytest.mark.parametrize("factor", [0.3, 1.0, 5.0])
def test_the_time_left_settles_whatever_the_machine(clock: Clock, factor: float) -> None:
    rows = [
        Forecast(kind, n, 1.0, at_once, Needs(n * seconds))
        for kind, (n, seconds, at_once) in KINDS.items()
    ]
    names = {kind: [f"wf.{kind}_{i}" for i in range(n)] for kind, (n, *_) in KINDS.items()}
    progress = Progress(
        *(ProgressCounter(kind, dict.fromkeys(own, 1)) for kind, own in names.items()),
        forecasts=rows,
    )
    whole = factor * sum(n * seconds / at_once for n, seconds, at_once in KINDS.values())
    for kind, (n, seconds, at_once) in KINDS.items():
        for first in range(0, n, at_once):
            together = names[kind][first : first + at_once]
            for name in together:
                finish(progress, name, "start")
            clock.now += factor * seconds
            for name in together:
                finish(progress, name)
            # from the first node that ended, the truth is within the range
            low, high = progress._left(clock.now)
            true = whole - (clock.now - 1000)
            assert low <= true + 1e-6
            assert high >= true - 1e-6
            if kind == "draws":
                assert low == pytest.approx(high)
    assert progress._left(clock.now) == [0, 0]


def test_a_long_node_is_not_silent(clock: Clock, said: pytest.LogCaptureFixture) -> None:
    rows = [Forecast("sums", 1, 1.0, 1, Needs(100))]
    progress = Progress(ProgressCounter("maps summed", {"sums": 1}), forecasts=rows)
    finish(progress, "sums", "start")
    for _ in range(95):
        clock.now += 1
        progress.tick()
    assert said.messages == [f"0 of 1 maps summed, about {left} s left" for left in (70, 40, 10)]
    clock.now += 100  # later than expected: never nothing
    progress.tick()
    assert said.messages[-1] == "0 of 1 maps summed, about 20 s left"


def test_a_line_fits_a_terminal(clock: Clock, said: pytest.LogCaptureFixture) -> None:
    names = {
        verb: {f"{verb}_{i}": 1 for i in range(2000)}
        for verb in ("draws made", "networks compared")
    }
    rows = [
        Forecast("draws made", 2000, 1.0, 2, Needs(9e6)),
        Forecast("networks compared", 2000, 1.0, 2, Needs(9e5)),
    ]
    progress = Progress(
        *(ProgressCounter(verb, own) for verb, own in names.items()), forecasts=rows
    )
    for own in names.values():
        finish(progress, next(iter(own)), "start")
        clock.now += 10
        finish(progress, next(iter(own)))
    assert len(said.messages[-1]) + len("[0:00:00] ") <= 80
    assert "left" in said.messages[-1]
