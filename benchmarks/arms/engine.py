"""This package: denoise, project, correlate; with ``output``, also write the store and maps."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.arms import script
from fcnm_bids.connectivity import participant_maps
from fcnm_bids.connectome import open_image, open_run, project_run, read_volume, write_run
from fcnm_bids.denoise import load_strategy, plan_denoising, read_confounds
from fcnm_bids.seeds import group_foci, read_foci, sphere_seeds


def work(job):
    image = open_image(Path(job["bold"]), job["space"])
    if job.get("output"):
        stored = Path(job["output"]) / "sub-01_desc-projected_timeseries.h5"
        store(job, image, stored)
        run = open_run(stored).load()
    else:
        run = project(job, image, denoising(job, image))
    seeds = seed_matrix(job, image.grid)
    maps = participant_maps([run], seeds, min_coverage=job["min_coverage"])
    if job.get("output"):
        from fcnm_bids.bids.write import write_image

        for number, values in enumerate(maps.z):
            path = Path(job["output"]) / f"sub-01_seed-{number:02d}_stat-fisherz_statmap.nii.gz"
            write_image(path, values, image.grid, {}, index=maps.index)

    def correlations():
        volumes = np.full((len(maps.z), image.grid.n_voxels), np.nan)
        volumes[:, maps.index] = np.tanh(maps.z)
        return np.array([image.grid.unflatten(volume) for volume in volumes])

    return {"r": correlations, "dof": run.dof, "voxels": run.n_voxels}


def project(job, image, planned):
    mask = read_volume(Path(job["mask"]), image.grid) > 0.5
    found = project_run(image, mask, planned.basis, smoothing=job["smoothing"])
    return replace(found.run, directions=planned.directions.q)


def store(job, image, path):
    """Store a run with its strategy."""
    planned = denoising(job, image)
    mask = read_volume(Path(job["mask"]), image.grid) > 0.5
    projected = project_run(image, mask, planned.basis, smoothing=job["smoothing"])
    write_run(
        path,
        projected,
        planned,
        image,
        key="benchmark",
        attributes={"settings": settings(job), "repetition_time": job["t_r"]},
        confounds=read_confounds(Path(job["confounds"])),
    )


def settings(job):
    """Settings as the header of a stored run holds them."""
    strategy = load_strategy(job["strategy"])
    confounds = {"name": strategy.name, "confounds": list(strategy.patterns), "compcor": {}}
    return {"nuisance_regressors": confounds, "dummy_scans": "0", "fd_threshold": 0.0}


def denoising(job, image):
    return plan_denoising(
        read_confounds(Path(job["confounds"])),
        {},
        load_strategy(job["strategy"]),
        n_volumes=image.n_volumes,
        repetition_time=job["t_r"],
        high_pass=job["high_pass"],
        low_pass=job["low_pass"],
        dummy_scans=0,
        fd_threshold=0,
        min_time=0,
        min_dof=3,
    )


def seed_matrix(job, grid):
    contrasts = group_foci(read_foci(Path(job["foci"]), effect=None), "contrast")
    return sphere_seeds(contrasts, grid, radius=job["radius"], sphere="mm")


if __name__ == "__main__":
    script.run(work)
