"""What the group level would refuse after a night of projecting, checked before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fcnm_bids.bids import find_participants, read_participants
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces import (
    contrast_weights,
    find_analysis_mask,
    find_atlas,
    read_analysis_mask,
)
from fcnm_bids.seeds import Contrast
from fcnm_bids.workflows.people import MEAN_FD
from fcnm_bids.workflows.request import noted
from fcnm_bids.workflows.validation import plan_validation


def check_group_options(
    config: Config,
    root: Path,
    grid: Grid,
    entities: Mapping[str, str],
    people: Sequence[str],
    contrasts: Sequence[Contrast],
) -> None:
    """Check options of the group level that were given to the participant level already.

    Parameters
    ----------
    config
        The request.
    root
        Root of the preprocessed data set.
    grid, entities, people, contrasts
        As the participant level found them.

    Raises
    ------
    RequestError
        One line per problem.
    """
    group = config.group
    checks: list[Callable[[], Any]] = [
        partial(check_analysis_mask, group.analysis_mask, root, grid, entities, people),
        partial(find_atlas, group.network_atlas, grid.space),
        partial(_covariates, group.covariates, (Path(config.bids_dir), root)),
        partial(plan_validation, group.validation_dir, grid, {}),
    ]
    if contrasts:
        checks.append(partial(contrast_weights, group, contrasts))
    problems: list[str] = []
    for check in checks:
        with noted(problems):
            check()
    if problems:
        raise RequestError(problems)


def check_analysis_mask(
    choice: str, root: Path, grid: Grid, entities: Mapping[str, str], people: Sequence[str]
) -> list[Path]:
    """The images that an analysis mask is made from; one that was named is looked into.

    Raises
    ------
    RequestError
        It cannot be had.
    """
    within = find_analysis_mask(choice, root, people, entities)
    if choice not in ("brain", "gm"):
        read_analysis_mask(choice, within, grid)
    return within


def _covariates(names: Sequence[str], folders: Sequence[Path]) -> None:
    tabled = [name for name in names if name != MEAN_FD]
    path = next(filter(None, map(find_participants, folders)), None)
    if not tabled:
        return
    if path is None:
        raise RequestError(f"--covariates {' '.join(tabled)}: there is no participants.tsv")
    there = [str(column) for column in read_participants(path).table]
    if problems := [
        f"--covariates {name}: {path} has no such column, but {', '.join(there)}"
        for name in tabled
        if name not in there
    ]:
        raise RequestError(problems)
