"""The nulls that a network can be compared with, by their names.

A null that moves foci is a module of this folder, its entry in `FOCUS_NULLS`, and its name in
`fcnm_bids.config.NullName`. Those that exchange labels are computed in
`fcnm_bids.specificity.labels`.
"""

from __future__ import annotations

from collections.abc import Mapping

from fcnm_bids.specificity.nulls.base import DrawInputs, FocusNull, Null
from fcnm_bids.specificity.nulls.random import RANDOM
from fcnm_bids.specificity.nulls.strength_matched import STRENGTH

__all__ = ["ALL_NULLS", "FOCUS_NULLS", "LABEL_NULLS", "DrawInputs", "FocusNull", "Null"]

FOCUS_NULLS: Mapping[str, FocusNull] = {null.name: null for null in (RANDOM, STRENGTH)}
"""Those that move foci; the place of a null seeds the random numbers of its draws: add at the end,
never insert."""

LABEL_NULLS: Mapping[str, Null] = {
    null.name: null
    for null in (
        Null(
            "labels",
            "studies that exchange the labels of two effects",
            lambda about: "studies that exchange labels",
            stats=("difference", "p", "pfwe", "z"),
        ),
        Null(
            "split",
            "random halves of the contrasts of two effects",
            lambda about: "random halves of the contrasts",
        ),
    )
}
"""Those that compare two effects."""

ALL_NULLS: Mapping[str, Null] = {**FOCUS_NULLS, **LABEL_NULLS}
