"""Forecast memory, disk and time of a run, by kind of node.

Memory is what the nodes declare, disk follows from what the files hold. Seconds rest on constants
that were measured on one core of the machine of ``docs/benchmarks.md``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from fcnm_bids.config import NULLS, ROBUSTNESS, Config
from fcnm_bids.inputs.contrasts import other_radii
from fcnm_bids.mapping import network_names
from fcnm_bids.planning.plan import GroupPlan, ParticipantPlan, PlannedParticipant, PlannedRun
from fcnm_bids.reruns.result_cache import uncached_contrasts
from fcnm_bids.resources.disk import (
    contrast_bytes,
    effect_bytes,
    group_figures_bytes,
    group_page_bytes,
    mapped_bytes,
    participant_maps_bytes,
    participant_report_bytes,
    stored_bytes,
    sums_bytes,
    variants_bytes,
)
from fcnm_bids.resources.memory import strategy_sizes
from fcnm_bids.resources.units import duration, size_text
from fcnm_bids.stats import height_control

_NODE_SECONDS = 0.5
"""To begin and end a node."""

_START_SECONDS = 8.0
"""To begin and end the program."""

_PREPARE_SECONDS = 0.6
"""To read the confounds and the header of a run, and to write the tables about it."""

_READ = 3.5e-9
"""Seconds to decompress a number of an image and gather it where it lies in the mask."""

_PROJECT = 3.2e-11
"""Seconds per multiplication of the projection."""

_SMOOTH = 1e-9
"""Seconds to smooth a voxel of the box in one component."""

_MAP = 4e-8
"""Seconds to correlate and transform a voxel with a seed."""

_SINGLE = 1.6e-8
"""The same in single precision, as the group level does it."""

_SUM = 1.6e-8
"""Seconds to add a voxel of a map to its sums."""

_WRITE = 9e-9
"""Seconds to write a voxel of the box to an image."""

_TEST = 4e-7
"""Seconds to test and threshold a voxel of a contrast."""

_FLIP = 1.2e-10
"""Seconds to flip the sign of a voxel of one participant's map."""

_COLUMN = 1e-8
"""Seconds to turn a component of a voxel into that of a column of unit length."""

_STRENGTH = 1e-9
"""Seconds to add one positive correlation to the strength of a voxel."""

_ITERATIONS, _BLOCK = 12, 8
"""Iterations until the first eigenvectors settle, and vectors of each."""

_DRAW = 4e-8
"""Seconds per voxel to draw the contrasts of a network again and compare the result."""

_LABEL, _SPLIT = 4e-8, 9e-8
"""Seconds per voxel for a contrast among exchanged labels, and to compare two random halves."""

_ASSESS = 4e-8
"""Seconds per voxel to compare a null draw with a network."""

_PERMUTE, _MODERATE = 6e-9, 4e-9
"""Seconds per voxel and seed of a permuted outcome, and of a permuted moderator of a sample."""

_PAIR, _FIT = 2.5e-8, 2e-5
"""Seconds per voxel for the product of two contrasts of a sample, and to fit its variance."""

_PARTICIPANT_REPORT, _GROUP_PAGE, _PLOTTING, _FIGURE, _DRAWING = 1.5, 2.0, 4.0, 0.4, 1.0
"""Seconds for a participant's page, the group's, loading what plots, a figure of the group, and
those of an outcome or a sample."""


@dataclass(frozen=True)
class Needs:
    """Forecast of all nodes of one kind.

    Parameters
    ----------
    seconds
        One after the other.
    output
        Bytes that stay: outputs, and the store of projected runs.
    work
        Bytes in the work folder until the end.
    """

    seconds: float = math.nan
    output: float = 0.0
    work: float = 0.0


@dataclass(frozen=True)
class Forecast:
    """One line of the table: the nodes of one kind.

    Parameters
    ----------
    kind
        What they do.
    n_nodes
        How many there are.
    memory_gb
        What the largest declares.
    at_once
        How many may run at a time.
    needs
        Disk and time.
    """

    kind: str
    n_nodes: int
    memory_gb: float
    at_once: int
    needs: Needs

    @property
    def seconds(self) -> float:
        """Until all have run; NaN where it is not known."""
        return self.needs.seconds / self.at_once


