"""Plans of both levels: usable runs, and outputs to be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fcnm_bids.connectome import StoredRun
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.multiverse import Specification
from fcnm_bids.inputs.runs.prepare import RunInput
from fcnm_bids.inputs.scores import PlannedOutcome
from fcnm_bids.seeds import Contrast
from fcnm_bids.specificity import FOCUS_NULLS
from fcnm_bids.stats import Design

NO_COVARIATES = Design(np.empty((0, 0)), (), ())


@dataclass(frozen=True)
class ExcludedRun:
    """A run that is not used.

    Parameters
    ----------
    subject
        Participant label.
    name
        The image, relative to its data set.
    reason
        Why.
    stored
        Absolute path of its projection, where the image is known.
    """

    subject: str
    name: str
    reason: str
    stored: str = ""


@dataclass(frozen=True)
class PlannedRun:
    """A run that will be projected, or already is.

    Parameters
    ----------
    files
        Its files.
    key
        Hash of what its maps depend on: the stored run and the strategy. "" in a dry run, where
        there is nothing that it could be compared with.
    grid
        Where its voxels lie in the store.
    stored
        Whether the store holds it already.
    dof, n_components, n_volumes, n_kept
        Residual degrees of freedom, dimensions of the band, volumes of the run, volumes kept.
    itemsize
        Bytes per number in the image.
    n_masked
        Stored voxels of the run, or as many as another run of the data set has in its brain mask.
    notes
        What is odd about it, though it is used.
    stored_itemsize
        Bytes per number in the store.
    read_grid, read_masked
        Grid and masked voxels of the image; None where they are those of the store.
    """

    files: RunInput
    key: str
    grid: Grid
    stored: bool
    dof: int
    n_components: int
    n_volumes: int
    n_kept: int
    itemsize: int
    n_masked: int
    notes: tuple[str, ...] = ()
    stored_itemsize: int = 2
    read_grid: Grid | None = None
    read_masked: int | None = None


@dataclass(frozen=True)
class PlannedParticipant:
    """One participant's part of the plan.

    Parameters
    ----------
    subject
        Participant label.
    runs
        Usable runs.
    left_out
        Runs that are not.
    key
        Hash of everything that the participant's outputs depend on.
    done
        Whether all outputs are there for this key.
    """

    subject: str
    runs: tuple[PlannedRun, ...]
    left_out: tuple[ExcludedRun, ...]
    key: str
    done: bool


@dataclass(frozen=True, eq=False)
class ParticipantPlan:
    """The plan of the participant level.

    Parameters
    ----------
    source
        Root of the preprocessed data set.
    grid
        The grid that all usable runs share.
    entities
        Entities space, res and task of the data.
    contrasts
        The contrasts of the coordinate table; empty for masks or without seeds.
    participants
        Everybody asked for, in order.
    n_seeds
        Seeds that are mapped in everybody.
    from_store
        Whether the data set is a store, so that there is nothing to project.
    notes
        What is odd about the data, one line each.
    """

    source: Path
    grid: Grid
    entities: Mapping[str, str]
    contrasts: tuple[Contrast, ...]
    participants: tuple[PlannedParticipant, ...]
    n_seeds: int
    from_store: bool = False
    notes: tuple[str, ...] = ()

    @property
    def left_out(self) -> list[ExcludedRun]:
        """All runs that are not used."""
        return [run for participant in self.participants for run in participant.left_out]

    @property
    def runs(self) -> list[PlannedRun]:
        """All runs that are used."""
        return [run for participant in self.participants for run in participant.runs]


@dataclass(frozen=True)
class SpecificityPlan:
    """The plan of the specificity tests.

    Parameters
    ----------
    nulls
        The nulls that the network is compared with.
    grey_files
        Images of the grey matter; none where there are none.
    key
        Hash of everything about specificity that outputs depend on.
    draws_key
        Hash of everything that a draw depends on.
    strength_key
        Hash of everything that the connectome's degree depends on.
    notes
        What the results will lack, one line each.
    """

    nulls: tuple[str, ...]
    grey_files: tuple[Path, ...]
    key: str
    draws_key: str
    strength_key: str
    notes: tuple[str, ...]

    @property
    def focus_nulls(self) -> tuple[str, ...]:
        """Those that take draws over all participants."""
        return tuple(null for null in FOCUS_NULLS if null in self.nulls)


@dataclass(frozen=True, eq=False)
class PlannedSample:
    """Participants of the group under one denoising strategy.

    Parameters
    ----------
    participants
        Participant labels with their projected runs, in order.
    design
        Covariates of the group model, participants in rows.
    mask_files
        Images that the analysis mask is made from.
    left_out
        Projected runs that are not used.
    """

    participants: tuple[tuple[str, tuple[StoredRun, ...]], ...]
    design: Design
    mask_files: tuple[Path, ...]
    left_out: tuple[ExcludedRun, ...]

    @property
    def n_runs(self) -> int:
        """Number of runs."""
        return sum(len(runs) for _, runs in self.participants)


@dataclass(frozen=True, eq=False)
class MultiversePlan:
    """The plan of the multiverse.

    Parameters
    ----------
    specifications
        The specifications that the data can serve, the primary one first; empty without any.
    samples
        Participants of the specifications.
    own, common
        Number of each specification's sample, and of that of the participants common to all (-1
        where these are fewer than two).
    notes
        Specifications that are dropped, and why, one line each.
    key
        Everything that the results depend on.
    """

    specifications: tuple[Specification, ...] = ()
    samples: tuple[PlannedSample, ...] = ()
    own: tuple[int, ...] = ()
    common: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    key: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class GroupPlan:
    """The plan of the group level.

    Parameters
    ----------
    store
        Root of the projected-run store.
    grid, entities, contrasts
        As in `ParticipantPlan`.
    participants
        Participant labels with their projected runs, in order.
    left_out
        Projected runs that are not used.
    key
        Hash of everything that the outputs depend on.
    contrast_keys
        Of each contrast, by its name, a hash of everything that its own outputs depend on.
    done
        Whether all outputs are there for this key.
    notes
        What the results will lack, one line each.
    design
        Covariates of the group model, participants in rows.
    mask_files
        Images that the analysis mask is made from; none for the whole brain.
    validation
        The second connectome; nobody without one.
    specificity
        What there is to do about specificity.
    outcomes
        Outcomes of the seeds to relate to their maps.
    sampled
        Effects whose contrasts are taken as a sample of studies.
    multiverse
        Specifications beside the primary one.
    """

    store: Path
    grid: Grid
    entities: Mapping[str, str]
    contrasts: tuple[Contrast, ...]
    participants: tuple[tuple[str, tuple[StoredRun, ...]], ...]
    left_out: tuple[ExcludedRun, ...]
    key: str
    contrast_keys: Mapping[str, str]
    done: bool
    notes: tuple[str, ...]
    design: Design
    mask_files: tuple[Path, ...]
    validation: Validation
    specificity: SpecificityPlan
    outcomes: tuple[PlannedOutcome, ...] = ()
    sampled: tuple[str, ...] = ()
    multiverse: MultiversePlan = MultiversePlan()

    @property
    def n_masked(self) -> int:
        """Voxels of the run that has most."""
        return max(run.attributes["n_voxels"] for _, runs in self.participants for run in runs)

    @property
    def dof(self) -> int:
        """Components of the participant with most, over all runs."""
        return max(sum(run.n_components for run in runs) for _, runs in self.participants)

    @property
    def itemsize(self) -> int:
        """Bytes per number of the runs, those of the second connectome included."""
        everybody = (*self.participants, *self.validation.participants)
        return max(run.itemsize for _, runs in everybody for run in runs)


def by_reason(reasons: Mapping[str, str]) -> list[str]:
    """One line per reason, with the runs that it holds for."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    lines = []
    for reason, names in by_reason.items():
        short = [Path(name).name for name in names]
        shown = ", ".join((short if len(set(short)) == len(names) else names)[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(f"{reason} [{shown}{more}]")
    return lines


@dataclass(frozen=True)
class Validation:
    """The participants of a second connectome.

    Parameters
    ----------
    participants
        Participant labels with their projected runs; empty where there is none.
    design
        The covariates of the first connectome over these participants, or none.
    notes
        How its settings or its design differ, and which runs are not used, one line each.
    """

    participants: tuple[tuple[str, tuple[StoredRun, ...]], ...] = ()
    design: Design = NO_COVARIATES
    notes: tuple[str, ...] = ()
