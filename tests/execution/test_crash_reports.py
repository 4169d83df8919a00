"""Reports of nodes that failed: the cause first, then where, with which input."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nipype.pipeline.engine import Workflow

from fcnm_bids.config import Config
from fcnm_bids.execution.crash_reports import crash_text, exception_message, failed_result
from fcnm_bids.execution.progress import Progress
from fcnm_bids.execution.workflow import run_workflow
from tests.execution.nodes import die, fail, run
from tests.execution.nodes import node as made

TRACEBACK = """Traceback (most recent call last):
  File "a.py", line 1, in run
    ValueError_is_no_line_of_this
OSError: the way there

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "b.py", line 2, in run
fcnm_bids.errors.RunError: bold.nii.gz is damaged:
  cut short
"""


def node(name: str, **inputs: Any) -> SimpleNamespace:
    return SimpleNamespace(fullname=name, mem_gb=0.25, inputs=SimpleNamespace(get=lambda: inputs))


@pytest.mark.parametrize(
    ("traceback", "message"),
    [
        (TRACEBACK, "fcnm_bids.errors.RunError: bold.nii.gz is damaged:\ncut short"),
        ("KeyboardInterrupt\n", "KeyboardInterrupt"),
        ("first\nlast line\n", "last line"),
        ("", ""),
    ],
)
def test_the_message_is_the_last_exception(traceback: str, message: str) -> None:
    assert exception_message(traceback.splitlines(keepends=True)) == message


def test_a_report_begins_with_the_cause_and_ends_with_the_traceback() -> None:
    told = crash_text(node("wf.sub_01_wf.map", z=1, a="x" * 9999), TRACEBACK, 1.5)
    lines = told.splitlines()
    assert lines[:5] == [
        "fcnm_bids.errors.RunError: bold.nii.gz is damaged:",
        "cut short",
        "",
        "node: wf.sub_01_wf.map",
        "participant: 01",
    ]
    assert lines[5] == "memory: 0.25 GB declared, 1.50 GB at most"
    first, second = lines[8:10]
    assert first.startswith("  a: xxx")
    assert first.endswith("x ...")
    assert len(first) < 2100
    assert second == "  z: 1"
    assert told.endswith(TRACEBACK)


def test_a_node_of_the_group_belongs_to_all_and_its_memory_may_be_unknown() -> None:
    told = crash_text(node("fcnm_group_wf.sums"), "MemoryError\n", None)
    assert "participant: none, it belongs to all" in told
    assert "memory: 0.25 GB declared, not known" in told


def test_a_node_that_raised_nothing_has_a_traceback_too() -> None:
    failed = failed_result(7, "BrokenProcessPool", "killed")
    assert failed["taskid"] == 7
    assert exception_message(failed["traceback"]) == "BrokenProcessPool: killed"


@pytest.mark.faults
def test_a_crash_report_names_the_cause_first(settings: Config, tmp_path: Path) -> None:
    workflow = Workflow(name="fcnm")
    participant = Workflow(name="sub_07_wf")
    participant.add_nodes([made("project", fail, tmp_path / "bold.nii.gz", mem_gb=0.2)])
    workflow.add_nodes([participant])
    run_workflow(workflow, settings, Progress())
    [report] = (tmp_path / "logs").glob("crash*")
    lines = report.read_text().splitlines()
    assert lines[:3] == [
        "ValueError: first line",
        f"second line of {tmp_path}/bold.nii.gz",
        "",
    ]
    assert lines[3:5] == ["node: fcnm.sub_07_wf.project", "participant: 07"]
    # the memory is that of the process of pytest, which other tests may have filled
    assert re.fullmatch(r"memory: 0\.20 GB declared, \d+\.\d\d GB at most", lines[5])
    assert f"  path: {tmp_path}/bold.nii.gz" in lines
    assert any(line.startswith("Traceback") for line in lines)


@pytest.mark.faults
def test_a_crash_report_of_a_killed_worker_tells_its_memory(
    settings: Config, tmp_path: Path
) -> None:
    run(settings, made("killer", die, tmp_path / "always"))
    [report] = (tmp_path / "logs").glob("crash*")
    [memory] = [line for line in report.read_text().splitlines() if line.startswith("memory:")]
    assert memory.startswith("memory: 0.10 GB declared, ")
    assert "not known" not in memory
