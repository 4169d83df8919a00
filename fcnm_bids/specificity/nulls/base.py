"""Parts of a null; `fcnm_bids.specificity.nulls` states how to add one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.seeds import Contrast
from fcnm_bids.specificity.places import FocusPlaces
from fcnm_bids.specificity.rigid_groups import (
    GROUP_DIAMETER_MM,
    REPEATED_MM,
    FocusGroup,
    focus_groups,
)

Draw = Callable[[Sequence[Contrast], np.random.Generator], Sequence[Contrast]]
"""Function from the observed contrasts to those of one draw."""

NEIGHBOURS = (
    "neighbouring foci of a study and effect "
    f"(at most {GROUP_DIAMETER_MM:g} mm apart within a contrast, {REPEATED_MM:g} mm across "
    "contrasts) moved and rotated as one rigid body"
)
"""Phrase of the methods text on foci that are not independent findings."""


@dataclass(frozen=True, eq=False)
class DrawInputs:
    """Everything that the draws of a null share.

    Parameters
    ----------
    places
        Voxels in which foci may fall, with their rates.
    strength
        Positive strength of these voxels, shape (V,).
    options
        Settings by their names, and constants of the nulls.
    """

    places: FocusPlaces
    strength: NDArray[np.float64]
    options: Mapping[str, Any]


class KnownGroups:
    """Groups of the observed foci, found once for all draws of the same contrasts.

    Parameters
    ----------
    places
        Voxels in which foci may fall.
    diameter
        As for :func:`~fcnm_bids.specificity.rigid_groups.focus_groups`.
    """

    def __init__(self, places: FocusPlaces, diameter: float = GROUP_DIAMETER_MM) -> None:
        self._places, self._diameter = places, diameter
        self._contrasts: Sequence[Contrast] | None = None
        self._groups: list[FocusGroup] = []

    def of(self, contrasts: Sequence[Contrast]) -> list[FocusGroup]:
        """Return the groups of contrasts."""
        if contrasts is not self._contrasts:
            found = focus_groups(contrasts, self._diameter)
            self._groups = [
                replace(group, apart=self._places.nearest(group.positions)) for group in found
            ]
            self._contrasts = contrasts
        return self._groups


@dataclass(frozen=True)
class Null:
    """A null, as reports name it.

    Parameters
    ----------
    name
        Name on the command line, in file names and tables.
    asked
        The comparison, where a report offers it.
    named
        Function from the sidecar of its draws to the comparison that was made.
    stats
        Its maps.
    """

    name: str
    asked: str
    named: Callable[[Mapping[str, Any]], str]
    stats: tuple[str, ...] = ()


@dataclass(frozen=True)
class FocusNull(Null):
    """A null that moves the foci of the contrasts.

    Parameters
    ----------
    title
        Short name for headings of columns.
    prepare
        Function from the inputs of all draws to the function that makes one.
    expected
        Function from the options to the foci that a sentence compares the network with.
    describe
        Function from the options to entries of the sidecars; None for those that do not apply.
    methods
        Function from a sidecar, and the name of the base rate as text (None without), to a phrase
        for the methods text.
    """

    title: str = ""
    prepare: Callable[[DrawInputs], Draw] = lambda inputs: lambda contrasts, rng: contrasts
    expected: Callable[[Mapping[str, Any]], str] = lambda options: "a null"
    describe: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda options: {}
    methods: Callable[[Mapping[str, Any], str | None], str] = lambda about, rate: ""
