"""A drawing of a directed acyclic graph: levels, few crossings, boxes (Sugiyama et al. 1981)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import networkx as nx

_SWEEPS = 24
_HEIGHT, _GAP, _LEVEL = 42, 18, 78
_LETTER = 7.4
_BEND = 10


@dataclass(frozen=True)
class Box:
    """What a node of the drawing says.

    Parameters
    ----------
    title
        First line.
    count
        Second line; boxes that stand for several nodes have one.
    """

    title: str
    count: str = ""

    @property
    def width(self) -> float:
        """Width in pixels."""
        return max(len(self.title) * _LETTER, len(self.count) * 6.2) + 22


def draw(graph: nx.DiGraph, boxes: Mapping[str, Box], *, title: str) -> str:
    """An SVG of a graph from top to bottom; edges that others imply are left out."""
    reduced = nx.transitive_reduction(graph)
    layers = _layers(reduced)
    routed, chains = _through_levels(reduced, layers)
    order = _ordered(routed, layers)
    x = _placed(routed, order, boxes)
    y = {name: 10 + level * _LEVEL for level, names in enumerate(order) for name in names}
    left = min(x[name] - boxes[name].width / 2 for name in boxes) - 4
    right = max(x[name] + boxes[name].width / 2 for name in boxes) + 4
    height = y[order[-1][0]] + _HEIGHT + 10
    parts = [
        f'<svg class="workflow" role="img" viewBox="{left:.0f} 0 {right - left:.0f} {height}" '
        f'width="{right - left:.0f}"><title>{escape(title)}</title>',
        '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>',
    ]
    parts += [_edge(chain, x, y) for chain in chains]
    parts += [_box(boxes[name], x[name], y[name]) for name in boxes]
    return "\n".join([*parts, "</svg>"])


def _layers(graph: nx.DiGraph) -> dict[str, int]:
    """The level of each node: below all that it waits for, those without any above their first."""
    layers = {
        name: level
        for level, names in enumerate(nx.topological_generations(graph))
        for name in names
    }
    for name in graph:
        if graph.in_degree(name) == 0 and graph.out_degree(name):
            layers[name] = min(layers[after] for after in graph[name]) - 1
    return layers


def _through_levels(
    graph: nx.DiGraph, layers: dict[str, int]
) -> tuple[nx.DiGraph, list[list[str]]]:
    """The graph with a point on every level that an edge passes, and each edge's points."""
    routed, chains = nx.DiGraph(), []
    routed.add_nodes_from(graph)
    for start, end in graph.edges:
        between = [f"{start}>{end}>{i}" for i in range(layers[start] + 1, layers[end])]
        layers |= {name: layers[start] + 1 + i for i, name in enumerate(between)}
        chain = [start, *between, end]
        nx.add_path(routed, chain)
        chains.append(chain)
    return routed, chains


def _ordered(graph: nx.DiGraph, layers: Mapping[str, int]) -> list[list[str]]:
    """Names level by level, in the order with the fewest crossings that sweeps come by."""
    order: list[list[str]] = [[] for _ in range(max(layers.values()) + 1)]
    for name in sorted(graph):
        order[layers[name]].append(name)
    best, fewest = [list(names) for names in order], _crossings(graph, order)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for level in range(1, len(order)) if down else range(len(order) - 2, -1, -1):
            near = {name: i for i, name in enumerate(order[level - 1 if down else level + 1])}

            def centre(name: str, near: dict[str, int] = near, down: bool = down) -> float:
                of = [near[n] for n in (graph.pred if down else graph.succ)[name] if n in near]
                return sum(of) / len(of) if of else -1.0

            order[level].sort(key=centre)
        found = _crossings(graph, order)
        if found < fewest:
            best, fewest = [list(names) for names in order], found
    return best


def _crossings(graph: nx.DiGraph, order: list[list[str]]) -> int:
    place = {name: i for names in order for i, name in enumerate(names)}
    total = 0
    for names in order:
        edges = [(place[a], place[b]) for a in names for b in graph[a]]
        total += sum((a - c) * (b - d) < 0 for i, (a, b) in enumerate(edges) for c, d in edges[:i])
    return total


def _placed(
    graph: nx.DiGraph, order: list[list[str]], boxes: Mapping[str, Box]
) -> dict[str, float]:
    """The middle of every node, near the middle of its neighbours, without overlaps."""
    half = {name: boxes[name].width / 2 if name in boxes else 4.0 for name in graph}
    x: dict[str, float] = {}
    for names in order:
        at = 0.0
        for name in names:
            at += half[name]
            x[name] = at
            at += half[name] + _GAP
        x |= {name: x[name] - (at - _GAP) / 2 for name in names}
    for _ in range(200):
        for names in order:
            wanted = []
            for name in names:
                beside = [x[n] for n in (*graph.pred[name], *graph.succ[name])]
                wanted.append(sum(beside) / len(beside) if beside else x[name])
            x |= dict(zip(names, _apart(wanted, [half[n] for n in names]), strict=True))
    return x


def _apart(wanted: list[float], half: list[float]) -> list[float]:
    """Places in the same order, nearest to those wanted, that keep the gap (pool of neighbours)."""
    offset, total = [0.0], 0.0
    for before, own in pairwise(half):
        total += before + _GAP + own
        offset.append(total)
    pools: list[list[float]] = []
    for want, shift in zip(wanted, offset, strict=True):
        pools.append([want - shift, 1.0])
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            mean, size = pools.pop()
            pools[-1] = [
                (pools[-1][0] * pools[-1][1] + mean * size) / (pools[-1][1] + size),
                pools[-1][1] + size,
            ]
    means = [mean for mean, size in pools for _ in range(int(size))]
    return [mean + shift for mean, shift in zip(means, offset, strict=True)]


def _edge(chain: list[str], x: Mapping[str, float], y: Mapping[str, float]) -> str:
    start, *between, end = chain
    at, top = x[start], y[start] + _HEIGHT
    path = f"M{at:.0f} {top}"
    for name in [*between, end]:
        to, bottom = x[name], y[name]
        middle = (top + bottom) / 2
        path += f"C{at:.0f} {middle:.0f} {to:.0f} {middle:.0f} {to:.0f} {bottom}"
        if name != end:
            path += f"V{bottom + _HEIGHT}"
        at, top = to, bottom + _HEIGHT
    return f'<path class="edge" d="{path}" marker-end="url(#arrow)"/>'


def _box(box: Box, x: float, y: float) -> str:
    kind = ' class="many"' if box.count else ""
    first = y + (18 if box.count else 26)
    lines = [
        f'<rect{kind} x="{x - box.width / 2:.1f}" y="{y}" width="{box.width:.1f}" '
        f'height="{_HEIGHT}" rx="6"/>',
        f'<text x="{x:.1f}" y="{first}">{escape(box.title)}</text>',
    ]
    if box.count:
        lines.append(f'<text class="count" x="{x:.1f}" y="{first + 15}">{escape(box.count)}</text>')
    return "\n".join(lines)
