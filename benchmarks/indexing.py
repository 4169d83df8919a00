"""Finding the runs of many participants."""

from __future__ import annotations

import shutil

from benchmarks.plan import Arm, Plan, Section, Verdict, markdown, run, say, within

_MOST = 30.0


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
        "1,000 participants, six files each.",
        markdown(("index", "runs found", "seconds", "after imports", "peak MB"), rows),
    ]
    ours = timings["fcnm_bids"].wall
    verdict = Verdict(
        "indexing 1,000 participants, seconds", f"below {_MOST:g}", ours.text(), within(ours, _MOST)
    )
    return [Section("Indexing", text, [verdict])]
