"""Running a workflow, so that a person can follow it."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nipype import config as nipype_config
from niworkflows.engine.workflows import LiterateWorkflow as Workflow

from fcnm_bids.bids import own_folder
from fcnm_bids.config import Config
from fcnm_bids.workflows.failures import KeepsLastWords
from fcnm_bids.workflows.machine import held_gb, machine_gb
from fcnm_bids.workflows.plugin_file import read_plugin
from fcnm_bids.workflows.processes import LocalProcesses

LOGGER = logging.getLogger("fcnm_bids")
_SHARE_OF_MEMORY = 0.9
_SECONDS_BETWEEN_LINES = 5.0

_LEFTOVERS = "fcnm_*_wf_*"
"""What folders of workflows are called in the work folder."""


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
        self._stages = [stage for stage in stages if stage.total]
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
        parts = [f"{s.done} of {s.total} {s.verb}" for s in self._stages]
        if done < total:
            parts.append(f"about {duration((now - self._started) / done * (total - done))} left")
        failed = f" ({self._failed} failed)" if self._failed else ""
        LOGGER.info("%s%s", ", ".join(parts), failed)


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
                # folders that nodes of a cluster share may show a result late
                "job_finished_timeout": "30",
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
    work_dir = Path(config.running.work_dir)
    with own_folder(work_dir, f"{workflow.name}_", _LEFTOVERS) as folder:
        workflow.base_dir = str(folder)
        plugin = _plugin(workflow, config, progress)
        try:
            workflow.run(plugin=plugin)
        except Exception as error:  # nipype raises what the first failed node raised
            return _told(plugin.failures) or [str(error)]
        except BaseException:  # the program is to end
            if isinstance(plugin, LocalProcesses):
                plugin.stop()
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)
    return []


def _plugin(workflow: Workflow, config: Config, progress: Progress) -> KeepsLastWords:
    """What runs the nodes, as the plugin file says."""
    plugin = read_plugin(config.resources.nipype_plugin_file)
    if plugin.name == "SLURM":
        from fcnm_bids.workflows.slurm import SlurmJobs

        return SlurmJobs({**plugin.arguments, "status_callback": progress})
    memory = allowed_gb(config)
    arguments = {"n_procs": config.resources.nprocs, "memory_gb": memory, **plugin.arguments}
    needed = max((node.mem_gb for node in _nodes(workflow)), default=0.0)
    if needed > arguments["memory_gb"]:
        LOGGER.warning(
            "a node is expected to need %.1f GB, %.1f GB are allowed",
            needed,
            arguments["memory_gb"],
        )
    return LocalProcesses(
        {**arguments, "raise_insufficient": False, "status_callback": progress},
    )


def allowed_gb(config: Config) -> float:
    """Memory that all nodes at once may take on this machine, beside this process itself."""
    whole = config.resources.mem_gb or _SHARE_OF_MEMORY * machine_gb()
    return max(whole - held_gb(), whole / 2)


def most_gb(config: Config) -> float:
    """Memory that one node may take; on a cluster only a request knows."""
    if config.resources.nipype_plugin_file and config.resources.mem_gb is None:
        return math.inf
    return allowed_gb(config)


def node_threads(config: Config) -> int:
    """Threads that a node declares: those of its linear algebra, of the processors there are."""
    return min(config.resources.omp_nthreads, config.resources.nprocs)


def _told(failures: Mapping[str, str]) -> list[str]:
    """One text for all nodes that failed with the same words."""
    nodes: dict[str, list[str]] = {}
    for node, words in failures.items():
        nodes.setdefault(words, []).append(node)
    return [
        f"{first}{f' and {len(others)} more' if others else ''}: {words}"
        for words, (first, *others) in nodes.items()
    ]


def _nodes(workflow: Workflow) -> list[Any]:
    return [workflow.get_node(name) for name in workflow.list_node_names()]


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
