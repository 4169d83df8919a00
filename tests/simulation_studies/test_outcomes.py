from __future__ import annotations

from dataclasses import replace

import numpy as np

from fcnm_bids.simulate.connectome import simulate_connectome
from simulation_studies.outcomes import (
    OUTCOME_COLUMNS,
    OutcomeDesign,
    grown_lesions,
    rates,
    simulate_outcomes,
)

SMALL = OutcomeDesign(
    n_lesions=24,
    n_null=3,
    n_circuit=2,
    outcomes_per_patients=5,
    n_permutations=19,
    planted_r=0.95,
)
SMALL = replace(
    SMALL, connectome=replace(SMALL.connectome, n_participants=4, n_networks=1, shape=(14, 16, 14))
)


def test_lesions_lie_in_one_hemisphere_and_differ_in_volume() -> None:
    connectome = simulate_connectome(SMALL.connectome)
    seeds = grown_lesions(connectome, 10, np.random.default_rng(0))
    sides = np.sign(seeds.grid.positions(np.arange(seeds.grid.n_voxels))[:, 0])
    for row in seeds.weights.toarray():
        assert len(set(sides[row > 0])) == 1
    assert np.unique(np.diff(seeds.weights.indptr)).size > 5
    assert np.isin(seeds.weights.indices, connectome.index).all()


def test_a_strong_circuit_is_found_and_the_table_says_so() -> None:
    results = simulate_outcomes(SMALL)
    assert list(results) == list(OUTCOME_COLUMNS)
    assert results["outcome"].tolist() == ["noise"] * 3 + ["circuit"] * 2
    circuit = results[results["outcome"] == "circuit"]
    assert (circuit["p_fwe"] == 1 / 20).all()
    assert (circuit["planted_r"] > 0.8).all()
    assert rates(results).count("\n") == 4
