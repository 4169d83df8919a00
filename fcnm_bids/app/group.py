"""The kinds of work that progress is told of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fcnm_bids.specificity import FOCUS_NULLS
from fcnm_bids.workflows.engine import Stage

_GROUP: Mapping[str, str] = {
    "contrast": "contrasts tested",
    "network": "networks mapped",
    "draws": "draws made",
    "robustness": "networks checked",
    "specificity": "networks compared",
    "figures": "networks drawn",
    "report": "report drawn",
}
"""What the nodes of a kind do; in this order."""


def group_stages(workflow: Any) -> list[Stage]:
    """The stages of the group level, from the nodes that its workflow has."""
    weights: dict[str, dict[str, int]] = {kind: {} for kind in _GROUP}
    for name in workflow.list_node_names():
        kind, _, rest = name.partition("_")
        if kind not in weights:
            continue
        if kind != "draws":
            weights[kind][f"{workflow.name}.{name}"] = 1
        elif rest.rpartition("_")[0] in FOCUS_NULLS:  # the observed foci are no draw
            n_draws = int(workflow.get_node(name).inputs.n_draws)
            weights[kind][f"{workflow.name}.{name}"] = n_draws
    return [Stage(verb, weights[kind]) for kind, verb in _GROUP.items()]
