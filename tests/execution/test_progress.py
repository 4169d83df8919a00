"""Lines of progress count what nodes stand for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from fcnm_bids.execution.progress import Progress, ProgressCounter


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
    assert "2 of 5 runs projected, 0 of 1 participants mapped, about" in said.messages[-1]
    finish(progress, "unknown")
    finish(progress, "b", "start")
    assert len(said.messages) == 1
    finish(progress, "b", "exception")
    finish(progress, "c")
    assert said.messages[-1] == "5 of 5 runs projected, 1 of 1 participants mapped (3 failed)"


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
