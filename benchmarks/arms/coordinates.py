"""New coordinates on a stored connectome: from a table of foci to one participant's maps.

With ``output`` the maps are written. ``times`` maps the participant again and again, and the answer
has the best time of one, data in memory.
"""

import time
from pathlib import Path

from benchmarks.arms import script
from benchmarks.arms.engine import seed_matrix
from fcnm_bids.bids.write import write_image
from fcnm_bids.connectivity import participant_maps
from fcnm_bids.connectome import open_run


def work(job):
    stored = open_run(Path(job["stored"][0]))
    seeds = seed_matrix(job, stored.grid)
    seconds = []
    for _ in range(job.get("times", 1)):
        started = time.perf_counter()
        maps = participant_maps([stored.load()], seeds, min_coverage=job["min_coverage"])
        if job.get("output"):
            for number, values in enumerate(maps.z):
                path = Path(job["output"]) / f"seed-{number:02d}_statmap.nii.gz"
                write_image(path, values, seeds.grid, {}, index=maps.index)
        seconds.append(time.perf_counter() - started)
    return {"participant": min(seconds), "per_seed": min(seconds) / len(maps.z), "dof": stored.dof}


if __name__ == "__main__":
    script.run(work)
