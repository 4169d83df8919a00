"""One node of the workflows, run as it is there; the answer has the memory that it declares.

The node ``participants`` is none: it adds participants to the store, for the nodes of the group
level.
"""

import shutil
import zlib
from pathlib import Path

import h5py
import numpy as np

from benchmarks.arms import script
from fcnm_bids.bids.dataset_description import describe_dataset
from fcnm_bids.config import Config
from fcnm_bids.connectome.header_checksum import write_seal
from fcnm_bids.connectome.store import FORMAT_VERSION, data_extents
from fcnm_bids.inputs.contrasts import contrast_names, make_seeds
from fcnm_bids.planning.group import plan_group_level
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.seeds import write_seed_matrix
from fcnm_bids.workflows.group import init_group_wf
from fcnm_bids.workflows.participant import init_participants_wf

_FOLDERS = {"store": "connectome/sub-01", "maps": "sub-01", "figures": "sub-01/figures"}


def work(job):
    work_dir = Path(job["folder"])
    output = work_dir / "output"
    level = "group" if job["node"] in ("sums", "contrast") else "participant"
    config = Config(job["bids_dir"], str(output), level).update(
        {
            "seeds": {"coordinates": job["foci"]},
            "denoising": {
                "nuisance_regressors": job["strategy"],
                "fd_threshold": 0.0,
                "high_pass": job["high_pass"],
                "low_pass": job["low_pass"],
                "smoothing": job["smoothing"],
            },
            "resources": {"nprocs": 1, "omp_nthreads": 1},
            "running": {"work_dir": str(work_dir / "work")},
        }
    )
    if job["node"] == "participants":
        # a store without results beside it: nobody's participant level is finished here
        for participant in filter(Path.is_dir, output.glob("sub-*")):
            shutil.rmtree(participant)
        return add_participants(config.connectome_path, job["n_participants"])
    output.mkdir(parents=True, exist_ok=True)
    config_file = work_dir / "config.toml"
    config_file.write_text(config.to_toml())
    seeds_file = work_dir / "seeds.npz"
    moments = work_dir / "work" / "moments"
    if level == "participant":
        describe_dataset(config.connectome_path, "runs", Path(job["bids_dir"]), projected_runs=True)
        plan = plan_participant_level(config)
        workflow = init_participants_wf(plan, config, config_file)
        node = workflow.get_node(f"sub_01_wf.{job['node']}")
        if job["node"] == "report":
            node.inputs.after = []
        if job["node"] == "map":
            write_seed_matrix(make_seeds(config.seeds, plan.grid), seeds_file)
            node.inputs.seeds_file = str(seeds_file)
            node.inputs.stored = [run.files.stored for run in plan.participants[0].runs]
    else:
        plan = plan_group_level(config)
        contrasts = contrast_names(config.seeds)
        workflow = init_group_wf(plan, config, config_file, contrasts)
        names = {"sums": "sums_0000", "contrast": "contrast_0000"}  # one process: one slab
        node = next(
            workflow.get_node(name)
            for name in workflow.list_node_names()
            if name.startswith(names[job["node"]])
        )
        node.inputs.seeds_file = str(seeds_file)
        if job["node"] == "contrast":
            node.inputs.moments_dirs = [moments.read_text()]
    node.base_dir = str(work_dir / "work")
    before = transferred()
    result = node.run()
    after = transferred()
    if job["node"] == "sums":
        moments.parent.mkdir(parents=True, exist_ok=True)
        moments.write_text(result.outputs.moments_dir)
    return {
        "declared_gb": node.mem_gb,
        "box": plan.grid.n_voxels,
        **{name: (after[name] - before[name]) / 1e6 for name in after},
        **{f"{name}_mb": size(output / folder) for name, folder in _FOLDERS.items()},
    }


def transferred():
    """Bytes that this process has read and written, from the page cache or the disk."""
    lines = (line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    counts = {name: int(number) for name, number in lines}
    return {"read_mb": counts["rchar"], "written_mb": counts["wchar"]}


def size(folder):
    """Megabytes of a folder's files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) / 1e6


def add_participants(store, n_participants):
    """Copies of the first participant, their components weighted differently."""
    source = next(store.glob("sub-01/**/*.h5"))
    for participant in range(2, n_participants + 1):
        label = f"sub-{participant:02d}"
        copy = Path(str(source).replace("sub-01", label))
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
        with h5py.File(copy, "r+", locking=False) as file:
            components = file["components"][()]
            weights = np.random.default_rng(participant).uniform(0.2, 1, (len(components), 1))
            components = np.rint(components * weights).astype("<i2")
            file["components"][...] = components
            checksums = file.attrs["checksums"]
            checksums[0] = zlib.crc32(components.tobytes())
            file.attrs["checksums"] = checksums
            extents = data_extents(file)
        with copy.open("r+b") as changed:
            write_seal(changed, FORMAT_VERSION, extents)
    return {}


if __name__ == "__main__":
    script.run(work)
