"""Group maps of many regions from a compact store: mean z and t, written as images.

With ``make``, the store: one simulated participant, projected by the command line, and copies of
the stored run whose components are weighted differently and whose keys are changed.
"""

import hashlib
import shutil
import zlib
from pathlib import Path

import h5py
import numpy as np

from benchmarks.arms import script
from fcnm_bids.bids.write import write_image
from fcnm_bids.cli.run import main
from fcnm_bids.config import SeedSettings
from fcnm_bids.connectome import open_run
from fcnm_bids.connectome.header_checksum import write_seal
from fcnm_bids.connectome.store import FORMAT_VERSION, data_extents
from fcnm_bids.inputs.contrasts import read_contrasts
from fcnm_bids.mapping import analysis_voxels, stored_participant, sum_over_participants
from fcnm_bids.seeds import sphere_seeds
from fcnm_bids.stats import one_sample


def work(job):
    if job.get("make"):
        return make(job)
    output = Path(job["output"])
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    return maps(job, output)


def make(job):
    """Store one participant, copy the stored run, and write a table of random spheres."""
    folder = Path(job["folder"])
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--connectome-only", "-p", job["strategy"], "--smoothing", job["smoothing"]]
    options += ["--fd-threshold", 0, "--store-precision", "int8", "--reports", "none"]
    if job["store_voxel_size"]:
        options += ["--store-voxel-size", job["store_voxel_size"]]
    call(job["bids_dir"], folder, "participant", *options, "-w", folder / "work", "--nprocs", 1)
    source = next(folder.glob("connectome/sub-01/**/*.h5"))
    for number in range(2, job["most_participants"] + 1):
        copy_run(source, Path(str(source).replace("sub-01", f"sub-{number:02d}")), number)
    run = open_run(source)
    positions = run.grid.positions(run.index())
    chosen = np.random.default_rng(0).choice(len(positions), job["n_seeds"], replace=False)
    rows = [
        f"region {n}\tregion {n}\tregions\t{x:.1f}\t{y:.1f}\t{z:.1f}\tMNI152\n"
        for n, (x, y, z) in enumerate(positions[chosen])
    ]
    table = folder / "regions.tsv"
    table.write_text("study\tcontrast\teffect\tx\ty\tz\tspace\n" + "".join(rows))
    return {
        "store": str(folder / "connectome"),
        "table": str(table),
        "voxels": len(positions),
        "components": run.n_components,
        "megabytes": source.stat().st_size / 1e6,
    }


def copy_run(source, target, number):
    """Copy a stored run with its components weighted at random, under a key of its own."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)
    with h5py.File(target, "r+", locking=False) as file:
        components = file["components"][()]
        weights = np.random.default_rng(number).uniform(0.2, 1, (len(components), 1))
        components = np.rint(components * weights).astype(components.dtype)
        file["components"][...] = components
        checksums = file.attrs["checksums"]
        checksums[0] = zlib.crc32(components.tobytes())
        file.attrs["checksums"] = checksums
        file.attrs["key"] = hashlib.sha256(f"copy {number}".encode()).hexdigest()
        extents = data_extents(file)
    with target.open("r+b") as changed:
        write_seal(changed, FORMAT_VERSION, extents)


def maps(job, output):
    """Sum over participants in one pass, test every region, and write its two maps."""
    files = sorted(Path(job["store"]).glob("sub-*/**/*.h5"))[: job["n_participants"]]
    participants = [stored_participant(path.name, [open_run(path)]) for path in files]
    grid = open_run(files[0]).grid
    contrasts = read_contrasts(SeedSettings(coordinates=job["table"]))
    seeds = sphere_seeds(contrasts, grid, radius=job["radius"], sphere="mm")
    index = analysis_voxels(participants, grid, min_subjects=job["min_subjects"])
    moments = sum_over_participants(
        seeds, participants, index, min_coverage=job["min_coverage"], smoothness=False
    ).moments
    largest = 0.0
    for number in range(len(contrasts)):
        test = one_sample(moments.contrast(number), min_subjects=job["min_subjects"])
        for stat, values in (("effect", test.mean), ("t", test.t)):
            path = output / f"seed-{number:04d}_stat-{stat}_statmap.nii.gz"
            write_image(path, values, grid, {}, index=index)
        largest = max(largest, float(np.nanmax(test.t)))
    return {"largest_t": largest, "files": len(list(output.glob("*.nii.gz")))}


def call(*parts):
    if code := main([str(part) for part in parts]):
        raise RuntimeError(f"the command ended with {code}")


if __name__ == "__main__":
    script.run(work)
