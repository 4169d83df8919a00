"""The memory that nodes declare is what they allocate, at least."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fcnm_bids.config import Config
from fcnm_bids.connectivity import participant_maps
from fcnm_bids.connectome import open_run
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.contrasts import make_seeds
from fcnm_bids.interfaces.participant import store_run
from fcnm_bids.mapping import analysis_voxels, stored_participant, sum_over_participants
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.plan import PlannedParticipant, PlannedRun
from fcnm_bids.resources.memory import (
    StrategySize,
    contrast_gb,
    contrasts_at_once,
    draws_gb,
    group_gb,
    map_gb,
    multiverse_gb,
    project_gb,
    sample_gb,
    sum_slabs,
)
from fcnm_bids.simulate import Truth
from fcnm_bids.stats import PARTICIPANTS_AT_ONCE, height_control

Make = Callable[..., Config]
DRAWS: dict[str, Any] = {
    "n_draws": 250,
    "n_networks": 2,
    "control": height_control("fwe"),
    "n_participants": 60,
}
WHOLE_BRAIN = Grid((97, 115, 97), np.diag([2.0, 2, 2, 1]), "MNI152NLin2009cAsym")


@pytest.fixture
def participants(request_for: Make, store: Path) -> Sequence[PlannedParticipant]:
    return plan_participant_level(request_for()).participants


def peak_gb(work: Callable[[], Any]) -> float:
    """The most that Python and NumPy held at once during some work."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1] * 1e-9
    finally:
        tracemalloc.stop()


def longer(participants: Sequence[PlannedParticipant], volumes: int, dof: int) -> list[PlannedRun]:
    run = participants[0].runs[0]
    return [replace(run, n_volumes=volumes, n_kept=volumes, n_components=dof, n_masked=250_000)]


def test_projecting_a_run_stays_within_what_is_declared(
    request_for: Make, participants: Sequence[PlannedParticipant], simulated: Truth
) -> None:
    run = participants[0].runs[0]
    Path(run.files.stored).unlink()
    settings = request_for().denoising
    assert peak_gb(lambda: store_run(run.files, settings, Path())) < project_gb(
        simulated.grid, [run]
    )
    assert Path(run.files.stored).exists()


def test_mapping_participants_stays_within_what_is_declared(
    request_for: Make, participants: Sequence[PlannedParticipant], simulated: Truth
) -> None:
    seeds = make_seeds(request_for().seeds, simulated.grid)
    n_contrasts = len(seeds.contrasts)

    def one() -> None:
        runs = [open_run(Path(run.files.stored)).load() for run in participants[1].runs]
        participant_maps(runs, seeds, min_coverage=0.5)

    def everybody() -> None:
        group = [
            stored_participant(p.subject, [open_run(Path(run.files.stored)) for run in p.runs])
            for p in participants
        ]
        index = analysis_voxels(group, simulated.grid, min_subjects=0.9)
        sum_over_participants(seeds, group, index, min_coverage=0.5, smoothness=True)

    assert peak_gb(one) < map_gb(participants[1].runs, n_contrasts)
    run = participants[0].runs[0]
    declared = group_gb(run.n_masked, n_contrasts, dof=2 * run.dof, smoothness=True)
    assert peak_gb(everybody) < declared


def test_runs_of_a_participant_are_projected_one_after_the_other(
    participants: Sequence[PlannedParticipant],
) -> None:
    short, long = longer(participants, 200, 50), longer(participants, 1200, 127)
    both = project_gb(WHOLE_BRAIN, short + long)
    assert both == project_gb(WHOLE_BRAIN, long)
    assert both > project_gb(WHOLE_BRAIN, short)


def test_somebody_without_runs_needs_a_process_only() -> None:
    assert project_gb(WHOLE_BRAIN, []) == pytest.approx(0.16)


