"""Many random seeds on one stored run, tile by tile, only a maximum per seed kept."""

from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import KDTree

from benchmarks.arms import script
from fcnm_bids.connectivity.correlation import correlator
from fcnm_bids.connectome import open_run


def work(job):
    run = open_run(Path(job["stored"][0])).load()
    positions = run.grid.positions(run.index)
    centres = np.random.default_rng(0).choice(len(positions), job["n_seeds"])
    near = KDTree(positions).query_ball_point(positions[centres], job["radius"] + 1e-3)
    sizes = [len(voxels) for voxels in near]
    weights = csr_array(
        (
            np.repeat(1 / np.array(sizes), sizes),
            np.concatenate(near),
            np.concatenate([[0], np.cumsum(sizes)]),
        ),
        shape=(len(near), run.n_voxels),
    )
    highest = np.full(len(near), -np.inf)
    tiles, correlations = correlator(run, weights)
    for tile in tiles:
        for rows, r in correlations(tile):
            np.maximum(highest[rows], r.max(axis=1), out=highest[rows])
    return {"lowest_maximum": float(highest.min())}


if __name__ == "__main__":
    script.run(work)
