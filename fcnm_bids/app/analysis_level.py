"""Run one analysis level from request to report."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fcnm_bids.app.check import check_outputs
from fcnm_bids.app.group import run_group
from fcnm_bids.app.logs import create_log_folder
from fcnm_bids.app.participant import run_participants
from fcnm_bids.app.reports import rewrite_reports, write_boilerplate
from fcnm_bids.app.rethreshold import rethreshold
from fcnm_bids.app.unused_options import refuse_unused
from fcnm_bids.config import Config
from fcnm_bids.planning.group_options import unused_group_options
from fcnm_bids.planning.input_settings import adopt_layout, settings_of_store
from fcnm_bids.reruns.settings_lock import inherit_settings

LOGGER = logging.getLogger("fcnm_bids")


def run_analysis_level(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> bool:
    """Run the level that is asked for; whether everything promised is there.

    Raises
    ------
    RequestError
        The request is wrong.
    """
    if config.running.check:
        return check_outputs(config)
    if config.running.reports_only or config.running.rethreshold is not None:
        refuse_unused(config, explicit)
        return rewrite_reports(config) if config.running.reports_only else rethreshold(config)
    if config.analysis_level == "group":
        config = inherit_settings(config, explicit)
    config = adopt_layout(settings_of_store(config, explicit), explicit)
    if early := unused_group_options(config, explicit):
        LOGGER.warning("%s", early)
    if config.seeds.unit == "focus":
        LOGGER.warning(
            "--unit focus: studies that report many foci dominate the network; --unit contrast "
            "weights contrasts equally"
        )
    if config.running.boilerplate_only:
        logs, _ = create_log_folder(config, "boilerplate.toml")
        return write_boilerplate(config, logs)
    return run_group(config) if config.analysis_level == "group" else run_participants(config)
