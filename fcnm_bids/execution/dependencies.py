"""Nodes that wait for others, in the form in which nipype's loop asks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class DependencyMixin:
    """Comes before one of nipype's plugins, which adds up a matrix of all nodes at every turn.

    Thousands of nodes take thousands of turns: the matrix cost more than the nodes. Folders of
    nodes stay until the end, so that nobody has to know who has read them.
    """

    depidx: Any
    refidx: Any

    def _generate_dependency_list(self, graph: Any) -> None:
        super()._generate_dependency_list(graph)  # type: ignore[misc]
        self.depidx = Dependencies(self.depidx.rows)
        self.refidx = np.zeros((0, len(self.depidx.dependents)))


class Dependencies:
    """Numbers of nodes that each node waits for.

    Parameters
    ----------
    dependents
        For each node, the positions of those that wait for it.
    """

    def __init__(self, dependents: Sequence[Sequence[int]]) -> None:
        self.dependents = [list(row) for row in dependents]
        self._waiting = np.zeros((1, len(self.dependents)), dtype=int)
        for row in self.dependents:
            self._waiting[0, row] += 1

    def sum(self, axis: int) -> NDArray[np.int_]:
        """Return how many nodes each waits for, shape (1, nodes)."""
        if axis != 0:
            raise ValueError(f"sums over axis {axis} are not kept")
        return self._waiting

    def getrowview(self, node: int) -> _Dependents:
        """Return those that wait for a node, as nipype asks for them to set them free."""
        return _Dependents(self._waiting[0], self.dependents[node])


class _Dependents:
    def __init__(self, waiting: NDArray[np.int_], row: list[int]) -> None:
        self._waiting, self._row = waiting, row

    def nonzero(self) -> list[int]:
        return list(self._row)

    def __setitem__(self, row: Sequence[int], value: int) -> None:
        assert value == 0
        self._waiting[list(row)] -= 1
        self._row.clear()
