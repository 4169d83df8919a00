"""``--dry-run``: what a run would need, without running it."""

from __future__ import annotations

import logging
import tempfile
from pathlib import Path

from fcnm_bids.config import Config
from fcnm_bids.inputs.contrasts import contrast_names
from fcnm_bids.planning.plan import GroupPlan, ParticipantPlan
from fcnm_bids.resources.disk_space import check_disk_space
from fcnm_bids.resources.draw_time import measure_draw
from fcnm_bids.resources.forecast import Forecast, Needs, forecast, group_needs, participant_needs
from fcnm_bids.resources.machine import allowed_gb
from fcnm_bids.workflows.group import init_group_wf
from fcnm_bids.workflows.participant import init_participants_wf

LOGGER = logging.getLogger("fcnm_bids")


def forecast_level(plan: ParticipantPlan | GroupPlan, config: Config) -> list[Forecast]:
    """The forecast of a level; nothing where everything is there already.

    The workflow is built, so that memory is what its nodes declare, and thrown away.
    """
    # interfaces look for the file of the request when they are made
    with tempfile.TemporaryDirectory(prefix="fcnm-dry-run-") as folder:
        config_file = Path(folder) / "config.toml"
        config_file.write_text(config.to_toml(), encoding="utf-8")
        if isinstance(plan, ParticipantPlan):
            if all(participant.done for participant in plan.participants):
                return []
            workflow = init_participants_wf(plan, config, config_file)
            needs = participant_needs(plan, config)
        else:
            if plan.done:
                return []
            contrasts = contrast_names(config.seeds)
            workflow = init_group_wf(plan, config, config_file, contrasts)
            needs = {**group_needs(plan, config, contrasts), **_draws(plan, config)}
        return forecast(workflow, needs, config, allowed_gb(config))


def _draws(plan: GroupPlan, config: Config) -> dict[str, Needs]:
    """Time of the draws of all nulls, from a few of them on one run."""
    if not plan.specificity.focus_nulls:
        return {}
    runs = [run for _, own in plan.participants for run in own]
    n_draws = config.group.n_permutations * len(plan.specificity.focus_nulls)
    seconds = measure_draw(config, runs[0]) * len(runs) * len(plan.contrasts)
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
