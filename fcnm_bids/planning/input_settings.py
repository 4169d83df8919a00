"""Settings that a store or denoised data dictate."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from fcnm_bids.config import Config, DenoisingSettings
from fcnm_bids.connectome import open_run
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.inputs.dataset import identify_dataset
from fcnm_bids.inputs.runs.find import search_runs
from fcnm_bids.inputs.runs.io_spec import io_specs
from fcnm_bids.inputs.runs.prepare import STRATEGY
from fcnm_bids.inputs.store import stored_files
from fcnm_bids.reruns.settings_lock import settings_file
from fcnm_bids.setting import flag

LOGGER = logging.getLogger("fcnm_bids")

_NOTHING: Mapping[str, Any] = {
    "nuisance_regressors": "none",
    "high_pass": 0.0,
    "low_pass": 0.0,
    "dummy_scans": "0",
    "fd_threshold": 0.0,
}
"""Denoising settings of runs that are denoised already: mean and linear trend are removed."""


def adopt_layout(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> Config:
    """Return the settings that the layout of ``BIDS_DIR`` and ``--denoised`` dictate.

    What was done to the images is not done a second time.

    Raises
    ------
    RequestError
        The folder is of no layout, it is open which of several stages is meant, or options were
        given that would denoise the images again.
    """
    if config.analysis_level == "group":  # it inherits what the participant level settled
        return config
    dataset = identify_dataset(config.source_path, config.selection.input_type)
    if dataset.kind == "connectome":
        return config
    layout = dataset.layout
    if config.denoising.denoised and layout == "fmriprep":
        layout = "xcpd"
    spec = io_specs()[layout]
    facts = dict(spec.facts)
    selection: dict[str, Any] = {"input_type": layout}
    if not spec.files:
        variant = (
            search_runs(dataset.root, config.selection, layout=layout).runs[0].entities["variant"]
        )
        selection["input_variant"] = variant or None
        facts = spec.facts_of(variant)
    config = config.update({"selection": selection})
    if config.selection.diagnosis_from_id and not spec.diagnosis:
        raise RequestError(
            f"--diagnosis-from-id: names of {spec.title} contain no diagnosis; leave it out"
        )
    variant_text = f", {config.selection.input_variant}" if config.selection.input_variant else ""
    note = f"; {facts['note']}" if "note" in facts else ""
    if layout != "fmriprep":
        LOGGER.info(
            "%s: %s (--input-type %s)%s%s", dataset.root, spec.title, layout, variant_text, note
        )
    given = explicit.get("denoising", {})
    if not facts.get("denoised") and not config.denoising.denoised:
        return config.update({"denoising": _preprocessed(facts, given)})
    again = [flag(name) for name, value in _NOTHING.items() if given.get(name, value) != value]
    if again:
        raise RequestError(
            f"{', '.join(again)}: the runs are already denoised; leave out the options that "
            "would denoise them again"
        )
    if facts.get("smoothed") and given.get("smoothing"):
        raise RequestError(_smooth_already(given))
    settled = {
        "denoised": True,
        "smoothing": given.get("smoothing", 0.0),
        "applied_band": given.get("applied_band", tuple(facts.get("band", ()))),
        "applied_regressors": given.get("applied_regressors", facts.get("regressors", 0)),
    }
    if facts.get("filtered") and not settled["applied_band"]:
        raise RequestError(
            f"{dataset.root}: the images were filtered ({spec.title}{variant_text}) to a band "
            "that the layout does not state; give the band with --applied-band LO HI (Hz)"
        )
    return config.update({"denoising": {**_NOTHING, **settled}})


def _smooth_already(given: Mapping[str, Any]) -> str:
    return f"--smoothing {given['smoothing']:g}: the runs are already smoothed; leave it out"


def _preprocessed(facts: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings for images that are still to be denoised.

    Raises
    ------
    RequestError
        A band was declared, or smoothing asked for of smooth images.
    """
    if given.get("applied_band"):
        raise RequestError(
            "--applied-band: the images are treated as not denoised; add --denoised if they are "
            "denoised, or leave it out"
        )
    settled: dict[str, Any] = {}
    if facts.get("smoothed"):
        if given.get("smoothing"):
            raise RequestError(_smooth_already(given))
        settled["smoothing"] = 0.0
    for setting, fact in (
        ("nuisance_regressors", "nuisance_regressors"),
        ("applied_regressors", "regressors"),
    ):
        if fact in facts:
            settled[setting] = given.get(setting, facts[fact])
    return settled


def settings_of_store(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> Config:
    """Adapt a request whose ``BIDS_DIR`` is a store to the settings that it was made with.

    The strategy is that of the store, too, where neither options nor the participant level of the
    output folder state another.

    Raises
    ------
    RequestError
        Options were given that differ from what is fixed in the store: band, smoothing, size of the
        voxels, precision.
    """
    dataset = identify_dataset(config.source_path, config.selection.input_type)
    if dataset.kind != "connectome":
        return config
    config = config.update({"connectome": {"connectome_dir": str(dataset.root)}})
    group = config.analysis_level == "group"
    damaged = []
    for path in stored_files(dataset.root):
        try:
            # an option that came later had its default
            settings = asdict(DenoisingSettings()) | open_run(path).header["settings"]
        except StoreError as error:
            damaged.append(str(error))
            continue
        settings["nuisance_regressors"] = settings["nuisance_regressors"]["name"]
        given = explicit.get("denoising", {})
        stored = {name: value for name, value in settings.items() if name not in STRATEGY}
        if other := [n for n in given if n in stored and given[n] != _loaded(stored[n])]:
            raise RequestError(
                f"{config.bids_dir} holds projected runs that were made with other settings: "
                f"{', '.join(map(flag, other))}: leave these out, or run the participant level "
                "again"
            )
        if not (group and settings_file(Path(config.output_dir)).is_file()):
            stored = {**settings, **{n: value for n, value in given.items() if n in STRATEGY}}
        return config.update({"denoising": stored})
    remedy = "run the participant level again on the images (--connectome-only)"
    raise RequestError([f"{dataset.root}: no usable projected run; {remedy}", *damaged[:10]])


def _loaded(value: Any) -> Any:
    """Return a setting read from JSON as a request holds it."""
    return tuple(value) if isinstance(value, list) else value
