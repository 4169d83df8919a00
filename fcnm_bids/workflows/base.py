"""Parts that the workflows of both levels are built from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nipype.interfaces.utility import Merge
from nipype.pipeline import engine as pe
from nipype.pipeline.engine import Workflow

from fcnm_bids.bids.names import to_labels
from fcnm_bids.config import Config
from fcnm_bids.inputs.store import run_paths
from fcnm_bids.mapping import effect_and_sign, network_names
from fcnm_bids.planning.plan import GroupPlan, ParticipantPlan
from fcnm_bids.stats import height_control

if TYPE_CHECKING:
    from fcnm_bids.interfaces.base import ConfiguredInterface

_SMALL_GB = 0.01
"""Memory of nodes that run in this process."""


class Output(NamedTuple):
    """An output of a node, which another takes as an input."""

    node: pe.Node
    name: str


def inputs_of_plan(plan: ParticipantPlan | GroupPlan, config_file: Path) -> dict[str, Any]:
    """Return the inputs that state the request and the grid of the data."""
    return {
        "config_file": str(config_file),
        "entities": dict(plan.entities),
        "shape": list(plan.grid.shape),
        "affine": plan.grid.affine.tolist(),
    }


class _Workflow(Workflow):
    """Look nodes up, where nipype compares each with all that there are."""

    def _has_node(self, wanted_node: Any) -> bool:
        return wanted_node in self._graph


@dataclass(eq=False)
class WorkflowParts:
    """The nodes of a workflow, and their connections.

    Parameters
    ----------
    name
        Of the workflow.
    shared
        Inputs that all nodes have whose interface takes them: values, and outputs of nodes.
    """

    name: str
    shared: dict[str, Any]
    _nodes: list[pe.Node] = field(default_factory=list)
    _links: list[tuple[pe.Node, pe.Node, list[tuple[str, str]]]] = field(default_factory=list)

    def node(
        self,
        name: str,
        interface: type[ConfiguredInterface],
        *,
        mem_gb: float | None = None,
        n_procs: int | None = None,
        **inputs: Any,
    ) -> pe.Node:
        """Add a node.

        Parameters
        ----------
        name, n_procs
            As nipype takes them.
        interface
            The interface.
        mem_gb
            Memory of the node; None for a small one, which runs in this process.
        **inputs
            Values, outputs of other nodes, and None for an input that is missing.
        """
        taken = {"config_file", *interface.takes, *interface.may_take}
        inputs = {port: own for port, own in self.shared.items() if port in taken} | inputs
        linked = {port: own for port, own in inputs.items() if isinstance(own, Output)}
        values = {port: own for port, own in inputs.items() if port not in linked}
        node = pe.Node(
            interface(**{port: own for port, own in values.items() if own is not None}),
            name=name,
            run_without_submitting=mem_gb is None,
            # one that runs in this process need not wait until a worker is free
            n_procs=0 if mem_gb is None else n_procs,
            mem_gb=_SMALL_GB if mem_gb is None else mem_gb,
        )
        self._nodes.append(node)
        self._links += [(own.node, node, [(own.name, port)]) for port, own in linked.items()]
        return node

    def gather(self, name: str, outputs: Sequence[Output], *, no_flatten: bool = False) -> Output:
        """Add a node that lists outputs of other nodes, in their order; return the list.

        Parameters
        ----------
        name
            Of the new node.
        outputs
            At least one.
        no_flatten
            Whether outputs that are lists stay lists, in a list of lists.
        """
        merge = Merge(len(outputs), no_flatten=no_flatten)
        node = pe.Node(merge, name=name, run_without_submitting=True, n_procs=0, mem_gb=_SMALL_GB)
        self._nodes.append(node)
        self._links += [
            (own.node, node, [(own.name, f"in{i}")]) for i, own in enumerate(outputs, 1)
        ]
        return Output(node, "out")

    def files_of(self, name: str, nodes: Iterable[pe.Node]) -> Output:
        """Add a node that lists the files of other nodes, in a list of lists."""
        return self.gather(name, [Output(node, "out_files") for node in nodes], no_flatten=True)

    def workflow(self) -> Workflow:
        """Return the workflow of all nodes."""
        workflow = _Workflow(name=self.name)
        workflow.add_nodes(self._nodes)
        workflow.connect(self._links)
        return workflow


class NetworkNodes(NamedTuple):
    """The nodes of a network, and the maps of its contrasts."""

    mapped: Sequence[Output]
    network: pe.Node
    located: pe.Node
    checked: pe.Node


class GroupWorkflowParts(WorkflowParts):
    """The nodes of the group level, and what they are made from.

    Parameters
    ----------
    plan, config, config_file, contrasts
        As for :func:`~fcnm_bids.workflows.group.init_group_wf`.
    forecasting
        Whether a node that would be like another stands for it, since nothing is run.
    """

    def __init__(
        self,
        plan: GroupPlan,
        config: Config,
        config_file: Path,
        contrasts: Sequence[tuple[str, str]],
        *,
        forecasting: bool = False,
    ) -> None:
        shared = {
            **inputs_of_plan(plan, config_file),
            "participants": run_paths(plan.participants),
            "covariates": plan.design.columns.tolist(),
            "mask_files": [str(path) for path in plan.mask_files],
            "grey_files": [str(path) for path in plan.specificity.grey_files],
        }
        super().__init__("fcnm_group_wf", shared)
        self.plan, self.config = plan, config
        self.contrasts, self.forecasting = contrasts, forecasting

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

    def gather(self, name: str, outputs: Sequence[Output], *, no_flatten: bool = False) -> Output:
        """Add a node that lists outputs of other nodes; alike ones are one in a forecast."""
        if self.forecasting:
            outputs = list(dict.fromkeys(outputs))
        return super().gather(name, outputs, no_flatten=no_flatten)
