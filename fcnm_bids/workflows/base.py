"""Parts that all of the group level's workflow is built from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from nipype.interfaces.utility import Merge
from nipype.pipeline import engine as pe
from nipype.pipeline.engine import Workflow

from fcnm_bids.bids.names import to_labels
from fcnm_bids.config import Config
from fcnm_bids.inputs.store import run_paths
from fcnm_bids.mapping import effect_and_sign, network_names
from fcnm_bids.planning.plan import GroupPlan
from fcnm_bids.stats import height_control


@dataclass(frozen=True, eq=False)
class GroupWorkflowParts:
    """The workflow of the group level, and what its nodes are made from.

    Parameters
    ----------
    plan, config, config_file, contrasts
        As for :func:`~fcnm_bids.workflows.group.init_group_wf`.
    forecasting
        Whether a node that would be like another stands for it, since nothing is run.
    workflow
        The workflow, empty at first.
    """

    plan: GroupPlan
    config: Config
    config_file: Path
    contrasts: Sequence[tuple[str, str]]
    forecasting: bool = False
    workflow: Workflow = field(default_factory=lambda: Workflow(name="fcnm_group_wf"))

    @property
    def shared(self) -> dict[str, str]:
        """Inputs of all interfaces."""
        return {"config_file": str(self.config_file)}

    @property
    def entities(self) -> dict[str, str]:
        """Entities of the data."""
        return dict(self.plan.entities)

    @property
    def grid(self) -> dict[str, Any]:
        """Inputs of interfaces that need the grid."""
        grid = self.plan.grid
        return {"shape": list(grid.shape), "affine": grid.affine.tolist()}

    @property
    def participants(self) -> list[tuple[str, list[tuple[str, str]]]]:
        """The input `participants` of interfaces that read the store."""
        return run_paths(self.plan.participants)

    @property
    def smoothness(self) -> bool:
        """Return True if the height control rests on it."""
        return height_control(self.config.group.height_control).needs_smoothness

    @property
    def reported(self) -> bool:
        """Return True if figures and a report are made."""
        return self.config.running.reports != "none"

    @cached_property
    def networks(self) -> dict[str, tuple[str, int]]:
        """Effect and sign of connectivity of every network, by its name."""
        tail = self.config.group.tail
        names = network_names((effect for _, effect in self.contrasts), tail)
        return {name: effect_and_sign(name, tail) for name in names}

    @cached_property
    def labels(self) -> dict[str, str]:
        """Labels of the networks, by their names."""
        return to_labels(self.networks)

    @cached_property
    def contrast_labels(self) -> dict[str, str]:
        """Labels of the contrasts, by their names."""
        return to_labels(name for name, _ in self.contrasts)

    def seed(self, *nodes: pe.Node) -> None:
        """Give nodes the seed matrix."""
        seeds = next(node for node in self.workflow._graph if node.name == "seeds")
        self.workflow.connect([(seeds, node, [("seeds_file", "seeds_file")]) for node in nodes])

    def gather(
        self, nodes: Sequence[pe.Node], output: str, name: str, *, no_flatten: bool = False
    ) -> pe.Node:
        """Add a node whose output ``out`` lists an output of other nodes, in their order.

        Parameters
        ----------
        nodes
            The nodes, at least one.
        output
            What the output is called, in all of them.
        name
            Of the new node.
        no_flatten
            Whether outputs that are lists stay lists, in a list of lists.
        """
        if self.forecasting:
            nodes = list(dict.fromkeys(nodes))
        merge = Merge(len(nodes), no_flatten=no_flatten)
        gather = pe.Node(merge, name=name, run_without_submitting=True)
        self.workflow.connect(
            [(node, gather, [(output, f"in{i}")]) for i, node in enumerate(nodes, 1)]
        )
        return gather
