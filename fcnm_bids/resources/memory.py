"""Memory that nodes declare, in GB, from what their functions allocate."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from fcnm_bids.config import NULLS, ROBUSTNESS, Config
from fcnm_bids.connectivity import BLOCKS_AT_ONCE, n_blocks
from fcnm_bids.connectome import projection_bytes
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.contrasts import contrast_names
from fcnm_bids.inputs.rules import height_rule
from fcnm_bids.kernels.group_sums import SEEDS_PER_BLOCK
from fcnm_bids.mapping import bytes_of_contrast
from fcnm_bids.outcomes import slab_voxels
from fcnm_bids.planning.plan import GroupPlan, PlannedRun
from fcnm_bids.specificity import DRAWS_OF_PART
from fcnm_bids.stats import (
    PARTICIPANTS_AT_ONCE,
    VOXELS_PER_SUM,
    HeightControl,
    HeightRule,
    bytes_of_sums,
)

_PROCESS_GB = 0.16
"""A process with its libraries; the peaks of single nodes are in ``docs/benchmarks.md``."""

_KEPT_BYTES = 64 << 20
"""Of memory that was given back, as much as the C library may keep."""

_WRITING_BYTES = 16 << 20
"""Buffers of HDF5."""

_TILE_ELEMENTS, _TILE_VOXELS = 1 << 17, 64
"""Components, or correlations, that are worked on at once, and of how many voxels at least."""

_RUN_BYTES = 72
"""Of two runs that are mapped in blocks, beside components: places and lengths, per voxel."""

_LEFT = 2 / 3
"""Share of a band's dimensions that a strategy leaves: 71 of 107 with 36 confounds."""

_BLOCK_BYTES = 80
"""Of the sums of a contrast as its block is tested, per voxel."""

_TEST_BYTES = 48
"""Of a contrast's t test, its mask, and what labels are compared by, per voxel."""

_PLANE = 1.3
"""Voxels of a plane of a brain over the square of the cube root of all, which lie behind a slab."""

_SEEDS_OF_SLAB = 200
"""Seeds whose maps take as long as opening a run."""

_DRAWN_BYTES = 12
"""Of a network's maps in a draw, per voxel."""

_GROUP_BYTES = 4 * SEEDS_PER_BLOCK * PARTICIPANTS_AT_ONCE
"""Of the maps of a block in a group of participants, per voxel."""

_MASKED = 0.35
"""Share of the box that a brain mask fills, at most, before the mask is read."""


def project_gb(grid: Grid, runs: Sequence[PlannedRun]) -> float:
    """Projecting runs one after the other: first they are read, then they are written."""
    peaks = []
    for run in runs:
        n_masked = run.read_masked or run.n_masked
        components = 4 * run.n_components * n_masked
        reading = (
            projection_bytes(
                (run.read_grid or grid).n_voxels,
                n_masked,
                run.n_volumes,
                run.n_components,
                run.itemsize,
                averages=run.read_masked is not None,
            )
            - components
        )
        stored = run.stored_itemsize * run.n_components * run.n_masked
        writing = stored + min(reading, _KEPT_BYTES) + _WRITING_BYTES
        peaks.append(components + max(reading, writing))
    return _PROCESS_GB + 1e-9 * max(peaks, default=0)


def map_gb(runs: Sequence[PlannedRun], n_contrasts: int) -> float:
    """Mapping all seeds of a participant."""
    n_masked = max((run.n_masked for run in runs), default=0)
    dof = max((run.n_components for run in runs), default=0)
    stored = sum(run.stored_itemsize * run.n_components * run.n_masked for run in runs)
    maps = 17 * n_contrasts * n_masked
    return _PROCESS_GB + 1e-9 * (stored + maps + _tile_bytes(n_masked, dof, n_contrasts))


