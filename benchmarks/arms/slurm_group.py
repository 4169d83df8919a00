"""The group level with a null as Slurm jobs; the answer has what each job took.

With ``make``, the store: copies of one stored run under keys of their own, and a table of foci.
"""

import shutil
from pathlib import Path

import numpy as np
from nipype.pipeline.engine import Workflow

from benchmarks.arms import script
from benchmarks.arms.regions import call, copy_run
from fcnm_bids.connectome import open_run

_TEMPLATE = """#!/bin/bash
began=$(date +%s.%N)
trap 'code=$?; {{ echo $SLURM_JOB_NAME $SLURM_CPUS_PER_TASK $began $(date +%s.%N); times; }} \
> {folder}/$SLURM_JOB_ID; exit $code' EXIT
"""
"""Beginning of a job's script: its last lines write name, processors, begin, end and CPU time."""


def work(job):
    if job.get("make"):
        return make(job)
    output, jobs = (Path(job["output"]) / name for name in ("out", "jobs"))
    shutil.rmtree(job["output"], ignore_errors=True)
    jobs.mkdir(parents=True)
    template, plugin = jobs.with_name("job.sh"), jobs.with_name("slurm.yml")
    template.write_text(_TEMPLATE.format(folder=jobs))
    plugin.write_text(
        "plugin: SLURM\nplugin_args:\n"
        f"  poll_interval: 1\n  max_jobs: {job['at_once']}\n  template: {template}\n"
    )
    edges = recorded_edges()
    options = ["--coordinates", job["table"], "-w", jobs.with_name("work"), "--reports", "none"]
    options += ["--specificity", "random", "--n-permutations", job["n_draws"]]
    options += ["--base-rate", job["mask"], "--nipype-plugin-file", plugin]
    options += ["--nprocs", job["nprocs"], "--omp-nthreads", 1]
    call(job["store"], output, "group", *options)
    return {"jobs": [read_job(path) for path in jobs.iterdir()], "edges": edges}


def recorded_edges():
    """A list that receives the pairs of nodes of which one waits for the other."""
    edges, run = [], Workflow.run

    def recording(workflow, *args, **kwargs):
        graph = workflow._create_flat_graph()
        edges.extend((before.name, after.name) for before, after in graph.edges())
        return run(workflow, *args, **kwargs)

    Workflow.run = recording
    return edges


def read_job(path):
    """Name of the node, processors, begin, end and CPU seconds of a job."""
    first, *times = path.read_text().splitlines()
    name, processors, begin, end = first.split()
    cpu = sum(
        60 * float(minutes) + float(seconds)
        for line in times
        for minutes, seconds in (word.removesuffix("s").split("m") for word in line.split())
    )
    return name.split(".")[0], int(processors), float(begin), float(end), cpu


def make(job):
    folder = Path(job["folder"])
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--connectome-only", "-p", job["strategy"], "--smoothing", job["smoothing"]]
    options += ["--fd-threshold", 0, "--reports", "none", "-w", folder / "work", "--nprocs", 1]
    call(job["bids_dir"], folder, "participant", *options)
    source = next(folder.glob("connectome/sub-01/**/*.h5"))
    for number in range(2, job["n_participants"] + 1):
        copy_run(source, Path(str(source).replace("sub-01", f"sub-{number:02d}")), number)
    run = open_run(source)
    positions = run.grid.positions(run.index())
    chosen = np.random.default_rng(0).integers(len(positions), size=(job["n_contrasts"], 5))
    rows = [
        f"study {n}\tstudy {n}\teffect\t{x:.1f}\t{y:.1f}\t{z:.1f}\tMNI152\n"
        for n, own in enumerate(positions[chosen])
        for x, y, z in own
    ]
    table = folder / "foci.tsv"
    table.write_text("study\tcontrast\teffect\tx\ty\tz\tspace\n" + "".join(rows))
    return {"store": str(folder / "connectome"), "table": str(table)}


if __name__ == "__main__":
    script.run(work)
