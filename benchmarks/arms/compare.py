"""How far the r maps of arms lie apart; never timed."""

import numpy as np

from benchmarks.arms import script


def work(job):
    answer = {}
    for first, second in job["pairs"]:
        a, b = np.load(job["files"][first]), np.load(job["files"][second])
        both = np.isfinite(a) & np.isfinite(b)
        answer[f"{first}|{second}"] = {
            "difference": float(np.abs(a[both] - b[both]).max()),
            "voxels_in_one_only": int((np.isfinite(a) != np.isfinite(b)).sum() / len(a)),
            "correlation": float(np.corrcoef(a[both], b[both])[0, 1]),
        }
    return {"pairs": answer}


if __name__ == "__main__":
    script.run(work)
