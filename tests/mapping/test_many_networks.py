"""Networks of many contrasts, against `map_network`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.mapping import bytes_of_contrast, map_network, map_networks
from fcnm_bids.stats import HeightRule
from tests.mapping.test_network_map import RULE, participants_in_memory, seed_matrix
from tests.mapping.test_slabs import INDEX, RULES

FLIPS = HeightRule("permutation", 0.1, "positive", 0.0, 0, 0.6, n_permutations=50, random_seed=1)


@pytest.mark.usefixtures("few_voxels_per_sum")
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_covariates", [0, 1])
@pytest.mark.parametrize("rule", [*RULES, FLIPS], ids=lambda rule: rule.control)
@pytest.mark.parametrize("memory", [1e9, 1e4, 1.0])
def test_networks_are_those_of_map_network(
    tmp_path: Path, rule: HeightRule, n_covariates: int, weighted: bool, memory: float
) -> None:
    seeds, participants = seed_matrix(), participants_in_memory()
    rng = np.random.default_rng(0)
    columns = rng.standard_normal((len(participants), n_covariates))
    columns = columns - columns.mean(axis=0) if n_covariates else None
    weights = np.arange(1.0, 1 + len(seeds.contrasts)) if weighted else None
    mapping = replace(RULE, height=rule)
    expected = map_network(seeds, participants, mapping, INDEX, covariates=columns, weights=weights)
    slabs: list[tuple[int, int]] = []
    done: list[int] = []

    def progress(slab: int, n_slabs: int) -> Callable[[int], None]:
        slabs.append((slab, n_slabs))
        return done.append

    found = dict(
        map_networks(
            seeds,
            participants,
            mapping,
            INDEX,
            covariates=columns,
            weights=weights,
            memory=memory,
            scratch=tmp_path,
            progress=progress,
        )
    )
    assert list(found) == list(expected.probability)
    for name, network in found.items():
        np.testing.assert_array_equal(network.probability, expected.probability[name])
        np.testing.assert_array_equal(network.convergence, expected.convergence[name])
    in_slabs = not (n_covariates or rule.needs.needs_maps)
    assert bool(slabs) == in_slabs
    if in_slabs:
        assert slabs == [(number, len(slabs)) for number in range(len(slabs))]
        assert done == [len(participants)] * len(slabs)
        assert (len(slabs) > 1) == (memory < 1e9)


def test_a_contrast_takes_less_memory_in_slabs() -> None:
    control = RULES[0].needs
    assert bytes_of_contrast(control, 0, 60) < bytes_of_contrast(control, 1, 60) / 2
    assert bytes_of_contrast(RULES[1].needs, 0, 60) > bytes_of_contrast(control, 0, 60)


@pytest.fixture
def few_voxels_per_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("mapping.slabs", "stats.smoothness"):
        monkeypatch.setattr(f"fcnm_bids.{module}.VOXELS_PER_SUM", 8)