def forecast(
    workflow: Any,
    needs: Mapping[str, Needs],
    config: Config,
    memory_gb: float,
    n_nodes: Mapping[str, int] = MappingProxyType({}),
) -> list[Forecast]:
    """The kinds of a workflow's nodes, in the order in which they first come.

    Parameters
    ----------
    workflow
        What would run, as far as its nodes differ in memory.
    needs
        Disk and time by kind, from :func:`participant_needs` or :func:`group_needs`.
    config
        The request.
    memory_gb
        What all nodes at once may take.
    n_nodes
        How many nodes there are of a kind of which `workflow` holds the largest alone.
    """
    kinds: dict[str, list[Any]] = {}
    # get_node compares all names for each
    for node in sorted(workflow._get_all_nodes(), key=lambda node: node.fullname):
        if not node.run_without_submitting:
            kinds.setdefault(node_kind(node.fullname), []).append(node)
    rows = []
    for kind, nodes in kinds.items():
        largest = max(node.mem_gb for node in nodes)
        number = n_nodes.get(kind, len(nodes))
        together = min(
            number,
            config.resources.nprocs // max(node.n_procs or 1 for node in nodes),
            int(memory_gb / largest),
        )
        rows.append(Forecast(kind, number, largest, max(1, together), needs.get(kind, Needs())))
    order = list(needs)
    return sorted(rows, key=lambda row: order.index(row.kind) if row.kind in needs else len(order))


def participant_needs(plan: ParticipantPlan, config: Config) -> dict[str, Needs]:
    """Disk and time of the participant level, for those who are not done."""
    participants = [participant for participant in plan.participants if not participant.done]
    fresh = [run for participant in participants for run in participant.runs if not run.stored]
    box = plan.grid.n_voxels
    n_masked = max((run.n_masked for run in plan.runs), default=0)
    n_seeds = plan.n_seeds
    maps = n_seeds * n_masked
    return {
        "seeds": Needs(_NODE_SECONDS + n_seeds * _WRITE * box, output=n_seeds * 2e3),
        "project": Needs(
            _NODE_SECONDS * len(participants)
            + sum(_project_seconds(run, box, config.denoising.smoothing > 0) for run in fresh),
            output=stored_bytes(fresh),
        ),
        "map": Needs(
            sum(_map_seconds(participant, n_seeds, box) for participant in participants),
            output=len(participants) * participant_maps_bytes(n_masked, n_seeds) if maps else 0.0,
        ),
        "report": Needs(
            len(participants) * (_NODE_SECONDS + _PARTICIPANT_REPORT),
            output=sum(participant_report_bytes(len(p.runs), n_seeds) for p in participants),
        ),
    }


