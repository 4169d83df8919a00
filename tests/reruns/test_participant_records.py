"""The group is made of the runs that the participant level finished with."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from fcnm_bids.config import Config
from fcnm_bids.connectome import open_run
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.plan import GroupPlan
from fcnm_bids.reruns.manifest import Manifest
from fcnm_bids.reruns.participant_records import GONE, NO_LONGER, UNFINISHED, participant_records

Make = Callable[..., Config]

PARTICIPANTS = ("01", "02", "03", "04")


def table_of(output: Path, label: str) -> Path:
    return output / f"sub-{label}" / "func" / f"sub-{label}_task-rest_desc-qc_metrics.tsv"


@pytest.fixture
def finished(store: Path) -> Path:
    """An output folder whose participant level has finished with everybody in its store."""
    output = store.parent
    for label in PARTICIPANTS:
        stored = sorted(store.glob(f"sub-{label}/**/*.h5"))
        rows = [
            f"{open_run(path).attributes['source']}\t{path.relative_to(store)}\tTrue\tn/a\n"
            for path in stored
        ]
        table = table_of(output, label)
        table.parent.mkdir(parents=True)
        table.write_text("run\tstored\tincluded\treason\n" + "".join(rows))
        Manifest(output / f"sub-{label}", output).write([table, *stored], "key", {})
    return output


def left_out(plan: GroupPlan) -> list[tuple[str, str]]:
    return [(run.subject, run.reason) for run in plan.left_out]


def in_group(plan: GroupPlan) -> dict[str, int]:
    return {label: len(runs) for label, runs in plan.participants}


def test_everybody_who_is_finished_is_in_the_group(request_for: Make, finished: Path) -> None:
    plan = plan_group_level(request_for(level="group"))
    assert in_group(plan) == {"01": 1, "02": 2, "03": 1, "04": 2}
    assert plan.left_out == ()


def test_a_run_that_the_participant_level_no_longer_has_is_left_out(
    request_for: Make, finished: Path
) -> None:
    table = table_of(finished, "02")
    table.write_text("\n".join(table.read_text().splitlines()[:2]) + "\n")
    plan = plan_group_level(request_for(level="group"))
    assert in_group(plan)["02"] == 1
    assert left_out(plan) == [("02", NO_LONGER)]


def test_a_run_that_the_participant_level_left_out_is_left_out_with_its_reason(
    request_for: Make, finished: Path
) -> None:
    table = table_of(finished, "03")
    table.write_text(table.read_text().replace("True\tn/a", "False\tthe image is cut short"))
    plan = plan_group_level(request_for(level="group"))
    assert left_out(plan) == [("03", "the image is cut short")]
    assert "03" not in in_group(plan)


def test_a_run_that_vanished_from_the_store_is_named(request_for: Make, finished: Path) -> None:
    gone, _ = sorted(finished.glob("connectome/sub-02/func/*.h5"))
    gone.unlink()
    shutil.rmtree(finished / "connectome" / "sub-03")
    plan = plan_group_level(request_for(level="group"))
    assert in_group(plan) == {"01": 1, "02": 1, "04": 2}
    assert left_out(plan) == [("02", GONE), ("03", GONE)]
    assert plan.left_out[0].name == f"sub-02/func/{gone.name}"


@pytest.mark.parametrize("missing", ["manifest.tsv", "manifest.json", "func"])
def test_a_participant_whose_participant_level_was_broken_off_is_left_out(
    request_for: Make, finished: Path, missing: str
) -> None:
    path = finished / "sub-04" / missing
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    plan = plan_group_level(request_for(level="group"))
    assert in_group(plan) == {"01": 1, "02": 2, "03": 1}
    assert left_out(plan) == [("04", UNFINISHED)] * 2


def test_a_participant_of_whom_nothing_is_stored_yet_is_told(
    request_for: Make, finished: Path
) -> None:
    (finished / "sub-05").mkdir()
    plan = plan_group_level(request_for(level="group"))
    assert [(run.name, run.reason) for run in plan.left_out] == [("sub-05", UNFINISHED)]


def test_a_participant_who_is_not_in_bids_dir_any_more_is_left_out(
    request_for: Make, finished: Path, dataset: Callable[..., Path]
) -> None:
    plan = plan_group_level(request_for(dataset("01", "02", "03"), "group"))
    assert left_out(plan) == [("04", "BIDS_DIR no longer has sub-04")] * 2
    assert list(in_group(plan)) == ["01", "02", "03"]


def test_a_participant_is_there_as_long_as_the_images_of_any_layout_are(
    finished: Path, tmp_path: Path
) -> None:
    image = "FunImgARW/Sub_02/wraSub_02.nii"
    table = table_of(finished, "02")
    header, first, *_ = table.read_text().splitlines()
    table.write_text(f"{header}\n{image}\t" + first.split("\t", 1)[1] + "\n")
    source = tmp_path / "dparsf"
    (source / image).parent.mkdir(parents=True)
    (source / image).touch()
    assert participant_records(finished, source)["02"].refused is None
    (source / image).unlink()
    assert participant_records(finished, source)["02"].refused == "BIDS_DIR no longer has sub-02"


def test_participants_whom_another_output_folder_stored_are_in_the_group(
    request_for: Make, finished: Path, dataset: Callable[..., Path]
) -> None:
    for label in ("01", "04"):
        shutil.rmtree(finished / f"sub-{label}")
    plan = plan_group_level(request_for(dataset("01", "02", "03"), "group"))
    assert in_group(plan) == {"01": 1, "02": 2, "03": 1, "04": 2}


def test_the_participants_asked_for_are_looked_at_and_why_they_cannot_be_used_is_told(
    request_for: Make, finished: Path
) -> None:
    shutil.rmtree(finished / "connectome" / "sub-03")
    chosen = {"participant_label": ("01", "02")}
    assert plan_group_level(request_for(level="group", selection=chosen)).left_out == ()
    chosen = {"participant_label": ("01", "02", "03")}
    with pytest.raises(RequestError) as refused:
        plan_group_level(request_for(level="group", selection=chosen))
    first, second = refused.value.problems
    assert "no projected run of 03" in first
    assert GONE in second


@pytest.mark.parametrize("content", [b"", b"\x00\xff\x1f\x8b" * 300, b"run\treason\na\tb\n"])
def test_a_table_of_runs_that_is_none_is_named(finished: Path, content: bytes) -> None:
    table_of(finished, "02").write_bytes(content)
    with pytest.raises(RequestError) as refused:
        participant_records(finished)
    [problem] = refused.value.problems
    assert str(table_of(finished, "02")) in problem


@pytest.mark.parametrize("name", ["x", "sub-01"])
def test_a_stored_run_whose_name_says_too_little_is_named(
    request_for: Make, finished: Path, name: str
) -> None:
    path = finished / "connectome" / "sub-01" / "func" / f"{name}_desc-projected_timeseries.h5"
    path.write_bytes(b"")
    with pytest.raises(RequestError, match=path.name):
        plan_group_level(request_for(level="group"))


def test_a_stored_run_in_the_folder_of_another_participant_is_left_out(
    request_for: Make, finished: Path
) -> None:
    [path] = finished.glob("connectome/sub-03/func/*.h5")
    shutil.copy(path, finished / "connectome" / "sub-01" / "func")
    plan = plan_group_level(request_for(level="group"))
    assert left_out(plan) == [("01", "its name has sub-03, but its folder is sub-01; move it")]
    assert in_group(plan) == {"01": 1, "02": 2, "03": 1, "04": 2}
