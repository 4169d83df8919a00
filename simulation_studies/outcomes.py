"""Simulated patients: how often the tests of outcomes err, and what they find.

Lesions grow from a place in one hemisphere along a smooth random field, with volumes spread as
those of strokes; their maps come from simulated participants through the package's own mapping.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from scipy.ndimage import gaussian_filter

from fcnm_bids.bids.write import write_table, write_text
from fcnm_bids.mapping import sum_over_participants
from fcnm_bids.outcomes import (
    OutcomeModel,
    OutOfSample,
    Prediction,
    associate,
    leave_one_out,
    predict,
)
from fcnm_bids.outcomes.model import without
from fcnm_bids.seeds import Contrast, SeedMatrix
from fcnm_bids.simulate.connectome import (
    ConnectomeDesign,
    SimulatedConnectome,
    simulate_connectome,
)
from fcnm_bids.stats import one_sample

OUTCOME_COLUMNS = {
    "repetition": "Number of the simulated patients",
    "outcome": "noise: volume, cohort and noise; circuit: also connectivity with a planted network",
    "planted_r": "Partial correlation of the outcome with the true circuit's connectivity",
    "p_fwe": "Smallest corrected p of any voxel",
    "hit": "Share of the voxels with corrected p at most 0.05 that lie in the circuit",
    "r": "Correlation of the outcome with the scores of the left-out",
    "p": "p of that correlation",
    "partial_r": "The same correlation, volume and cohort aside",
    "partial_null_r": "The mean of that over permutations",
    "partial_p": "p of it",
    "weighted_r": "The partial correlation with the scores from the strongest voxels",
    "weighted_null_r": "The mean of that over permutations",
    "weighted_p": "p of it",
    "weighted_limit_r": "As limit_r, with those scores",
    "limit_r": "The same correlation with maps of the true circuit's connectivity in the others, "
    "which hold no noise of the outcome: the most that scores of this kind can reach",
}
"""Columns of what the tests of outcomes find."""

_MEDIAN_CM3, _SPREAD = 20.0, 1.0
"""Median volume of a lesion, and standard deviation of the logarithm of volumes."""

_BLOB = 12.0
"""Full width at half maximum in mm of the field along which lesions grow."""

_COHORTS = 3

_PARTICIPANTS = ConnectomeDesign(
    n_participants=20,
    shape=(18, 22, 18),
    voxel_size=8.0,
    network_strength=0.7,
    backbone_strength=0.7,
)


@dataclass(frozen=True, kw_only=True)
class OutcomeDesign:
    """Patients with outcomes.

    Parameters
    ----------
    n_lesions
        Patients.
    n_null, n_circuit
        Outcomes that are volume, cohort and noise alone, and such that a circuit makes.
    outcomes_per_patients
        Outcomes of one set of patients, who are drawn anew after them.
    n_permutations
        Permutations of every test.
    confounding
        Slope of the outcome on the standardised logarithm of the volume; cohorts differ by as
        much.
    planted_r
        Correlation of the outcome with the circuit's connectivity, volume and cohort aside.
    random_seed
        The same seed and knobs give the same outcomes.
    connectome
        The participants of the normative connectome.
    """

    n_lesions: int = 40
    n_null: int = 300
    n_circuit: int = 50
    outcomes_per_patients: int = 10
    n_permutations: int = 499
    confounding: float = 1.0
    planted_r: float = 0.7
    random_seed: int = 0
    connectome: ConnectomeDesign = _PARTICIPANTS


def grown_lesions(
    connectome: SimulatedConnectome, n_lesions: int, rng: np.random.Generator
) -> SeedMatrix:
    """Return lesions, each in one hemisphere, as seeds."""
    grid, brain = connectome.grid, connectome.index
    positions = grid.positions(brain)
    rows = np.zeros((n_lesions, grid.n_voxels))
    for row in rows:
        side = np.sign(positions[:, 0]) == rng.choice((-1, 1))
        places = np.flatnonzero(side)
        centre = positions[rng.choice(places)]
        noise = gaussian_filter(
            rng.standard_normal(grid.shape), _BLOB / 2.355 / grid.voxel_volume ** (1 / 3)
        )
        field = grid.flatten(noise / noise.std())[brain]
        volume = 1000 * _MEDIAN_CM3 * np.exp(_SPREAD * rng.standard_normal())
        n_voxels = int(np.clip(volume / grid.voxel_volume, 2, places.size // 3))
        radius = (3 * volume / 4 / np.pi) ** (1 / 3)
        far = np.linalg.norm(positions - centre, axis=1) / radius + 0.5 * field
        chosen = places[np.argsort(far[places])[:n_voxels]]
        row[brain[chosen]] = 1
    contrasts = tuple(
        Contrast(f"lesion {i}", "lesions", (f"lesion {i}",), (), None) for i in range(n_lesions)
    )
    return SeedMatrix(sparse.csr_array(rows), contrasts, grid)


def mean_maps(seeds: SeedMatrix, connectome: SimulatedConnectome) -> NDArray[np.float64]:
    """Return the mean Fisher z of every seed, shape (K, V)."""
    group = sum_over_participants(
        seeds, connectome.participants, connectome.index, min_coverage=0.5, smoothness=False
    )
    tests = [
        one_sample(group.moments.contrast(number), min_subjects=1.0)
        for number in range(len(seeds.contrasts))
    ]
    return np.stack([test.mean for test in tests])


def simulate_outcomes(
    design: OutcomeDesign, progress: Callable[[int], None] = lambda done: None
) -> pd.DataFrame:
    """Relate outcomes that hold nothing, and outcomes that a circuit makes, to lesions.

    Returns
    -------
    DataFrame
        With the columns `OUTCOME_COLUMNS`.
    """
    connectome = simulate_connectome(design.connectome)
    network = next(iter(connectome.networks))
    truth = connectome.truth(network)
    kinds = ["noise"] * design.n_null + ["circuit"] * design.n_circuit
    rows = []
    for number, kind in enumerate(kinds):
        rng = np.random.default_rng([design.random_seed, number])
        if number % design.outcomes_per_patients == 0:
            seeds = grown_lesions(connectome, design.n_lesions, rng)
            maps = mean_maps(seeds, connectome)
            volume = np.log(np.diff(seeds.weights.indptr))
            volume = (volume - volume.mean()) / volume.std()
        cohort = rng.integers(0, _COHORTS, design.n_lesions)
        noise = rng.standard_normal(design.n_lesions)
        circuit = np.nanmean(maps[:, truth], axis=1)
        circuit = (circuit - circuit.mean()) / circuit.std()
        r = design.planted_r if kind == "circuit" else 0.0
        outcome = r * circuit + np.sqrt(1 - r * r) * noise
        outcome = outcome + design.confounding * (volume + cohort)
        dummies = [(cohort == own).astype(float) for own in range(1, _COHORTS)]
        nuisance = np.column_stack([np.ones(design.n_lesions), volume, *dummies])
        model = OutcomeModel(outcome, nuisance, cohort)
        permutations = model.permutations(design.n_permutations, number)
        found = associate(maps, model, permutations)
        predicted: OutOfSample = predict(maps, model, permutations, leave_one_out(design.n_lesions))
        significant = found.p_fwe <= 0.05
        own = predicted.similarity
        cause = OutcomeModel(circuit, nuisance, cohort)
        limit = predict(maps, cause, cause.permutations(1, number), leave_one_out(len(maps)))

        def best(of: Prediction, model: OutcomeModel = model) -> float:
            return _correlation(without(model.basis, of.scores), model.residuals)

        rows.append(
            {
                "repetition": number // design.outcomes_per_patients,
                "outcome": kind,
                "planted_r": _correlation(cause.residuals, model.residuals),
                "p_fwe": np.nanmin(found.p_fwe),
                "hit": truth[significant].mean() if significant.any() else np.nan,
                "r": own.statistic,
                "p": own.p,
                "partial_r": own.partial_r,
                "partial_null_r": own.partial_null[1:].mean(),
                "partial_p": own.partial_p,
                "weighted_r": predicted.weighted.partial_r,
                "weighted_null_r": predicted.weighted.partial_null[1:].mean(),
                "weighted_p": predicted.weighted.partial_p,
                "weighted_limit_r": best(limit.weighted),
                "limit_r": best(limit.similarity),
            }
        )
        progress(number + 1)
    return pd.DataFrame(rows, columns=list(OUTCOME_COLUMNS))


def _correlation(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the correlation of two series of mean 0."""
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


