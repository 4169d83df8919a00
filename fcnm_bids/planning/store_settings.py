"""Compare the settings of stored runs with those of a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fcnm_bids.config import Config, DenoisingSettings
from fcnm_bids.connectome import open_run
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.inputs.runs.prepare import projection_record, what_projects
from fcnm_bids.planning.plan import ParticipantPlan
from fcnm_bids.setting import flag


def refuse_other_store_settings(plan: ParticipantPlan, config: Config) -> None:
    """Refuse to replace runs of a store that were projected with other denoising settings.

    Raises
    ------
    RequestError
        There are such runs, and ``--overwrite`` was not given; a line for each setting.
    """
    if config.running.overwrite:
        return
    now = projection_record(config.denoising)
    others: dict[str, int] = {}
    for planned in plan.runs:
        path = Path(planned.files.stored)
        if planned.stored or not path.is_file():
            continue
        try:
            before = what_projects(open_run(path).header["settings"])
        except StoreError:
            continue
        for line in _differences(before, now):
            others[line] = others.get(line, 0) + 1
    if others:
        raise RequestError(
            [
                f"{config.connectome_path}: holds runs that were projected with other settings "
                "(--overwrite replaces them, another --connectome-dir keeps them)",
                *(f"{line} ({count} runs)" for line, count in others.items()),
            ]
        )


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the differences between the settings of two projections, one line per option."""
    lines = []
    for name, usual in asdict(DenoisingSettings()).items():
        one, other = now.get(name, usual), before.get(name, usual)
        if one != other:
            lines.append(f"{flag(name)} {one} now, {other} before")
    return lines