def group_needs(
    plan: GroupPlan, config: Config, contrasts: Sequence[tuple[str, str]]
) -> dict[str, Needs]:
    """Disk and time of the group level; that of draws by a constant, not by a measurement."""
    settings = config.group
    n_contrasts = len(contrasts)
    n_effects = len(network_names((effect for _, effect in contrasts), settings.tail))
    n_new = len(uncached_contrasts(plan.contrast_keys.values(), config))
    n_participants, n_second = len(plan.participants), len(plan.validation.participants)
    n_masked, box, n_radii = plan.n_masked, plan.grid.n_voxels, len(other_radii(config))
    keeps_maps = height_control(settings.height_control).needs_maps
    n_seeds = n_new * (1 + n_radii)
    runs_a_participant = sum(len(runs) for _, runs in plan.participants) / n_participants
    per_participant = n_masked * (_SINGLE * n_seeds * runs_a_participant + _SUM * (n_seeds + n_new))
    flips = settings.n_permutations * n_participants * _FLIP if keeps_maps else 0.0
    test = n_masked * (_TEST + flips)
    n_variants = n_radii
    if n_participants >= ROBUSTNESS.participants_blocks:  # both halves and a quarter of each draw
        n_variants += 3 * ROBUSTNESS.participants_draws
    return {
        "seeds": Needs(_NODE_SECONDS + n_contrasts * _WRITE * box, output=n_contrasts * 2e3),
        "sums": Needs(
            _NODE_SECONDS + n_participants * per_participant,
            work=sums_bytes(
                n_masked,
                n_new,
                n_participants,
                smoothness=height_control(settings.height_control).needs_smoothness,
                keeps_maps=keeps_maps,
                n_covariates=len(plan.design.names),
                n_radii=n_radii,
            ),
        ),
        "strength": Needs(_NODE_SECONDS + _strength_seconds(plan, config)),
        "draws": Needs(
            config.group.n_permutations
            * len(plan.specificity.focus_nulls)
            * (n_contrasts * n_participants * runs_a_participant * n_masked * _SUM)
        ),
        "contrast": Needs(
            n_new * (_NODE_SECONDS + test + 6 * _WRITE * box),
            output=n_new * contrast_bytes(n_masked),
            work=n_new * mapped_bytes(n_masked),
        ),
        "variants": Needs(
            n_new * (_NODE_SECONDS + n_variants * test / 2),
            work=n_new * variants_bytes(n_masked, n_radii),
        ),
        "network": Needs(
            n_effects * (_NODE_SECONDS + 3 * _WRITE * box),
            output=n_effects * effect_bytes(n_masked),
        ),
        "locate": Needs(n_effects * (2 * _NODE_SECONDS + 4 * _WRITE * box)),
        "robustness": Needs(
            n_effects * (2 * _NODE_SECONDS + ROBUSTNESS.bootstrap_draws * _DRAW * n_masked)
        ),
        "compare": Needs(_NODE_SECONDS + 3 * _WRITE * box),
        "validation": Needs(
            _NODE_SECONDS
            + n_second * n_masked * n_contrasts * (_SINGLE + _SUM)
            + n_contrasts * test,
            work=4.0 * n_masked * n_contrasts * n_second * keeps_maps,
        ),
        **_specificity_needs(plan, config, n_contrasts, n_effects, runs_a_participant),
        **_outcome_needs(plan, config, contrasts),
        "multiverse": _multiverse_needs(plan, config, n_effects, runs_a_participant, test),
        "figures": Needs(
            n_effects * _PLOTTING + (n_contrasts + 5 * n_effects) * _FIGURE,
            output=group_figures_bytes(n_contrasts, n_effects),
        ),
        "report": Needs(_GROUP_PAGE, output=group_page_bytes(n_masked, n_contrasts, n_effects)),
    }


def _specificity_needs(
    plan: GroupPlan, config: Config, n_contrasts: int, n_effects: int, runs_a_participant: float
) -> dict[str, Needs]:
    """Time of what comes before and after the draws of nulls, and of the nulls of labels."""
    specificity, n_draws, voxels = plan.specificity, config.group.n_permutations, plan.n_masked
    runs = len(plan.participants) * runs_a_participant
    mapped = n_contrasts * voxels * (runs * (_SINGLE + _SUM) + _TEST)
    labels = mapped + n_draws * voxels * (
        _LABEL * n_contrasts * ("labels" in specificity.nulls)
        + _SPLIT * ("split" in specificity.nulls)
    )
    resolution = config.specificity.null_resolution
    coarser, of_draws = 0.0, voxels
    if resolution is not None:
        components = sum(run.n_components for run in plan.participants[0][1])
        coarser = len(plan.participants) * voxels * components * _COLUMN
        of_draws = round(voxels * min(1.0, plan.grid.voxel_volume / resolution**3))
    n_assessed = n_draws * len(specificity.focus_nulls)
    return {
        "labels": Needs(_NODE_SECONDS + labels),
        "nulls": Needs(_NODE_SECONDS + coarser),
        "specificity": Needs(n_effects * (_NODE_SECONDS + _ASSESS * n_assessed * of_draws)),
    }


def _outcome_needs(
    plan: GroupPlan, config: Config, contrasts: Sequence[tuple[str, str]]
) -> dict[str, Needs]:
    """Time of relating outcomes, of samples of studies, and of their figures."""
    n_draws, voxels = config.group.n_permutations, plan.n_masked
    outcome = sample = 0.0
    for own in plan.outcomes:
        outcome += _NODE_SECONDS + _PERMUTE * n_draws * len(own.seeds) * voxels
    for effect in plan.sampled:
        members = {name for name, of in contrasts if of == effect}
        n = len(members)
        pairs = n * (n + 1) // 2
        sample += _NODE_SECONDS + _FIT * voxels
        sample += len(plan.participants) * voxels * (_MAP * n + _PAIR * pairs)
        moderators = sum(bool(members & {*own.seeds}) for own in plan.outcomes)
        sample += moderators * voxels * (_FIT + _MODERATE * n * n_draws)
    n_drawn = len(plan.outcomes) + len(plan.sampled)
    return {
        "outcome": Needs(outcome),
        "sample": Needs(sample),
        "drawing": Needs(n_drawn * (_NODE_SECONDS + _DRAWING)),
    }


