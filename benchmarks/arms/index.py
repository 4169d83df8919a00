"""Finding the runs of a data set by name; with ``make``, the empty data set itself."""

import json
from pathlib import Path

from benchmarks.arms import script
from fcnm_bids.config import SelectionSettings
from fcnm_bids.inputs.runs.find import find_runs

_FILES = (
    "space-MNI152NLin6Asym_res-2_desc-preproc_bold.nii.gz",
    "space-MNI152NLin6Asym_res-2_desc-preproc_bold.json",
    "space-MNI152NLin6Asym_res-2_desc-brain_mask.nii.gz",
    "space-MNI152NLin6Asym_res-2_desc-brain_mask.json",
    "desc-confounds_timeseries.tsv",
    "desc-confounds_timeseries.json",
)


def work(job):
    folder = Path(job["folder"])
    if job.get("make"):
        folder.mkdir(parents=True)
        (folder / "dataset_description.json").write_text(
            json.dumps({"Name": "empty", "BIDSVersion": "1.10.0", "DatasetType": "derivative"})
        )
        for number in range(job["n_participants"]):
            func = folder / f"sub-{number:04d}" / "func"
            func.mkdir(parents=True)
            for name in _FILES:
                content = "{}" if name.endswith(".json") else ""
                (func / f"sub-{number:04d}_task-rest_{name}").write_text(content)
        return {}
    return {"runs": len(find_runs(folder, SelectionSettings()))}


if __name__ == "__main__":
    script.run(work)
