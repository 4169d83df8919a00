"""What the group level, and whoever maps a store, finds out before computing."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.input_settings import settings_of_store
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.plan import GroupPlan
from fcnm_bids.planning.stored_runs import refuse_other_store_settings
from fcnm_bids.simulate import Truth
from tests.stored import seal_again

Make = Callable[..., Config]


def problems(config: Config) -> list[str]:
    with pytest.raises(RequestError) as refused:
        plan_group_level(config)
    return list(refused.value.problems)


def the(root: Path, pattern: str) -> Path:
    [path] = root.rglob(pattern)
    return path


def change(path: Path, **attributes: Any) -> None:
    """Change what the header of a stored run says; None removes it."""
    with h5py.File(path, "r+") as file:
        for name, value in attributes.items():
            del file.attrs[name]
            if value is not None:
                file.attrs[name] = value
    seal_again(path)


def change_settings(path: Path, **settings: Any) -> None:
    with h5py.File(path, "r") as file:
        provenance = json.loads(file.attrs["provenance"])
    provenance["settings"] |= settings
    change(path, provenance=json.dumps(provenance))


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
    assert "one participant only (sub-02)" in problem


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_a_damaged_run_is_left_out_with_the_reason(
    request_for: Make, store: Path, size: int
) -> None:
    path = the(store, "sub-03*.h5")
    path.write_bytes(path.read_bytes()[:size])
    plan = plan_group_level(request_for(level="group"))
    assert [label for label, _ in plan.participants] == ["01", "02", "04"]
    assert "damaged" in reasons(plan)["03"]


@pytest.mark.parametrize(
    ("attributes", "told"),
    [
        ({"format": "something else"}, "not a projected run"),
        ({"provenance": None}, "damaged or foreign"),
    ],
)
def test_a_foreign_run_is_left_out_with_the_reason(
    request_for: Make, store: Path, attributes: dict[str, Any], told: str
) -> None:
    change(the(store, "sub-03*.h5"), **attributes)
    assert told in reasons(plan_group_level(request_for(level="group")))["03"]


def test_runs_on_another_grid_are_left_out_whoever_comes_first(
    request_for: Make, store: Path, simulated: Truth
) -> None:
    affine = simulated.grid.affine.copy()
    affine[2, 3] += 3
    change(the(store, "sub-01*.h5"), affine=affine)
    plan = plan_group_level(request_for(level="group"))
    assert [label for label, _ in plan.participants] == ["02", "03", "04"]
    assert "affine" in reasons(plan)["01"]


def test_runs_denoised_otherwise_are_left_out(request_for: Make, store: Path) -> None:
    change_settings(the(store, "sub-03*.h5"), smoothing=8.0)
    assert "other denoising settings" in reasons(plan_group_level(request_for(level="group")))["03"]
    first, *rest = problems(request_for(level="group", denoising={"smoothing": 5.0}))
    assert "no projected run that can be used" in first
    assert any("other denoising settings" in line for line in rest)


@pytest.mark.parametrize(
    ("old", "new", "option"),
    [
        ("task-rest", "task-nback", "--task-id"),
        ("res-8", "res-2", "--resolution"),
        ("MNI152NLin6Asym", "MNI152NLin2009cAsym", "--space"),
    ],
)
def test_a_store_with_several_of_a_kind_asks_which(
    request_for: Make, store: Path, old: str, new: str, option: str
) -> None:
    for path in list(store.rglob("*.h5")):
        shutil.copy(path, path.with_name(path.name.replace(old, new)))
    [problem] = problems(request_for(level="group"))
    assert option in problem
    name = {"--task-id": "task_id", "--resolution": "resolution", "--space": "space"}[option]
    plan = plan_group_level(request_for(level="group", selection={name: new.split("-")[-1]}))
    assert sum(len(runs) for _, runs in plan.participants) == 6
    assert all(new in run.path.name for _, runs in plan.participants for run in runs)


def test_the_filter_file_holds_for_the_store_too(
    request_for: Make, store: Path, tmp_path: Path
) -> None:
    path = tmp_path / "filter.json"
    query = {"datatype": "func", "suffix": "bold", "desc": "preproc", "run": [None, 2]}
    path.write_text(json.dumps({"bold": query}))
    plan = plan_group_level(request_for(level="group", selection={"bids_filter_file": str(path)}))
    assert [len(runs) for _, runs in plan.participants] == [1, 1, 1, 1]


def test_half_written_files_are_not_looked_at(request_for: Make, store: Path) -> None:
    path = the(store, "sub-03*.h5")
    path.rename(path.with_name(f".{path.name}.0a1b.tmp"))
    plan = plan_group_level(request_for(level="group"))
    assert [label for label, _ in plan.participants] == ["01", "02", "04"]
    assert plan.left_out == ()


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
    change(the(store, "sub-03*.h5"), key="other")
    keys.add(plan_group_level(config).key)
    assert len(keys | {key}) == 5


def of_a_store(request_for: Make, store: Path, level: str, **given: dict[str, Any]) -> Config:
    """A request whose BIDS_DIR is a store made with settings that are not the defaults."""
    for path in store.rglob("*.h5"):
        change_settings(path, smoothing=8.0, low_pass=0.2)
    return settings_of_store(request_for(store, level, **given), given)


@pytest.mark.parametrize("level", ["participant", "group"])
def test_a_store_as_bids_dir_brings_its_settings(
    request_for: Make, projected: Path, tmp_path: Path, level: str
) -> None:
    store = Path(shutil.copytree(projected, tmp_path / "lab"))
    config = of_a_store(request_for, store, level)
    assert (config.denoising.smoothing, config.denoising.low_pass) == (8.0, 0.2)
    assert config.connectome_path == store
    if level == "group":
        assert len(plan_group_level(config).participants) == 4
        return
    plan = plan_participant_level(config)
    assert plan.from_store
    assert [len(participant.runs) for participant in plan.participants] == [1, 2, 1, 2]
    assert all(run.stored for participant in plan.participants for run in participant.runs)


def test_an_output_folder_as_bids_dir_stands_for_its_store(
    request_for: Make, projected: Path, tmp_path: Path
) -> None:
    old = tmp_path / "old"
    store = Path(shutil.copytree(projected, old / "connectome"))
    (old / "dataset_description.json").write_text(
        json.dumps({"Name": "old", "GeneratedBy": [{"Name": "fcnm_bids"}]})
    )
    for path in store.rglob("*.h5"):
        change_settings(path, smoothing=8.0)
    plan = plan_group_level(settings_of_store(request_for(old, "group"), {}))
    assert plan.store == store
    assert len(plan.participants) == 4


def test_what_a_store_has_settled_cannot_be_chosen_any_more(
    request_for: Make, projected: Path
) -> None:
    with pytest.raises(RequestError, match="--smoothing"):
        settings_of_store(request_for(projected, "group"), {"denoising": {"smoothing": 4.0}})


def test_an_empty_store_is_explained(request_for: Make, projected: Path, tmp_path: Path) -> None:
    (tmp_path / "lab").mkdir()
    shutil.copy(projected / "dataset_description.json", tmp_path / "lab")
    with pytest.raises(RequestError, match="no projected run"):
        settings_of_store(request_for(tmp_path / "lab", "group"), {})


def test_a_damaged_run_of_a_store_is_left_out_whoever_it_is(
    request_for: Make, projected: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(projected, tmp_path / "lab"))
    the(store, "sub-01*.h5").write_bytes(b"")
    assert list(reasons(plan_group_level(settings_of_store(request_for(store, "group"), {})))) == [
        "01"
    ]


def test_a_store_of_mixed_settings_is_refused(
    request_for: Make, projected: Path, tmp_path: Path
) -> None:
    store = Path(shutil.copytree(projected, tmp_path / "lab"))
    change_settings(the(store, "sub-03*.h5"), smoothing=8.0)
    [problem] = problems(settings_of_store(request_for(store, "group"), {}))
    assert "not all projected with the same settings" in problem


def test_the_connectome_of_a_connectome_is_refused(request_for: Make, projected: Path) -> None:
    config = request_for(projected, connectome={"connectome_only": True})
    with pytest.raises(RequestError, match="connectome already"):
        plan_participant_level(config)


def test_stored_runs_are_known_again(request_for: Make, store: Path) -> None:
    plan = plan_participant_level(request_for())
    assert all(run.stored for participant in plan.participants for run in participant.runs)
    assert not any(participant.done for participant in plan.participants)
    path = the(store, "sub-01*.h5")
    path.write_bytes(path.read_bytes()[:1000])
    change(the(store, "sub-03*.h5"), key="of something else")
    again = {
        participant.subject: participant
        for participant in plan_participant_level(request_for()).participants
    }
    stored = {
        label: all(r.stored for r in participant.runs) for label, participant in again.items()
    }
    assert stored == {"01": False, "02": True, "03": False, "04": True}


def test_runs_of_a_shared_store_are_not_replaced_by_those_of_other_settings(
    request_for: Make, store: Path
) -> None:
    same = request_for()
    refuse_other_store_settings(plan_participant_level(same), same)
    other = request_for(denoising={"smoothing": 4.0, "nuisance_regressors": "24P"})
    with pytest.raises(RequestError) as refused:
        refuse_other_store_settings(plan_participant_level(other), other)
    first, confounds, smoothing = refused.value.problems
    assert str(store) in first
    assert "--overwrite" in first
    assert "--nuisance-regressors" in confounds
    assert "--smoothing 4.0 now, 6.0 before (6 runs)" in smoothing
    overwriting = other.update({"running": {"overwrite": True}})
    refuse_other_store_settings(plan_participant_level(overwriting), overwriting)


def test_a_stored_run_holds_what_the_plan_says(request_for: Make, store: Path) -> None:
    runs = [
        run
        for participant in plan_participant_level(request_for()).participants
        for run in participant.runs
    ]
    with h5py.File(the(store, "sub-01*.h5"), "r") as file:
        assert file["components"].shape[0] == runs[0].dof
        assert np.count_nonzero(file["kept"][()]) == runs[0].n_kept


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
