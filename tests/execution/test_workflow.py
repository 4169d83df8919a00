"""Running a workflow: failures end their own node only, and progress is told."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from nipype.pipeline.engine import Workflow

from fcnm_bids.config import Config
from fcnm_bids.execution.progress import Progress
from fcnm_bids.execution.workflow import configure, run_workflow
from tests.execution.nodes import die, fail, node, rest, run, write_down


def test_a_workflow_runs_and_leaves_no_work_behind(settings: Config, tmp_path: Path) -> None:
    a, b = (node(name, write_down, tmp_path / name) for name in "ab")
    assert run(settings, a, b, connect=[(a, b, [("path", "after")])]) == []
    assert (tmp_path / "b").exists()
    assert list((tmp_path / "work").iterdir()) == []


def test_a_node_begins_when_the_one_before_it_has_ended(
    settings: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fcnm_bids.execution.multiproc._SECONDS_BETWEEN_TURNS", 20.0)
    a, b = (node(name, write_down, tmp_path / name) for name in "ab")
    began = time.monotonic()
    assert run(settings, a, b, connect=[(a, b, [("path", "after")])]) == []
    assert time.monotonic() - began < 20


def test_a_node_of_this_process_does_not_wait_for_a_worker(
    settings: Config, tmp_path: Path
) -> None:
    first, long = node("first", write_down, tmp_path / "first"), node("long", rest, tmp_path / "z")
    own = node("own", write_down, tmp_path / "own")
    own.run_without_submitting, own.n_procs = True, 0
    one = settings.update({"resources": {"nprocs": 1}})
    # another that comes after the first keeps the only worker busy
    connect = [(first, n, [("path", "after")]) for n in (own, long)]
    assert run(one, first, long, own, connect=connect) == []
    assert (tmp_path / "own").stat().st_mtime_ns < (tmp_path / "z").stat().st_mtime_ns


@pytest.mark.faults
@pytest.mark.parametrize("nprocs", [1, 2])
def test_a_killed_worker_ends_its_node_with_a_message_and_the_others_run(
    settings: Config, tmp_path: Path, nprocs: int
) -> None:
    killed = node("killed", die, tmp_path / "never", mem_gb=0.9)
    then = node("then", write_down, tmp_path / "then")
    # they need what the killed node has taken, and so come after it
    others = [node(f"other{n}", write_down, tmp_path / f"other{n}", mem_gb=0.9) for n in range(3)]
    failures = run(
        settings.update({"resources": {"nprocs": nprocs}}),
        killed,
        then,
        *others,
        connect=[(killed, then, [("path", "after")])],
    )
    [failure] = failures
    assert failure.startswith("wf.killed: ")
    assert "declared 0.90 GB" in failure
    assert "was killed" in failure
    assert not (tmp_path / "then").exists()
    assert all((tmp_path / f"other{n}").exists() for n in range(3))
    assert [path.name for path in (tmp_path / "logs").iterdir() if "killed" in path.name]


@pytest.mark.faults
def test_every_node_that_fails_is_told_with_its_last_words(
    settings: Config, tmp_path: Path
) -> None:
    wrong = [node(name, fail, tmp_path / name) for name in ("wrong1", "wrong2")]
    right = node("right", write_down, tmp_path / "right")
    failures = run(settings, *wrong, right)
    assert sorted(failures) == [
        f"wf.{name}: ValueError: first line\nsecond line of {tmp_path / name}"
        for name in ("wrong1", "wrong2")
    ]
    assert (tmp_path / "right").exists()
    assert len(list((tmp_path / "logs").glob("crash*.txt"))) == 2


@pytest.mark.faults
def test_a_failure_on_the_main_thread_is_told_too(settings: Config, tmp_path: Path) -> None:
    wrong = node("wrong", fail, tmp_path / "wrong")
    wrong.run_without_submitting = True
    right = node("right", write_down, tmp_path / "right")
    [failure] = run(settings, wrong, right)
    assert failure.startswith("wf.wrong: ValueError: first line")
    assert (tmp_path / "right").exists()


@pytest.mark.faults
def test_stopping_at_the_first_failure(settings: Config, tmp_path: Path) -> None:
    config = settings.update({"running": {"stop_on_first_crash": True}})
    configure(config, tmp_path / "logs")
    wrong = node("wrong", fail, tmp_path / "wrong")
    late = [node(f"late{n}", write_down, tmp_path / f"late{n}", mem_gb=1.0) for n in range(3)]
    [failure] = run(config, wrong, *late, connect=[(wrong, late[0], [("path", "after")])])
    assert "ValueError: first line" in failure
    assert not (tmp_path / "late0").exists()


def test_nodes_share_the_memory_that_is_allowed(
    settings: Config, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    greedy = node("greedy", write_down, tmp_path / "greedy", mem_gb=50.0)
    assert run(settings, greedy, node("small", write_down, tmp_path / "small")) == []
    assert (tmp_path / "greedy").exists()
    assert "50.0 GB, 0." in said.text  # of 1 GB, less what this process holds
    assert "GB are allowed" in said.text


def test_two_runs_in_one_work_folder_do_not_meet(settings: Config, tmp_path: Path) -> None:
    first, second = Workflow(name="wf"), Workflow(name="wf")
    for workflow in (first, second):
        workflow.add_nodes([node("same", fail, tmp_path / "x")])
        run_workflow(workflow, settings, Progress())
    assert first.base_dir != second.base_dir
    assert {Path(w.base_dir).parent for w in (first, second)} == {tmp_path / "work"}


def test_the_drawing_of_the_workflow_is_kept_or_its_lack_is_told(
    settings: Config, tmp_path: Path, said: pytest.LogCaptureFixture
) -> None:
    config = settings.update({"running": {"write_graph": True}})
    a, b = (node(name, write_down, tmp_path / name) for name in "ab")
    assert run(config, a, b, connect=[(a, b, [("path", "after")])]) == []
    drawn = list((tmp_path / "work").rglob("graph.*"))
    assert drawn or "no drawing" in said.text
    assert (tmp_path / "b").exists()
