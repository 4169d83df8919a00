"""Run one analysis level from request to report."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fcnm_bids.app.check import check_outputs
from fcnm_bids.app.group import run_group
from fcnm_bids.app.logs import open_logs
from fcnm_bids.app.participant import run_participants
from fcnm_bids.app.reports import report_again, write_boilerplate
from fcnm_bids.config import Config
from fcnm_bids.planning.group_options import given_too_early
from fcnm_bids.planning.input_settings import adopt_layout, adopt_store
from fcnm_bids.reruns.settings_lock import inherit

LOGGER = logging.getLogger("fcnm_bids")


def run_level(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> bool:
    """Run the level that is asked for; whether everything promised is there.

    Raises
    ------
    RequestError
        The request is wrong.
    """
    if config.running.check:
        return check_outputs(config)
    if config.running.reports_only:
        return report_again(config)
    if config.analysis_level == "group":
        config = inherit(config, explicit)
    config = adopt_layout(adopt_store(config, explicit), explicit)
    if early := given_too_early(config, explicit):
        LOGGER.warning("%s", early)
    if config.seeds.unit == "focus":
        LOGGER.warning("--unit focus: studies that report many foci dominate the network")
    if config.running.boilerplate_only:
        logs, _ = open_logs(config, "boilerplate.toml")
        return write_boilerplate(config, logs)
    return run_group(config) if config.analysis_level == "group" else run_participants(config)