def main(argv: Sequence[str] | None = None) -> None:
    """Simulate, and write the table of results and a table of rates."""
    parser = argparse.ArgumentParser(prog="python -m simulation_studies.outcomes")
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder")
    parser.add_argument("--quick", action="store_true", help="a few outcomes only")
    parsed = parser.parse_args(argv)
    design = OutcomeDesign(n_null=12, n_circuit=4, n_permutations=99) if parsed.quick else None
    results = simulate_outcomes(design or OutcomeDesign())
    parsed.out.mkdir(parents=True, exist_ok=True)
    write_table(parsed.out / "outcomes.tsv", results, OUTCOME_COLUMNS)
    write_text(parsed.out / "outcomes.md", rates(results))


def rates(results: pd.DataFrame) -> str:
    """Return shares of p at most 0.05 and mean correlations, as a table of a page."""
    columns = (
        *("outcomes", "number", "any voxel", "prediction", "covariates out", "in the circuit"),
        *("r out of sample, covariates out", "its mean under permutation", "its limit"),
        *("strongest voxels: rate", "r", "mean under permutation", "limit"),
    )
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    for kind, own in results.groupby("outcome", sort=False):
        shares = [(own[name] <= 0.05).mean() for name in ("p_fwe", "p", "partial_p")]
        means = [own[name].mean() for name in ("hit", "partial_r", "partial_null_r", "limit_r")]
        means.append((own["weighted_p"] <= 0.05).mean())
        means += [own[f"weighted_{name}"].mean() for name in ("r", "null_r", "limit_r")]
        cells = [str(kind), str(len(own)), *(f"{value:.3f}" for value in (*shares, *means))]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
