"""``{workflow} LEVEL``: the nodes that nipype runs, drawn from the workflow that is built.

The workflow of two simulated participants and two effects is built as the program does it. Nodes
that are alike become one box; nodes that only gather lists are left out.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import networkx as nx
from docutils import nodes
from layered import Box, draw
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_ALIKE = (
    (r"(?:contrast|variants)_\d+_", "one a contrast"),
    (r"(?:network|locate|robustness|specificity)_", "one an effect"),
    (r"sums_\d+", "one a slab of voxels"),
    (r"draws_[a-z]+_\d+", "one a block of draws"),
    (r"sub_\w+_wf\.", "one a participant"),
)
"""How names of nodes begin that become one box, and how many there are of them."""

_OPTIONS: dict[str, tuple[str, ...]] = {
    "participant": (),
    "group": ("--specificity", "--n-permutations", "40"),
}


class WorkflowGraph(SphinxDirective):
    """A drawing of a level's workflow, and a table of what its nodes do."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The drawing and the table."""
        level = self.arguments[0]
        graph = workflow_graphs(self.env.app)[level]
        boxes = {name: Box(name, many) for name, many in graph.nodes(data="many")}
        picture = draw(graph, boxes, title=f"Workflow of the {level} level")
        rows = [
            f"| `{name}` | {graph.nodes[name]['many'] or 'one'} | {graph.nodes[name]['does']} |"
            for name in nx.lexicographical_topological_sort(graph)
        ]
        table = "\n".join(["| node | how many | what it does |", "| --- | --- | --- |", *rows])
        return [nodes.raw("", picture, format="html"), *self.parse_text_to_nodes(table)]


def workflow_graphs(app: Sphinx) -> dict[str, nx.DiGraph]:
    """The graphs of both levels, made once a build."""
    if not hasattr(app, "fcnm_workflows"):
        app.fcnm_workflows = build_graphs()  # type: ignore[attr-defined]
    return app.fcnm_workflows  # type: ignore[attr-defined,no-any-return]


def build_graphs() -> dict[str, nx.DiGraph]:
    """Simulate two participants, store their runs, and build both workflows."""
    from fcnm_bids.cli.parser import parse
    from fcnm_bids.inputs.contrasts import contrast_names
    from fcnm_bids.planning.group import plan_group_level
    from fcnm_bids.planning.participant import plan_participant_level
    from fcnm_bids.simulate import SimulationDesign, simulate_dataset
    from fcnm_bids.workflows.group import init_group_wf
    from fcnm_bids.workflows.participant import init_participants_wf

    design = SimulationDesign(
        n_participants=2,
        voxel_size=8.0,
        n_volumes=150,
        repetition_time=3.0,
        n_studies=2,
        n_shared_studies=1,
    )
    with tempfile.TemporaryDirectory(prefix="fcnm-docs-") as folder:
        truth = simulate_dataset(Path(folder) / "data", design)
        words = [str(truth.fmriprep), str(Path(folder) / "out")]
        options = ["--coordinates", str(truth.coordinates), "-w", str(Path(folder) / "work")]
        config_file = Path(folder) / "config.toml"

        def request(level: str) -> Any:
            config = parse([*words, level, *options, *_OPTIONS[level]]).config
            config_file.write_text(config.to_toml(), encoding="utf-8")
            return config

        config = request("participant")
        participants = init_participants_wf(plan_participant_level(config), config, config_file)
        subprocess.run(
            [
                *(sys.executable, "-m", "fcnm_bids.cli.run", *words, "participant", *options),
                *("--subject-maps", "none", "--nprocs", "1"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        config = request("group")
        group = init_group_wf(
            plan_group_level(config), config, config_file, contrast_names(config.seeds)
        )
        return {"participant": folded(participants), "group": folded(group)}


def folded(workflow: Any) -> nx.DiGraph:
    """The graph of a workflow, with alike nodes as one, and without those that gather."""
    flat = workflow._create_flat_graph()
    names = {node: node.fullname.removeprefix(f"{workflow.name}.") for node in flat}
    for node in list(flat):
        if type(node.interface).__name__ == "Merge":
            flat.add_edges_from([(a, b) for a in flat.pred[node] for b in flat.succ[node]])
            flat.remove_node(node)
    graph = nx.DiGraph()
    for node in flat:
        name, many = _box_of(names[node])
        does = (type(node.interface).__doc__ or "").strip().split("\n\n")[0]
        graph.add_node(name, many=many, does=" ".join(does.split()))
    for a, b in flat.edges:
        graph.add_edge(_box_of(names[a])[0], _box_of(names[b])[0])
    return graph


def _box_of(name: str) -> tuple[str, str]:
    for pattern, many in _ALIKE:
        if match := re.match(pattern, name):
            own = name[match.end() :] if many == "one a participant" else name.split("_", 1)[0]
            return own, many
    return name, ""


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("workflow", WorkflowGraph)
    return {"parallel_read_safe": False}
