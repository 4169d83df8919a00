"""Submit nodes as Slurm jobs, and collect the error messages of failed jobs.

The queue asks for the state of jobs (`_ask`), a crash report holds Slurm's reason
(`_get_result`), `fcnm_bids.execution.workflow` gathers the failures, and
`fcnm_bids.app.logs.end_level` prints them.
"""

from __future__ import annotations

import logging
import math
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nipype.pipeline.plugins.slurm import SLURMPlugin

from fcnm_bids.execution.crash_reports import CrashReportMixin, failed_result
from fcnm_bids.execution.dependencies import DependencyMixin

LOGGER = logging.getLogger("fcnm_bids")

_DEFAULTS = {"max_jobs": 100, "max_tries": 10, "retry_timeout": 2, "poll_interval": 5}
_LIBRARIES_GB = 0.25
"""Memory that a node shares with its parent as a process, and that a job has to load."""

_ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED", "NODE_FAIL"),
    *("OUT_OF_MEMORY", "PREEMPTED", "REVOKED", "TIMEOUT"),
}
_UNKNOWN = "UNKNOWN"
_WAITING_FOR_A_TURN = {"None", "Priority", "Resources", "BeginTime", "Prolog", "JobArrayTaskLimit"}
_PASSES = re.compile(
    r"timed out|unable to contact|temporarily|not available at the moment|try again|"
    r"connection refused|submit.*limit",
    re.IGNORECASE,
)
_LONGEST_PAUSE = 60.0
_LAST_LINES = 5