def group_gb(
    n_masked: int,
    n_contrasts: int,
    *,
    dof: int,
    smoothness: bool,
    itemsize: int = 2,
    n_covariates: int = 0,
    n_radii: int = 0,
    blocks: bool = True,
    n_slabs: int = 1,
) -> float:
    """Summing over participants; the number of participants does not matter.

    Parameters
    ----------
    n_masked
        Voxels of the analysis.
    n_contrasts
        Contrasts.
    dof
        Of all runs of a participant.
    smoothness
        Whether neighbouring voxels are multiplied.
    itemsize
        Bytes per number in the store.
    n_covariates, n_radii
        Covariates, and radii beside the one of the analysis.
    blocks
        Whether blocks of participants are summed too.
    n_slabs
        Slabs that the voxels are divided into.
    """
    n_seeds = n_contrasts * (1 + n_radii)
    n_slab = n_masked / n_slabs
    if n_slabs > 1:
        n_slab = min(n_masked, n_slab + _PLANE * n_masked ** (2 / 3))
    sums = partial(bytes_of_sums, n_covariates=n_covariates)
    per_voxel = _whole_blocks(n_seeds) * sums(smoothness=smoothness)
    if blocks:
        in_blocks = _whole_blocks(n_contrasts) * sums(smoothness=False)
        # and copies of maps, and their deviations
        per_voxel += in_blocks * ROBUSTNESS.participants_blocks + 2 * _GROUP_BYTES
    per_voxel += _mapping_bytes(n_seeds, dof, itemsize)
    of_runs = (n_masked - n_slab) * PARTICIPANTS_AT_ONCE * (itemsize * dof + _RUN_BYTES)
    return _PROCESS_GB + 1e-9 * (n_slab * per_voxel + max(0, of_runs))


