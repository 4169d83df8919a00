"""Sums under several strategies, against a pass over the store for each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.config import Config, DenoisingSettings
from fcnm_bids.connectome import StoredRun
from fcnm_bids.inputs.contrasts import make_seeds
from fcnm_bids.inputs.store import open_stored, stored_files
from fcnm_bids.mapping import (
    Sample,
    Strategy,
    analysis_voxels,
    stored_participant,
    sum_over_participants,
    sum_over_strategies,
)
from fcnm_bids.stats import Moments

STRATEGIES = (
    DenoisingSettings(),
    DenoisingSettings(nuisance_regressors="none", fd_threshold=0.2),
)


def opened(store: Path, settings: DenoisingSettings) -> dict[str, list[StoredRun]]:
    runs: dict[str, list[StoredRun]] = {}
    for path in stored_files(store):
        label = path.relative_to(store).parts[0].removeprefix("sub-")
        runs.setdefault(label, []).append(open_stored(path, settings))
    return runs


def test_sums_are_those_of_a_pass_for_each_to_the_bit(
    request_for: Callable[..., Config], projected: Path
) -> None:
    every = [opened(projected, settings) for settings in STRATEGIES]
    grid = every[0]["01"][0].grid
    seeds = make_seeds(request_for().seeds, grid)
    strategies, expected = [], []
    for number, runs in enumerate(every):
        samples = []
        for labels in (("01", "02", "03", "04"), ("02", "04")):
            own = {label: runs[label] for label in labels}
            members = [stored_participant(label, some) for label, some in own.items()]
            index = analysis_voxels(members, grid, min_subjects=0.9)[number::2]
            covariates = np.linspace(-1, 1, len(labels))[:, None]
            moments = Moments(
                len(seeds.contrasts), index, grid.shape, smoothness=True, n_covariates=1
            )
            shape = len(seeds.contrasts), len(labels), index.size
            maps = np.empty(shape, dtype=np.float32)
            samples.append(Sample(own, covariates, index, moments, maps))
            again = np.empty_like(maps)
            group = sum_over_participants(
                seeds,
                members,
                index,
                min_coverage=0.5,
                smoothness=True,
                covariates=covariates,
                maps=again,
            )
            expected.append((group.moments, again))
        strategies.append(Strategy(seeds, samples))
    done: list[int] = []
    sum_over_strategies(strategies, min_coverage=0.5, progress=done.append)
    assert done == [4]
    found = [sample for strategy in strategies for sample in strategy.samples]
    for sample, (moments, maps) in zip(found, expected, strict=True):
        # of the other samples participants 2 and 4 are in different groups
        whole = len(sample.participants) == 4
        same = (
            np.testing.assert_array_equal
            if whole
            else partial(np.testing.assert_allclose, rtol=1e-5, atol=1e-7)
        )
        np.testing.assert_array_equal(sample.moments.n_participants, moments.n_participants)
        for seed in range(len(seeds.contrasts)):
            one, other = sample.moments.contrast(seed), moments.contrast(seed)
            for name in ("n", "clipped_in", "n_added"):
                np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
            for name in ("total", "square", "products"):
                same(getattr(one, name), getattr(other, name))
            np.testing.assert_array_equal(one.covariates.products, other.covariates.products)
            everyone = sample.group_maps(seed)
            np.testing.assert_array_equal(everyone.values, maps[seed])
    assert not np.array_equal(
        found[0].moments.contrast(0).total[:9], found[2].moments.contrast(0).total[:9]
    )


def test_participants_in_another_order_are_refused(
    request_for: Callable[..., Config], projected: Path
) -> None:
    runs = opened(projected, STRATEGIES[0])
    backwards = {label: runs[label] for label in ("02", "01")}
    grid = runs["01"][0].grid
    seeds = make_seeds(request_for().seeds, grid)
    index = runs["01"][0].index()
    moments = Moments(len(seeds.contrasts), index, grid.shape, smoothness=False)
    sample = Sample(backwards, np.zeros((2, 0)), index, moments)
    with pytest.raises(ValueError, match="in the order of their files"):
        sum_over_strategies([Strategy(seeds, [sample])], min_coverage=0.5)
