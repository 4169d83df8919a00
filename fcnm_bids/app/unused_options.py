"""Options that a request on finished results makes nothing of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fcnm_bids.config import SECTIONS, Config
from fcnm_bids.errors import RequestError
from fcnm_bids.report.results.logs import latest_run
from fcnm_bids.setting import flag

_OF_RUNNING = ("reports", "reports_only", "rethreshold", "verbose", "work_dir")


def refuse_unused(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse options that ``--reports-only`` and ``--rethreshold`` would ignore.

    Options may be repeated as the results were made with them; those on resources change nothing.

    Parameters
    ----------
    config
        The request.
    explicit
        The options that were given, those of a preset and of a configuration file included.

    Raises
    ------
    RequestError
        One line per option that would change the results if they were made anew.
    """
    own = "--reports-only" if config.running.reports_only else "--rethreshold"
    of_group = config.analysis_level == "group"
    record = latest_run(Path(config.output_dir), config.analysis_level)
    made = record.config if record else Config("", "", config.analysis_level)
    used = {"running": _OF_RUNNING, "selection": () if of_group else ("participant_label",)}
    problems = [
        f"{flag(option)}: {own} reads finished results and would ignore it; leave it out, or run "
        f"the {config.analysis_level} level with it"
        for section, values in explicit.items()
        if section in SECTIONS and section != "resources"
        for option, value in values.items()
        if option not in used.get(section, ()) and value != getattr(getattr(made, section), option)
    ]
    if config.running.rethreshold is not None:
        if config.running.reports_only:
            problems.append("--reports-only and --rethreshold: give one of them")
        if not of_group:
            problems.append("--rethreshold belongs to the group level, which makes the networks")
    if problems:
        raise RequestError(problems)
