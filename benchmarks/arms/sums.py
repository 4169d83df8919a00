"""Sums of random seeds over participants, as every draw of a null needs them."""

import time
from pathlib import Path

import numpy as np

from benchmarks.arms import script
from fcnm_bids.connectome import open_run
from fcnm_bids.mapping import analysis_voxels, stored_participant, sum_over_participants
from fcnm_bids.seeds import Contrast, Focus, sphere_seeds
from fcnm_bids.stats.moments import NEIGHBOUR_PAIRS, forward_neighbours


def random_seeds(run, n_seeds, radius):
    positions = run.grid.positions(run.index)
    chosen = np.random.default_rng(0).integers(len(positions), size=(n_seeds, 4))
    contrasts = [
        Contrast(
            str(n), "", (), tuple(Focus(*p, "MNI152", "", "", "", None, "") for p in own), None
        )
        for n, own in enumerate(positions[chosen].tolist())
    ]
    return sphere_seeds(contrasts, run.grid, radius=radius, sphere="mm")


def plain_sums(runs, seeds, index):
    """Sum the maps of a participant at a time, in double precision, as a script does."""
    n_seeds, n_voxels = len(seeds.contrasts), index.size
    total, square = np.zeros((2, n_seeds, n_voxels))
    products = np.zeros((6, n_seeds, n_voxels))
    neighbours = forward_neighbours(index, seeds.grid.shape)
    for run in runs:
        columns = run.remove(run.columns(slice(None)))
        series = seeds.restrict(run.index) @ columns.T
        columns = columns[:, np.searchsorted(run.index, index)]
        columns /= np.linalg.norm(columns, axis=0)
        series /= np.linalg.norm(series, axis=1, keepdims=True)
        z = np.arctanh(np.clip(series @ columns, -1 + 1e-7, 1 - 1e-7))
        total += z
        square += z * z
        around = [z, *(np.where(n >= 0, z[:, n], 0) for n in neighbours)]
        for own, (a, b) in zip(products, NEIGHBOUR_PAIRS, strict=True):
            own += around[a] * around[b]
    return total, square


def work(job):
    stored = [open_run(Path(path)) for path in job["stored"][: job["n_participants"]]]
    participants = [stored_participant(f"{n:02d}", [run]) for n, run in enumerate(stored)]
    seeds = random_seeds(stored[0].load(), job["n_seeds"], job["radius"])
    index = analysis_voxels(participants, seeds.grid, min_subjects=1.0)
    started = time.perf_counter()
    if job["method"] == "script":
        total, square = plain_sums((run.load() for run in stored), seeds, index)
    else:
        moments = sum_over_participants(
            seeds, participants, index, min_coverage=job["min_coverage"], smoothness=True
        ).moments
        sums = [moments.contrast(n) for n in range(job["n_seeds"])]
        total, square = (
            np.stack([getattr(own, name) for own in sums]) for name in ("total", "square")
        )
    seconds = time.perf_counter() - started
    n = len(stored)
    with np.errstate(invalid="ignore", divide="ignore"):
        t = total / np.sqrt(n * (square - total**2 / n) / (n - 1))
    np.save(job["save_t"], t[:, ::7])
    return {"ns": 1e9 * seconds / (n * total.size), "voxels": index.size}


if __name__ == "__main__":
    script.run(work)
