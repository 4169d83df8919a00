"""``--dry-run``: what a run would need, without running it."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fcnm_bids.config import Config
from fcnm_bids.inputs.contrasts import contrast_names
from fcnm_bids.planning.plan import GroupPlan, ParticipantPlan, PlannedParticipant
from fcnm_bids.reruns.result_cache import uncached_contrasts
from fcnm_bids.resources.disk_space import check_disk_space
from fcnm_bids.resources.draw_time import draw_seconds
from fcnm_bids.resources.forecast import Forecast, Needs, forecast, group_needs, participant_needs
from fcnm_bids.resources.machine import allowed_gb
from fcnm_bids.resources.memory import map_gb, project_gb
from fcnm_bids.workflows.group import init_group_wf
from fcnm_bids.workflows.participant import init_participants_wf

LOGGER = logging.getLogger("fcnm_bids")


def forecast_level(plan: ParticipantPlan | GroupPlan, config: Config) -> list[Forecast]:
    """The forecast of a level; nothing where everything is there already.

    Memory is what nodes declare. The workflow of those that need the most is built for it, and
    thrown away: that of 10,000 participants or 5,000 contrasts takes minutes.
    """
    # interfaces look for the file of the request when they are made
    with tempfile.TemporaryDirectory(prefix="fcnm-dry-run-") as folder:
        config_file = Path(folder) / "config.toml"
        config_file.write_text(config.to_toml(), encoding="utf-8")
        if isinstance(plan, ParticipantPlan):
            waiting = [participant for participant in plan.participants if not participant.done]
            if not waiting:
                return []
            largest = replace(plan, participants=largest_participants(plan, waiting))
            workflow = init_participants_wf(largest, config, config_file)
            needs: Mapping[str, Needs] = participant_needs(plan, config)
            n_nodes = dict.fromkeys(("project", "report"), len(waiting))
            n_nodes["map"] = sum(bool(participant.runs) for participant in waiting)
        else:
            if plan.done:
                return []
            contrasts = contrast_names(config.seeds)
            workflow = init_group_wf(plan, config, config_file, contrasts, forecasting=True)
            n_new = len(uncached_contrasts(plan.contrast_keys.values(), config))
            n_nodes = dict.fromkeys(("contrast", "variants"), n_new)
            needs = {**group_needs(plan, config, contrasts), **_draws(plan, config)}
        return forecast(workflow, needs, config, allowed_gb(config), n_nodes)


def largest_participants(
    plan: ParticipantPlan, participants: Sequence[PlannedParticipant]
) -> tuple[PlannedParticipant, ...]:
    """Return those of some participants whose nodes need the most memory, of each kind of node."""
    kinds: list[Callable[[PlannedParticipant], float]] = [
        lambda participant: project_gb(plan.grid, participant.runs),
        lambda participant: map_gb(participant.runs, plan.n_seeds) if participant.runs else 0.0,
    ]
    largest = (max(participants, key=kind) for kind in kinds)
    return tuple({participant.subject: participant for participant in largest}.values())


def _draws(plan: GroupPlan, config: Config) -> dict[str, Needs]:
    """Time of the draws of all nulls, from a few of them on one run."""
    if not plan.specificity.focus_nulls:
        return {}
    runs = [run for _, own in plan.participants for run in own]
    n_draws = config.group.n_permutations * len(plan.specificity.focus_nulls)
    seconds = draw_seconds(config, runs, len(plan.contrasts))
    return {"draws": Needs(n_draws * seconds)}


def say_forecast(plan: ParticipantPlan | GroupPlan, config: Config) -> bool:
    """Log what the plan will take in memory, disk and time."""
    from fcnm_bids.resources.forecast import table_of

    rows = forecast_level(plan, config)
    if not rows:
        LOGGER.info("everything is there already; nothing would be done")
        return True
    LOGGER.info(
        "expected with %d processes (seconds as measured on one core of another machine):",
        config.resources.nprocs,
    )
    for line in table_of(rows):
        LOGGER.info("%s", line)
    check_disk_space(plan, config)
    return True
