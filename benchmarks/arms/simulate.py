"""Make the simulated run (or a few participants' runs) that arms work on; never timed."""

from pathlib import Path

from benchmarks.arms import script
from fcnm_bids.denoise import load_strategy
from fcnm_bids.simulate import SimulationDesign, simulate_foci, simulate_run


def work(job):
    design = SimulationDesign(
        n_participants=1,
        voxel_size=job["voxel_size"],
        n_volumes=job["n_volumes"],
        repetition_time=job["t_r"],
        n_studies=8,
        foci_per_contrast=(4, 6),
        non_steady_state=(0,),
    )
    folder = Path(job["folder"])
    files = simulate_run(folder, design)
    foci = simulate_foci(design)
    foci_file = folder / "foci.tsv"
    foci.to_csv(foci_file, sep="\t", index=False)
    return {
        "bold": str(files.bold),
        "mask": str(files.mask),
        "confounds": str(files.confounds),
        "foci": str(foci_file),
        "columns": list(load_strategy(job["strategy"]).patterns),
        "space": design.space,
        "megabytes": files.bold.stat().st_size / 1e6,
    }


if __name__ == "__main__":
    script.run(work)