def _multiverse_needs(
    plan: GroupPlan, config: Config, n_effects: int, runs_a_participant: float, test: float
) -> Needs:
    """Disk and time of mapping every specification."""
    sizes = strategy_sizes(plan, config)
    n_participants = len(plan.participants)
    sums = sum(own.n_seeds * (_SINGLE * runs_a_participant + _SUM * own.n_samples) for own in sizes)
    maps = sum(own.n_seeds * own.n_samples for own in sizes if own.keeps_maps)
    return Needs(
        _NODE_SECONDS
        + n_participants * plan.n_masked * sums
        + test * sum(own.n_seeds * own.n_masks for own in sizes),
        output=n_effects * effect_bytes(plan.n_masked) * bool(sizes),
        work=4.0 * maps * n_participants * plan.n_masked,
    )


def table_of(rows: Iterable[Forecast]) -> list[str]:
    """The forecast as lines of text, with the whole at the end."""
    rows = list(rows)
    lines = [f"{'':<12}{'nodes':>7}{'GB each':>10}{'disk':>10}{'work':>10}{'time':>10}"]
    for row in rows:
        lines.append(
            f"{row.kind:<12}{row.n_nodes:>7}{row.memory_gb:>10.2f}{_size(row.needs.output):>10}"
            f"{_size(row.needs.work):>10}{_time(row.seconds):>10}"
        )
    known = [row.seconds for row in rows if math.isfinite(row.seconds)]
    time = ("> " if len(known) < len(rows) else "") + duration(_START_SECONDS + sum(known))
    disk, work = (sum(getattr(row.needs, name) for row in rows) for name in ("output", "work"))
    together = max(row.at_once * row.memory_gb for row in rows)
    lines.append(
        f"{'all':<12}{sum(row.n_nodes for row in rows):>7}{together:>10.2f}{_size(disk):>10}"
        f"{_size(work):>10}{time:>10}"
    )
    return lines


def node_kind(name: str) -> str:
    """Return the kind of a node from its full name: the first word of the last part."""
    return name.rpartition(".")[2].split("_")[0]


def _project_seconds(run: PlannedRun, box: int, smooths: bool) -> float:
    products = run.n_volumes * run.n_components * (run.read_masked or run.n_masked)
    read = run.read_grid.n_voxels if run.read_grid else box
    seconds = _PREPARE_SECONDS + _READ * run.n_volumes * read
    return seconds + _PROJECT * products + _SMOOTH * run.n_components * box * smooths


def _strength_seconds(plan: GroupPlan, config: Config) -> float:
    """Forecast the time of the degree maps; participants are worked on side by side."""
    participants = min(len(plan.participants), NULLS.degree_participants)
    components = sum(run.n_components for run in plan.participants[0][1])
    targets = min(NULLS.degree_targets, plan.n_masked)
    of_strength = targets * (components * _PROJECT + _STRENGTH)
    kept = min(1.0, 1e9 * NULLS.degree_gb / (4 * participants * components * plan.n_masked))
    columns = kept + (1 - kept) * _ITERATIONS
    of_vectors = components * (columns * _COLUMN + 2 * _ITERATIONS * _BLOCK * _PROJECT)
    together = min(config.resources.nprocs, NULLS.degree_threads, participants)
    return participants * plan.n_masked * (of_strength + of_vectors) / together


def _map_seconds(participant: PlannedParticipant, n_seeds: int, box: int) -> float:
    correlated = sum(run.n_masked for run in participant.runs) * n_seeds
    return _NODE_SECONDS + _MAP * correlated + _WRITE * box * n_seeds


def _size(size: float) -> str:
    return size_text(size) if size >= 5e5 else ""


def _time(seconds: float) -> str:
    return duration(seconds) if math.isfinite(seconds) else "?"
