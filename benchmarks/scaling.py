"""Measure the cost of one participant with one run, node by node, as the base of larger plans."""

from __future__ import annotations

import shutil

from benchmarks.plan import Arm, Plan, Section, markdown, run, say

_NODES = ("project", "map", "report", "participants", "sums")
_N_PARTICIPANTS = 8
_RUNS = {"300 volumes, TR 2 s": (300, 2.0), "1,200 volumes, TR 0.72 s": (1200, 0.72)}


def measure(plan: Plan) -> list[Section]:
    """CPU time, memory, disk and transfer of the nodes that do most of the work."""
    voxel_size = 2.0 if plan.full else 4.0
    rows = []
    disk = []
    for name, (n_volumes, t_r) in _RUNS.items():
        job = plan.simulated(voxel_size=voxel_size, n_volumes=n_volumes, t_r=t_r)
        folder = plan.path(f"participant-{n_volumes}-{voxel_size:g}mm")
        shutil.rmtree(folder)
        folder.mkdir()
        job |= {"smoothing": 6.0, "folder": str(folder), "n_participants": _N_PARTICIPANTS}
        for node in _NODES:
            say(f"node {node}, {name}, {voxel_size:g} mm")
            sample = run(Arm(node, "node", {**job, "node": node}))
            answer = sample.answer
            if node == "participants":
                continue
            if node == "report":
                sizes = (answer["store_mb"], answer["maps_mb"], answer["figures_mb"])
            rows.append(
                (
                    f"{node}, {name}",
                    f"{sample.cpu:.1f}",
                    f"{sample.wall:.1f}",
                    f"{sample.peak_mb:.0f}",
                    f"{1e3 * float(answer['declared_gb']):.0f}",
                    f"{answer['read_mb']:.0f}",
                    f"{answer['written_mb']:.0f}",
                )
            )
        disk.append((name, *(f"{size:.1f}" for size in (job["megabytes"], *sizes))))
    text = [
        f"Each node works on one participant with one run of {voxel_size:g} mm, 16 contrasts, 6 mm "
        f"smoothing and 1 thread; sums are over {_N_PARTICIPANTS} such participants. "
        "Each row is a separate process, including imports. CPU seconds depend less than elapsed "
        "seconds on what else the machine does.",
        markdown(
            ("node", "CPU s", "seconds", "peak MB", "declared MB", "MB read", "MB written"), rows
        ),
        markdown(("run", "MB of the image", "store", "maps and report", "figures alone"), disk),
    ]
    return [Section("One participant", text)]
