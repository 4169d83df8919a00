"""Memory, disk and time that a dry run foresees."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from nipype.pipeline.engine import Workflow

from fcnm_bids.app.dry_run import forecast_level, say_forecast
from fcnm_bids.config import Config
from fcnm_bids.inputs.contrasts import contrast_names
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.plan import GroupPlan, ParticipantPlan
from fcnm_bids.resources.forecast import Forecast
from fcnm_bids.resources.memory import map_gb, project_gb
from fcnm_bids.workflows.group import init_group_wf
from fcnm_bids.workflows.participant import init_participants_wf

Make = Callable[..., Config]


def rows(plan: ParticipantPlan | GroupPlan, config: Config) -> dict[str, Forecast]:
    return {row.kind: row for row in forecast_level(plan, config)}


@pytest.fixture
def config(request_for: Make) -> Config:
    return request_for()


@pytest.fixture
def plan(config: Config) -> ParticipantPlan:
    return plan_participant_level(config)


def test_memory_is_what_the_nodes_declare(plan: ParticipantPlan, config: Config) -> None:
    found = rows(plan, config)
    assert list(found) == ["seeds", "project", "map", "report"]
    largest = max(project_gb(plan.grid, participant.runs) for participant in plan.participants)
    assert found["project"].memory_gb == largest
    largest = max(
        map_gb(participant.runs, len(plan.contrasts)) for participant in plan.participants
    )
    assert found["map"].memory_gb == largest


def declared(workflow: Workflow) -> dict[str, tuple[int, float]]:
    """Number of nodes and largest memory of each kind of node that takes a process."""
    found: dict[str, list[float]] = {}
    for node in workflow._get_all_nodes():
        if not node.run_without_submitting:
            found.setdefault(node.name.split("_")[0], []).append(node.mem_gb)
    return {kind: (len(sizes), max(sizes)) for kind, sizes in found.items()}


def test_a_few_participants_stand_for_all(
    plan: ParticipantPlan, config: Config, tmp_path: Path
) -> None:
    (first, *middle, last), file = plan.participants, tmp_path / "config.toml"
    file.write_text(config.to_toml())
    uneven = replace(
        plan,
        participants=(
            replace(first, runs=()),
            *middle,
            replace(last, runs=tuple(replace(run, n_volumes=9999) for run in last.runs)),
        ),
    )
    found = {k: (row.n_nodes, row.memory_gb) for k, row in rows(uneven, config).items()}
    assert found == declared(init_participants_wf(uneven, config, file))


def test_one_contrast_stands_for_all(request_for: Make, store: Path, tmp_path: Path) -> None:
    asked = request_for(
        level="group",
        connectome={"connectome_dir": str(store)},
        specificity={"specificity": ("random", "labels")},
    )
    plan, file = plan_group_level(asked), tmp_path / "config.toml"
    file.write_text(asked.to_toml())
    whole = declared(init_group_wf(plan, asked, file, contrast_names(asked.seeds)))
    found = {row.kind: (row.n_nodes, row.memory_gb) for row in forecast_level(plan, asked)}
    assert found == whole
    assert whole["contrast"][0] == len(plan.contrasts) > 2


def test_runs_that_are_stored_take_no_more_disk(
    plan: ParticipantPlan, config: Config, store: Path
) -> None:
    assert rows(plan, config)["project"].needs.output > 1e6
    there = rows(plan_participant_level(config), config)["project"].needs
    assert there.output == 0
    assert there.seconds < rows(plan, config)["project"].needs.seconds


def test_without_maps_nothing_is_mapped(request_for: Make) -> None:
    config = request_for(connectome={"subject_maps": "none"})
    assert list(rows(plan_participant_level(config), config)) == ["project", "report"]


def test_when_all_is_there_nothing_is_foreseen(plan: ParticipantPlan, config: Config) -> None:
    done = replace(
        plan,
        participants=tuple(replace(participant, done=True) for participant in plan.participants),
    )
    assert forecast_level(done, config) == []


def test_processes_share_the_work_as_far_as_memory_allows(
    plan: ParticipantPlan, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcnm_bids.resources.machine.held_gb", lambda: 0.0)
    many = config.update({"resources": {"nprocs": 3, "mem_gb": 100.0}})
    assert rows(plan, many)["project"].at_once == 3
    little = config.update({"resources": {"nprocs": 3, "mem_gb": 0.5}})
    assert rows(plan, little)["project"].at_once == 2
    assert rows(plan, many)["map"].seconds == rows(plan, config)["map"].seconds / 3


def test_every_node_of_the_group_level_has_a_time(
    request_for: Make, store: Path, tmp_path: Path
) -> None:
    config = request_for(level="group", connectome={"connectome_dir": str(store)})
    contrasts = [name for name, _ in contrast_names(config.seeds)]
    scores = tmp_path / "scores.tsv"
    lines = [f"{name}\t{number}" for number, name in enumerate(contrasts)]
    scores.write_text("\n".join(["seed\tpain", *lines]))

    def seconds(n_permutations: int, resolution: float | None) -> dict[str, float]:
        asked = config.update(
            {
                "group": {"n_permutations": n_permutations, "multiverse": "default"},
                "specificity": {
                    "specificity": ("random", "labels", "split"),
                    "null_resolution": resolution,
                },
                "outcomes": {"scores": str(scores)},
            }
        )
        # as if there were contrasts enough for a sample
        plan = replace(plan_group_level(asked), sampled=("increase",))
        return {kind: row.seconds for kind, row in rows(plan, asked).items()}

    few, many, coarse = seconds(20, None), seconds(2000, None), seconds(20, 16.0)
    assert all(0 <= own < 1e6 for own in few.values())
    assert {"labels", "nulls", "specificity", "outcome", "sample", "drawing"} <= few.keys()
    for kind in ("labels", "specificity", "outcome", "sample"):
        assert few[kind] < many[kind]
    assert coarse["specificity"] < few["specificity"]
    assert coarse["nulls"] > few["nulls"]
    assert few["drawing"] == many["drawing"] == coarse["drawing"]


def test_the_time_of_draws_is_measured(request_for: Make, store: Path) -> None:
    asked = request_for(
        level="group",
        connectome={"connectome_dir": str(store)},
        group={"n_permutations": 20},
        specificity={"specificity": ("random",)},
    )
    (draws,) = (
        row for row in forecast_level(plan_group_level(asked), asked) if row.kind == "draws"
    )
    assert 0 < draws.seconds < 1000


def test_a_dry_run_logs_its_table_and_writes_nothing(
    request_for: Make, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    config = request_for()
    assert say_forecast(plan_participant_level(config), config)
    assert "expected with 1 processes" in said.messages[0]
    assert any(line.split()[:1] == ["project"] for line in said.messages)
    assert not (tmp_path / "out").exists()
