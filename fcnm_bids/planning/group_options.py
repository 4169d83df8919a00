"""Options of the group level that the participant level checks, or makes nothing of."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fcnm_bids.config import PRESETS, Config
from fcnm_bids.errors import FileError, RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.analysis_mask import find_analysis_mask, read_analysis_mask
from fcnm_bids.inputs.atlas import check_atlas
from fcnm_bids.inputs.contrasts import contrast_names
from fcnm_bids.inputs.participants_table import (
    find_participants,
    participants_places,
    read_participants,
)
from fcnm_bids.inputs.rules import contrast_weights
from fcnm_bids.inputs.runs.io_spec import DIAGNOSIS
from fcnm_bids.inputs.scores import plan_outcomes
from fcnm_bids.outcomes import FEWEST_CONTRASTS
from fcnm_bids.planning.design import MEAN_FD
from fcnm_bids.planning.request import collect_problems
from fcnm_bids.planning.second_connectome import plan_validation
from fcnm_bids.readers.volume import space_of_name
from fcnm_bids.seeds import Contrast
from fcnm_bids.setting import flag

LOGGER = logging.getLogger("fcnm_bids")

GROUP_SECTIONS = ("group", "specificity", "outcomes")
"""Sections of options that the group level alone uses."""


def check_group_options(
    config: Config,
    root: Path,
    grid: Grid,
    entities: Mapping[str, str],
    participants: Sequence[str],
    contrasts: Sequence[Contrast],
) -> None:
    """Check options of the group level that were given to the participant level already.

    Parameters
    ----------
    config
        The request.
    root
        Root of the preprocessed data set.
    grid, entities, participants, contrasts
        As the participant level found them.

    Raises
    ------
    RequestError
        One line per problem.
    """
    group = config.group
    checks: list[Callable[[], Any]] = [
        partial(check_analysis_mask, group.analysis_mask, root, grid, entities, participants),
        partial(_covariates, config, root),
        partial(plan_validation, group.validation_dir, grid, {}),
        partial(
            plan_outcomes,
            config.outcomes,
            contrast_names(config.seeds),
            masks=bool(config.seeds.masks),
        ),
    ]
    if group.network_atlas:
        checks.append(partial(check_atlas, group.network_atlas, grid))
    if config.seeds.masks or contrasts:
        checks.append(partial(sampled_effects, config, contrast_names(config.seeds)))
    if contrasts:
        checks.append(partial(contrast_weights, group, contrasts))
    problems: list[str] = []
    for check in checks:
        with collect_problems(problems):
            check()
    if problems:
        raise RequestError(problems)


def check_analysis_mask(
    choice: str, root: Path, grid: Grid, entities: Mapping[str, str], participants: Sequence[str]
) -> list[Path]:
    """Return the images that an analysis mask is made from; one that was named is looked into.

    Raises
    ------
    RequestError
        It cannot be had, or lies in another space by its name.
    """
    within = find_analysis_mask(choice, root, participants, entities)
    if choice not in ("brain", "gm"):
        log_other_space("--analysis-mask", Path(choice), grid.space)
        read_analysis_mask(choice, within, grid)
    return within


def sampled_effects(
    config: Config, contrasts: Sequence[tuple[str, str]], n_participants: int | None = None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the effects whose contrasts are taken as a sample, and notes on all effects.

    Parameters
    ----------
    config
        The request.
    contrasts
        Name and effect of every contrast.
    n_participants
        Of the group; None where they are not known yet.

    Raises
    ------
    RequestError
        No effect has enough contrasts.
    """
    if not config.outcomes.random_studies:
        return (), ()
    sizes = Counter(effect for _, effect in contrasts)
    enough = tuple(effect for effect, size in sizes.items() if size >= FEWEST_CONTRASTS)
    notes = tuple(
        f"--random-studies: {effect} has {size} contrasts; at least {FEWEST_CONTRASTS} are needed"
        for effect, size in sizes.items()
        if effect not in enough
    )
    if not enough:
        raise RequestError(
            [*notes, "--random-studies: no effect has enough contrasts; leave it out"]
        )
    few = tuple(
        f"--random-studies: {effect} has {sizes[effect]} contrasts, and {n_participants} "
        "participants do not outnumber them: standard errors and z are unreliable, p remains valid"
        for effect in enough
        if n_participants is not None and n_participants <= sizes[effect]
    )
    return enough, notes + few


def log_other_space(option: str, path: Path, space: str) -> None:
    """Log that the name of a file has another variant of MNI space than the data.

    Raises
    ------
    RequestError
        The name has a space that is none of MNI's.
    """
    try:
        note = space_of_name(path, space)
    except FileError as error:
        raise RequestError(f"{option} {error}") from error
    if note:
        LOGGER.warning("%s %s", option, note)


def _covariates(config: Config, root: Path) -> None:
    from_store = {MEAN_FD, *([DIAGNOSIS] if config.selection.diagnosis_from_id else [])}
    tabled = [name for name in config.group.covariates if name not in from_store]
    folders = participants_places(config, Path(config.bids_dir), root)
    path = next(filter(None, map(find_participants, folders)), None)
    if not tabled:
        return
    if path is None:
        raise RequestError(
            f"--covariates {' '.join(tabled)}: there is no participants.tsv; name one with "
            "--participants-file"
        )
    there = [str(column) for column in read_participants(path).table]
    if problems := [
        f"--covariates {name}: {path} has no such column; choose from {', '.join(there)}"
        for name in tabled
        if name not in there
    ]:
        raise RequestError(problems)


def unused_group_options(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return a note on group-level options at participant level; None without any.

    Parameters
    ----------
    config
        The request.
    explicit
        The options that were given, those of a preset and of a configuration file included.
    """
    if config.analysis_level != "participant":
        return None
    usual = Config(config.bids_dir, config.output_dir, "group")
    settled = PRESETS.get(config.group.preset, {})
    names = [
        option
        for section in GROUP_SECTIONS
        for option, value in explicit.get(section, {}).items()
        # a saved request has all options, and a preset brings its own
        if value != getattr(getattr(usual, section), option)
        and not (option in settled.get(section, {}) and value == settled[section][option])
    ]
    if not names:
        return None
    return (
        "these options belong to the group level and are not used here: "
        f"{', '.join(map(flag, names))}; give them to `group`"
    )
