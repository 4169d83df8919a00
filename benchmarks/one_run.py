"""One run from its image to maps: the scripts that users use, the floor, and this package."""

from __future__ import annotations

from typing import Any

from benchmarks.plan import (
    Arm,
    Plan,
    Section,
    Timing,
    Verdict,
    markdown,
    run,
    say,
    threads_text,
)

OURS, WRITTEN, EXPERT = "fcnm_bids", "fcnm_bids, store and maps written", "expert script"
BAND, COMMON, FLOOR = "expert script, Butterworth", "common script", "floor"
_REFERENCE = "reference"
_MOST_FROM_REFERENCE, _MOST_BETWEEN = 5e-5, 1e-4
_LEAST_SPEEDUP, _LARGEST_SHARE = 6.0, 1 / 3
_FLOOR = {0: 1.5, 6: 2.5}
_FIXED_MB = 350.0


class ResultsError(RuntimeError):
    """Arms of the same estimator disagree: their times are not worth comparing."""


def measure(plan: Plan) -> list[Section]:
    """Compare results, then time all arms."""
    job = plan.simulated(voxel_size=2.0, n_volumes=300, t_r=2.0)
    equal: list[str] = []
    tables: list[str] = []
    verdicts: list[Verdict] = []
    for smoothing in (0, 6):
        job |= {"smoothing": float(smoothing)}
        found, common = _compare(plan, job, smoothing)
        equal += found
        job["dof"] = int(common["dof"])
        for threads in plan.threads:
            say(f"one run, {smoothing} mm, {threads_text(threads)}")
            timings = plan.time(_arms(plan, job, threads))
            if COMMON in common:
                timings[COMMON] = common[COMMON]
            tables += _table(timings, smoothing, threads)
            verdicts += _verdicts(timings, smoothing, threads, common)
    text = [
        "Every arm is one process on the same files: a simulated run with 2 mm voxels, 300 "
        "volumes at TR "
        f"2 s, 36 confounds, 0.01–0.1 Hz (m = {job['dof']}), 16 contrast seeds of 4 to 6 spheres "
        "of 4 mm. The column *seconds* is the time of the whole process, including imports, and "
        "the next column is the time after the imports; CPU seconds are those of all threads. "
        "Memory is the peak of the process. Files are in the page cache, because every arm has "
        "read them once, for "
        "the comparison.",
        f"- *{EXPERT}*: one load, one mask, one `nilearn.signal.clean` with the trend and the "
        "stop-band cosines given as confounds, and one matrix product. This is the estimator of "
        "this package.",
        f"- *{BAND}*: the same with nilearn's Butterworth filter (`copy=True`). This is another "
        "estimator.",
        f"- *{COMMON}*: `NiftiMasker` and `NiftiSpheresMasker`, each with standardising, "
        "detrending and the Butterworth filter. This is another estimator; it is run once, with "
        "the largest number of threads of any arm.",
        f"- *{FLOOR}*: decompressing once, gathering the voxels in the mask, and one float32 "
        "product.",
        "**The results agree.** Before any time was measured, r was compared over all seeds and "
        "voxels:",
        *equal,
        *tables,
    ]
    return [Section("One run", text, verdicts)]


def _arms(plan: Plan, job: dict[str, Any], threads: int) -> list[Arm]:
    output = str(plan.path("written"))
    return [
        Arm(OURS, "engine", job, threads),
        Arm(WRITTEN, "engine", {**job, "output": output}, threads),
        Arm(EXPERT, "expert", {**job, "band": "cosines"}, threads),
        Arm(BAND, "expert", {**job, "band": "butterworth"}, threads),
        Arm(FLOOR, "floor", job, threads),
    ]


