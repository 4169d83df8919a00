"""What the group level, and whoever maps a store, finds out before computing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.plan import GroupPlan, Validation
from fcnm_bids.simulate import Truth
from tests.stored import change_header, of_a_store, stored_file

Make = Callable[..., Config]


def problems(config: Config) -> list[str]:
    with pytest.raises(RequestError) as refused:
        plan_group_level(config)
    return list(refused.value.problems)


def reasons(plan: GroupPlan) -> dict[str, str]:
    return {run.subject: run.reason for run in plan.left_out}


def test_everybody_in_the_store_is_in_the_group(
    request_for: Make, store: Path, simulated: Truth
) -> None:
    plan = plan_group_level(request_for(level="group"))
    assert [(label, len(runs)) for label, runs in plan.participants] == [
        ("01", 1),
        ("02", 2),
        ("03", 1),
        ("04", 2),
    ]
    assert plan.store == store
    assert plan.left_out == ()
    assert plan.grid.difference(simulated.grid) is None
    assert plan.entities == {"space": "MNI152NLin6Asym", "res": "8", "task": "rest"}
    assert not plan.done


def test_the_plan_knows_the_bytes_per_number_of_both_connectomes(
    request_for: Make, store: Path
) -> None:
    plan = plan_group_level(request_for(level="group"))
    assert plan.itemsize == 2
    (_, (run,)), *_ = plan.participants
    small = replace(run, header={"settings": {"store_precision": "int8"}})
    assert small.itemsize == 1
    alone = replace(plan, participants=(("01", (small,)),))
    assert alone.itemsize == 1
    assert replace(alone, validation=Validation((("02", (run,)),))).itemsize == 2


def test_without_a_store_the_group_level_says_what_to_run(request_for: Make) -> None:
    [problem] = problems(request_for(level="group"))
    assert "run the participant level first" in problem
    assert "connectome" in problem


def test_participants_can_be_chosen_and_who_is_missing_is_named(
    request_for: Make, store: Path
) -> None:
    def chosen(*labels: str) -> Config:
        return request_for(level="group", selection={"participant_label": labels})

    assert [label for label, _ in plan_group_level(chosen("04", "02")).participants] == ["02", "04"]
    [problem] = problems(chosen("01", "77", "99"))
    assert "77, 99" in problem


def test_one_participant_is_no_group(request_for: Make, store: Path) -> None:
    [problem] = problems(request_for(level="group", selection={"participant_label": ("02",)}))
    assert "only one participant (sub-02)" in problem


def test_a_key_changes_with_participants_runs_seeds_and_settings(
    request_for: Make, store: Path
) -> None:
    config = request_for(level="group")
    key = plan_group_level(config).key
    assert plan_group_level(config.update({"resources": {"nprocs": 7}})).key == key
    others = [
        config.update({"group": {"alpha": 0.01}}),
        config.update({"seeds": {"radius": 6.0}}),
        config.update({"selection": {"participant_label": ("01", "02")}}),
    ]
    keys = {plan_group_level(other).key for other in others}
    change_header(stored_file(store, "sub-03*.h5"), key="other")
    keys.add(plan_group_level(config).key)
    assert len(keys | {key}) == 5


def test_the_connectome_of_a_connectome_is_refused(request_for: Make, projected: Path) -> None:
    config = request_for(projected, connectome={"connectome_only": True})
    with pytest.raises(RequestError, match="already a connectome"):
        plan_participant_level(config)


def test_stored_runs_are_known_again(request_for: Make, store: Path) -> None:
    plan = plan_participant_level(request_for())
    assert all(run.stored for participant in plan.participants for run in participant.runs)
    assert not any(participant.done for participant in plan.participants)
    path = stored_file(store, "sub-01*.h5")
    path.write_bytes(path.read_bytes()[:1000])
    change_header(stored_file(store, "sub-03*.h5"), key="of something else")
    again = {
        participant.subject: participant
        for participant in plan_participant_level(request_for()).participants
    }
    stored = {
        label: all(r.stored for r in participant.runs) for label, participant in again.items()
    }
    assert stored == {"01": False, "02": True, "03": False, "04": True}


def test_a_stored_run_holds_what_the_plan_says(request_for: Make, store: Path) -> None:
    runs = [
        run
        for participant in plan_participant_level(request_for()).participants
        for run in participant.runs
    ]
    with h5py.File(stored_file(store, "sub-01*.h5"), "r") as file:
        assert file["components"].shape[0] == runs[0].n_components
        assert file["basis"].shape == (runs[0].n_components, runs[0].n_volumes)


def test_a_store_without_grey_matter_says_how_to_come_by_it(
    request_for: Make, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path))
    for asked in (
        {"group": {"analysis_mask": "gm"}},
        {"specificity": {"specificity": ("random",)}},
    ):
        config = of_a_store(request_for, store, "group", **asked)
        [problem] = problems(config)
        assert "fMRIPrep's folder as BIDS_DIR and the store with --connectome-dir" in problem
