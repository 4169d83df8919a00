"""Count finished nodes and log the progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fcnm_bids.execution.status import is_live, progress_bar, show_status
from fcnm_bids.resources.units import duration

LOGGER = logging.getLogger("fcnm_bids")

_SECONDS_BETWEEN_LINES = 5.0
_SECONDS_BETWEEN_STATUS = 0.5
_RECENT = 3
"""The last one in so many items tells the present rate."""


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


class Progress:
    """Counts what nodes have finished, and says how much is left.

    On a terminal one line is drawn again and again, and the log has a line for each kind of work
    that is done with; elsewhere the log has a line every few seconds.

    Parameters
    ----------
    stages
        The kinds of work.
    """

    def __init__(self, *stages: ProgressCounter) -> None:
        self._stages = [stage for stage in stages if stage.total]
        self._failed = 0
        self._started = time.monotonic()
        self._said = self._drawn = 0.0
        self._finished: list[float] = []

    def __call__(self, node: Any, status: str) -> None:
        """Nipype's status callback."""
        if status not in ("end", "exception"):
            return
        for stage in self._stages:
            weight = stage.weights.get(node.fullname)
            if weight is not None:
                stage.done += weight
                self._failed += weight * (status == "exception")
                self._finished += [time.monotonic() - self._started] * weight
                self._say(stage)

    def tick(self) -> None:
        """Draw the status line again, a few times a second at most."""
        now = time.monotonic()
        if now - self._drawn >= _SECONDS_BETWEEN_STATUS and is_live():
            self._drawn = now
            show_status(self.status(now - self._started))

    def status(self, spent: float) -> str:
        """Return what is being done after some seconds: stage, bar, rate and time left."""
        done, total = len(self._finished), sum(stage.total for stage in self._stages)
        number, stage = next(
            ((n, s) for n, s in enumerate(self._stages, start=1) if s.done < s.total),
            (len(self._stages), self._stages[-1]),
        )
        parts = [
            f"{number}/{len(self._stages)} {progress_bar(done / total)} "
            f"{stage.done} of {stage.total} {stage.verb}"
        ]
        if 0 < done < total:
            return ", ".join([*parts, _rate(done / spent), self._left(spent)])
        return f"{parts[0]}; {duration(spent)} spent"

    def _left(self, spent: float) -> str:
        """Return the time left by the rate of all items, and by that of the last ones."""
        done, total = len(self._finished), sum(stage.total for stage in self._stages)
        recent = max(1, done // _RECENT)
        since = self._finished[-recent - 1] if recent < done else 0.0
        rates = done / spent, recent / max(spent - since, 1e-3)
        low, high = (duration((total - done) / rate) for rate in sorted(rates, reverse=True))
        if low == high:
            return f"{low} left"
        (number, unit), other = low.split(), high.split()[1]
        return f"{number if unit == other else low} to {high} left"

    def _say(self, stage: ProgressCounter) -> None:
        if is_live():  # the status line tells the rest
            if stage.done == stage.total:
                LOGGER.info("%d of %d %s%s", stage.done, stage.total, stage.verb, self._failures)
            return
        now = time.monotonic()
        done = sum(stage.done for stage in self._stages)
        total = sum(stage.total for stage in self._stages)
        if now - self._said < _SECONDS_BETWEEN_LINES and done < total:
            return
        self._said = now
        parts = [f"{s.done} of {s.total} {s.verb}" for s in self._stages]
        if done < total:
            parts.append(f"about {duration((now - self._started) / done * (total - done))} left")
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
