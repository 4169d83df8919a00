"""The group level on stored participants: sums, then t and threshold of each contrast."""

import time
from pathlib import Path

from benchmarks.arms import script
from fcnm_bids.connectome import open_run
from fcnm_bids.mapping import (
    analysis_voxels,
    map_contrast,
    stored_participant,
    sum_over_participants,
)
from fcnm_bids.seeds import read_seed_matrix
from fcnm_bids.stats import HeightRule


def work(job):
    seeds = read_seed_matrix(job["seeds_file"])
    participants = [
        stored_participant(f"{number:02d}", [open_run(Path(path))])
        for number, path in enumerate(job["stored"][: job["n_participants"]])
    ]
    started = time.perf_counter()
    index = analysis_voxels(participants, seeds.grid, min_subjects=job["min_subjects"])
    group = sum_over_participants(
        seeds, participants, index, min_coverage=job["min_coverage"], smoothness=True
    )
    summed = time.perf_counter()
    answer = {"participant": (summed - started) / len(participants)}
    if job.get("contrasts"):
        rule = HeightRule("fwe", 0.05, "positive", 0.0, 0, job["min_subjects"])
        significant = [
            int(map_contrast(group.moments.contrast(number), rule).mask.significant.sum())
            for number in range(len(seeds.contrasts))
        ]
        answer["contrast"] = (time.perf_counter() - summed) / len(significant)
        answer["significant"] = sum(significant)
    return answer


if __name__ == "__main__":
    script.run(work)