def _compare(plan: Plan, job: dict[str, Any], smoothing: int) -> tuple[list[str], dict[str, Any]]:
    """Run everything once, unmeasured but for the slow script, and hold the maps together."""
    say(f"comparing results, {smoothing} mm")
    threads = max(plan.threads)
    folder = plan.path("compared")
    files = {_REFERENCE: str(folder / "reference.npy")}
    exact = run(Arm(_REFERENCE, "reference", job, threads), save=files[_REFERENCE]).answer
    found: dict[str, Any] = {"dof": exact["dof"]}
    for arm in _arms(plan, {**job, "dof": exact["dof"]}, threads):
        if arm.name == FLOOR:
            run(arm)
            continue
        files[arm.name] = str(folder / f"{len(files)}.npy")
        answer = run(arm, save=files[arm.name]).answer
        if arm.name == OURS:
            found["voxels"] = answer["voxels"]
            if answer["dof"] != exact["dof"]:
                raise ResultsError(f"m = {answer['dof']}, the reference has {exact['dof']}")
    if not plan.skip_slow:
        say("the common script, once")
        slow = Timing(Arm(COMMON, "common", job, max(plan.threads)))
        files[COMMON] = str(folder / "common.npy")
        slow.samples.append(run(slow.arm, save=files[COMMON]))
        found[COMMON] = slow
    limits = {
        (_REFERENCE, OURS): _MOST_FROM_REFERENCE,
        (_REFERENCE, WRITTEN): _MOST_FROM_REFERENCE,
        (EXPERT, OURS): _MOST_BETWEEN,
        (EXPERT, WRITTEN): _MOST_BETWEEN,
        (_REFERENCE, EXPERT): _MOST_BETWEEN,
    }
    others = [(OURS, BAND)] + ([(OURS, COMMON)] if COMMON in files else [])
    pairs = [*limits, *others]
    answer = run(Arm("comparison", "compare", {"files": files, "pairs": pairs})).answer["pairs"]
    rows = []
    for first, second in pairs:
        apart = answer[f"{first}|{second}"]
        most = limits.get((first, second))
        if most is not None and (apart["difference"] > most or apart["voxels_in_one_only"]):
            raise ResultsError(f"{first} and {second}, {smoothing} mm: {apart}, allowed {most:g}")
        rows.append(
            (
                f"{first} – {second}",
                f"{apart['difference']:.1e}",
                "another estimator" if most is None else f"at most {most:.0e}",
                f"{apart['correlation']:.6f}",
            )
        )
    header = (_smoothed(smoothing), "largest difference of r", "allowed", "correlation of maps")
    return [markdown(header, rows)], found


def _table(timings: dict[str, Timing], smoothing: int, threads: int) -> list[str]:
    ours = timings[OURS]
    rows = []
    for name in (OURS, WRITTEN, EXPERT, BAND, COMMON, FLOOR):
        if name not in timings:
            continue
        arm = timings[name]
        rows.append(
            (
                name + (", once" if name == COMMON else ""),
                str(arm.arm.threads),
                arm.wall.text(),
                arm.inner.text(),
                arm.cpu.text(),
                arm.peak_mb.text(0),
                arm.wall.over(ours.wall).text(1),
                arm.peak_mb.over(ours.peak_mb).text(1),
            )
        )
    header = (
        f"{_smoothed(smoothing)}, {threads_text(threads)}",
        "threads",
        "seconds",
        "after imports",
        "CPU seconds",
        "peak MB",
        "times as long as fcnm_bids",
        "times the memory",
    )
    return [markdown(header, rows)]


def _verdicts(
    timings: dict[str, Timing], smoothing: int, threads: int, common: dict[str, Any]
) -> list[Verdict]:
    where = f"one run, {_smoothed(smoothing)}, {threads_text(threads)}"
    ours, expert, floor = timings[OURS], timings[EXPERT], timings[FLOOR]
    faster = expert.wall.over(ours.wall)
    share = ours.peak_mb.over(expert.peak_mb)
    over_floor = ours.inner.over(floor.inner)
    whole = ours.wall.over(floor.wall)
    most_mb = _FIXED_MB + 4e-6 * common["dof"] * common["voxels"]
    return [
        Verdict(
            f"{where}: times faster than the expert script (same estimator)",
            f"at least {_LEAST_SPEEDUP:g}",
            faster.text(1),
            faster.median >= _LEAST_SPEEDUP,
        ),
        Verdict(
            f"{where}: share of the expert script's memory",
            f"at most {_LARGEST_SHARE:.2f}",
            share.text(),
            share.median <= _LARGEST_SHARE,
        ),
        Verdict(
            f"{where}: times the floor (after imports; whole process {whole.text()})",
            f"at most {_FLOOR[smoothing]:g}",
            over_floor.text(),
            over_floor.median <= _FLOOR[smoothing],
        ),
        Verdict(
            f"{where}: peak memory in MB",
            f"at most {most_mb:.0f} (350 + 4 m V bytes)",
            ours.peak_mb.text(0),
            ours.peak_mb.median <= most_mb,
        ),
    ]


def _smoothed(smoothing: int) -> str:
    return f"{smoothing} mm smoothing" if smoothing else "no smoothing"
