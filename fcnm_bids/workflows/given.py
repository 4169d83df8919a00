"""Options that were given to a level that makes nothing of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fcnm_bids.config import PRESETS, Config, flag

_OF_THE_GROUP = ("group", "specificity")


def given_too_early(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> str | None:
    """What to say of the group level's options at participant level; None where there are none.

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
        for section in _OF_THE_GROUP
        for option, value in explicit.get(section, {}).items()
        # a saved request has all options, and a preset brings its own
        if value != getattr(getattr(usual, section), option)
        and not (option in settled.get(section, {}) and value == settled[section][option])
    ]
    if not names:
        return None
    return (
        "these belong to the group level and are not used here: "
        f"{', '.join(map(flag, names))}; give them to `group`"
    )
