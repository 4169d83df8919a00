"""Participants from their images to maps: by the whole command, or in a loop of an expert's script.

With ``make``, the data: participants whose files are hard links to those of a simulated one.
"""

import shutil
from pathlib import Path

import nibabel as nib
import numpy as np

from benchmarks.arms import expert, script
from benchmarks.arms.dry_run import multiply
from fcnm_bids.simulate import SimulationDesign, simulate_dataset

_FILES = {
    "bold": "*_space-*_desc-preproc_bold.nii.gz",
    "mask": "*_space-*_desc-brain_mask.nii.gz",
    "confounds": "*_desc-confounds_timeseries.tsv",
}


def work(job):
    folder, output = Path(job["folder"]), Path(job["output"])
    if job.get("make"):
        return make(job, folder)
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    (loop if job["method"] == "loop" else command)(job, folder, output)
    return {}


def make(job, folder):
    one = folder.with_name("one")
    for made in (folder, one):
        shutil.rmtree(made, ignore_errors=True)
    design = SimulationDesign(
        n_participants=1,
        voxel_size=job["voxel_size"],
        n_volumes=job["n_volumes"],
        repetition_time=job["t_r"],
        n_studies=8,
        foci_per_contrast=(4, 6),
    )
    simulate_dataset(one, design)
    multiply(one / "fmriprep", folder, job["n"])
    return {"foci": str(one / "coordinates.tsv")}


def command(job, folder, output):
    from fcnm_bids.cli.run import main

    options = ["--coordinates", job["foci"], "-w", output / "work", "-p", job["strategy"]]
    options += ["--smoothing", job["smoothing"], "--high-pass", job["high_pass"]]
    options += ["--low-pass", job["low_pass"], "--fd-threshold", 0, "--dummy-scans", 0]
    options += ["--nprocs", 1, "--reports", job["reports"]]
    code = main([str(part) for part in (folder, output, "participant", *options)])
    if code:
        raise RuntimeError(f"the command ended with {code}")


def loop(job, folder, output):
    for participant in sorted(folder.glob("sub-*")):
        found = {name: str(next(participant.rglob(own))) for name, own in _FILES.items()}
        r = expert.work(job | found)["r"]()
        affine = nib.load(found["mask"]).affine
        for number, values in enumerate(r):
            z = np.arctanh(np.clip(values, -1 + 1e-7, 1 - 1e-7)).astype(np.float32)
            name = f"{participant.name}_seed-{number:02d}_stat-fisherz_statmap.nii.gz"
            nib.save(nib.Nifti1Image(z, affine), output / name)


if __name__ == "__main__":
    script.run(work)
