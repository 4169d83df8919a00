"""Settings that a store or denoised data dictate."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from fcnm_bids.config import Config
from fcnm_bids.connectome import open_run
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.inputs.dataset import recognise
from fcnm_bids.inputs.runs.find import holds_denoised
from fcnm_bids.inputs.store import stored_files
from fcnm_bids.setting import flag

LOGGER = logging.getLogger("fcnm_bids")

_NOTHING: Mapping[str, Any] = {
    "nuisance_regressors": "none",
    "high_pass": 0.0,
    "low_pass": 0.0,
    "dummy_scans": "0",
    "fd_threshold": 0.0,
}
"""What is left of the denoising of denoised runs; their mean and linear trend are taken out."""


def adopt_denoised(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> Config:
    """Where the images are denoised already, by the option or XCP-D's names: do it no second time.

    Raises
    ------
    RequestError
        Options were given that would denoise them again.
    """
    if config.analysis_level == "group":  # it inherits what the participant level settled
        return config
    dataset = recognise(config.source_path)
    if dataset.kind == "connectome":
        return config
    if not config.denoising.denoised:
        if not holds_denoised(dataset.root):
            return config
        LOGGER.info("%s holds denoised runs, which are taken as they are", dataset.root)
    given = explicit.get("denoising", {})
    again = [flag(name) for name, value in _NOTHING.items() if given.get(name, value) != value]
    if again:
        raise RequestError(
            f"{', '.join(again)}: the runs are denoised already, or --denoised says so"
        )
    smoothing = given.get("smoothing", 0.0)
    return config.update({"denoising": {**_NOTHING, "denoised": True, "smoothing": smoothing}})


def adopt_store(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> Config:
    """Where ``BIDS_DIR`` is a store: read from it, with the settings it was made with.

    Raises
    ------
    RequestError
        Denoising options were given that differ from those that the store was made with.
    """
    dataset = recognise(config.source_path)
    if dataset.kind != "connectome":
        return config
    config = config.update({"connectome": {"connectome_dir": str(dataset.root)}})
    damaged = []
    for path in stored_files(dataset.root):
        try:
            settings = dict(open_run(path).attributes["settings"])
        except StoreError as error:
            damaged.append(str(error))
            continue
        settings["nuisance_regressors"] = settings["nuisance_regressors"]["name"]
        given = explicit.get("denoising", {})
        if other := [flag(name) for name in given if given[name] != settings.get(name)]:
            raise RequestError(
                f"{config.bids_dir} holds projected runs that were made with other settings: "
                f"{', '.join(other)} cannot be chosen any more"
            )
        return config.update({"denoising": settings})
    raise RequestError([f"{dataset.root}: no projected run that can be used", *damaged[:10]])
