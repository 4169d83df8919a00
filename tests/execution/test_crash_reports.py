"""Reports of nodes that failed: the cause first, then where, with which input."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fcnm_bids.execution.crash_reports import crash_text, exception_message, failed_result

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
