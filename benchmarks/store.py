"""On a stored connectome: new coordinates, many seeds, the group level."""

from __future__ import annotations

import numpy as np

from benchmarks.plan import Arm, Plan, Section, Verdict, markdown, say, within

_PARTICIPANT, _PARTICIPANT_WRITTEN, _PLAIN_HDF5 = 0.5, 1.5, 0.0095
_LEAST_PERMUTED = 10.0
_MOST_SECOND = 0.1


def coordinates(plan: Plan) -> list[Section]:
    """One participant's maps for new coordinates."""
    say("new coordinates on a stored connectome")
    job = plan.stored(voxel_size=2.0, n_participants=_n_participants(plan))
    coarse = plan.stored(voxel_size=3.0, n_participants=1)
    arms = [
        Arm("maps not written", "coordinates", job),
        Arm("16 maps written", "coordinates", {**job, "output": str(plan.path("written"))}),
        Arm("3 mm, data in memory, best of 10", "coordinates", {**coarse, "times": 10}),
    ]
    timings = plan.time(arms)
    plain, written, memory = (timings[arm.name] for arm in arms)
    participant, participant_written = plain.answer("participant"), written.answer("participant")
    per_seed = memory.answer("per_seed")
    rows = [
        (name, t.answer("participant").text(3), t.inner.text(3), t.wall.text(), t.peak_mb.text(0))
        for name, t in timings.items()
    ]
    table = markdown(
        (
            "one participant, 16 contrasts, 1 thread",
            "one participant",
            "after imports",
            "seconds",
            "peak MB",
        ),
        rows,
    )
    text = [
        f"One stored run of 2 mm (m = {job['dof']}, {job['voxels']:,} voxels, "
        f"{job['megabytes']:.0f} MB) is mapped from a table of foci to Fisher z maps. The first "
        "column of seconds covers opening the run and mapping the participant; the second adds "
        "reading the foci.",
        table,
        f"At 3 mm, data in memory, one participant and seed take {1e3 * per_seed.median:.1f} ms; "
        "a batch over participants with plain HDF5 arrays like Lacuna's takes "
        f"{1e3 * _PLAIN_HDF5:.1f} ms on a machine of this kind (measured once, not here).",
    ]
    verdicts = [
        Verdict(
            "new coordinates, one participant, seconds",
            f"below {_PARTICIPANT:g}",
            participant.text(),
            within(participant, _PARTICIPANT),
        ),
        Verdict(
            "new coordinates, one participant, 16 maps written, seconds",
            f"below {_PARTICIPANT_WRITTEN:g}",
            participant_written.text(),
            within(participant_written, _PARTICIPANT_WRITTEN),
        ),
        Verdict(
            "3 mm, data in memory: seconds per participant and seed",
            f"at most {_PLAIN_HDF5 / 2:.4f} (half of plain HDF5)",
            per_seed.text(4),
            within(per_seed, _PLAIN_HDF5 / 2),
        ),
    ]
    return [Section("New coordinates on a stored connectome", text, verdicts)]


def strategies(plan: Plan) -> list[Section]:
    """A second strategy on a stored run, against the first from its image."""
    say("a second strategy on a stored run")
    job = plan.simulated(voxel_size=2.0, n_volumes=300, t_r=2.0)
    job |= {"smoothing": 6.0, "stored_run": str(plan.path("strategies") / "run.h5")}
    other = {**job, "strategy": "27P", "from_store": True}
    arms = [
        Arm("36P, from the image into the store", "strategy", {**job, "from_store": False}),
        Arm("27P with censoring, from the store", "strategy", other),
    ]
    timings = plan.time(arms)
    first, second = timings.values()
    share = second.inner.over(first.inner)
    rows = [
        (name, t.inner.text(3), t.wall.text(), t.peak_mb.text(0)) for name, t in timings.items()
    ]
    text = [
        "One run of 300 volumes with 2 mm voxels is prepared with 6 mm smoothing and 1 thread "
        "until it can be mapped: either "
        "the band is projected, written and read, or it is read and a strategy is applied.",
        markdown(("arm", "after imports", "seconds", "peak MB"), rows),
    ]
    verdict = Verdict(
        f"a second strategy on a stored run, over the first from its image (after imports; "
        f"whole process {second.wall.over(first.wall).text()})",
        f"at most {_MOST_SECOND:g}",
        share.text(3),
        within(share, _MOST_SECOND),
    )
    return [Section("A second strategy", text, [verdict])]


def many_seeds(plan: Plan) -> list[Section]:
    """Thousands of seeds, as nulls ask for them."""
    job = plan.stored(voxel_size=2.0, n_participants=_n_participants(plan))
    counts = (100, 1_000, 10_000) if plan.full else (100, 1_000)
    say(f"{', '.join(map(str, counts))} seeds on one stored run")
    timings = plan.time([Arm(f"{n:,}", "many_seeds", {**job, "n_seeds": n}) for n in counts])
    rows = [
        (name, t.inner.text(), f"{1e3 * t.inner.median / n:.1f}", t.peak_mb.text(0))
        for n, (name, t) in zip(counts, timings.items(), strict=True)
    ]
    fewest, most = timings[f"{counts[0]:,}"], timings[f"{counts[-1]:,}"]
    slope = (most.peak_mb.median - fewest.peak_mb.median) / (counts[-1] - counts[0])
    table = markdown(("seeds", "seconds", "ms per seed", "peak MB"), rows)
    text = [
        "Seeds are correlated with all voxels of one stored 2 mm run, tile by tile. Only the "
        "maximum of "
        "each seed is kept, so only the tiles grow.",
        table,
        f"Memory grows by {1e3 * slope:.0f} kB per seed; one map of r in float64 takes "
        f"{8e-3 * job['voxels']:.0f} kB.",
    ]
    verdict = Verdict(
        f"{counts[-1]:,} seeds on one run: peak memory over that of {counts[0]}",
        "below 2 (tiles, not maps)",
        f"{most.peak_mb.median / fewest.peak_mb.median:.1f}",
        most.peak_mb.median < 2 * fewest.peak_mb.median,
    )
    return [Section("Many seeds", text, [verdict])]


