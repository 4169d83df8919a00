"""The people of the group, as the nodes that read the store are given them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.connectome import open_run
from fcnm_bids.interfaces.base import ConfiguredInputSpec, traits
from fcnm_bids.mapping import Person, stored_person


class PeopleInputSpec(ConfiguredInputSpec):
    """Inputs of interfaces that read the runs of people."""

    people = traits.List(mandatory=True, desc="participant labels with their projected runs")


class DesignedPeopleInputSpec(PeopleInputSpec):
    """Inputs of interfaces that fit the group model to people."""

    covariates = traits.List(mandatory=True, desc="row of the design of each person")


def open_people(people: Sequence[tuple[str, Sequence[str]]]) -> list[Person]:
    """The people of an input `people`, whose runs are read when they are needed.

    Raises
    ------
    StoreError
        A run is not there, or is damaged.
    """
    return [stored_person(label, [open_run(Path(path)) for path in runs]) for label, runs in people]


def design_columns(covariates: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """The design of an input `covariates`, shape (people, covariates), perhaps without columns."""
    return np.array(covariates, dtype=np.float64).reshape(len(covariates), -1)
