"""Runs of a store that can be used, and why others cannot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.planning.exclusion import moved_too_much, stored_entities, stored_runs
from fcnm_bids.simulate import Truth
from tests.stored import change_header, change_settings, stored_file

Make = Callable[..., Config]


GRID = Grid((2, 2, 2), np.eye(4), "MNI152NLin6Asym")


def run(mean_fd: float | None) -> StoredRun:
    return StoredRun(Path("x.h5"), "key", {"mean_fd": mean_fd}, GRID)


MOVED = {f"{i:02}": [run(0.1 * i), run(0.1 * i + 0.02)] for i in range(1, 7)}


def usable(config: Config, store: Path) -> tuple[list[tuple[str, StoredRun]], dict[str, str]]:
    """The usable runs, and the reasons why others are not."""
    runs, left_out = stored_runs(store, config, from_store=False)
    return runs, {run.subject: run.reason for run in left_out}


def problems(config: Config, store: Path, *, from_store: bool = False) -> list[str]:
    with pytest.raises(RequestError) as refused:
        stored_runs(store, config, from_store=from_store)
    return list(refused.value.problems)


@pytest.mark.parametrize("size", [0, 100, 20_000])
def test_a_damaged_run_is_left_out_with_the_reason(
    request_for: Make, store: Path, size: int
) -> None:
    path = stored_file(store, "sub-03*.h5")
    path.write_bytes(path.read_bytes()[:size])
    runs, reasons = usable(request_for(level="group"), store)
    assert [label for label, _ in runs] == ["01", "02", "02", "04", "04"]
    assert list(reasons) == ["03"]
    assert "damaged" in reasons["03"]


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
    change_header(stored_file(store, "sub-03*.h5"), **attributes)
    assert told in usable(request_for(level="group"), store)[1]["03"]


def test_runs_on_another_grid_are_left_out_whoever_comes_first(
    request_for: Make, store: Path, simulated: Truth
) -> None:
    affine = simulated.grid.affine.copy()
    affine[2, 3] += 3
    change_header(stored_file(store, "sub-01*.h5"), affine=affine)
    runs, reasons = usable(request_for(level="group"), store)
    assert {label for label, _ in runs} == {"02", "03", "04"}
    assert "affine" in reasons["01"]


def test_runs_denoised_otherwise_are_left_out(request_for: Make, store: Path) -> None:
    change_settings(stored_file(store, "sub-03*.h5"), smoothing=8.0)
    assert "another band, smoothing" in usable(request_for(level="group"), store)[1]["03"]
    first, *rest = problems(request_for(level="group", denoising={"smoothing": 5.0}), store)
    assert "no usable projected run" in first
    assert any("another band, smoothing" in line for line in rest)


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
    [problem] = problems(request_for(level="group"), store)
    assert option in problem
    name = {"--task-id": "task_id", "--resolution": "resolution", "--space": "space"}[option]
    chosen = request_for(level="group", selection={name: new.split("-")[-1]})
    runs, _ = usable(chosen, store)
    assert len(runs) == 6
    assert all(new in run.path.name for _, run in runs)
    assert all(new.endswith(stored_entities(run)[old.split("-")[0]] if "-" in old else
               stored_entities(run)["space"]) for _, run in runs)  # fmt: skip


def test_the_filter_file_holds_for_the_store_too(
    request_for: Make, store: Path, tmp_path: Path
) -> None:
    path = tmp_path / "filter.json"
    query = {"datatype": "func", "suffix": "bold", "desc": "preproc", "run": [None, 2]}
    path.write_text(json.dumps({"bold": query}))
    chosen = request_for(level="group", selection={"bids_filter_file": str(path)})
    assert [label for label, _ in usable(chosen, store)[0]] == ["01", "02", "03", "04"]


def test_half_written_files_are_not_looked_at(request_for: Make, store: Path) -> None:
    path = stored_file(store, "sub-03*.h5")
    path.rename(path.with_name(f".{path.name}.0a1b.tmp"))
    runs, reasons = usable(request_for(level="group"), store)
    assert {label for label, _ in runs} == {"01", "02", "04"}
    assert not reasons


def test_a_store_of_mixed_settings_is_refused(request_for: Make, store: Path) -> None:
    change_settings(stored_file(store, "sub-03*.h5"), smoothing=8.0)
    [problem] = problems(request_for(store, "group"), store, from_store=True)
    assert "not all projected with the same settings" in problem


def test_runs_of_too_little_time_for_this_request_are_left_out(
    request_for: Make, store: Path
) -> None:
    *_, reason = problems(request_for(level="group", denoising={"min_time": 999.0}), store)
    assert "--min-time asks for 999 s" in reason
    *_, reason = problems(request_for(level="group", denoising={"min_dof": 500}), store)
    assert "kept volumes, but --min-dof asks for 500" in reason


def test_a_strategy_that_a_run_cannot_have_leaves_it_out_of_that_request_only(
    request_for: Make, store: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own.json"
    own.write_text('{"confounds": ["not_there"]}')
    asked = {"nuisance_regressors": str(own)}
    *_, reason = problems(request_for(level="group", denoising=asked), store)
    assert "strategy own needs confounds that the table does not have: not_there" in reason
    runs, left_out = usable(request_for(level="group", denoising={"fd_threshold": 0.2}), store)
    assert left_out == {}
    before, _ = usable(request_for(level="group"), store)
    for (_, now), (_, then) in zip(runs, before, strict=True):
        assert now.content_key == then.content_key
        assert now.key != then.key
        assert now.attributes["settings"]["fd_threshold"] == 0.2
        assert now.attributes["n_kept"] <= then.attributes["n_kept"]
        assert now.dof == now.load().dof == now.denoising().dof


def test_a_file_in_the_folder_of_another_participant_is_left_out(
    request_for: Make, store: Path
) -> None:
    path = stored_file(store, "sub-03*.h5")
    path.rename(path.with_name(path.name.replace("sub-03", "sub-04")))
    _, reasons = usable(request_for(level="group"), store)
    assert reasons == {"03": "its name has sub-04, but its folder is sub-03; move it"}


def test_a_name_without_a_task_is_refused(request_for: Make, store: Path) -> None:
    path = stored_file(store, "sub-03*.h5")
    path.rename(path.with_name(path.name.replace("task-rest_", "")))
    [problem] = problems(request_for(level="group"), store)
    assert "no task-<label> in its name" in problem


def test_participants_who_moved_are_named_with_reasons() -> None:
    assert moved_too_much(MOVED, None) == {}
    reasons = moved_too_much({**MOVED, "07": [run(None)]}, 0.45)
    assert sorted(reasons) == ["05", "06", "07"]
    assert reasons["05"] == "mean framewise displacement 0.510 mm, above --max-mean-fd 0.45"
    assert "not known" in reasons["07"]
