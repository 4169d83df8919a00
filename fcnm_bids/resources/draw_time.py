"""Time of a null draw, measured on a few."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from fcnm_bids.config import NULLS, Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.mapping import Participant, sum_over_participants
from fcnm_bids.planning.plan import SpecificityPlan
from fcnm_bids.resources.units import duration
from fcnm_bids.seeds import Contrast, Focus, sphere_seeds
from fcnm_bids.stats import PARTICIPANTS_AT_ONCE, height_control

_TRIED = 16, 64
"""Contrasts from which the time of a draw is predicted: that of some more, since a run is prepared
once for thousands of them."""

_TEST_SECONDS = 1e-7
"""Of testing a contrast and thresholding it, per voxel."""


def describe_cost(
    plan: SpecificityPlan,
    config: Config,
    participants: Sequence[tuple[str, Sequence[StoredRun]]],
    n_contrasts: int,
) -> str | None:
    """Estimate the time of the draws from a few on one run; None without draws."""
    if not plan.focus_nulls:
        return None
    runs = [run for _, own in participants for run in own]
    seconds = draw_seconds(config, runs, n_contrasts)
    n_draws = config.group.n_permutations * len(plan.focus_nulls)
    n_blocks = len(plan.focus_nulls) * -(-config.group.n_permutations // NULLS.draws_per_block)
    whole = seconds * n_draws / min(config.resources.nprocs, n_blocks)
    limit = config.specificity.specificity_time
    text = (
        f"specificity: {n_draws:,} draws of {n_contrasts} contrasts over {len(participants)} "
        "participants, "
        f"{seconds:.2g} s a draw: about {duration(whole)} with {config.resources.nprocs} processes"
    )
    if limit is not None:
        text += f"; none is begun after {duration(limit)}"
    return text


def draw_seconds(config: Config, runs: Sequence[StoredRun], n_contrasts: int) -> float:
    """Estimate the time of one draw among many on one processor, from a few on one run."""
    tested = _TEST_SECONDS * int(runs[0].header["n_voxels"])
    return n_contrasts * (measure_contrast(config, runs[0]) * len(runs) + tested)


def measure_contrast(config: Config, run: StoredRun) -> float:
    """Return the seconds that one contrast more takes on one run, from random ones."""
    projected = run.load()
    rng = np.random.default_rng(0)
    numbers = projected.index[rng.integers(projected.n_voxels, size=max(_TRIED))]
    contrasts = [
        Contrast(str(i), "", (), (Focus(x, y, z, "MNI152", "", "", "", None, ""),), None)
        for i, (x, y, z) in enumerate(run.grid.positions(numbers).tolist())
    ]
    # as many as are added together: one alone would pay for all of the sums
    participants = [Participant("", lambda: [projected], lambda: projected.index)]
    participants *= PARTICIPANTS_AT_ONCE

    def seconds(n_contrasts: int) -> float:
        seeds = sphere_seeds(
            contrasts[:n_contrasts],
            run.grid,
            radius=config.seeds.radius,
            sphere=config.seeds.sphere,
        )
        started = time.perf_counter()
        sum_over_participants(
            seeds,
            participants,
            projected.index,
            min_coverage=config.seeds.min_coverage,
            smoothness=height_control(config.group.height_control).needs_smoothness,
        )
        return time.perf_counter() - started

    few, many = _TRIED
    seconds(1)  # what is imported and found once
    more = max(seconds(many) - seconds(few), 0.0)
    return more / ((many - few) * PARTICIPANTS_AT_ONCE)
