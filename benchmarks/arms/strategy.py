"""A run under a strategy, ready to be mapped: from its image into the store, or from the store."""

from pathlib import Path

from benchmarks.arms import script
from benchmarks.arms.engine import settings, store
from fcnm_bids.connectome import open_image, open_run


def work(job):
    path = Path(job["stored_run"])
    if job["from_store"]:
        other = {"dummy_scans": "4", "fd_threshold": 0.5, "min_time": 0.0, "min_dof": 3}
        run = open_run(path).under(settings(job) | other)
    else:
        store(job, open_image(Path(job["bold"]), job["space"]), path)
        run = open_run(path)
    return {"dof": run.load().dof}


if __name__ == "__main__":
    script.run(work)
