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
from fcnm_bids.workflows.inheritance import inherit, settle
from fcnm_bids.workflows.kept import forget_others
from fcnm_bids.workflows.plan import GroupPlan, LeftOut, ParticipantPlan
from fcnm_bids.workflows.preflight import plan_group, plan_participants
from fcnm_bids.workflows.reports import (
    rebuild_reports,
    report_again,
    say_where,
    write_boilerplate,
)
from fcnm_bids.workflows.specificity import describe_cost
from fcnm_bids.workflows.stored import adopt_store

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
    if config.seeds.unit == "focus":
        LOGGER.warning("--unit focus: studies that report many foci dominate the network")
    if config.running.boilerplate_only:
        logs, _ = open_logs(config, "boilerplate.toml")
        return write_boilerplate(config, logs)
    return (
        _run_participants(config)
        if config.analysis_level == "participant"
        else (_run_group(config))
    )


def _run_participants(config: Config) -> bool:
    plan = plan_participants(config)
    _say_participants(plan)
    settle(config, save=False)
    if config.running.dry_run:
        return _say_forecast(plan, config)
    root, store = Path(config.output_dir), config.connectome_path
    names = [f"sub-{person.subject}" for person in plan.people if not person.done]
    with at_work([root] if plan.from_store else [root, store], names) as waited:
        settle(config, say=False)
        describe_dataset(root, _NAME, plan.source, connectome=store)
        if not plan.from_store:
            describe_dataset(store, "Projected runs", plan.source, projected_runs=True)
        return _make_people(plan_participants(config) if waited else plan, config)


def _make_people(plan: ParticipantPlan, config: Config) -> bool:
    """Make what is missing of the people of a plan."""
    root = Path(config.output_dir)
    waiting = [person for person in plan.people if not person.done]
    if not waiting:
        _refuse_if_nothing_stored(plan)
        LOGGER.info("everything is there already; nothing to do")
        return True
    from fcnm_bids.workflows.engine import Progress, Stage, configure, run_workflow
    from fcnm_bids.workflows.participant import (
        init_participants_wf,
        maps_wanted,
        person_wf_name,
    )

    logs, config_file = open_logs(config)
    configure(config, logs)
    workflow = init_participants_wf(plan, config, config_file)
    wf = f"{workflow.name}.{{}}.{{}}"
    at_work = [person for person in waiting if person.runs]
    stages = []
    if not plan.from_store:
        projected = {wf.format(person_wf_name(p.subject), "project"): len(p.runs) for p in at_work}
        stages.append(Stage("runs projected", projected))
    if maps_wanted(config):
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
    return _end(failures, {f"sub-{name}": whole for name, whole in complete.items()}, root, logs)


def _refuse_if_nothing_stored(plan: ParticipantPlan) -> None:
    stored = (Path(run.files.stored) for person in plan.people for run in person.runs)
    if not any(path.is_file() for path in stored):
        raise RequestError("no usable run is left: each turned out damaged when it was read")


def _run_group(config: Config) -> bool:
    plan = plan_group(config)
    _say_group(plan, config)
    settle(config, save=False)
    if config.running.dry_run:
        return _say_forecast(plan, config)
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
    from fcnm_bids.workflows.engine import Progress, Stage, configure, run_workflow
    from fcnm_bids.workflows.group import init_group_wf

    logs, config_file = open_logs(config)
    contrasts = contrast_names(config.seeds)
    configure(config, logs)
    workflow = init_group_wf(plan, config, config_file, contrasts)
    stages = [
        Stage(
            verb,
            dict.fromkeys(
                (
                    f"{workflow.name}.{name}"
                    for name in workflow.list_node_names()
                    if name.startswith(prefix)
                ),
                1,
            ),
        )
        for prefix, verb in (("contrast_", "contrasts tested"), ("network_", "networks mapped"))
    ]
    if kept := sum(name.startswith("kept_") for name in workflow.list_node_names()):
        LOGGER.info("%d of %d contrasts are kept from before", kept, len(contrasts))
    failures = run_workflow(workflow, config, Progress(*stages))
    if any("StoreError" in failure for failure in failures):
        _say_damaged(plan)
    complete = Manifest(root / "group", root).complete(plan.key)
    if complete:
        forget_others(plan, config)
    else:
        rebuild_reports(root, (), group=True)
    write_boilerplate(config, logs)
    say_where(root, (), group=True)
    return _end(failures, {"group": complete}, root, logs)


def _end(failures: list[str], complete: Mapping[str, bool], root: Path, logs: Path) -> bool:
    for failure in failures:
        LOGGER.error("%s", failure.strip())
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


def _say_participants(plan: ParticipantPlan) -> None:
    runs = [run for person in plan.people for run in person.runs]
    LOGGER.info(
        "%d people, %d runs (%s, %s voxels of %s mm)",
        len(plan.people),
        len(runs),
        plan.grid.space,
        " x ".join(map(str, plan.grid.shape)),
        " x ".join(f"{size:g}" for size in plan.grid.voxel_sizes.round(3)),
    )
    if runs:
        dofs = sorted(run.dof for run in runs)
        kept = sum(run.n_kept for run in runs) / sum(run.n_volumes for run in runs)
        LOGGER.info(
            "residual degrees of freedom per run: %d to %d, median %d; %.1f %% of volumes kept",
            dofs[0],
            dofs[-1],
            dofs[len(dofs) // 2],
            100 * kept,
        )
    _say_seeds(plan.contrasts)
    _say_left_out(plan.left_out)
    stored = sum(run.stored for run in runs)
    done = sum(person.done for person in plan.people)
    if stored or done:
        LOGGER.info(
            "already there: %d of %d runs in the store, %d of %d people complete",
            stored,
            len(runs),
            done,
            len(plan.people),
        )


def _say_group(plan: GroupPlan, config: Config) -> None:
    LOGGER.info(
        "%d people, %d projected runs in %s",
        len(plan.people),
        sum(len(runs) for _, runs in plan.people),
        plan.store,
    )
    for note in plan.notes:
        LOGGER.warning("%s", note)
    _say_seeds(plan.contrasts)
    _say_left_out(plan.left_out)
    for line in plan.design.coding:
        LOGGER.info("covariate %s", line)
    cost = describe_cost(plan.specificity, config, plan.people, len(plan.contrasts))
    if cost is not None:
        LOGGER.info("%s", cost)


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
    return True


def _say_seeds(contrasts: Any) -> None:
    if not contrasts:
        return
    by_effect: dict[str, int] = {}
    for contrast in contrasts:
        by_effect[contrast.effect] = by_effect.get(contrast.effect, 0) + 1
    LOGGER.info(
        "%d contrasts with %d foci: %s",
        len(contrasts),
        sum(len(c.foci) for c in contrasts),
        ", ".join(f"{count} {effect}" for effect, count in by_effect.items()),
    )


def _say_left_out(left_out: list[LeftOut] | tuple[LeftOut, ...]) -> None:
    for run in left_out:
        LOGGER.warning("%s is left out: %s", run.name, run.reason)
