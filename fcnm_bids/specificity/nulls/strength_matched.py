"""Foci moved to voxels of equal positive strength."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fcnm_bids.specificity.foci import matched_foci, nearest_foci, strength_strata
from fcnm_bids.specificity.nulls.base import (
    NEIGHBOURS,
    Draw,
    DrawInputs,
    FocusNull,
    KnownGroups,
)


def _prepare(inputs: DrawInputs) -> Draw:
    options, groups = inputs.options, KnownGroups(inputs.places)
    if options["strength_match"] == "strata":
        strata = strength_strata(inputs.strength, options["strata"])
        return partial(_matched, inputs, groups, strata)
    return partial(_nearest, inputs, groups, options["nearest_share"])


def _matched(inputs: DrawInputs, groups: KnownGroups, strata: Any, contrasts: Any, rng: Any) -> Any:
    own = groups.of(contrasts)
    return matched_foci(contrasts, inputs.places, strata, rng, groups=own)


def _nearest(
    inputs: DrawInputs, groups: KnownGroups, share: float, contrasts: Any, rng: Any
) -> Any:
    own, strength = groups.of(contrasts), inputs.strength
    return nearest_foci(contrasts, inputs.places, strength, rng, share=share, groups=own)


def _named(about: Mapping[str, Any]) -> str:
    if about.get("StrengthMatch") == "nearest20":
        return "foci of about equal strength (approximate)"
    return "foci of equal strength"


def _expected(options: Mapping[str, Any]) -> str:
    nearest = options["strength_match"] == "nearest20"
    return f"foci of {'about ' if nearest else ''}equal strength"


def _describe(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "BaseRate": options["base_rate"],
        "StrengthMatch": options["strength_match"],
        "Strata": options["strata"],
    }


def _methods(about: Mapping[str, Any], rate: str | None) -> str:
    among = "of grey matter" if not rate else f"where {rate} is not 0"
    if about.get("StrengthMatch") == "nearest20":
        return (
            f"every focus was moved to one of the 20% of voxels {among} nearest to its own in "
            "positive strength {{zalesky2026}}, which is approximate, because for the strongest "
            f"and the weakest foci all of these lie on one side; {NEIGHBOURS}, as far as possible "
            "with each focus among these voxels"
        )
    return (
        f"every focus was moved to a random voxel {among} of equal positive strength, that is, "
        f"in the same one of {about.get('Strata', '?')} quantile bins, a strict form of matching "
        f"for strength {{{{zalesky2026}}}}; {NEIGHBOURS}, with the medoid in its own bin and the "
        "other foci, as far as possible, at most one bin from theirs"
    )


STRENGTH = FocusNull(
    "strength",
    "foci of equal strength",
    _named,
    ("p", "pfwe", "z"),
    "equal strength",
    _prepare,
    _expected,
    _describe,
    _methods,
)
