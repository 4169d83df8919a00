"""Parts that the nodes of the group level are made from."""

from __future__ import annotations

from pathlib import Path

import pytest
from nipype.interfaces.utility import IdentityInterface
from nipype.pipeline import engine as pe

from fcnm_bids.workflows.base import GroupWorkflowParts
from tests.workflows.plans import CONTRASTS, GRID, configured, group_plan, stored_run


def parts(folder: Path, **group: object) -> GroupWorkflowParts:
    config, path = configured(folder, group=group)
    return GroupWorkflowParts(group_plan(), config, path, CONTRASTS)


def reference(name: str) -> tuple[str, str]:
    return f"/store/{name}.h5", stored_run(name).key


def test_inputs_of_interfaces_are_those_of_the_plan(tmp_path: Path) -> None:
    level = parts(tmp_path)
    assert level.shared == {"config_file": str(tmp_path / "config.toml")}
    assert level.grid == {"shape": list(GRID.shape), "affine": GRID.affine.tolist()}
    assert level.participants[:2] == [
        ("01", [reference("01-0")]),
        ("02", [reference("02-0"), reference("02-1")]),
    ]


@pytest.mark.parametrize(
    ("tail", "networks"),
    [
        ("positive", {"up": ("up", 1), "down": ("down", 1)}),
        ("negative", {"up": ("up", -1), "down": ("down", -1)}),
        (
            "two-sided",
            {
                "up (positive)": ("up", 1),
                "up (negative)": ("up", -1),
                "down (positive)": ("down", 1),
                "down (negative)": ("down", -1),
            },
        ),
    ],
)
def test_a_network_for_each_effect_and_sign(
    tmp_path: Path, tail: str, networks: dict[str, tuple[str, int]]
) -> None:
    level = parts(tmp_path, tail=tail)
    assert level.networks == networks
    assert list(level.labels) == list(networks)
    assert len(set(level.labels.values())) == len(networks)
    assert all(label.isalnum() for label in level.labels.values())


@pytest.mark.parametrize(("control", "needed"), [("fwe", True), ("fdr", False), ("t=3", False)])
def test_smoothness_is_what_the_height_control_needs(
    tmp_path: Path, control: str, needed: bool
) -> None:
    assert parts(tmp_path, height_control=control).smoothness is needed


def test_outputs_are_gathered_in_the_order_of_their_nodes(tmp_path: Path) -> None:
    level = parts(tmp_path)
    nodes = [pe.Node(IdentityInterface(["x", "seeds_file"]), name=name) for name in "cab"]
    seeds = pe.Node(IdentityInterface(["seeds_file"]), name="seeds")
    level.workflow.add_nodes([*nodes, seeds])
    level.gather(nodes, "x", "gathered")
    graph = level.workflow._graph
    into = {
        u.name: link["connect"] for u, v, link in graph.edges(data=True) if v.name == "gathered"
    }
    assert into == {name: [("x", f"in{i}")] for i, name in enumerate("cab", 1)}
    level.seed(*nodes[:2])
    seeded = [v.name for u, v in graph.edges() if u.name == "seeds"]
    assert sorted(seeded) == ["a", "c"]
