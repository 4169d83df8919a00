"""Finding the runs of many participants, and planning large requests."""

from __future__ import annotations

import shutil

from benchmarks.arms.index import TREES
from benchmarks.plan import Arm, Plan, Section, Verdict, markdown, run, say, within

_MOST = 30.0
_MOST_CPU = 20.0
_MOST_OF_LAYOUT = 10.0
_SIZES = {
    "contrasts": (1250, 5000),
    "participants": (250, 1000),
    "stored": (2500, 10_000),
}
_TITLES = {
    "contrasts": "contrasts, group level",
    "participants": "participants with a run each, participant level",
    "stored": "stored participants, group level",
}


def measure(plan: Plan) -> list[Section]:
    """1,000 participants with one run each, as empty files."""
    say("indexing 1,000 participants")
    folder = plan.folder / "thousand"
    shutil.rmtree(folder, ignore_errors=True)
    job = {"folder": str(folder), "n_participants": 1000}
    run(Arm("empty data set", "index", {**job, "make": True}))
    arms = [Arm("fcnm_bids", "index", job), Arm("PyBIDS, BIDSLayout", "pybids_index", job)]
    timings = plan.time(arms)
    rows = [
        (
            name,
            f"{t.answer('runs').median:.0f}",
            t.wall.text(),
            t.inner.text(),
            t.peak_mb.text(0),
        )
        for name, t in timings.items()
    ]
    text = [
        "The index covers 1,000 participants with six files each.",
        markdown(("index", "runs found", "seconds", "after imports", "peak MB"), rows),
    ]
    ours = timings["fcnm_bids"].wall
    verdict = Verdict(
        "indexing 1,000 participants, seconds", f"below {_MOST:g}", ours.text(), within(ours, _MOST)
    )
    return [Section("Indexing", text, [verdict]), _every_layout(plan)]


def _every_layout(plan: Plan) -> Section:
    """1,000 participants of each input layout, as empty files."""
    arms = {}
    for layout, files in TREES.items():
        say(f"indexing 1,000 participants of {layout}")
        folder = plan.folder / f"thousand-{layout}"
        shutil.rmtree(folder, ignore_errors=True)
        job = {"folder": str(folder), "n_participants": 1000, "layout": layout}
        run(Arm(f"empty {layout}", "index", {**job, "make": True}))
        arms[layout] = (len(files), Arm(layout, "index", job))
    timings = plan.time([arm for _, arm in arms.values()])
    rows = [
        (
            layout,
            str(n_files),
            f"{timings[layout].answer('runs').median:.0f}",
            timings[layout].inner.text(),
            timings[layout].cpu.text(),
        )
        for layout, (n_files, _) in arms.items()
    ]
    slowest = max(arms, key=lambda layout: timings[layout].inner.median)
    verdict = Verdict(
        f"1,000 participants of a layout, seconds of the slowest ({slowest})",
        f"below {_MOST_OF_LAYOUT:g}",
        timings[slowest].inner.text(),
        within(timings[slowest].inner, _MOST_OF_LAYOUT),
    )
    head = ("layout", "files of a participant", "runs found", "seconds", "CPU seconds")
    text = ["Recognised and indexed, after imports.", markdown(head, rows)]
    return Section("Indexing of every layout", text, [verdict])


def planning(plan: Plan) -> list[Section]:
    """Dry runs of two sizes: seconds of all threads, and what one more costs."""
    say("dry runs of large requests")
    folder = plan.folder / "large"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    job = {"folder": str(folder)}
    run(Arm("large requests", "dry_run", {**job, "make": True, "counts": _SIZES}))
    arms = {
        (what, n): Arm(f"{n} {what}", "dry_run", {**job, "what": what, "n": n})
        for what, sizes in _SIZES.items()
        for n in sizes
    }
    timings = plan.time(list(arms.values()))
    rows, verdicts = [], []
    for what, (few, many) in _SIZES.items():
        cpu = {n: timings[arms[what, n].name].cpu for n in (few, many)}
        each = (cpu[many].median - cpu[few].median) / (many - few)
        for n in (few, many):
            timing = timings[arms[what, n].name]
            rows.append(
                (
                    f"{n:,} {_TITLES[what]}",
                    cpu[n].text(1),
                    timing.peak_mb.text(0),
                    f"{1e3 * each:.1f}",
                )
            )
        verdicts.append(
            Verdict(
                f"dry run of {many:,} {_TITLES[what]}, CPU seconds",
                f"below {_MOST_CPU:g}",
                cpu[many].text(1),
                within(cpu[many], _MOST_CPU),
            )
        )
    text = [
        "Dry runs of 8 mm data, as whole processes; the files are hard links to those of one "
        "simulated participant.",
        markdown(("request", "CPU seconds", "peak MB", "ms for one more"), rows),
    ]
    return [Section("Planning", text, verdicts)]
