"""The group level as Slurm jobs: core-seconds that nobody uses, with one job and with four.

Slurm has to have four processors. On a machine with fewer, ``SlurmdParameters=config_overrides``
in ``slurm.conf`` lets it declare four.
"""

from __future__ import annotations

import heapq
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.plan import Arm, Plan, Sample, Section, Verdict, markdown, run, say

_CORES = 4
_LEAST = 3.0
_PROCESSES = 4
"""``--nprocs``: by it the program divides what can be divided, and some nodes have as many
threads."""


@dataclass(frozen=True)
class Job:
    """Processors, CPU seconds, and first and last second of the script of a Slurm job."""

    name: str
    processors: int
    begin: float
    end: float
    cpu: float

    @property
    def seconds(self) -> float:
        """Duration, on as many cores as the job declares.

        Where this machine has fewer, what ran in parallel is taken to divide over them.
        """
        taken, cores = self.end - self.begin, os.cpu_count() or 1
        if self.processors <= cores or self.cpu <= taken or cores == 1:
            return taken
        parallel = (self.cpu - taken) / (1 - 1 / cores)
        return max(self.cpu - parallel, 0.0) + parallel / self.processors

    @property
    def allocated(self) -> float:
        """Core-seconds that nobody else could use."""
        return self.processors * self.seconds


def measure(plan: Plan) -> list[Section]:
    """One job at a time, then four jobs, on four cores."""
    title = "The group level as Slurm jobs"
    if not _answers():
        said = "Not measured: no Slurm answers `sinfo` (`SLURM_CONF` names its configuration)."
        return [Section(title, [said])]
    job = plan.simulated(voxel_size=4.0, n_volumes=300, t_r=2.0)
    job |= {
        "smoothing": 6.0,
        "n_participants": 60 if plan.full else 8,
        "n_contrasts": 11 if plan.full else 4,
        "n_draws": 1000 if plan.full else 200,
        "nprocs": _PROCESSES,
        "folder": str(plan.path("slurm")),
    }
    say(f"storing {job['n_participants']} participants")
    job |= run(Arm("store", "slurm_group", job | {"make": True})).answer
    samples = {}
    for at_once in (1, _CORES):
        say(f"group level, {at_once} jobs at a time")
        output = str(plan.path(f"slurm-{at_once}"))
        samples[at_once] = run(
            Arm(f"{at_once} jobs", "slurm_group", job | {"output": output, "at_once": at_once})
        )
    alone, beside = (_jobs(sample) for sample in samples.values())
    edges = [(str(a), str(b)) for a, b in samples[1].answer["edges"]]
    one = sum(own.seconds for own in alone)
    four = makespan(alone, edges, _CORES)
    before, after = _idle(alone, one), _idle(alone, four)
    ratio = sum(before) / sum(after)
    differing = _differing(plan.folder / "slurm-1", plan.folder / f"slurm-{_CORES}")
    cores = os.cpu_count() or 1
    recorded = max(own.end for own in beside) - min(own.begin for own in beside)
    rows = [
        ("1 job at a time", *_cells(alone, one, before)),
        (f"{_CORES} jobs, computed from the seconds above", *_cells(alone, four, after)),
        (
            f"{_CORES} jobs, as recorded on {cores} cores, waits for Slurm included",
            *_cells(beside, recorded),
        ),
    ]
    text = [
        f"The group level of {job['n_participants']} participants with {job['n_contrasts']} "
        f"contrasts and {job['n_draws']:,} draws of the null random, 4 mm, without reports, runs "
        "on a real Slurm, each node as a job of its own with the processors that it declares "
        f"(`--nprocs {_PROCESSES}`). Of {_CORES} cores that are reserved, core-seconds are idle "
        "within jobs (allocated cores times the seconds of the job, minus its CPU seconds; a job "
        "starts Python and reads the disk) and between jobs (cores times the whole duration, minus "
        "what is allocated). The durations of nodes are those of one job at a time; with four "
        f"jobs, a node begins as soon as the nodes that it needs have ended and one of {_CORES} "
        "cores is free, in the order of their submission. Queues of Slurm and its intervals are "
        "not part of the first two rows. Where a node declares more processors than this machine "
        "has, what it ran in parallel is divided over them.",
        markdown(
            (
                "group level",
                "jobs",
                "CPU seconds",
                "seconds",
                "idle core-seconds within jobs",
                "between jobs",
            ),
            rows,
        ),
        f"The longest chain of nodes takes {makespan(alone, edges, len(alone)):.0f} s. By kind of "
        "node:",
        markdown(("nodes", "number", "seconds", "longest, s", "CPU seconds"), _by_kind(alone)),
        f"Of the images and tables of both, {len(differing) or 'none'} differ"
        + (f": {', '.join(differing[:5])}." if differing else "."),
    ]
    verdicts = [
        Verdict(
            f"group level with nulls, times fewer idle core-seconds with {_CORES} Slurm jobs than "
            f"with 1 (of {_CORES} cores)",
            f"at least {_LEAST:g}",
            f"{ratio:.1f}",
            ratio >= _LEAST,
        ),
        Verdict(
            f"outputs of {_CORES} Slurm jobs and of 1 that differ",
            "0",
            str(len(differing)),
            not differing,
        ),
    ]
    return [Section(title, text, verdicts)]


