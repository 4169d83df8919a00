"""Group maps of hundreds of regions over many participants, from a compact store."""

from __future__ import annotations

from benchmarks.measure import Spread
from benchmarks.plan import Arm, Plan, Section, Verdict, markdown, run, say

_MANY = 1000
"""Participants that the times are extrapolated to."""

_REFERENCE = (
    "The reference for many regions is [afxFastNetworkMapping]"
    "(https://github.com/afx1337/afxFastNetworkMapping) (MATLAB), which writes the mean Fisher z "
    "of every region, from time series or from a truncated principal component analysis of each "
    "participant. Its README (version 0.3, commit 84a98c4 of 20 April 2026) states, for GSP1000 "
    "and hundreds to thousands of regions, < 5 to 30 minutes with compressed connectomes and "
    "< 0.5 to 3 hours with native ones, without parallel computing, and 1.5 GB of memory for 500 "
    "regions. It was not run here: it needs MATLAB and SPM12. Its maps are of mean z only; those "
    "here are of mean z and t, on other simulated data, on another machine."
)


def measure(plan: Plan) -> list[Section]:
    """Times at two numbers of participants, and the line through them."""
    full = plan.full
    job = plan.simulated(voxel_size=2.0 if full else 4.0, n_volumes=300, t_r=2.0)
    job |= {
        "smoothing": 6.0,
        "store_voxel_size": 3.0 if full else 0.0,
        "n_seeds": 500 if full else 50,
        "most_participants": 100 if full else 16,
        "folder": str(plan.path("regions")),
    }
    n_seeds, most = job["n_seeds"], job["most_participants"]
    few = most // 4
    say(f"storing {most} participants")
    job |= run(Arm("compact store", "regions", job | {"make": True})).answer
    job["output"] = str(plan.folder / "regions-written")
    arms = {
        n: Arm(f"{n} participants", "regions", job | {"n_participants": n}) for n in (few, most)
    }
    say(f"maps of {n_seeds} regions")
    timings = plan.time(list(arms.values()))
    small, large = (timings[arm.name] for arm in arms.values())

    def line(one: Spread, other: Spread) -> tuple[Spread, Spread]:
        """Seconds of one participant more, and of many."""
        pairs = list(zip(one.values, other.values, strict=True))
        each = tuple((b - a) / (most - few) for a, b in pairs)
        whole = (b + (_MANY - most) * s for (_, b), s in zip(pairs, each, strict=True))
        return Spread(each), Spread(tuple(whole))

    each, foreseen = line(small.wall, large.wall)
    _, foreseen_cpu = line(small.cpu, large.cpu)
    fixed = large.wall.median - most * each.median
    minutes = Spread(tuple(value / 60 for value in foreseen.values))
    rows = [
        (f"{n} participants", t.wall.text(1), t.cpu.text(1), t.peak_mb.text(0))
        for n, t in zip((few, most), (small, large), strict=True)
    ]
    rows.append(
        (f"{_MANY:,} participants, extrapolated", foreseen.text(0), foreseen_cpu.text(0), "")
    )
    gigabytes = job["megabytes"] * _MANY / 1e3
    text = [
        f"Maps of mean z and t of {n_seeds} regions (spheres of {job['radius']:g} mm at random "
        f"places) are written, from a store with 8 bits and {job['voxels']:,} voxels"
        + (f" of {job['store_voxel_size']:g} mm" if job["store_voxel_size"] else "")
        + f", one run of 300 volumes per participant (m_b = {job['components']}, "
        f"{job['megabytes']:.1f} MB). All participants are copies of the stored run of one "
        "simulated participant, whose components are weighted at random and whose keys are "
        "changed. Each row is a whole process with 1 thread, which sums all regions in one pass "
        "and writes "
        f"{2 * n_seeds} compressed images. A participant takes {each.text(3)} s, and everything "
        f"else {fixed:.1f} s; eight participants are in memory at a time. The store of "
        f"{_MANY:,} would have {gigabytes:.1f} GB, which has to be read once, from the disk if it "
        "is not in memory (here it was). The library is called; the group level of the command "
        "line makes more of each contrast: masks, other radii, blocks of participants.",
        markdown(("work", "seconds", "CPU seconds", "peak MB"), rows),
        _REFERENCE,
    ]
    verdict = Verdict(
        f"{n_seeds} regions, {_MANY:,} participants (extrapolated), minutes",
        "5 to 30 (README of afxFastNetworkMapping, mean z only)",
        minutes.text(1),
    )
    return [Section("Many regions", text, [verdict])]