def test_slabs_are_as_few_as_memory_allows() -> None:
    needed = partial(group_gb, 250_000, 300, dof=80, smoothness=True)
    whole = needed()
    for most in (whole, 0.6 * whole, 0.3 * whole):
        found = sum_slabs(250_000, 300, lambda n: needed(n_slabs=n), most, workers=1)
        assert needed(n_slabs=found) <= most
        assert found == 1 or needed(n_slabs=found - 1) > most
    slabs = partial(sum_slabs, 250_000, needed=lambda n: 1.0, most_gb=2.0)
    assert [slabs(n_seeds=n, workers=4) for n in (1, 399, 400, 10_000)] == [1, 1, 2, 4]
    # at the least, a slab has the voxels that are summed together
    assert sum_slabs(3000, 10_000, lambda n: 1.0, 2.0, workers=99) == 3
    assert sum_slabs(3000, 10, lambda n: 1 / n, 0.1, workers=1) == 3
    # and no more than near what does not shrink
    assert sum_slabs(250_000, 10, lambda n: 1 + 1 / n, 0.5, workers=1) == 10


def test_more_contrasts_need_more_memory(participants: Sequence[PlannedParticipant]) -> None:
    runs = longer(participants, 300, 80)
    maps = [map_gb(runs, n) for n in (1, 10, 100)]
    # seeds are summed in whole blocks of 16
    one, sixteen, *sums = (
        group_gb(250_000, n, dof=80, smoothness=True) for n in (1, 16, 10, 17, 33, 100)
    )
    assert maps == sorted(set(maps))
    assert sums == sorted(set(sums))
    assert one == sixteen == sums[0]
    assert group_gb(250_000, 10, dof=80, smoothness=False) < sums[0]
    assert group_gb(250_000, 10, dof=80, smoothness=True, blocks=False) < sums[0]
    assert sums[0] < group_gb(250_000, 10, dof=80, smoothness=True, n_radii=2)
    assert sums[0] < group_gb(250_000, 10, dof=80, smoothness=True, n_covariates=1)
    assert contrast_gb(WHOLE_BRAIN.n_voxels) < sums[0]


def test_runs_of_one_byte_per_component_take_half_of_what_runs_of_two_take() -> None:
    def saved(needed: Callable[..., float]) -> float:
        return needed(itemsize=2) - needed(itemsize=1)

    runs = 1e-9 * 600 * 250_000  # of one participant, one byte per component and voxel
    eight = PARTICIPANTS_AT_ONCE * runs
    sums = partial(group_gb, 250_000, 10, dof=600, smoothness=True)
    assert saved(sums) == pytest.approx(eight)
    assert saved(partial(sample_gb, 250_000, 10, 600, 100)) == pytest.approx(runs)
    specified = [StrategySize(10, 1, 1, smoothness=True, keeps_maps=False)]
    # the band, and a strategy's run
    strategies = partial(multiverse_gb, 250_000, specified, 10, dof=600)
    assert saved(strategies) == pytest.approx(2 * eight)
    masked = 0.35  # share of the box that draws count on
    draws = partial(draws_gb, 250_000, 10, 600, **DRAWS)
    assert saved(lambda itemsize: draws(itemsize=itemsize)[0]) == pytest.approx(masked * eight)


def test_as_many_contrasts_at_once_as_fit() -> None:
    def needed(n: int) -> float:
        return group_gb(250_000, n, dof=80, smoothness=True, n_radii=2)

    for most in (0.1, 0.5, 1.0, 2.0, 4.0):
        found = contrasts_at_once(40, needed, most)
        assert found == 1 or needed(found) <= most
        assert found == 40 or needed(found + 1) > most
    assert contrasts_at_once(40, needed, float("inf")) == 40
    assert contrasts_at_once(0, needed, 1.0) == 1


def test_draws_take_what_is_there() -> None:
    draws = partial(draws_gb, 900_000, 20, 80, **DRAWS)
    plenty, together = draws()
    assert draws(1000.0) == (plenty, together)
    less, fewer = draws(0.9 * plenty)
    assert less == pytest.approx(0.9 * plenty)
    assert 0 < fewer < together
    # one draw at a time is the least
    least = draws(0.1)
    assert draws(0.2) == least
    assert least[0] > 0.2