def makespan(jobs: Sequence[Job], edges: Sequence[tuple[str, str]], cores: int) -> float:
    """Return the seconds until all jobs have ended on some cores.

    Parameters
    ----------
    jobs
        Jobs, of which those that began earlier come first where several could begin.
    edges
        Pairs of nodes of which the second waits for the first; nodes without a job take no time.
    cores
        Cores that there are, at least as many as any job has processors.
    """
    own = {job.name: job for job in jobs}
    order = {job.name: n for n, job in enumerate(sorted(jobs, key=lambda job: job.begin), start=1)}
    names = {*own, *(name for edge in edges for name in edge)}
    waiting = dict.fromkeys(names, 0)
    after: dict[str, list[str]] = {name: [] for name in names}
    for first, second in edges:
        waiting[second] += 1
        after[first].append(second)
    ready = [(order.get(name, 0), name) for name in names if waiting[name] == 0]
    running: list[tuple[float, str]] = []
    now, free = 0.0, cores
    while ready or running:
        later = []
        for place, name in sorted(ready):
            needed = own[name].processors if name in own else 0
            if needed > free:
                later.append((place, name))
                continue
            free -= needed
            heapq.heappush(running, (now + (own[name].seconds if name in own else 0.0), name))
        now, name = heapq.heappop(running)
        free += own[name].processors if name in own else 0
        ready = later
        for following in after[name]:
            waiting[following] -= 1
            if waiting[following] == 0:
                ready.append((order.get(following, 0), following))
    return now


def _answers() -> bool:
    try:
        done = subprocess.run(["sinfo", "-h", "-o", "%t"], capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0 and bool(done.stdout.strip())


def _jobs(sample: Sample) -> list[Job]:
    return [Job(*own) for own in sample.answer["jobs"]]


def _idle(jobs: Sequence[Job], seconds: float) -> tuple[float, float]:
    """Core-seconds that nobody uses: within jobs, and between them."""
    allocated = sum(job.allocated for job in jobs)
    return allocated - sum(job.cpu for job in jobs), _CORES * seconds - allocated


def _cells(
    jobs: Sequence[Job], seconds: float, idle: tuple[float, float] | None = None
) -> tuple[str, ...]:
    cpu = sum(job.cpu for job in jobs)
    unused = [f"{value:.0f}" for value in idle] if idle else ["", ""]
    return (str(len(jobs)), f"{cpu:.0f}", f"{seconds:.0f}", *unused)


def _by_kind(jobs: Sequence[Job]) -> list[tuple[str, ...]]:
    kinds: dict[str, list[Job]] = {}
    for job in sorted(jobs, key=lambda job: job.begin):
        kinds.setdefault(job.name.split("_")[0], []).append(job)
    return [
        (
            kind,
            str(len(own)),
            f"{sum(job.seconds for job in own):.0f}",
            f"{max(job.seconds for job in own):.1f}",
            f"{sum(job.cpu for job in own):.0f}",
        )
        for kind, own in kinds.items()
    ]


def _differing(one: Path, other: Path) -> list[str]:
    """Names of the images and tables of the group level that differ, or that one lacks."""
    folders = [folder / "out" / "group" for folder in (one, other)]
    names = {
        path.relative_to(folder).as_posix()
        for folder in folders
        for path in folder.rglob("*")
        if path.name.endswith((".nii.gz", ".tsv"))
    }

    def content(path: Path) -> bytes | None:
        return path.read_bytes() if path.is_file() else None

    first, second = folders
    return sorted(name for name in names if content(first / name) != content(second / name))
