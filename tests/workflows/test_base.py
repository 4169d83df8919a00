"""Parts that the nodes of the group level are made from."""

from __future__ import annotations

from pathlib import Path

import pytest
from nipype.interfaces.base import isdefined

from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.workflows.base import GroupWorkflowParts, Output
from tests.workflows.plans import CONTRASTS, GRID, configured, group_plan, links, stored_run


def parts(folder: Path, **group: object) -> GroupWorkflowParts:
    config, path = configured(folder, group=group)
    return GroupWorkflowParts(group_plan(), config, path, CONTRASTS)


def reference(name: str) -> tuple[str, str]:
    return f"/store/{name}.h5", stored_run(name).key


def test_nodes_have_the_inputs_of_the_plan_that_their_interface_takes(tmp_path: Path) -> None:
    class Some(ConfiguredInterface):
        takes = ("shape", "participants", "number")
        may_take = ("grey_files", "seeds_file", "strength_file")
        gives = ("seeds_file",)

    level = parts(tmp_path)
    seeds = level.node("seeds", Some, number=0)
    level.shared["seeds_file"] = Output(seeds, "seeds_file")
    other = level.node("other", Some, mem_gb=2, n_procs=3, number=1, strength_file=None)
    assert (other.mem_gb, other.n_procs, other.run_without_submitting) == (2, 3, False)
    assert (seeds.n_procs, seeds.run_without_submitting) == (0, True)
    inputs = {name: own for name, own in other.inputs.get().items() if isdefined(own)}
    assert inputs.pop("participants")[:2] == [
        ("01", [reference("01-0")]),
        ("02", [reference("02-0"), reference("02-1")]),
    ]
    config_file = str(tmp_path / "config.toml")
    assert inputs == {
        **{"config_file": config_file, "shape": list(GRID.shape), "number": 1},
        "grey_files": [],
    }
    workflow = level.workflow()
    assert [node.name for node in workflow._graph] == ["seeds", "other"]
    assert links(workflow, "other") == {("seeds", "seeds_file", "seeds_file")}


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


@pytest.mark.parametrize("forecasting", [False, True])
def test_outputs_are_gathered_in_the_order_of_their_nodes(
    tmp_path: Path, forecasting: bool
) -> None:
    class Some(ConfiguredInterface):
        gives = ("key",)

    config, path = configured(tmp_path)
    level = GroupWorkflowParts(group_plan(), config, path, CONTRASTS, forecasting=forecasting)
    outputs = [Output(level.node(name, Some), "key") for name in "cab"]
    gathered = level.gather("gathered", [*outputs, outputs[0]])
    assert (gathered.node.name, gathered.name) == ("gathered", "out")
    again = set() if forecasting else {("c", "key", "in4")}
    expected = {(name, "key", f"in{i}") for i, name in enumerate("cab", 1)} | again
    assert links(level.workflow(), "gathered") == expected