def sum_slabs(
    n_masked: int,
    n_seeds: int,
    needed: Callable[[int], float],
    most_gb: float,
    workers: int,
) -> int:
    """Return in how many slabs of voxels seeds are summed over participants.

    As few as memory allows, and as many as there are workers where the seeds are worth opening all
    runs again.

    Parameters
    ----------
    n_masked, n_seeds
        Voxels of the analysis, and all seeds.
    needed
        Memory of one of so many slabs, such as :func:`group_gb`.
    most_gb
        What may be taken.
    workers
        Nodes that run side by side.
    """
    most = -(-n_masked // VOXELS_PER_SUM)
    # some memory does not shrink with the slabs: more of them than near its limit are of no use
    enough = max(most_gb, 1.1 * needed(most))
    least = next((n for n in range(1, most + 1) if needed(n) <= enough), most)
    return min(most, max(1, least, min(workers, n_seeds // _SEEDS_OF_SLAB)))


@dataclass(frozen=True)
class StrategySize:
    """Seeds of a strategy of the multiverse, and what is kept of them.

    Parameters
    ----------
    n_seeds, n_samples
        Seeds of all contrasts, and samples that each is summed in.
    n_masks
        Masks that each gives: height rules times samples.
    smoothness, keeps_maps
        Whether neighbouring voxels are multiplied, and everybody's maps kept in files.
    """

    n_seeds: int
    n_samples: int
    n_masks: int
    smoothness: bool
    keeps_maps: bool


def strategy_sizes(plan: GroupPlan, config: Config) -> list[StrategySize]:
    """Return the sizes of the strategies of the planned specifications."""
    seeds: dict[str, dict[str, int]] = {}
    rules: dict[str, set[HeightRule]] = {}
    samples: dict[str, set[int]] = {}
    planned = plan.multiverse
    for own, *numbers in zip(planned.specifications, planned.own, planned.common, strict=True):
        request, strategy = own.request(config), str(own.of("denoising"))
        key = str(own.of("seeds"))
        known = seeds.setdefault(strategy, {})
        if key not in known:
            known[key] = len(contrast_names(request.seeds))
        rules.setdefault(strategy, set()).add(height_rule(request.group))
        samples.setdefault(strategy, set()).update(number for number in numbers if number >= 0)
    return [
        StrategySize(
            sum(known.values()),
            len(samples[strategy]),
            len(samples[strategy]) * len(rules[strategy]),
            any(rule.needs.needs_smoothness for rule in rules[strategy]),
            any(rule.needs.needs_maps for rule in rules[strategy]),
        )
        for strategy, known in seeds.items()
    ]


def multiverse_gb(
    n_masked: int,
    strategies: Sequence[StrategySize],
    at_once: int,
    *,
    dof: int,
    itemsize: int = 2,
    n_covariates: int = 0,
) -> float:
    """Summing seeds under several strategies, and keeping the masks of each.

    Parameters
    ----------
    n_masked, dof, itemsize, n_covariates
        As for :func:`group_gb`.
    strategies
        The strategies.
    at_once
        Seeds of a strategy in one pass over the store.
    """
    per_voxel = 0.0
    for own in strategies:
        sums = bytes_of_sums(smoothness=own.smoothness, n_covariates=n_covariates)
        per_voxel += _whole_blocks(min(at_once, own.n_seeds)) * own.n_samples * sums
        per_voxel += own.n_seeds * own.n_masks * 2 / 8
    most = max(min(at_once, own.n_seeds) for own in strategies)
    # the band and a strategy's run; copies of maps for a sample, and the deviations of each
    per_voxel += _mapping_bytes(most, dof, 2 * itemsize)
    per_voxel += (1 + max(own.n_samples for own in strategies)) * _GROUP_BYTES
    return _PROCESS_GB + 1e-9 * n_masked * per_voxel


def contrasts_at_once(n_contrasts: int, needed: Callable[[int], float], most_gb: float) -> int:
    """Return how many contrasts can be summed in one pass over the participants, at least one.

    Parameters
    ----------
    n_contrasts
        Contrasts to be summed.
    needed
        What so many of them take, such as :func:`group_gb`.
    most_gb
        What may be taken.
    """
    return max((n for n in range(1, n_contrasts + 1) if needed(n) <= most_gb), default=1)


def outcome_gb(n_voxels: int, n_seeds: int, n_permutations: int) -> float:
    """Relating an outcome of seeds to their maps: in a file, and twice in single precision."""
    rows = max(n_seeds, n_permutations)
    of_tiles = 12 * 8 * max(1 << 22, 64 * rows)
    of_permutations = 12 * 8 * n_seeds * n_permutations
    return _PROCESS_GB + 1e-9 * (of_tiles + of_permutations + n_voxels * (120 + 18 * n_seeds))


def sample_gb(
    n_voxels: int, n_contrasts: int, dof: int, n_permutations: int, *, itemsize: int = 2
) -> float:
    """Fitting contrasts as a sample of studies, slab by slab."""
    pairs = n_contrasts * (n_contrasts + 1) // 2
    slab = min(n_voxels, slab_voxels(n_contrasts))
    of_slab = 8 * slab * (3 * pairs + 8 * n_contrasts) + itemsize * dof * n_voxels
    of_fit = 8 * 8 * (1 << 22) + 8 * pairs * n_permutations
    return _PROCESS_GB + 1e-9 * (of_slab + of_fit + 8 * 12 * n_voxels)


def labels_gb(
    n_masked: int, n_contrasts: int, *, dof: int, itemsize: int = 2, n_covariates: int = 0
) -> float:
    """Mapping the contrasts of two effects, and keeping the tests of all."""
    sums = group_gb(
        n_masked,
        n_contrasts,
        dof=dof,
        itemsize=itemsize,
        smoothness=True,
        n_covariates=n_covariates,
        blocks=False,
    )
    return sums + 1e-9 * n_masked * n_contrasts * _TEST_BYTES


def contrast_gb(n_voxels: int) -> float:
    """Testing one contrast and writing its maps."""
    return _PROCESS_GB + 1e-9 * n_voxels * 88


def specificity_gb(n_voxels: int) -> float:
    """Comparing a network with draws, of which a few are read at a time."""
    return contrast_gb(n_voxels) + 1e-9 * n_voxels * 8 * 30


def variants_gb(n_voxels: int, n_masked: int) -> float:
    """Mapping one contrast over parts of the participants."""
    blocks = (21 + 8) * ROBUSTNESS.participants_blocks
    return contrast_gb(n_voxels) + 1e-9 * n_masked * (blocks + 69)


def robustness_gb(n_voxels: int, n_contrasts: int) -> float:
    """Comparing the variants of one effect's network."""
    return contrast_gb(n_voxels) + 1e-9 * (4 * n_contrasts * n_voxels + 3 * 8 * (1 << 23))


def report_gb(n_voxels: int) -> float:
    """Drawing figures of one image after the other, with the plotting libraries loaded."""
    return 2 * _PROCESS_GB + 1e-9 * n_voxels * 8 * 4


def _whole_blocks(n_seeds: int) -> int:
    """Return the number of seeds that so many take the memory of."""
    return n_blocks(n_seeds) * SEEDS_PER_BLOCK


def _mapping_bytes(n_seeds: int, dof: int, itemsize: int) -> int:
    """Return the bytes per voxel for mapping blocks of seeds in a group of participants.

    The runs of all participants, the maps of some blocks, the deviations of one, its sums as it is
    tested, and the weights of several runs of a participant.
    """
    blocks = min(BLOCKS_AT_ONCE, n_blocks(n_seeds)) + 1
    # components as stored, and columns in the dimensions that a strategy leaves
    of_runs = round(PARTICIPANTS_AT_ONCE * ((itemsize + 4 * _LEFT) * dof + _RUN_BYTES))
    tested = SEEDS_PER_BLOCK * _BLOCK_BYTES
    weights = 3 * 4 * SEEDS_PER_BLOCK
    return of_runs + blocks * _GROUP_BYTES + tested + weights


def _tile_bytes(n_masked: int, dof: int, n_seeds: int) -> int:
    """Return the bytes for correlating all seeds with one tile of voxels."""
    width = min(n_masked, max(_TILE_VOXELS, _TILE_ELEMENTS // max(dof, n_seeds, 1)))
    return width * 8 * (dof + 5 * n_seeds)


def strength_gb(n_voxels: int, dof: int, n_threads: int) -> float:
    """Measuring the connectome's degree, some participants at a time."""
    n_masked = _MASKED * n_voxels
    one_participant = n_masked * (10 * dof + 8 * 20)
    working = 1e-9 * (n_threads * one_participant + n_masked * 8 * 40)
    return _PROCESS_GB + working + NULLS.degree_gb


def draws_gb(
    n_voxels: int,
    n_contrasts: int,
    dof: int,
    most_gb: float = math.inf,
    *,
    n_draws: int,
    n_networks: int,
    control: HeightControl,
    n_participants: int,
    itemsize: int = 2,
    n_covariates: int = 0,
) -> tuple[float, float]:
    """Mapping a block of draws: what it takes, and how much of that is to work with.

    Parameters
    ----------
    n_voxels, n_contrasts, dof
        Voxels of the box, contrasts, residual degrees of freedom of a participant's runs.
    most_gb
        What may be taken; one draw is mapped at a time, at least.
    n_draws, n_networks
        Draws of the block, and networks, whose maps are kept for a few draws.
    control, n_participants
        Height control, and participants, whose maps it may need.
    itemsize, n_covariates
        Bytes per number in the store, covariates of the design.
    """
    n_masked = _MASKED * n_voxels
    one_draw = 1e-9 * n_masked * n_contrasts
    one_draw *= bytes_of_contrast(control, n_covariates, n_participants)
    kept = 1e-9 * n_masked * DRAWS_OF_PART * n_networks * _DRAWN_BYTES
    mapping = 1e-9 * n_masked * _mapping_bytes(n_contrasts, dof, itemsize)
    rest = _PROCESS_GB + kept + mapping
    # beyond, slabs are large enough
    enough = n_draws * one_draw + NULLS.slab_gb
    together = min(NULLS.block_gb, max(most_gb - rest, one_draw), enough)
    return rest + together, together