def group(plan: Plan) -> list[Section]:
    """Sums over participants, then each contrast."""
    most = _n_participants(plan)
    job = plan.stored(voxel_size=2.0, n_participants=most)
    counts = [n for n in (4, 8, 16) if n <= most]
    say(f"group level, {', '.join(map(str, counts))} participants")
    arms = [
        Arm(f"{n} participants", "group", {**job, "n_participants": n, "contrasts": n == most})
        for n in counts
    ]
    timings = plan.time(arms)
    rows = [
        (name, t.answer("participant").text(), t.peak_mb.text(0)) for name, t in timings.items()
    ]
    per_contrast = timings[f"{most} participants"].answer("contrast")
    peaks = [t.peak_mb.median for t in timings.values()]
    growth = peaks[-1] / peaks[-2]
    text = [
        "The sums over participants are those of 16 contrasts at 2 mm, with the products of "
        "neighbours that the "
        "random-field threshold needs, with one run per participant. Eight participants are "
        "mapped before their maps are added.",
        markdown(("16 contrasts, 1 thread", "seconds per participant", "peak MB"), rows),
        f"The t test with its family-wise threshold takes {per_contrast.text(3)} s per contrast.",
    ]
    verdict = Verdict(
        f"group level: peak memory with {counts[-1]} participants over that with {counts[-2]}",
        "the same (below 1.05)",
        f"{growth:.2f}",
        growth < 1.05,
    )
    return [Section("Group level", text, [verdict])]


def sums(plan: Plan) -> list[Section]:
    """Sums of many random seeds, as draws of nulls need them, against a script's."""
    n_participants = 16 if plan.full else 4
    job = plan.stored(voxel_size=4.0, n_participants=n_participants)
    job |= {"n_participants": n_participants, "n_seeds": 330 if plan.full else 64}
    say(f"sums of {job['n_seeds']} random seeds over {n_participants} participants")
    saved = {name: str(plan.path("sums") / f"{name}.npy") for name in ("fcnm_bids", "script")}
    arms = [
        Arm(name, "sums", {**job, "method": name, "save_t": path}) for name, path in saved.items()
    ]
    timings = plan.time(arms)
    ours, theirs = timings.values()
    t, expected = (np.load(path) for path in saved.values())
    apart = float(np.nanmax(np.abs(t - expected) / (1 + np.abs(expected))))
    faster = theirs.answer("ns").over(ours.answer("ns"))
    rows = [(name, own.answer("ns").text(), own.peak_mb.text(0)) for name, own in timings.items()]
    text = [
        f"{job['n_seeds']} random seeds of 4 foci are mapped in {n_participants} participants with "
        "voxels of 4 mm, and z, its square and the products of neighbours are summed, runs read "
        "from the store, with 1 thread. The script maps all seeds of a participant at once, in "
        f"double precision; its t differs by up to {apart:.1g}, relative to 1 + absolute t.",
        markdown(("sums", "ns per seed, voxel and participant", "peak MB"), rows),
    ]
    verdict = Verdict(
        "sums of random seeds, times faster than a script in NumPy",
        "more than 1",
        faster.text(),
        faster.median > 1,
    )
    return [Section("Sums for nulls", text, [verdict])]


def permutation(plan: Plan) -> list[Section]:
    """Sign-flip maximum t against nilearn's."""
    job = {
        "n_participants": 60,
        "n_maps_voxels": 50_000 if plan.full else 10_000,
        "n_permutations": 1000,
    }
    rows, verdicts = [], []
    for n_covariates in (0, 3):
        say(f"sign flips, {n_covariates} covariates")
        arms = [
            Arm(name, "permutation", {**job, "n_covariates": n_covariates, "method": method})
            for name, method in (("fcnm_bids", "fcnm_bids"), ("nilearn, permuted_ols", "nilearn"))
        ]
        timings = plan.time(arms)
        ours, theirs = timings.values()
        rows += [
            (
                f"{name}, {n_covariates} covariates",
                t.answer("flips").text(),
                t.wall.text(),
                t.peak_mb.text(0),
                t.answer("threshold").text(3),
            )
            for name, t in timings.items()
        ]
        faster = theirs.answer("flips").over(ours.answer("flips"))
        apart = abs(theirs.answer("threshold").median - ours.answer("threshold").median)
        verdicts.append(
            Verdict(
                f"sign-flip maximum t, {n_covariates} covariates: times faster than `permuted_ols` "
                f"(the call alone; thresholds {apart:.3f} apart)",
                f"at least {_LEAST_PERMUTED:g}",
                faster.text(1),
                faster.median >= _LEAST_PERMUTED,
            )
        )
    header = ("arm, 1 thread", "the call", "seconds", "peak MB", "5 % threshold of t")
    text = [
        f"{job['n_participants']} maps of {job['n_maps_voxels']:,} voxels of independent noise "
        f"are tested with {job['n_permutations']:,} flips. Each arm draws its own flips, so that "
        "their "
        "thresholds agree only within Monte-Carlo error.",
        markdown(header, rows),
    ]
    return [Section("Permutation", text, verdicts)]


def _n_participants(plan: Plan) -> int:
    return 16 if plan.full else 8
