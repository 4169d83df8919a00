"""Worker processes: they die with their parent, and not with each other."""

from __future__ import annotations

import ctypes
import gc
import logging
import multiprocessing
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from nipype.pipeline.plugins.multiproc import MultiProcPlugin, process_initializer, run_node

from fcnm_bids.execution.crash_reports import CrashReportMixin, failed_result
from fcnm_bids.execution.dependencies import DependencyMixin
from fcnm_bids.execution.signals import defer_signals
from fcnm_bids.resources.machine import held_gb

LOGGER = logging.getLogger("fcnm_bids")

_PR_SET_PDEATHSIG = 1

_SECONDS_BETWEEN_TURNS = 0.1
"""Most time until the loop looks at its workers again, of which none has ended a node."""

_LEAST_SECONDS_OF_TURN = 0.005


class LocalProcessPlugin(CrashReportMixin, DependencyMixin, MultiProcPlugin):
    """Nipype's MultiProc, which outlives a worker that the kernel killed.

    Nipype waits for ever for the result of a worker that died. Here every node that ran in a
    worker when one of them died is tried once more in a process of its own, so that only the
    node to blame fails, with a traceback; what does not depend on it goes on.
    """

    pool: ProcessPoolExecutor

    def __init__(self, plugin_args: Mapping[str, Any]) -> None:
        super().__init__(plugin_args=plugin_args)
        self.pool = _workers(self.processors)
        self._nodes: dict[int, Any] = {}
        self._alone: dict[int, ProcessPoolExecutor] = {}
        self._peak_gb: dict[int, float] = {}
        self._ended = threading.Event()

    def run(self, graph: Any, config: Any, updatehash: bool = False) -> None:
        """Run the nodes of a graph; arguments as for nipype's MultiProc.

        Nipype collects garbage whenever it looks for nodes to start. What was imported and read
        before is left out of that: it took half of the main process's time.
        """
        gc.freeze()
        # it waits below, for a node to end
        least = {"poll_sleep_duration": str(_LEAST_SECONDS_OF_TURN)}
        config = {**config, "execution": {**config["execution"], **least}}
        try:
            super().run(graph, config, updatehash)
        finally:
            gc.unfreeze()

    def _send_procs_to_workers(self, updatehash: bool = False, graph: Any = None) -> None:
        """Start what can be, and wait until a node ends: a worker is idle for no longer."""
        finished = self._n_finished
        super()._send_procs_to_workers(updatehash, graph)
        # a node that ran in this process may have set others free
        if self.pending_tasks and self._n_finished == finished:
            self._ended.wait(_SECONDS_BETWEEN_TURNS)
        self._ended.clear()

    @property
    def _n_finished(self) -> int:
        return int(np.count_nonzero(self.proc_done & ~self.proc_pending))

    def _sort_jobs(self, jobids: Iterable[int], scheduler: str | None = None) -> list[int]:
        """Put nodes of the workers before those of this process, which would let them wait."""
        ready = super()._sort_jobs(jobids, scheduler)
        return sorted(ready, key=lambda jobid: bool(self.procs[jobid].run_without_submitting))

    def _submit_job(self, node: Any, updatehash: bool = False) -> int:
        self._taskid += 1
        self._nodes[self._taskid] = node
        try:
            self._start(self._taskid, self.pool)
        except BrokenProcessPool:
            self.pool = _workers(self.processors)
            self._start(self._taskid, self.pool)
        return self._taskid

    def _start(self, taskid: int, pool: ProcessPoolExecutor) -> None:
        with defer_signals():
            future = pool.submit(_run_node, self._nodes[taskid], taskid)
        self._task_obj[taskid] = future
        future.add_done_callback(partial(self._keep_result, taskid))

    def stop(self) -> None:
        """End all workers at once, whatever they do."""
        for pool in (self.pool, *self._alone.values()):
            for process in tuple((pool._processes or {}).values()):
                process.kill()
            pool.shutdown(cancel_futures=True)

    def _keep_result(self, taskid: int, future: Future[dict[str, Any]]) -> None:
        if future.cancelled():
            return
        self._taskresult[taskid] = future.exception() or future.result()
        self._ended.set()

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        # asked for every node that runs, several times a second
        if (tick := getattr(self._status_callback, "tick", None)) is not None:
            tick()
        # on the main thread: a worker dies with the thread that made it
        if taskid in self._alone:
            for pid in tuple(self._alone[taskid]._processes or ()):
                self._peak_gb[taskid] = max(self._peak_gb.get(taskid, 0.0), held_gb(pid, "VmHWM"))
        result = self._taskresult.get(taskid)
        if not isinstance(result, BaseException):
            return result
        node = self._nodes[taskid]
        if isinstance(result, BrokenProcessPool) and taskid not in self._alone:
            LOGGER.warning(
                "a worker process was killed while %s ran; it is tried once more in a process of "
                "its own",
                node.fullname,
            )
            del self._taskresult[taskid]
            # a copy of this process holds what this one does: it may die before it is looked at
            self._peak_gb[taskid] = held_gb()
            self._alone[taskid] = _workers(1)
            self._start(taskid, self._alone[taskid])
            return None
        reason = str(result)
        if isinstance(result, BrokenProcessPool):
            reason = (
                f"the process of {node.fullname} was killed twice (declared {node.mem_gb:.2f} GB, "
                f"held {self._peak_gb.get(taskid, 0.0):.2f} GB when last seen); most often the "
                "machine or the job had no memory left"
            )
        failed = failed_result(taskid, type(result).__name__, reason)
        return {**failed, "peak_gb": self._peak_gb.get(taskid)}

    def _clear_task(self, taskid: int) -> None:
        super()._clear_task(taskid)
        del self._nodes[taskid]
        if taskid in self._alone:
            self._alone.pop(taskid).shutdown(wait=False)


def _workers(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("fork"),
        initializer=_start_worker,
        initargs=(os.getpid(), str(Path.cwd())),
    )


def _start_worker(parent: int, cwd: str) -> None:
    """Make sure that a worker ends with its parent: nobody else would end it, or take its work.

    An interrupt from the keyboard goes to the workers too: the parent takes it, and ends them.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    process_initializer(cwd)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _run_node(node: Any, taskid: int) -> dict[str, Any]:
    result: dict[str, Any] = run_node(node, False, taskid)
    result["peak_gb"] = 1024e-9 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return result
