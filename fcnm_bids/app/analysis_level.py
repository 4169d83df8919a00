"""The two levels from beginning to end: plan, say the plan, run, look whether all is there."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcnm_bids.bids import Manifest, at_work, describe_dataset, recognise
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.interfaces import contrast_names
from fcnm_bids.workflows.denoised import adopt_denoised
from fcnm_bids.workflows.environment import open_logs
from fcnm_bids.workflows.given import given_too_early
from fcnm_bids.workflows.inheritance import inherit, settle
from fcnm_bids.workflows.kept import forget_others
from fcnm_bids.workflows.plan import GroupPlan, ParticipantPlan
from fcnm_bids.workflows.preflight import plan_group, plan_participants
from fcnm_bids.workflows.reports import (
    rebuild_reports,
    report_again,
    say_where,
    write_boilerplate,
)
from fcnm_bids.workflows.stored import adopt_store, keep_store
from fcnm_bids.workflows.summary import say_group, say_participants

LOGGER = logging.getLogger("fcnm_bids")

_NAME = "Functional connectivity network mapping"


def run_level(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> bool:
    """Run the level that is asked for; whether everything promised is there.

    Raises
    ------
    RequestError
        The request is wrong.
    """
    if config.running.reports_only:
        return report_again(config)
    if config.analysis_level == "group":
        config = inherit(config, explicit)
    config = adopt_denoised(adopt_store(config, explicit), explicit)
    if early := given_too_early(config, explicit):
        LOGGER.warning("%s", early)
    if config.seeds.unit == "focus":
        LOGGER.warning("--unit focus: studies that report many foci dominate the network")
    if config.running.boilerplate_only:
        logs, _ = open_logs(config, "boilerplate.toml")
        return write_boilerplate(config, logs)
    return _run_group(config) if config.analysis_level == "group" else _run_participants(config)


def _run_participants(config: Config) -> bool:
    plan = plan_participants(config)
    say_participants(plan, config)
    settle(config, save=False)
    keep_store(plan, config)
    if config.running.dry_run:
        return _say_forecast(plan, config)
    _check_space(plan, config)
    root, store = Path(config.output_dir), config.connectome_path
    names = [f"sub-{person.subject}" for person in plan.people if not person.done]
    with at_work([root] if plan.from_store else [root, store], names) as waited:
        settle(config, say=False)
        describe_dataset(root, _NAME, plan.source, connectome=store)
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
    from fcnm_bids.workflows.engine import Progress, Stage, configure, run_workflow
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
    return _end(failures, {f"sub-{name}": whole for name, whole in complete.items()}, config, logs)


def _refuse_if_nothing_stored(plan: ParticipantPlan) -> None:
    stored = (Path(run.files.stored) for person in plan.people for run in person.runs)
    if not any(path.is_file() for path in stored):
        raise RequestError("no usable run is left: each turned out damaged when it was read")


def _run_group(config: Config) -> bool:
    plan = plan_group(config)
    say_group(plan, config)
    settle(config, save=False)
    if config.running.dry_run:
        return _say_forecast(plan, config)
    _check_space(plan, config)
    root = Path(config.output_dir)
    with at_work([root], [] if plan.done else ["group"]) as waited:
        settle(config, say=False)
        source = recognise(config.source_path).root
        describe_dataset(root, _NAME, source, connectome=config.connectome_path)
        return _make_group(plan_group(config) if waited else plan, config)


def _make_group(plan: GroupPlan, config: Config) -> bool:
    """Make what is missing of the group's results."""
    root = Path(config.output_dir)
    if plan.done:
        LOGGER.info("everything is there already; nothing to do")
        return True
    from fcnm_bids.workflows.engine import Progress, configure, run_workflow
    from fcnm_bids.workflows.group import init_group_wf
    from fcnm_bids.workflows.stages import group_stages

    logs, config_file = open_logs(config)
    contrasts = contrast_names(config.seeds)
    configure(config, logs)
    workflow = init_group_wf(plan, config, config_file, contrasts)
    if kept := sum(name.startswith("kept_") for name in workflow.list_node_names()):
        LOGGER.info("%d of %d contrasts are kept from before", kept, len(contrasts))
    failures = run_workflow(workflow, config, Progress(*group_stages(workflow)))
    if any("StoreError" in failure for failure in failures):
        _say_damaged(plan)
    complete = Manifest(root / "group", root).complete(plan.key)
    if complete:
        forget_others(plan, config)
    else:
        rebuild_reports(root, (), group=True)
    write_boilerplate(config, logs)
    say_where(root, (), group=True)
    return _end(failures, {"group": complete}, config, logs)


def _end(failures: list[str], complete: Mapping[str, bool], config: Config, logs: Path) -> bool:
    from fcnm_bids.workflows.space import room_left

    root = Path(config.output_dir)
    for failure in failures:
        LOGGER.error("%s", failure.strip())
    if full := room_left(config, failures):
        LOGGER.error("%s", full)
    holes = [name for name, whole in complete.items() if not whole]
    if failures or holes:
        LOGGER.error(
            "not everything was made%s; tracebacks are in %s; the same command again makes the "
            "rest",
            f" ({', '.join(holes[:10])})" if holes else "",
            logs,
        )
        return False
    LOGGER.info("done: %s", root)
    return True


def _say_damaged(plan: GroupPlan) -> None:
    """Name every damaged run: the pass over the store ended at the first."""
    for _, runs in plan.people:
        for run in runs:
            try:
                run.verify()
            except StoreError as error:
                LOGGER.error(
                    "%s; remove %s, and the participant level makes it again", error, run.path
                )


def _say_forecast(plan: ParticipantPlan | GroupPlan, config: Config) -> bool:
    from fcnm_bids.workflows.dry_run import foresee
    from fcnm_bids.workflows.forecast import table_of

    rows = foresee(plan, config)
    if not rows:
        LOGGER.info("everything is there already; nothing would be done")
        return True
    LOGGER.info(
        "expected with %d processes (seconds as measured on one core of another machine):",
        config.resources.nprocs,
    )
    for line in table_of(rows):
        LOGGER.info("%s", line)
    _check_space(plan, config)
    return True


def _check_space(plan: ParticipantPlan | GroupPlan, config: Config) -> None:
    """Say where there may be too little room on disk; refuse where there is far too little."""
    from fcnm_bids.workflows.forecast import group_needs, participant_needs
    from fcnm_bids.workflows.space import check_space

    if isinstance(plan, GroupPlan):
        needs = {} if plan.done else group_needs(plan, config, contrast_names(config.seeds))
    else:
        waiting = any(not person.done for person in plan.people)
        needs = participant_needs(plan, config) if waiting else {}
    check_space(config, needs)
