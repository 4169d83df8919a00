"""Rows and sidecar of the robustness table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.config import ROBUSTNESS, Config
from fcnm_bids.inputs.contrasts import other_radii
from fcnm_bids.intermediates.variants import Varied, variant_key
from fcnm_bids.robustness import ParticipantsDraw, Reference, compared, participants_draws
from fcnm_bids.seeds import Contrast


def draws_of(config: Config) -> list[ParticipantsDraw]:
    """The parts of the participants that every contrast is mapped over."""
    return participants_draws(
        ROBUSTNESS.participants_blocks,
        n_draws=ROBUSTNESS.participants_draws,
        seed=config.group.random_seed,
    )


def describe_checks(config: Config, *, participants_varied: bool) -> dict[str, Any]:
    """Return the sidecar entries on the robustness checks."""
    group = config.group
    return {
        "NetworkThreshold": group.network_threshold,
        "MinimumClusterVolume": group.min_cluster_volume,
        "MinimumClusterVolumeUnits": "mm3",
        "HeightControl": group.height_control,
        "Weights": group.weights,
        "SphereRadius": None if config.seeds.masks else config.seeds.radius,
        "Radii": [] if config.seeds.masks else list(group.radii),
        "ExcludedNearFoci": group.exclude_near,
        "RandomSeed": group.random_seed,
        "ParticipantsVaried": participants_varied,
        "ValidationConnectome": group.validation_dir,
        "SmoothnessOfSubsamples": "as estimated from all participants",
        **{f"Robustness{_camel(k)}": v for k, v in asdict(ROBUSTNESS).items()},
    }


def radius_rows(varied: Varied, reference: Reference, config: Config) -> list[dict[str, Any]]:
    """Return the rows of networks with other radii."""
    rows = []
    for radius in other_radii(config):
        probability, n_contrasts = varied.probability(f"radius {radius:g}")
        row = compared(reference, probability)
        rows.append({"check": "radius", "level": f"{radius:g}", "n_contrasts": n_contrasts, **row})
    return rows


def participants_rows(varied: Varied, reference: Reference, config: Config) -> list[dict[str, Any]]:
    """Return the rows of networks of subsamples of participants."""
    rows: list[dict[str, Any]] = []
    if not varied.has_participants:
        return rows
    halves: dict[int, NDArray[np.float64]] = {}
    for draw in draws_of(config):
        probability, n_contrasts = varied.probability(variant_key(draw))
        about: Mapping[str, Any] = {"draw": draw.draw, "n_contrasts": n_contrasts}
        if draw.half == 1:
            row = compared(replace(reference, probability=halves[draw.draw]), probability)
            rows.append({"check": "split-half", "level": "0.5", **about, **row})
            continue
        if draw.share == 0.5:
            halves[draw.draw] = probability
        row = compared(reference, probability)
        rows.append({"check": "participants", "level": f"{draw.share:g}", **about, **row})
    return sorted(rows, key=lambda row: (row["check"], row["level"]))


def validation_row(path: Path, label: str, reference: Reference) -> dict[str, Any]:
    """The network on a second connectome, where both connectomes have voxels."""
    box = np.full(reference.grid.n_voxels, math.nan)
    with np.load(path, allow_pickle=False) as stored:
        box[stored["index"]] = stored[f"of_{label}"]
    return {"check": "second connectome", **compared(reference, box[reference.index])}


def several_contrasts(effect: str, contrasts: Sequence[Contrast], unit: NDArray[np.intp]) -> str:
    """Name the studies that give an effect several contrasts."""
    listed = [
        f"{contrasts[own[0]].studies[0]} ({own.size})"
        for own in (np.flatnonzero(unit == number) for number in np.unique(unit))
        if own.size > 1
    ]
    return (
        f"{effect}: several contrasts of one study count as so many findings: {', '.join(listed)}; "
        "the robustness table has the network in which every study counts once"
    )


def near_shares(near: NDArray[np.bool_], reference: Reference) -> dict[str, float | None]:
    """Return the shares of network and analysis mask that lie near a focus of the effect."""
    mapped, network = np.isfinite(reference.probability), reference.network
    return {
        "ShareOfNetworkNearFoci": float(near[network].mean()) if network.any() else None,
        "ShareOfMaskNearFoci": float(near[mapped].mean()) if mapped.any() else None,
    }


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))
