"""One line at the foot of a terminal."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest

from fcnm_bids.execution import status
from fcnm_bids.execution.progress import Progress, ProgressCounter
from fcnm_bids.execution.status import CLEAR, progress_bar, show_status
from fcnm_bids.resources.forecast import Forecast, Needs
from tests.execution.test_progress import finish


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    found = Terminal()
    monkeypatch.setattr(status, "sys", SimpleNamespace(stdout=found))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    return found


def test_a_line_is_drawn_over_the_one_before_and_fits(terminal: Terminal) -> None:
    show_status("a")
    show_status("b" * 200)
    assert terminal.getvalue() == f"{CLEAR}a{CLEAR}{'b' * 79}"


@pytest.mark.parametrize("term", ["dumb", ""])
def test_nothing_is_drawn_where_lines_stay(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setenv("TERM", term or "dumb")
    show_status("a")
    monkeypatch.setattr(status, "sys", SimpleNamespace(stdout=io.StringIO()))
    monkeypatch.setenv("TERM", "xterm")
    assert not status.is_live()
    show_status("a")
    assert terminal.getvalue() == ""


def test_a_closed_stream_is_no_terminal(terminal: Terminal) -> None:
    assert status.is_live(terminal)
    terminal.close()
    assert not status.is_live(terminal)


@pytest.mark.parametrize(("share", "filled"), [(0, 0), (0.5, 10), (0.999, 19), (1, 20)])
def test_a_bar_is_full_at_the_end_only(share: float, filled: int) -> None:
    assert progress_bar(share) == f"[{'#' * filled}{'.' * (20 - filled)}]"


def test_the_stage_its_rate_and_a_range_of_the_time_left(
    terminal: Terminal, said: pytest.LogCaptureFixture
) -> None:
    rows = [Forecast("a", 1, 1.0, 1, Needs(30)), Forecast("b", 1, 1.0, 1, Needs(20))]
    progress = Progress(
        ProgressCounter("contrasts tested", {"a": 6}),
        ProgressCounter("networks mapped", {"b": 4}),
        forecasts=rows,
    )
    line = progress.status(10)
    assert line == f"1/2 {progress_bar(1 / 6)} 0 of 6 contrasts tested, about 50 s left"
    pace = progress._paces["a"]
    pace.ended, pace.taken = 1, 60.0
    finish(progress, "a")
    line = progress.status(60)
    assert line == f"2/2 {progress_bar(2 / 3)} 0 of 4 networks mapped, 20 to 40 s left"
    assert len(line) < 80
    assert said.messages == ["6 of 6 contrasts tested"]
    progress.tick()
    assert terminal.getvalue().startswith(CLEAR)
