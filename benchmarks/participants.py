"""The participant level as a user runs it, beside a loop over an expert's script."""

from __future__ import annotations

from benchmarks.measure import Spread
from benchmarks.plan import Arm, Plan, Section, Verdict, markdown, run, say, within

_REPORTS = {"all": "maps and reports", "none": "maps, no reports"}
_LOOPS = {
    "loop": "a loop over the expert script",
    "nilearn": "the same loop with nilearn's `smooth_img`",
}
_LEAST_SPEEDUP, _MOST_CPU = 6.0, 1.4


def measure(plan: Plan) -> list[Section]:
    """Whole commands over participants of one run each."""
    voxel_size = 2.0 if plan.full else 4.0
    job = plan.simulated(voxel_size=voxel_size, n_volumes=300, t_r=2.0) | {"smoothing": 6.0}
    few, many = (8, 20) if plan.full else (2, 4)
    arms = [Arm("engine", "engine", job | {"output": str(plan.path("written"))})]
    for n in (few, many):
        folder = plan.path(f"{n}-participants")
        own = job | {"folder": f"{folder}/fmriprep", "output": f"{folder}/output", "n": n}
        own |= run(Arm("data", "participants", own | {"make": True})).answer
        for reports in _REPORTS:
            request = own | {"method": "command", "reports": reports}
            arms.append(Arm(f"{n} {reports}", "participants", request))
        if n == few:
            loop = own | {"method": "loop", "band": "cosines"}
            arms.append(Arm("loop", "participants", loop))
            arms.append(Arm("nilearn", "participants", loop | {"smooth_img": True}))
    say(f"participant level of {few} and {many} participants")
    timings = plan.time(arms)
    titles = {
        f"{n} {reports}": f"{n} participants: {title}"
        for n in (few, many)
        for reports, title in _REPORTS.items()
    }
    titles |= {
        "loop": f"{few} participants: loop over the expert script, maps written",
        "nilearn": f"{few} participants: the same loop with nilearn's `smooth_img`",
        "engine": "one run, in one process: store and maps written",
    }
    rows = [
        (
            title,
            timings[name].wall.text(1),
            timings[name].cpu.text(1),
            timings[name].peak_mb.text(0),
        )
        for name, title in titles.items()
    ]
    faster = {name: timings[name].wall.over(timings[f"{few} all"].wall) for name in _LOOPS}
    each = Spread(tuple(value / many for value in timings[f"{many} all"].cpu.values))
    share = each.over(timings["engine"].cpu)
    verdicts = [
        *(
            Verdict(
                f"participant level, {few} participants, maps and reports, 1 thread: times faster "
                f"than {loop}",
                f"at least {_LEAST_SPEEDUP:g}",
                faster[name].text(1),
                faster[name].median >= _LEAST_SPEEDUP,
            )
            for name, loop in _LOOPS.items()
        ),
        Verdict(
            f"CPU seconds of a participant among {many}, over those of one run in one process",
            f"at most {_MOST_CPU:g}",
            share.text(),
            within(share, _MOST_CPU),
        ),
    ]
    text = [
        "Whole commands with one process of one thread, on participants with one run of "
        f"{voxel_size:g} mm, 300 volumes and 16 contrasts, with 6 mm smoothing; files are hard "
        "links to those of one participant. The loop loads, smooths, cleans and maps one run "
        "after the other, and writes z maps; it draws nothing. It smooths with SciPy, volume by "
        "volume, or with nilearn's `smooth_img`. Memory is that of the largest "
        "process.",
        markdown(("work", "seconds", "CPU seconds", "peak MB"), rows),
    ]
    return [Section("The participant level", text, verdicts)]
