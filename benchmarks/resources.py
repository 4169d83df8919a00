"""Memory: independent of the sampling rate, and as the nodes declare it."""

from __future__ import annotations

import shutil

from benchmarks.plan import Arm, Plan, Section, Verdict, markdown, run, say

_NODES = ("project", "map", "participants", "sums", "contrast")
_N_PARTICIPANTS = 8


def sampling(plan: Plan) -> list[Section]:
    """Few slow volumes and many fast ones, of the same duration and band."""
    voxel_size = 2.0 if plan.full else 4.0
    say(f"300 volumes at TR 2.88 s against 1,200 at 0.72 s, {voxel_size:g} mm")
    names = {"300 volumes, TR 2.88 s": (300, 2.88), "1,200 volumes, TR 0.72 s": (1200, 0.72)}
    arms = [
        Arm(
            name,
            "engine",
            {
                **plan.simulated(voxel_size=voxel_size, n_volumes=n_volumes, t_r=t_r),
                "smoothing": 6.0,
                "output": str(plan.path("written")),
            },
        )
        for name, (n_volumes, t_r) in names.items()
    ]
    timings = plan.time(arms)
    rows = [
        (
            name,
            f"{t.arm.job['megabytes']:.0f}",
            f"{t.answer('dof').median:.0f}",
            t.wall.text(),
            t.peak_mb.text(0),
        )
        for name, t in timings.items()
    ]
    few, many = timings.values()
    ratio = many.peak_mb.median / few.peak_mb.median
    text = [
        f"The values are those of whole processes with {voxel_size:g} mm voxels, 6 mm smoothing, "
        "store and maps written, and 1 thread.",
        markdown(("run", "MB on disk", "m", "seconds", "peak MB"), rows),
    ]
    verdict = Verdict(
        f"peak memory, 1,200 volumes at 0.72 s over 300 at 2.88 s ({voxel_size:g} mm)",
        "within 10 %",
        f"{ratio:.2f}",
        abs(ratio - 1) <= 0.1,
    )
    return [Section("Memory and the sampling rate", text, [verdict])]


def declared(plan: Plan) -> list[Section]:
    """Nodes of the workflows: the memory that they declare and the peak of their process."""
    rows = []
    verdicts = []
    for voxel_size in (2.0, 4.0):
        job = plan.simulated(voxel_size=voxel_size, n_volumes=300, t_r=2.0)
        folder = plan.path(f"nodes-{voxel_size:g}mm")
        shutil.rmtree(folder)
        job |= {"smoothing": 6.0, "folder": str(folder), "n_participants": _N_PARTICIPANTS}
        folder.mkdir()
        for node in _NODES:
            say(f"node {node}, {voxel_size:g} mm")
            sample = run(Arm(node, "node", {**job, "node": node}))
            if node == "participants":
                continue
            declared_mb = 1e3 * float(sample.answer["declared_gb"])
            off = declared_mb / sample.peak_mb - 1
            rows.append(
                (
                    f"{node}, {voxel_size:g} mm",
                    f"{declared_mb:.0f}",
                    f"{sample.peak_mb:.0f}",
                    f"{off:+.0%}",
                )
            )
            verdicts.append(
                Verdict(
                    f"declared memory of the node {node}, {voxel_size:g} mm",
                    "within 25 %",
                    f"{off:+.0%}",
                    abs(off) <= 0.25,
                )
            )
    text = [
        "Each node works on one participant with one run of 300 volumes and 16 contrasts; sums "
        "are over eight participants. "
        "The "
        "process is one node and what it imports, with 1 thread.",
        markdown(("node", "declared MB", "peak MB", "off by"), rows),
    ]
    return [Section("Declared memory", text, verdicts)]
