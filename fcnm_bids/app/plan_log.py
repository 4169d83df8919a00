"""Log a plan before it is carried out."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence

from fcnm_bids.bids.names import to_label, to_labels
from fcnm_bids.config import Config, SeedSettings
from fcnm_bids.denoise import median_dof
from fcnm_bids.planning.plan import ExcludedRun, GroupPlan, ParticipantPlan
from fcnm_bids.resources.draw_time import describe_cost
from fcnm_bids.seeds import Contrast, unread_columns

LOGGER = logging.getLogger("fcnm_bids")


def log_participant_plan(plan: ParticipantPlan, config: Config) -> None:
    """Say what the participant level is about to do."""
    runs = [run for participant in plan.participants for run in participant.runs]
    LOGGER.info(
        "%d participants, %d runs (%s, %s voxels of %s mm)",
        len(plan.participants),
        len(runs),
        plan.grid.space,
        " x ".join(map(str, plan.grid.shape)),
        " x ".join(f"{size:g}" for size in plan.grid.voxel_sizes.round(3)),
    )
    if runs:
        dofs = sorted(run.dof for run in runs)
        kept = sum(run.n_kept for run in runs) / sum(run.n_volumes for run in runs)
        LOGGER.info(
            "residual degrees of freedom per run: %d to %d, median %s; %.1f %% of volumes kept",
            dofs[0],
            dofs[-1],
            median_dof(dofs),
            100 * kept,
        )
    _say_seeds(plan.contrasts, config.seeds)
    for note in plan.notes:
        LOGGER.warning("%s", note)
    _say_left_out(plan.left_out)
    stored = sum(run.stored for run in runs)
    done = sum(participant.done for participant in plan.participants)
    if stored or done:
        LOGGER.info(
            "already there: %d of %d runs in the store, %d of %d participants complete",
            stored,
            len(runs),
            done,
            len(plan.participants),
        )


def log_group_plan(plan: GroupPlan, config: Config) -> None:
    """Say what the group level is about to do."""
    LOGGER.info(
        "%d participants, %d projected runs in %s",
        len(plan.participants),
        sum(len(runs) for _, runs in plan.participants),
        plan.store,
    )
    for note in plan.notes:
        LOGGER.warning("%s", note)
    _say_seeds(plan.contrasts, config.seeds)
    _say_left_out(plan.left_out)
    for line in plan.design.coding:
        LOGGER.info("covariate %s", line)
    cost = describe_cost(plan.specificity, config, plan.participants, len(plan.contrasts))
    if cost is not None:
        LOGGER.info("%s", cost)


def _say_seeds(contrasts: Sequence[Contrast], settings: SeedSettings) -> None:
    if not contrasts:
        return
    spaces = Counter(
        f"moved from {focus.reported_space} with {settings.talairach}"
        if focus.reported_space
        else focus.space
        for contrast in contrasts
        for focus in contrast.foci
    )
    _log_numbered_labels([contrast.name for contrast in contrasts], "contrast")
    _log_numbered_labels([contrast.effect for contrast in contrasts], "effect")
    of_spaces = ", ".join(f"{count} {space}" for space, count in sorted(spaces.items()))
    by_effect = Counter(contrast.effect for contrast in contrasts)
    LOGGER.info(
        "%d contrasts with %d foci%s: %s",
        len(contrasts),
        spaces.total(),
        f" ({of_spaces})" if {*spaces} - {"MNI152"} else "",
        ", ".join(f"{count} {effect}" for effect, count in by_effect.items()),
    )
    if settings.effect is not None and {*by_effect} != {settings.effect.strip()}:
        LOGGER.warning(
            "--effect %s is not used: the table has a column effect; leave it out", settings.effect
        )
    if settings.coordinates is not None:
        for column, meant in unread_columns(settings.coordinates).items():
            LOGGER.warning("the column %s is not read; rename it if you mean %s", column, meant)


def _log_numbered_labels(names: Sequence[str], what: str) -> None:
    """Log the labels that are numbered because names are alike without it."""
    for name, label in to_labels(names).items():
        if label != (alike := to_label(name)):
            LOGGER.info(
                "the files of the %s '%s' are called %s: another is called %s",
                what,
                name,
                label,
                alike,
            )


def _say_left_out(left_out: Sequence[ExcludedRun]) -> None:
    for run in left_out:
        LOGGER.warning("%s is excluded: %s", run.name, run.reason)
