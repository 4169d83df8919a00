"""Nodes wait for the same nodes as in nipype's matrix, turn by turn."""

from __future__ import annotations

from random import Random

import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe
from nipype.pipeline.plugins.base import DistributedPluginBase

from fcnm_bids.execution.dependencies import Dependencies, DependencyMixin

N = 8


class Ours(DependencyMixin, DistributedPluginBase):
    """Nipype's loop with our account of what waits."""


@given(st.sets(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1))), st.randoms())
def test_the_same_nodes_are_ready_at_every_turn(
    edges: set[tuple[int, int]], chance: Random
) -> None:
    nodes = [pe.Node(IdentityInterface(["x"]), name=f"n{i}") for i in range(N)]
    graph = nx.DiGraph()
    graph.add_nodes_from(nodes)
    graph.add_edges_from((nodes[a], nodes[b]) for a, b in edges if a < b)
    theirs, ours = DistributedPluginBase(), Ours()
    for plugin in (theirs, ours):
        plugin._status_callback = None
        plugin._generate_dependency_list(graph)
        plugin.mapnodesubids = {}
    left = set(range(N))
    while left:
        waiting = np.asarray(theirs.depidx.sum(0)).ravel()
        np.testing.assert_array_equal(ours.depidx.sum(0).ravel(), waiting)
        done = chance.choice(sorted(left & set(np.flatnonzero(waiting == 0))))
        left.remove(done)
        for plugin in (theirs, ours):
            plugin._task_finished_cb(done)


def test_sums_that_nobody_asks_for_are_refused() -> None:
    with pytest.raises(ValueError, match="axis 1"):
        Dependencies([[1], []]).sum(1)
