"""Project one run and store it as many participants, whose components are weighted differently.

Never timed. The participants share their smoothness in space and differ in their correlations.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.arms import script
from benchmarks.arms.engine import denoising, seed_matrix, settings
from fcnm_bids.connectome import ProjectedRun, open_image, project_run, read_volume, write_run
from fcnm_bids.denoise import read_confounds
from fcnm_bids.seeds import write_seed_matrix


def work(job):
    image = open_image(Path(job["bold"]), job["space"])
    planned = denoising(job, image)
    mask = read_volume(Path(job["mask"]), image.grid) > 0.5
    projected = project_run(image, mask, planned.basis, smoothing=job["smoothing"])
    run = projected.run
    folder = Path(job["folder"])
    folder.mkdir(parents=True, exist_ok=True)
    stored = []
    for participant in range(job["n_participants"]):
        weights = (
            np.random.default_rng(participant).normal(1, 0.5, run.n_components).astype(np.float32)
        )
        values = weights[:, None] * run.values if participant else run.values
        path = folder / f"sub-{participant + 1:02d}_desc-projected_timeseries.h5"
        write_run(
            path,
            replace(projected, run=ProjectedRun(values, run.index, run.grid)),
            planned,
            image,
            key=f"benchmark {participant}",
            attributes={"settings": settings(job), "repetition_time": job["t_r"]},
            confounds=read_confounds(Path(job["confounds"])),
        )
        stored.append(str(path))
    seeds_file = folder / "seeds.npz"
    write_seed_matrix(seed_matrix(job, image.grid), seeds_file)
    return {
        "stored": stored,
        "seeds_file": str(seeds_file),
        "dof": planned.dof,
        "voxels": run.n_voxels,
        "box": image.grid.n_voxels,
        "megabytes": Path(stored[0]).stat().st_size / 1e6,
    }


if __name__ == "__main__":
    script.run(work)
