"""The nodes of the participant level."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.planning.plan import ExcludedRun, PlannedParticipant
from fcnm_bids.workflows.participant import init_participants_wf, participant_wf_name
from tests.workflows.plans import configured, links, nodes, participant_plan, planned_run

EXCLUDED = ExcludedRun("02", "b.nii.gz", "short", "/store/b.h5")
PARTICIPANTS = (
    PlannedParticipant("01", (planned_run("a"), planned_run("a2")), (), "k1", False),
    PlannedParticipant("02", (), (EXCLUDED,), "k2", False),
    PlannedParticipant("03", (planned_run("c"),), (), "k3", True),
)


def built(folder: Path, **connectome: Any) -> Any:
    config, path = configured(folder, connectome=connectome)
    return init_participants_wf(participant_plan(*PARTICIPANTS), config, path)


def test_who_is_done_has_no_workflow(tmp_path: Path) -> None:
    assert set(nodes(built(tmp_path))) == {"seeds", "sub_01_wf", "sub_02_wf"}


def test_a_participants_runs_are_projected_mapped_and_reported(tmp_path: Path) -> None:
    workflow = nodes(built(tmp_path))["sub_01_wf"]
    assert set(nodes(workflow)) == {"project", "map", "gather", "report", "manifest"}
    assert links(workflow, "map") == {("project", "stored", "stored")}
    assert links(workflow, "gather") == {
        ("project", "out_files", "in1"),
        ("map", "out_files", "in2"),
    }
    assert links(workflow, "report") == {("gather", "out", "after")}
    assert links(workflow, "manifest") == {("report", "out_files", "out_files")}
    project = nodes(workflow)["project"].inputs
    assert [run["name"] for run in project.runs] == ["a.nii.gz", "a2.nii.gz"]
    assert project.qc_file.endswith("_desc-qc_metrics.tsv")
    assert nodes(workflow)["manifest"].inputs.key == "k1"
    assert all(node.mem_gb > 0 for node in nodes(workflow).values())


def test_who_has_no_usable_run_is_told_so_and_not_mapped(tmp_path: Path) -> None:
    whole = built(tmp_path)
    workflow = nodes(whole)["sub_02_wf"]
    assert "map" not in nodes(workflow)
    assert links(workflow, "gather") == {("project", "out_files", "in1")}
    assert nodes(workflow)["project"].inputs.excluded == [
        {"name": "b.nii.gz", "reason": "short", "stored": "/store/b.h5"}
    ]
    assert links(whole, "sub_02_wf") == set()


@pytest.mark.parametrize("connectome", [{"connectome_only": True}, {"subject_maps": "none"}])
def test_without_maps_there_are_no_seeds(tmp_path: Path, connectome: dict[str, Any]) -> None:
    found = nodes(built(tmp_path, **connectome))
    assert "seeds" not in found
    assert "map" not in nodes(found["sub_01_wf"])


def test_a_plus_sign_is_no_part_of_a_workflows_name() -> None:
    assert participant_wf_name("01+A") == "sub_01_A_wf"
