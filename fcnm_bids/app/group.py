"""Run the group level."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcnm_bids.app.dry_run import say_forecast
from fcnm_bids.app.logs import DATASET_NAME, create_log_folder, end_level
from fcnm_bids.app.plan_log import log_group_plan
from fcnm_bids.app.reports import (
    draw_missing_reports,
    log_report_paths,
    rebuild_reports,
    write_boilerplate,
)
from fcnm_bids.bids.dataset_description import describe_dataset
from fcnm_bids.bids.locks import lock_outputs
from fcnm_bids.config import Config
from fcnm_bids.errors import StoreError
from fcnm_bids.execution.progress import ProgressCounter
from fcnm_bids.inputs.contrasts import contrast_names
from fcnm_bids.inputs.dataset import identify_dataset
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.plan import GroupPlan
from fcnm_bids.reruns.manifest import Manifest
from fcnm_bids.reruns.result_cache import remove_stale
from fcnm_bids.reruns.settings_lock import lock_settings
from fcnm_bids.resources.disk_space import check_disk_space
from fcnm_bids.resources.forecast import forecast, group_needs
from fcnm_bids.resources.machine import allowed_gb
from fcnm_bids.specificity import FOCUS_NULLS

LOGGER = logging.getLogger("fcnm_bids")

_GROUP: Mapping[str, str] = {
    "contrast": "contrasts tested",
    "network": "networks mapped",
    "draws": "draws made",
    "robustness": "networks checked",
    "multiverse": "specifications mapped",
    "outcome": "outcomes related",
    "sample": "effects taken as samples",
    "specificity": "networks compared",
    "figures": "networks drawn",
    "report": "report drawn",
}
"""Kinds of node and what they do, in this order."""


def group_progress(workflow: Any, *, timed: bool = False) -> list[ProgressCounter]:
    """Return the stages of the group level, from the nodes that its workflow has.

    Parameters
    ----------
    workflow
        The workflow.
    timed
        Whether time may end draws, so that not all that are done with were made.
    """
    weights: dict[str, dict[str, int]] = {kind: {} for kind in _GROUP}
    for name in workflow.list_node_names():
        kind, _, rest = name.partition("_")
        if kind not in weights:
            continue
        if kind == "multiverse":
            n_specifications = len(workflow.get_node(name).inputs.specifications)
            weights[kind][f"{workflow.name}.{name}"] = n_specifications
        elif kind != "draws":
            weights[kind][f"{workflow.name}.{name}"] = 1
        elif rest.rpartition("_")[0] in FOCUS_NULLS:  # the observed foci are no draw
            n_draws = int(workflow.get_node(name).inputs.n_draws)
            weights[kind][f"{workflow.name}.{name}"] = n_draws
    verbs = {**_GROUP, "draws": "draws made or out of time"} if timed else _GROUP
    return [ProgressCounter(verb, weights[kind]) for kind, verb in verbs.items()]


def run_group(config: Config) -> bool:
    """Run the group level; True if all expected outputs are there."""
    plan = plan_group_level(config)
    log_group_plan(plan, config)
    lock_settings(config, save=False)
    if config.running.dry_run:
        return say_forecast(plan, config)
    check_disk_space(plan, config)
    root = Path(config.output_dir)
    with lock_outputs([root], [] if plan.done else ["group"]) as waited:
        lock_settings(config, say=False)
        source = identify_dataset(config.source_path, config.selection.input_type).root
        describe_dataset(root, DATASET_NAME, source, connectome=config.connectome_path)
        return _make_group(plan_group_level(config) if waited else plan, config)


def _make_group(plan: GroupPlan, config: Config) -> bool:
    """Make what is missing of the group's results."""
    root = Path(config.output_dir)
    if plan.done:
        LOGGER.info("everything is there already; nothing to do")
        draw_missing_reports(config, (), group=True)
        return True
    from fcnm_bids.execution.progress import Progress
    from fcnm_bids.execution.workflow import configure, run_workflow
    from fcnm_bids.workflows.group import init_group_wf

    logs, config_file = create_log_folder(config)
    contrasts = contrast_names(config.seeds)
    configure(config, logs)
    workflow = init_group_wf(plan, config, config_file, contrasts)
    if kept := sum(name.startswith("cached_") for name in workflow.list_node_names()):
        LOGGER.info("%d of %d contrasts are cached from an earlier run", kept, len(contrasts))
    timed = config.specificity.specificity_time is not None
    needs = group_needs(plan, config, contrasts)
    rows = forecast(workflow, needs, config, allowed_gb(config))
    progress = Progress(*group_progress(workflow, timed=timed), forecasts=rows)
    failures = run_workflow(workflow, config, progress)
    if any("StoreError" in failure for failure in failures):
        log_damaged_runs(plan)
    complete = Manifest(root / "group", root).complete(plan.key)
    if complete:
        remove_stale((*plan.contrast_keys.values(), plan.specificity.strength_key), config)
    else:
        rebuild_reports(config, (), group=True)
    write_boilerplate(config, logs)
    log_report_paths(root, (), group=True)
    return end_level(failures, {"group": complete}, config, logs)


def log_damaged_runs(plan: GroupPlan) -> None:
    """Name every damaged run: the pass over the store ended at the first."""
    for _, runs in plan.participants:
        for run in runs:
            try:
                run.verify()
            except StoreError as error:
                LOGGER.error(
                    "%s; remove %s, and the participant level makes it again", error, run.path
                )
