"""Crash reports: the last messages of nodes that failed, whichever plugin ran them."""

from __future__ import annotations

import logging
import platform
import re
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from traceback import format_exception
from typing import Any

LOGGER = logging.getLogger("fcnm_bids")

_LONGEST_VALUE = 2000
_PARTICIPANT = re.compile(r"\.sub_(.+?)_wf\.")


class CrashReportMixin:
    """Record the error message of each failed node of a nipype plugin in `failures`.

    Parameters
    ----------
    plugin_args
        As nipype's plugin takes them.
    """

    procs: list[Any]

    def __init__(self, plugin_args: Mapping[str, Any]) -> None:
        super().__init__(plugin_args=plugin_args)  # type: ignore[call-arg]
        self.failures: dict[str, str] = {}

    def _clean_queue(self, jobid: int, graph: Any, result: dict[str, Any] | None = None) -> Any:
        if result is None:  # it was raised in this process
            result = {"result": None, "traceback": format_exception(*sys.exc_info())}
        if isinstance(result["traceback"], str):  # nipype adds lines to it, as if it were a list
            result["traceback"] = result["traceback"].splitlines(keepends=True)
        self.failures[self.procs[jobid].fullname] = exception_message(result["traceback"])
        return super()._clean_queue(jobid, graph, result=result)  # type: ignore[misc]

    def _report_crash(self, node: Any, result: Mapping[str, Any] | None = None) -> str:
        assert result is not None
        traceback = "".join(result["traceback"])
        path = Path(node.config["execution"]["crashdump_dir"]) / f"crash-{node.fullname}.txt"
        try:
            path.write_text(crash_text(node, traceback, result.get("peak_gb")), encoding="utf-8")
        except OSError as error:  # a full disk is what may have ended the node
            LOGGER.error("%s: no crash report: %s", node.fullname, error)
        return str(path)


def failed_result(taskid: int, error: str, words: str) -> dict[str, Any]:
    """Stand in for the result of a node that failed without raising anything.

    Parameters
    ----------
    taskid
        The task.
    error
        What the error is called, such as ``BrokenProcessPool``.
    words
        What is to be said about it.
    """
    return {"result": None, "traceback": [f"{error}: {words}\n"], "taskid": taskid}


def exception_message(traceback: Sequence[str]) -> str:
    """Return the exception message of a traceback."""
    lines = "".join(traceback).rstrip().splitlines()
    starts = [n for n, line in enumerate(lines) if re.match(r"\s*[\w.]+(Error|Exception)\b", line)]
    return "\n".join(line.strip() for line in lines[starts[-1] if starts else -1 :])


def crash_text(node: Any, traceback: str, peak_gb: float | None) -> str:
    """Write the report of a node that failed: cause, input, and how it got there.

    Parameters
    ----------
    node
        The node, with its inputs.
    traceback
        What Python said.
    peak_gb
        The most memory that its process held; None where that is not known.
    """
    participant = _PARTICIPANT.search(node.fullname)
    held = "not known" if peak_gb is None else f"{peak_gb:.2f} GB at most"
    inputs = (f"  {name}: {_shortened(value)}" for name, value in sorted(node.inputs.get().items()))
    return "\n".join(
        [
            exception_message(traceback),
            "",
            f"node: {node.fullname}",
            f"participant: {participant[1] if participant else 'none, it belongs to all'}",
            f"memory: {node.mem_gb:.2f} GB declared, {held}",
            f"machine: {platform.node()}, {time.strftime('%Y-%m-%d %H:%M:%S %z')}",
            "input:",
            *inputs,
            "",
            traceback,
        ]
    )


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]} ..."
