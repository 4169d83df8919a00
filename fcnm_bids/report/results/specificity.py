"""Results on specificity in an output folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.report.results.group import NetworkOutputs, read_sidecar, read_tsv
from fcnm_bids.specificity import ALL_NULLS, FOCUS_NULLS, ORDER

TESTS = tuple(test for test in ORDER if test in ALL_NULLS)
"""Tests that have to be asked for."""


@dataclass(frozen=True, eq=False)
class SpecificityResult:
    """The files about one network's specificity.

    Parameters
    ----------
    network
        The network.
    """

    network: NetworkOutputs

    @cached_property
    def tables(self) -> dict[str, Path]:
        """Tables about the network, by their desc."""
        return self.network.tables()

    @cached_property
    def tests(self) -> pd.DataFrame | None:
        """One row per test, as texts; None where there is no such table."""
        frame = self.table("specificity")
        return frame if frame is not None and "test" in frame else None

    def table(self, desc: str) -> pd.DataFrame | None:
        """A table about the network as texts, or None."""
        path = self.tables.get(desc)
        return None if path is None else read_tsv(path)

    def about(self, desc: str) -> dict[str, Any]:
        """The sidecar of a table; empty where there is none."""
        path = self.tables.get(desc)
        return {} if path is None else read_sidecar(path)

    def has(self, test: str) -> bool:
        """Return True if a test belongs to the last result rather than an older one."""
        return self.tests is None or test in set(self.tests["test"])

    def row(self, test: str) -> Mapping[str, str]:
        """Return the table row of a test, empty without one."""
        if self.tests is None or not self.has(test):
            return {}
        first = self.tests[self.tests["test"] == test].iloc[0]
        return {str(name): str(value) for name, value in first.items()}

    def withheld(self, test: str) -> bool:
        """Return True if nothing can be concluded from a test, because of the strength."""
        return self.row(test).get("withheld") == "True"

    def number(self, test: str, column: str) -> float | None:
        """A number of the table, or None."""
        return number_in(self.row(test).get(column))

    @property
    def alpha(self) -> float | None:
        """The error rate of the sentences."""
        return number_in(self.about("specificity").get("Alpha"))

    def image(self, desc: str, stat: str) -> Path | None:
        """A map about the network, or None where it is not there.

        Nulls may have been drawn on a coarser grid than the network's; their maps are those of
        the resolution that their table of draws states.
        """
        if desc not in FOCUS_NULLS:
            name = self.network.mask.name.removesuffix("_mask.nii.gz")
            path = self.network.mask.with_name(f"{name}_desc-{desc}_stat-{stat}_statmap.nii.gz")
            return path if path.is_file() else None
        pattern = f"network-{self.network.label}_*desc-{desc}_stat-{stat}_statmap.nii.gz"
        for path in sorted(self.network.mask.parent.glob(pattern)):
            if read_sidecar(path).get("NullResolution") == self.resolution(desc):
                return path
        return None

    def resolution(self, null: str) -> float | None:
        """Voxel size in mm that was asked for a null's draws; None for that of the data."""
        return number_in(self.about(f"{null}draws").get("NullResolution"))

    def named(self, test: str) -> str:
        """Describe what a test compares the network with."""
        if test == "degree":
            return "the connectome's degree"
        if test == "similarity":
            return "left-out studies"
        null = ALL_NULLS.get(test)
        return test if null is None else null.named(self.about(f"{test}draws"))


def number_in(value: Any) -> float | None:
    """A finite number, or None for whatever else."""
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if abs(found) < float("inf") else None


def capital(text: str) -> str:
    """A text with its first letter capital."""
    return text[:1].upper() + text[1:]
