"""Free space on disk against what a run needs."""

from __future__ import annotations

import errno
import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.contrasts import contrast_names
from fcnm_bids.planning.plan import GroupPlan, ParticipantPlan
from fcnm_bids.resources.forecast import Needs, group_needs, participant_needs
from fcnm_bids.resources.units import size_text

LOGGER = logging.getLogger("fcnm_bids")

_TOO_LITTLE = 0.5
"""Share of the expected need below which a run is not begun: forecasts are not exact."""


def check_space(config: Config, needs: Mapping[str, Needs]) -> None:
    """Compare what is free with what is needed; a warning where it may not be enough.

    Parameters
    ----------
    config
        The request.
    needs
        Disk by kind of node; ``project`` writes into the store.

    Raises
    ------
    RequestError
        Less than half of what is expected is free; one line per file system.
    """
    stored = sum(of.output for kind, of in needs.items() if kind == "project")
    wanted = {
        config.output_dir: sum(of.output for of in needs.values()) - stored,
        str(config.connectome_path): stored,
        config.running.work_dir: sum(of.work for of in needs.values()),
    }
    together: dict[int, list[str]] = {}
    for folder in wanted:
        if wanted[folder] > 0:
            device = _there(Path(folder)).stat().st_dev
            together.setdefault(device, []).append(folder)
    problems = []
    for folders in together.values():
        needed = sum(wanted[folder] for folder in folders)
        free = shutil.disk_usage(_there(Path(folders[0]))).free
        line = (
            f"{', '.join(folders)}: about {size_text(needed)} will be needed, "
            f"only {size_text(free)} is free; free some space, or name other folders"
        )
        if free < _TOO_LITTLE * needed:
            problems.append(line)
        elif free < needed:
            LOGGER.warning("%s", line)
    if problems:
        raise RequestError(problems)


def room_left(config: Config, failures: list[str]) -> str | None:
    """Report the free space of the output folders where a failure names a full disk."""
    if not any(os.strerror(errno.ENOSPC) in failure for failure in failures):
        return None
    folders = (config.output_dir, str(config.connectome_path), config.running.work_dir)
    free = (
        f"{size_text(shutil.disk_usage(_there(Path(folder))).free)} free in {folder}"
        for folder in dict.fromkeys(folders)
    )
    return f"a disk is full ({', '.join(free)}); free some space and run the same command again"


def _there(path: Path) -> Path:
    """A folder, or the nearest one above it that is there."""
    path = path.resolve()
    return next(place for place in (path, *path.parents) if place.exists())


def check_disk_space(plan: ParticipantPlan | GroupPlan, config: Config) -> None:
    """Say where there may be too little room on disk; refuse where there is far too little."""
    if isinstance(plan, GroupPlan):
        needs = {} if plan.done else group_needs(plan, config, contrast_names(config.seeds))
    else:
        waiting = any(not participant.done for participant in plan.participants)
        needs = participant_needs(plan, config) if waiting else {}
    check_space(config, needs)
