"""Participants of specifications, and specifications that the data cannot serve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.plan import MultiversePlan

Make = Callable[..., Config]


def planned(make: Make, folder: Path, text: str, **sections: dict[str, object]) -> MultiversePlan:
    path = folder / "choices.toml"
    path.write_text(text)
    return plan_group_level(
        make(level="group", group={"multiverse": str(path)}, **sections)
    ).multiverse


def test_without_the_option_nothing_is_planned_and_no_key_changes(
    request_for: Make, store: Path, tmp_path: Path
) -> None:
    plain = plan_group_level(request_for(level="group"))
    path = tmp_path / "choices.toml"
    path.write_text("[named.a]\nradius = 6.0\n")
    asked = plan_group_level(request_for(level="group", group={"multiverse": str(path)}))
    assert plain.multiverse.specifications == ()
    assert plain.contrast_keys == asked.contrast_keys
    assert plain.key != asked.key
    path.write_text("[named.a]\nradius = 7.0\n")
    again = plan_group_level(request_for(level="group", group={"multiverse": str(path)}))
    assert again.key != asked.key


def test_strategies_have_the_participants_whom_they_leave_enough_of(
    request_for: Make, store: Path, tmp_path: Path
) -> None:
    text = '[named.strict]\nnuisance_regressors = "none"\nfd_threshold = 0.15\n'
    plan = planned(request_for, tmp_path, text)
    labels = [[label for label, _ in sample.participants] for sample in plan.samples]
    assert labels == [["01", "02", "03", "04"], ["02", "03", "04"], ["02", "03", "04"]]
    assert (plan.own, plan.common) == ((0, 1), (2, 1))
    assert [run.subject for run in plan.samples[1].left_out] == ["01"]
    strict = dict(plan.samples[1].participants)["02"]
    assert {run.path for run in strict} == {
        run.path for run in dict(plan.samples[0].participants)["02"]
    }
    assert {run.key for run in strict}.isdisjoint(
        run.key for run in dict(plan.samples[0].participants)["02"]
    )


def test_values_that_the_data_cannot_serve_are_dropped_and_named(
    request_for: Make, store: Path, tmp_path: Path
) -> None:
    text = """
[combinations]
nuisance_regressors = ["27P", "acompcor"]
radius = [4.0, 7.0]
"""
    plan = planned(request_for, tmp_path, text)
    assert [own.settings["radius"] for own in plan.specifications] == [4.0, 7.0]
    [note] = plan.notes
    assert note.startswith("--multiverse: removed 2 specifications with nuisance_regressors acom")
    assert "needs confounds that the table does not have: 5 aCompCor components of WM" in note


def test_a_request_that_leaves_only_itself_is_refused(
    request_for: Make, store: Path, tmp_path: Path
) -> None:
    with pytest.raises(RequestError) as refused:
        planned(request_for, tmp_path, '[named.a]\nnuisance_regressors = "acompcor"\n')
    assert (
        refused.value.problems[-1]
        == "--multiverse: no specification is left except the primary one"
    )


def test_masks_have_no_spheres(request_for: Make, store: Path, tmp_path: Path) -> None:
    masks = tmp_path / "masks"
    masks.mkdir()
    brain = next(Path(request_for().bids_dir).rglob("*_desc-brain_mask.nii.gz"))
    for name in ("a", "b"):
        (masks / f"{name}.nii.gz").write_bytes(brain.read_bytes())
    text = '[named.a]\nradius = 7.0\n[named.b]\nheight_control = "fdr"\n'
    plan = planned(request_for, tmp_path, text, seeds={"coordinates": None, "masks": (str(masks),)})
    assert [own.name for own in plan.specifications] == ["primary", "b"]
    assert "masks have neither spheres nor units" in plan.notes[0]
