"""Count finished nodes and log the progress."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fcnm_bids.resources.units import duration

LOGGER = logging.getLogger("fcnm_bids")

_SECONDS_BETWEEN_LINES = 5.0


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

    Parameters
    ----------
    stages
        The kinds of work.
    """

    def __init__(self, *stages: ProgressCounter) -> None:
        self._stages = [stage for stage in stages if stage.total]
        self._failed = 0
        self._started = time.monotonic()
        self._said = 0.0

    def __call__(self, node: Any, status: str) -> None:
        """Nipype's status callback."""
        if status not in ("end", "exception"):
            return
        for stage in self._stages:
            weight = stage.weights.get(node.fullname)
            if weight is not None:
                stage.done += weight
                self._failed += weight * (status == "exception")
                self._say()

    def _say(self) -> None:
        now = time.monotonic()
        done = sum(stage.done for stage in self._stages)
        total = sum(stage.total for stage in self._stages)
        if now - self._said < _SECONDS_BETWEEN_LINES and done < total:
            return
        self._said = now
        parts = [f"{s.done} of {s.total} {s.verb}" for s in self._stages]
        if done < total:
            parts.append(f"about {duration((now - self._started) / done * (total - done))} left")
        failed = f" ({self._failed} failed)" if self._failed else ""
        LOGGER.info("%s%s", ", ".join(parts), failed)