class SlurmPlugin(CrashReportMixin, DependencyMixin, SLURMPlugin):
    """Nipype's SLURM plugin, which goes on after a job fails.

    Every job asks for the memory and the processors that its node declares. A job that was
    cancelled, killed or not taken fails its own node, with what Slurm and the job said last; the
    others go on. One squeue tells of all jobs. Jobs that are left when the program ends are
    cancelled.

    Parameters
    ----------
    plugin_args
        ``sbatch_args`` (added to every sbatch, and stronger than what nodes declare), ``template``
        (what a job's script begins with), ``max_jobs`` (in the queue at once, 100),
        ``poll_interval`` (seconds between two squeue, 5), ``max_tries`` and ``retry_timeout``
        (how often, and after how many seconds at first, sbatch is tried again while the
        controller does not answer or the queue is full; 10 and 2), ``status_callback``.
    """

    _states: dict[int, tuple[str, str]]

    def __init__(self, plugin_args: Mapping[str, Any]) -> None:
        super().__init__(plugin_args={**_DEFAULTS, **plugin_args})
        self._states = {}
        self._asked = -math.inf
        self._requests: dict[int, tuple[str, Path]] = {}
        self._refusals: dict[int, str] = {}
        self._said: set[str] = set()

    def run(self, graph: Any, config: Any, updatehash: bool = False) -> None:
        """Run the nodes of a graph; jobs that are left at the end are cancelled."""
        # the program may be a job itself, which is ended with this signal
        before = signal.getsignal(signal.SIGTERM)
        if before == signal.SIG_DFL:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            super().run(graph, config, updatehash=updatehash)
        finally:
            signal.signal(signal.SIGTERM, before)
            if self._pending:
                jobs = map(str, self._pending)
                subprocess.run(["scancel", *jobs], check=False, capture_output=True)

    def _submit_batchtask(self, scriptfile: str, node: Any) -> int:
        script = Path(scriptfile)
        asked = self._resources(node)
        command = [
            *("sbatch", "--parsable", f"--job-name={_job_name(node.fullname)}", *asked),
            *(f"--output={script.with_suffix('')}-%j.txt", scriptfile),
        ]
        # a job must not take the limits of a job that it is started from
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("SLURM_") or name == "SLURM_CONF"
        }
        for attempt in range(self._max_tries + 1):
            with _undisturbed():  # or there is a job that nobody knows of
                done = subprocess.run(
                    command, env=environment, capture_output=True, text=True, check=False
                )
                if done.returncode == 0:
                    job = int(done.stdout.split(";")[0])
                    self._states[job] = ("PENDING", "None")
                    self._pending[job] = node.output_dir()
                    self._requests[job] = (
                        " ".join(asked),
                        script.with_name(f"{script.stem}-{job}.txt"),
                    )
                    return job
            if not _PASSES.search(done.stderr):
                break
            if attempt < self._max_tries:
                self._say(f"sbatch has to wait: {done.stderr.strip()}")
                time.sleep(min(self._retry_timeout * 2**attempt, _LONGEST_PAUSE))
        refused = -1 - len(self._refusals)
        self._refusals[refused] = f"sbatch {' '.join(asked)}: {done.stderr.strip()}"
        return refused

    def _resources(self, node: Any) -> list[str]:
        """Options of sbatch: what the node declares, then what the plugin file says."""
        told = shlex.split(self._sbatch_args or "")
        memory = math.ceil(1000 * (node.mem_gb + _LIBRARIES_GB))
        # Slurm takes only one of its three ways to ask for memory
        own = [] if any(word.startswith("--mem") for word in told) else [f"--mem={memory}M"]
        return ["--ntasks=1", f"--cpus-per-task={node.n_procs}", *own, *told]

    def _is_pending(self, taskid: int) -> bool:
        if time.monotonic() - self._asked >= self.plugin_args["poll_interval"]:
            self._ask()
            self._asked = time.monotonic()
        state, _ = self._states[taskid]
        return state not in _ENDED and state != _UNKNOWN

    def _ask(self) -> None:
        """Ask Slurm about all jobs at once."""
        command = ["squeue", "--me", "--noheader", "--states=all", "--format=%A|%T|%r"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            self._say(f"squeue does not answer, asking again: {done.stderr.strip()}")
            return
        listed = {
            int(job): (state, reason)
            for job, state, reason in (line.split("|", 2) for line in done.stdout.splitlines())
        }
        for job, (state, _) in list(self._states.items()):
            # it forgets jobs some minutes after their end
            self._states[job] = listed.get(job, (state if state in _ENDED else _UNKNOWN, ""))
            state, reason = self._states[job]
            if state == "PENDING" and reason not in _WAITING_FOR_A_TURN:
                self._say(f"Slurm lets jobs wait, such as {job}: {reason}")

    def _say(self, words: str) -> None:
        kind = re.sub(r"\d+", "", words)
        if kind not in self._said:
            self._said.add(kind)
            LOGGER.warning("%s", words)

    def _get_result(self, taskid: int) -> dict[str, Any] | None:
        if taskid in self._refusals:
            return failed_result(taskid, "SlurmError", self._refusals[taskid])
        if self._is_pending(taskid):
            return None
        if self._states[taskid][0] in ("COMPLETED", _UNKNOWN):
            result: dict[str, Any] = super()._get_result(taskid)
            # nipype's own words, a text, stand for a result that never came
            if not isinstance(result["traceback"], str):
                return result
        return failed_result(taskid, "SlurmError", self._last_of(taskid))

    def _last_of(self, job: int) -> str:
        """Describe how a job ended that left no result."""
        state, reason = self._states[job]
        asked, output = self._requests[job]
        said = [f"job {job} ({asked}) ended as {state}" + (f", {reason}" if reason else "")]
        try:
            lines = output.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            lines = []
        last = [line for line in lines if line.strip()][-_LAST_LINES:]
        if last:
            said += [f"{output} ends with", *(f"| {line}" for line in last)]
        if state == "OUT_OF_MEMORY" or "memory" in " ".join(last).lower():
            said.append("(--mem=SIZE among the sbatch_args of the plugin file asks for more)")
        if state == "TIMEOUT":
            said.append("(--time=TIME among the sbatch_args of the plugin file asks for more)")
        return "\n".join(said)

    def _clear_task(self, taskid: int) -> None:
        for record in (self._pending, self._states, self._requests):
            record.pop(taskid, None)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Block SIGINT and SIGTERM while a job is submitted."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _job_name(fullname: str) -> str:
    """The node first, since squeue shows the beginning only."""
    return ".".join(part.removesuffix("_wf") for part in reversed(fullname.split(".")))
