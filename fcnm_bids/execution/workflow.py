"""Configure and run a workflow."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nipype import config as nipype_config
from nipype.pipeline.engine import Workflow

from fcnm_bids.bids.locks import private_work_folder, remove_own_folder
from fcnm_bids.config import Config
from fcnm_bids.execution.crash_reports import CrashReportMixin
from fcnm_bids.execution.multiproc import LocalProcessPlugin
from fcnm_bids.execution.progress import Progress
from fcnm_bids.inputs.plugin_file import read_plugin
from fcnm_bids.resources.machine import allowed_gb

LOGGER = logging.getLogger("fcnm_bids")

_LEFTOVERS = "fcnm_*_wf_*"
"""Names of the workflows' folders in the work folder."""


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
                "create_report": "false",
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
    with private_work_folder(work_dir, f"{workflow.name}_", _LEFTOVERS) as folder:
        workflow.base_dir = str(folder)
        plugin = _plugin(workflow, config, progress)
        try:
            workflow.run(plugin=plugin)
        except Exception as error:  # nipype raises what the first failed node raised
            return _failure_messages(plugin.failures) or [str(error)]
        except BaseException:  # the program is to end
            if isinstance(plugin, LocalProcessPlugin):
                plugin.stop()
                remove_own_folder(folder)
            raise
        remove_own_folder(folder)
    return []


def _plugin(workflow: Workflow, config: Config, progress: Progress) -> CrashReportMixin:
    """Return the plugin that runs the nodes, as the plugin file states it."""
    plugin = read_plugin(config.resources.nipype_plugin_file)
    if plugin.name == "SLURM":
        from fcnm_bids.execution.slurm import SlurmPlugin

        return SlurmPlugin({**plugin.arguments, "status_callback": progress})
    memory = allowed_gb(config)
    arguments = {"n_procs": config.resources.nprocs, "memory_gb": memory, **plugin.arguments}
    needed = max((node.mem_gb for node in _nodes(workflow)), default=0.0)
    if needed > arguments["memory_gb"]:
        LOGGER.warning(
            "a node is expected to need %.1f GB, %.1f GB are allowed",
            needed,
            arguments["memory_gb"],
        )
    return LocalProcessPlugin(
        {**arguments, "raise_insufficient": False, "status_callback": progress},
    )


def _failure_messages(failures: Mapping[str, str]) -> list[str]:
    """Group failed nodes by error message; return one line per message."""
    nodes: dict[str, list[str]] = {}
    for node, words in failures.items():
        nodes.setdefault(words, []).append(node)
    return [
        f"{first}{f' and {len(others)} more' if others else ''}: {words}"
        for words, (first, *others) in nodes.items()
    ]


def _nodes(workflow: Workflow) -> list[Any]:
    # get_node compares all names for each
    return list(workflow._get_all_nodes())
