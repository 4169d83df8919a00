"""A dry run of a large request; with ``make``, the files that it names.

Runs are hard links to those of one simulated participant: whole files, of which thousands take no
room.
"""

import os
import shutil
from pathlib import Path

import numpy as np

from benchmarks.arms import script
from fcnm_bids.cli.run import main
from fcnm_bids.simulate import SimulationDesign, simulate_dataset

_STUDIES = "contrasts.tsv"


def work(job):
    folder = Path(job["folder"])
    if job.get("make"):
        make(folder, job["counts"])
        return {}
    n = job["n"]
    one = folder / "one"
    requests = {
        "contrasts": (one / "connectome", "group", folder / f"{n}-{_STUDIES}"),
        "participants": (folder / f"{n}-fmriprep", "participant", one / "coordinates.tsv"),
        "stored": (folder / f"{n}-connectome", "group", one / "coordinates.tsv"),
    }
    source, level, coordinates = requests[job["what"]]
    output = folder / "output"
    options = ["--coordinates", coordinates, "-w", folder / "work", "--nprocs", 1, "--dry-run"]
    code = main([str(part) for part in (source, output, level, *options)])
    if code:
        raise RuntimeError(f"the dry run ended with {code}")
    return {}


def make(folder, counts):
    one = folder / "one"
    simulate_dataset(one, SimulationDesign(n_participants=2, voxel_size=8.0, n_studies=4))
    options = ["--connectome-only", "-w", folder / "work", "--nprocs", 1, "--smoothing", 0]
    parts = (one / "fmriprep", one, "participant", *options)
    if main([str(part) for part in parts]):
        raise RuntimeError("the participants were not projected")
    for n in counts["contrasts"]:
        write_contrasts(folder / f"{n}-{_STUDIES}", n)
    for n in counts["participants"]:
        multiply(one / "fmriprep", folder / f"{n}-fmriprep", n)
    for n in counts["stored"]:
        multiply(one / "connectome", folder / f"{n}-connectome", n)


def write_contrasts(path, n):
    """A table of `n` contrasts of three foci, two a study."""
    at = np.random.default_rng(0).uniform((-40, -60, -10), (40, 50, 50), (n, 3, 3)).round(1)
    rows = [
        f"study {i // 2}\tstudy {i // 2} {i % 2}\teffect\t{x}\t{y}\t{z}\tMNI152\n"
        for i, foci in enumerate(at)
        for x, y, z in foci
    ]
    path.write_text("study\tcontrast\teffect\tx\ty\tz\tspace\n" + "".join(rows))


def multiply(source, target, n):
    """A data set of `n` participants with the files of the first of another one."""
    target.mkdir()
    shutil.copy(source / "dataset_description.json", target)
    files = [path for path in (source / "sub-01").rglob("*") if path.is_file()]
    for number in range(1, n + 1):
        label = f"sub-{number:05d}"
        for path in files:
            copy = target / str(path.relative_to(source)).replace("sub-01", label)
            copy.parent.mkdir(parents=True, exist_ok=True)
            os.link(path, copy)


if __name__ == "__main__":
    script.run(work)
