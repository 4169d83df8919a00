"""Foci scattered in grey matter, or over a base rate."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fcnm_bids.specificity.foci import group_diameter, random_foci
from fcnm_bids.specificity.nulls.base import (
    NEIGHBOURS,
    Draw,
    DrawInputs,
    FocusNull,
    KnownGroups,
)


def _prepare(inputs: DrawInputs) -> Draw:
    keep_distances = inputs.options["keep_distances"]
    return partial(
        _scattered,
        inputs,
        KnownGroups(inputs.places, group_diameter(keep_distances=keep_distances)),
        keep_distances=keep_distances,
        keep_hemisphere=inputs.options["keep_hemisphere"],
    )


def _scattered(
    inputs: DrawInputs, groups: KnownGroups, contrasts: Any, rng: Any, **how: Any
) -> Any:
    return random_foci(contrasts, inputs.places, rng, groups=groups.of(contrasts), **how)


def _named(about: Mapping[str, Any]) -> str:
    return f"foci scattered {'over a base rate' if about.get('BaseRate') else 'in grey matter'}"


def _describe(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "KeepDistances": options["keep_distances"],
        "KeepHemisphere": options["keep_hemisphere"],
        "BaseRate": options["base_rate"],
    }


def _methods(about: Mapping[str, Any], rate: str | None) -> str:
    where = f"drawn from the base rate {rate}" if rate else "scattered uniformly in grey matter"
    text = f"the foci of every contrast, unchanged in number, were {where}"
    if about.get("KeepDistances"):
        text += ", with those of a study and effect moving and rotating as one rigid body"
    if about.get("KeepHemisphere"):
        text += ", each within its hemisphere"
    return text if about.get("KeepDistances") else f"{text}; {NEIGHBOURS}"


RANDOM = FocusNull(
    "random",
    "foci scattered in grey matter",
    _named,
    ("p", "pfwe", "z"),
    "scattered foci",
    _prepare,
    lambda options: "foci scattered in grey matter",
    _describe,
    _methods,
)
