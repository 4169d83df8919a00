"""Run the participant level."""

from __future__ import annotations

import logging
from pathlib import Path

from fcnm_bids.app.dry_run import say_forecast
from fcnm_bids.app.logs import DATASET_NAME, create_log_folder, end_level
from fcnm_bids.app.plan_log import log_participant_plan
from fcnm_bids.app.reports import (
    draw_missing_reports,
    log_report_paths,
    rebuild_reports,
    write_boilerplate,
)
from fcnm_bids.bids.dataset_description import describe_dataset
from fcnm_bids.bids.locks import lock_outputs
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.plan import ParticipantPlan
from fcnm_bids.planning.store_settings import refuse_other_store_settings
from fcnm_bids.reruns.manifest import Manifest
from fcnm_bids.reruns.settings_lock import lock_settings
from fcnm_bids.resources.disk_space import check_disk_space
from fcnm_bids.resources.forecast import forecast, participant_needs
from fcnm_bids.resources.machine import allowed_gb

LOGGER = logging.getLogger("fcnm_bids")


def run_participants(config: Config) -> bool:
    """Run the participant level; True if all expected outputs are there."""
    plan = plan_participant_level(config)
    log_participant_plan(plan, config)
    lock_settings(config, save=False)
    refuse_other_store_settings(plan, config)
    if config.running.dry_run:
        return say_forecast(plan, config)
    check_disk_space(plan, config)
    root, store = Path(config.output_dir), config.connectome_path
    names = [
        f"sub-{participant.subject}" for participant in plan.participants if not participant.done
    ]
    with lock_outputs([root] if plan.from_store else [root, store], names) as waited:
        lock_settings(config, say=False)
        describe_dataset(root, DATASET_NAME, plan.source, connectome=store)
        if not plan.from_store:
            describe_dataset(store, "Projected runs", plan.source, projected_runs=True)
        if waited:
            plan = plan_participant_level(config)
            refuse_other_store_settings(plan, config)
        return _make_participants(plan, config)


def _make_participants(plan: ParticipantPlan, config: Config) -> bool:
    """Make what is missing of the participants of a plan."""
    root = Path(config.output_dir)
    waiting = [participant for participant in plan.participants if not participant.done]
    done = [participant.subject for participant in plan.participants if participant.done]
    if not waiting:
        _refuse_if_nothing_stored(plan)
        LOGGER.info("everything is there already; nothing to do")
        draw_missing_reports(config, done, group=False)
        return True
    from fcnm_bids.execution.progress import Progress, ProgressCounter
    from fcnm_bids.execution.workflow import configure, run_workflow
    from fcnm_bids.workflows.participant import init_participants_wf, participant_wf_name

    logs, config_file = create_log_folder(config)
    configure(config, logs)
    workflow = init_participants_wf(plan, config, config_file)
    wf = f"{workflow.name}.{{}}.{{}}"
    active = [participant for participant in waiting if participant.runs]
    stages = []
    if not plan.from_store:
        projected = {
            wf.format(participant_wf_name(p.subject), "project"): len(p.runs) for p in active
        }
        stages.append(ProgressCounter("runs projected", projected))
    if config.makes_subject_maps:
        mapped = {wf.format(participant_wf_name(p.subject), "map"): 1 for p in active}
        stages.append(ProgressCounter("participants mapped", mapped))
    if config.running.reports != "none":
        reports = {wf.format(participant_wf_name(p.subject), "report"): 1 for p in waiting}
        stages.append(ProgressCounter("reports drawn", reports))
    rows = forecast(workflow, participant_needs(plan, config), config, allowed_gb(config))
    failures = run_workflow(workflow, config, Progress(*stages, forecasts=rows))
    if not failures:
        _refuse_if_nothing_stored(plan)
    complete = {
        participant.subject: Manifest(root / f"sub-{participant.subject}", root).complete(
            participant.key
        )
        for participant in waiting
    }
    rebuild_reports(config, [name for name, whole in complete.items() if not whole], group=False)
    draw_missing_reports(config, done, group=False)
    write_boilerplate(config, logs)
    log_report_paths(root, list(complete), group=False)
    return end_level(
        failures, {f"sub-{name}": whole for name, whole in complete.items()}, config, logs
    )


def _refuse_if_nothing_stored(plan: ParticipantPlan) -> None:
    stored = (
        Path(run.files.stored) for participant in plan.participants for run in participant.runs
    )
    if not any(path.is_file() for path in stored):
        raise RequestError(
            "no usable run is left: all turned out to be damaged when they were read; copy the "
            "images again"
        )
