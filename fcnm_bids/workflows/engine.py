"""Running a workflow on this machine, so that a person can follow it."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nipype import config as nipype_config
from nipype.pipeline.plugins.multiproc import MultiProcPlugin, run_node
from nipype.utils.profiler import get_system_total_memory_gb
from niworkflows.engine.workflows import LiterateWorkflow as Workflow

from fcnm_bids.config import Config

LOGGER = logging.getLogger("fcnm_bids")
_SHARE_OF_MEMORY = 0.9
_SECONDS_BETWEEN_LINES = 5.0


class LocalProcesses(MultiProcPlugin):
    """Nipype's MultiProc, which outlives a worker that the kernel killed.

    Nipype waits for ever for the result of a worker that died. Here its node fails with a
    traceback, and the nodes that do not depend on it go on in new workers. `failures` holds what
    each node that failed said last.
    """

    pool: ProcessPoolExecutor

    def __init__(self, plugin_args: Mapping[str, Any]) -> None:
        super().__init__(plugin_args=plugin_args)
        self.failures: dict[str, str] = {}

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self._taskid += 1
        try:
            future = self.pool.submit(run_node, node, updatehash, self._taskid)
        except BrokenProcessPool:
            fresh = LocalProcesses(plugin_args=self.plugin_args)
            self.pool = fresh.pool
            future = self.pool.submit(run_node, node, updatehash, self._taskid)
        self._task_obj[self._taskid] = future
        future.add_done_callback(partial(self._keep_result, self._taskid, node))
        return self._taskid

    def _clean_queue(self, jobid: int, graph: Any, result: dict[str, Any] | None = None) -> Any:
        if result is not None:
            self.failures[self.procs[jobid].fullname] = _last_words(result["traceback"])
        return super()._clean_queue(jobid, graph, result=result)

    def _keep_result(self, taskid: int, node: Any, future: Future[dict[str, Any]]) -> None:
        error = future.exception()
        if error is None:
            self._taskresult[taskid] = future.result()
            return
        reason = str(error)
        if isinstance(error, BrokenProcessPool):
            reason = (
                f"the worker process of {node.fullname} (declared {node.mem_gb:.2f} GB), or one "
                "beside it, was killed; most often the machine or the job had no memory left"
            )
        self._taskresult[taskid] = {
            "result": None,
            "traceback": [f"{type(error).__name__}: {reason}\n"],
            "taskid": taskid,
        }


@dataclass
class Stage:
    """One kind of work that progress is told of.

    Parameters
    ----------
    verb
        What happens to the items, such as "runs projected".
    weights
        Full names of its nodes, with the number of items each stands for.
    """

    verb: str
    weights: Mapping[str, int]
    done: int = 0

    @property
    def total(self) -> int:
        """Number of items."""
        return sum(self.weights.values())


class Progress:
    """Counts what nodes have finished, and says how much is left.

    Parameters
    ----------
    stages
        The kinds of work.
    """

    def __init__(self, *stages: Stage) -> None:
        self._stages = stages
        self._failed = 0
        self._started = time.monotonic()
        self._said = 0.0

    def __call__(self, node: Any, status: str) -> None:
        """Nipype's status callback."""
        if status not in ("end", "exception"):
            return
        for stage in self._stages:
            weight = stage.weights.get(node.fullname)
            if weight is not None:
                stage.done += weight
                self._failed += weight * (status == "exception")
                self._say()

    def _say(self) -> None:
        now = time.monotonic()
        done = sum(stage.done for stage in self._stages)
        total = sum(stage.total for stage in self._stages)
        if now - self._said < _SECONDS_BETWEEN_LINES and done < total:
            return
        self._said = now
        left = (now - self._started) / max(done, 1) * (total - done)
        parts = [f"{s.done} of {s.total} {s.verb}" for s in self._stages]
        LOGGER.info(
            "%s%s, about %s left",
            ", ".join(parts),
            f" ({self._failed} failed)" if self._failed else "",
            _duration(left),
        )


def configure(config: Config, logs: Path) -> None:
    """Settle nipype's own settings; workflows copy them when they are built.

    Parameters
    ----------
    config
        The request.
    logs
        Where tracebacks of crashed nodes go.
    """
    Path(config.running.work_dir).mkdir(parents=True, exist_ok=True)
    logs.mkdir(parents=True, exist_ok=True)
    nipype_config.update_config(
        {
            "execution": {
                "crashdump_dir": str(logs),
                "crashfile_format": "txt",
                "stop_on_first_crash": str(config.running.stop_on_first_crash).lower(),
                "remove_unnecessary_outputs": "false",
                "hash_method": "timestamp",
                "poll_sleep_duration": "0.1",
                "check_version": "false",
            },
            "logging": {"log_to_file": "false"},
        }
    )
    level = {0: "CRITICAL", 1: "CRITICAL", 2: "INFO"}.get(config.running.verbose, "DEBUG")
    for name in ("nipype", "nipype.workflow", "nipype.interface", "nipype.utils"):
        logging.getLogger(name).setLevel(level)


def run_workflow(workflow: Workflow, config: Config, progress: Progress) -> list[str]:
    """Run a workflow; returns what went wrong, one text a failure.

    Parameters
    ----------
    workflow
        What to run.
    config
        Resources, working folder, what to do on failures.
    progress
        Told about every node that starts or ends.
    """
    workflow.base_dir = config.running.work_dir
    if config.running.write_graph:
        try:
            workflow.write_graph(graph2use="colored", format="svg", simple_form=True)
        except OSError as error:  # Graphviz is not there
            LOGGER.warning("no drawing of the workflow: %s", error)
    # jobs that share a work folder must not clear each other's nodes away
    workflow.base_dir = tempfile.mkdtemp(prefix=f"{workflow.name}_", dir=config.running.work_dir)
    memory = config.resources.mem_gb or _SHARE_OF_MEMORY * get_system_total_memory_gb()
    needed = max((node.mem_gb for node in _nodes(workflow)), default=0.0)
    if needed > memory:
        LOGGER.warning("a node is expected to need %.1f GB, %.1f GB are allowed", needed, memory)
    plugin = LocalProcesses(
        plugin_args={
            "n_procs": config.resources.nprocs,
            "memory_gb": memory,
            "raise_insufficient": False,
            "status_callback": progress,
        }
    )
    try:
        workflow.run(plugin=plugin)
    except Exception as error:  # nipype raises what the first failed node raised
        return [f"{node}: {words}" for node, words in plugin.failures.items()] or [str(error)]
    shutil.rmtree(workflow.base_dir, ignore_errors=True)
    return []


def _last_words(traceback: str | Sequence[str]) -> str:
    """The message at the end of a traceback, without the way there."""
    lines = "".join(traceback).rstrip().splitlines()
    starts = [n for n, line in enumerate(lines) if re.match(r"\s*[\w.]+(Error|Exception)\b", line)]
    return "\n".join(line.strip() for line in lines[starts[-1] if starts else -1 :])


def _nodes(workflow: Workflow) -> list[Any]:
    return [workflow.get_node(name) for name in workflow.list_node_names()]


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
