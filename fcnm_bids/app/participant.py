"""Run the participant level."""

from __future__ import annotations

import logging
from pathlib import Path

from fcnm_bids.app.dry_run import say_forecast
from fcnm_bids.app.logs import DATASET_NAME, end_level, open_logs
from fcnm_bids.app.plan_log import say_participants
from fcnm_bids.app.reports import rebuild_reports, say_where, write_boilerplate
from fcnm_bids.bids.dataset_description import describe_dataset
from fcnm_bids.bids.locks import at_work
from fcnm_bids.bids.manifest import Manifest
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.participant import plan_participants
from fcnm_bids.planning.plan import ParticipantPlan
from fcnm_bids.planning.stored_runs import keep_store
from fcnm_bids.reruns.settings_lock import settle
from fcnm_bids.resources.disk_space import check_disk_space

LOGGER = logging.getLogger("fcnm_bids")


def run_participants(config: Config) -> bool:
    """Run the participant level; True if all expected outputs are there."""
    plan = plan_participants(config)
    say_participants(plan, config)
    settle(config, save=False)
    keep_store(plan, config)
    if config.running.dry_run:
        return say_forecast(plan, config)
    check_disk_space(plan, config)
    root, store = Path(config.output_dir), config.connectome_path
    names = [f"sub-{person.subject}" for person in plan.people if not person.done]
    with at_work([root] if plan.from_store else [root, store], names) as waited:
        settle(config, say=False)
        describe_dataset(root, DATASET_NAME, plan.source, connectome=store)
        if not plan.from_store:
            describe_dataset(store, "Projected runs", plan.source, projected_runs=True)
        if waited:
            plan = plan_participants(config)
            keep_store(plan, config)
        return _make_people(plan, config)


def _make_people(plan: ParticipantPlan, config: Config) -> bool:
    """Make what is missing of the people of a plan."""
    root = Path(config.output_dir)
    waiting = [person for person in plan.people if not person.done]
    if not waiting:
        _refuse_if_nothing_stored(plan)
        LOGGER.info("everything is there already; nothing to do")
        return True
    from fcnm_bids.execution.progress import Progress, Stage
    from fcnm_bids.execution.workflow import configure, run_workflow
    from fcnm_bids.workflows.participant import init_participants_wf, person_wf_name

    logs, config_file = open_logs(config)
    configure(config, logs)
    workflow = init_participants_wf(plan, config, config_file)
    wf = f"{workflow.name}.{{}}.{{}}"
    at_work = [person for person in waiting if person.runs]
    stages = []
    if not plan.from_store:
        projected = {wf.format(person_wf_name(p.subject), "project"): len(p.runs) for p in at_work}
        stages.append(Stage("runs projected", projected))
    if config.makes_subject_maps:
        mapped = {wf.format(person_wf_name(p.subject), "map"): 1 for p in at_work}
        stages.append(Stage("people mapped", mapped))
    reports = {wf.format(person_wf_name(p.subject), "report"): 1 for p in waiting}
    stages.append(Stage("reports drawn", reports))
    failures = run_workflow(workflow, config, Progress(*stages))
    if not failures:
        _refuse_if_nothing_stored(plan)
    complete = {
        person.subject: Manifest(root / f"sub-{person.subject}", root).complete(person.key)
        for person in waiting
    }
    rebuild_reports(root, [name for name, whole in complete.items() if not whole], group=False)
    write_boilerplate(config, logs)
    say_where(root, list(complete), group=False)
    return end_level(
        failures, {f"sub-{name}": whole for name, whole in complete.items()}, config, logs
    )


def _refuse_if_nothing_stored(plan: ParticipantPlan) -> None:
    stored = (Path(run.files.stored) for person in plan.people for run in person.runs)
    if not any(path.is_file() for path in stored):
        raise RequestError("no usable run is left: each turned out damaged when it was read")
