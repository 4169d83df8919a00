"""Digests of everything that outputs depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from fcnm_bids._version import __version__
from fcnm_bids.bids.names import to_label, to_labels
from fcnm_bids.config import Config
from fcnm_bids.inputs.contrasts import mask_contrasts, mask_files
from fcnm_bids.readers.files import file_sha256
from fcnm_bids.seeds import Contrast
from fcnm_bids.setting import affecting


def contrast_keys(
    config: Config, contrasts: tuple[Contrast, ...], common: Mapping[str, Any]
) -> dict[str, str]:
    """Hash of everything that each contrast's own outputs depend on, by its name."""
    group = affecting(config.group, "contrast")
    # sidecars say where the seeds lie, and whether the store lies in the same folder
    places = (config.output_dir, config.connectome_path)
    shared = {**common, "group": group, "places": [str(Path(path).resolve()) for path in places]}
    if config.group.tail == "two-sided":
        shared["sides"] = "apart"
    records = contrast_records(config, contrasts)
    # a number in a label depends on the other names, and outputs are called by it
    numbered = {
        name: {"label": label}
        for name, label in to_labels(records).items()
        if label != to_label(name)
    }
    return {
        name: digest({**shared, **record, **numbered.get(name, {})})
        for name, record in records.items()
    }


def participant_key(
    runs: Mapping[str, str], left_out: Mapping[str, str], seeds: Mapping[str, Any]
) -> str:
    """Return the digest of everything that a participant's outputs depend on.

    Parameters
    ----------
    runs
        Keys of the usable runs, by their names.
    left_out
        Reasons of the excluded runs, by their names.
    seeds
        The `seed_digest` of the request, the same for all participants.
    """
    return digest({"version": __version__, "runs": dict(runs), "left_out": dict(left_out), **seeds})


def seed_digest(config: Config, contrasts: tuple[Contrast, ...]) -> dict[str, str]:
    """Return the digest of the seeds that participants are mapped for; none where none are."""
    if not config.makes_subject_maps:
        return {}
    return {"seeds": digest(seed_record(config, contrasts))}


def seed_record(config: Config, contrasts: tuple[Contrast, ...]) -> dict[str, Any]:
    """Everything about the seeds that outputs depend on, whatever their files are called."""
    seeds = config.seeds
    foci = [
        (c.name, c.effect, c.n, [(f.x, f.y, f.z, f.space, f.study) for f in c.foci])
        for c in contrasts
    ]
    masks = {
        path.name: digest({"": path.read_bytes().hex()})
        for path in mask_files(seeds.masks + seeds.control_masks)
    }
    controls = [path.name for path in mask_files(seeds.control_masks)]
    return {
        "foci": foci,
        "masks": masks,
        "effect": seeds.effect if masks else None,
        **({"masks_on_grid": "volume fraction"} if masks else {}),
        **({"labels": "split"} if seeds.split_mask_labels else {}),
        **({"controls": controls} if controls else {}),
        **affecting(seeds, "contrast"),
    }


def contrast_records(config: Config, contrasts: tuple[Contrast, ...]) -> dict[str, dict[str, Any]]:
    """Columns that `seed_record` gives for each contrast or mask."""
    if config.seeds.masks:
        alone: dict[str, Any] = {"masks": (), "control_masks": ()}
        return {
            name: seed_record(config.update({"seeds": {**alone, option: (str(path),)}}), ())
            for option in alone
            for name, path in mask_contrasts(
                replace(config.seeds, **{**alone, option: getattr(config.seeds, option)})
            ).items()
        }
    return {contrast.name: seed_record(config, (contrast,)) for contrast in contrasts}


def fingerprint(path: Path) -> tuple[str, str]:
    """Return the name of a file and the digest of all its bytes."""
    return path.name, file_sha256(path)


def digest(content: Mapping[str, Any]) -> str:
    """A hash of settings and content keys."""
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
