"""Count finished nodes and log the progress."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fcnm_bids.execution.status import is_live, progress_bar, show_status
from fcnm_bids.resources.forecast import Forecast, node_kind
from fcnm_bids.resources.units import duration

LOGGER = logging.getLogger("fcnm_bids")

_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_BETWEEN_STATUS = 0.5
_SECONDS_OF_SILENCE = 30.0
_SECONDS_UNKNOWN = 1.0
"""Forecast of a node without one."""

_LEAST_LEFT = 0.1
"""Share of its expected time that a node is taken to need still, however long it has run."""


@dataclass
class ProgressCounter:
    """One kind of work that progress is told of.

    Parameters
    ----------
    verb
        What happens to the items, such as "runs projected".
    weights
        Full names of its nodes, with the number of items each stands for.
    """

    verb: str
    weights: Mapping[str, int]
    done: int = 0

    @property
    def total(self) -> int:
        """Number of items."""
        return sum(self.weights.values())


@dataclass
class Pace:
    """Time that the nodes of one kind take.

    Parameters
    ----------
    expected
        Forecast for one node in seconds, above 0.
    waiting
        Number of nodes that have not ended.
    at_once
        Number of nodes that run at a time.
    """

    expected: float
    waiting: int
    at_once: int
    ended: int = 0
    taken: float = 0.0
    begun: dict[str, float] = field(default_factory=dict)

    def begin(self, name: str, now: float) -> None:
        """Count a node that begins."""
        self.begun[name] = now

    def end(self, name: str, now: float) -> None:
        """Count a node that ended."""
        self.waiting -= 1
        if name in self.begun:
            self.ended += 1
            self.taken += now - self.begun.pop(name)

    def left(self, now: float, ratio: float) -> float:
        """Return the seconds left; `ratio` is time taken over forecast, where none has ended."""
        if not self.waiting:
            return 0.0
        spent = [now - start for start in self.begun.values()]
        if self.ended:
            ratio = self.taken / (self.ended * self.expected)
        each = self.expected * max(ratio, 1e-3)
        running = sum(max(each - one, _LEAST_LEFT * max(each, one)) for one in spent)
        left = each * max(0, self.waiting - len(spent)) + running
        return left / min(self.at_once, self.waiting)


class Progress:
    """Counts the nodes that ended, and estimates the time left.

    On a terminal one line is drawn again and again, and the log has a line for each kind of work
    that ended; elsewhere the log also has a line every few seconds, or every half minute while no
    node ends. The time left is the forecast of each kind of node, in proportion to the time that
    nodes took so far.

    Parameters
    ----------
    stages
        The kinds of work.
    forecasts
        The forecast of the nodes by kind; no time left is stated without.
    """

    def __init__(self, *stages: ProgressCounter, forecasts: Iterable[Forecast] = ()) -> None:
        self._stages = [stage for stage in stages if stage.total]
        self._paces = {
            row.kind: Pace(
                row.needs.seconds / row.n_nodes if row.needs.seconds > 0 else _SECONDS_UNKNOWN,
                row.n_nodes,
                row.at_once,
            )
            for row in forecasts
        }
        self._failed = 0
        self._started = time.monotonic()
        self._said = self._drawn = -math.inf

    def __call__(self, node: Any, status: str) -> None:
        """Nipype's status callback."""
        now = time.monotonic()
        pace = self._paces.get(node_kind(node.fullname))
        if pace is not None:
            (pace.begin if status == "start" else pace.end)(node.fullname, now)
        if status == "start":
            return
        for stage in self._stages:
            weight = stage.weights.get(node.fullname)
            if weight is not None:
                stage.done += weight
                self._failed += weight * (status == "exception")
                self._say(stage, now)

    def tick(self) -> None:
        """Draw the status line again, or log a line after a long silence."""
        now = time.monotonic()
        if is_live():
            if now - self._drawn >= _SECONDS_BETWEEN_STATUS:
                self._drawn = now
                show_status(self.status(now - self._started))
        elif now - max(self._said, self._started) >= _SECONDS_OF_SILENCE:
            self._log(now)

    def status(self, spent: float) -> str:
        """Return what is being done after some seconds: stage, bar, count, rate and time left."""
        number, stage = next(
            ((n, s) for n, s in enumerate(self._stages, start=1) if s.done < s.total),
            (len(self._stages), self._stages[-1]),
        )
        left = self._left(self._started + spent)
        share = spent / (spent + sum(left) / 2) if left and spent else 0.0
        parts = [
            f"{number}/{len(self._stages)} {progress_bar(share)} "
            f"{stage.done} of {stage.total} {stage.verb}"
        ]
        if stage.done:
            parts.append(_rate(stage.done / spent))
        return ", ".join([*parts, _range(*left)] if left else parts)

    def _left(self, now: float) -> list[float]:
        """Return the least and the most seconds left; nothing without a forecast.

        Of kinds of which no node has ended the forecast is taken as it is, and in proportion to
        what the others took.
        """
        paces = self._paces.values()
        expected = sum(pace.ended * pace.expected for pace in paces)
        ratio = sum(pace.taken for pace in paces) / expected if expected else 1.0
        return sorted(sum(pace.left(now, by) for pace in paces) for by in (1.0, ratio) if paces)

    def _say(self, stage: ProgressCounter, now: float) -> None:
        if stage.done == stage.total:
            LOGGER.info("%d of %d %s%s", stage.done, stage.total, stage.verb, self._failures)
        elif not is_live() and now - self._said >= _SECONDS_BETWEEN_LINES:
            self._log(now)

    def _log(self, now: float) -> None:
        """Log what has begun and has not ended, or comes next."""
        self._said = now
        waiting = [stage for stage in self._stages if stage.done < stage.total]
        begun = [stage for stage in waiting if stage.done] or waiting[:1]
        parts = [f"{s.done} of {s.total} {s.verb}" for s in begun[:2]]
        if left := self._left(now):
            parts.append(_range(*left))
        if parts:
            LOGGER.info("%s%s", ", ".join(parts), self._failures)

    @property
    def _failures(self) -> str:
        return f" ({self._failed} failed)" if self._failed else ""


def _rate(per_second: float) -> str:
    """Return a rate in the unit that shows it."""
    for unit, seconds in (("s", 1), ("min", 60)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:.1f}/{unit}"
    return f"{per_second * 3600:.1f}/h"


def _range(low: float, high: float) -> str:
    """Return a range of seconds left, or one time where both read alike."""
    least, most = duration(low), duration(high)
    if least == most:
        return f"about {most} left"
    (number, unit), other = least.split(), most.split()[1]
    return f"{number if unit == other else least} to {most} left"
