"""What a whole run of the benchmarks shares: its options, its data, what it finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.measure import Arm, Sample, Spread, Timing, interleaved, markdown, run, say

STRATEGY = "36P"
SETTINGS: Mapping[str, Any] = {
    "strategy": STRATEGY,
    "high_pass": 0.01,
    "low_pass": 0.1,
    "radius": 4.0,
    "min_coverage": 0.5,
    "min_subjects": 0.9,
}
"""Held equal in all arms. No volume is left out: scripts differ in what they do about those."""


@dataclass(frozen=True)
class Verdict:
    """One line of the table that the page begins with."""

    work: str
    target: str
    measured: str
    met: bool | None = None

    def cells(self) -> tuple[str, ...]:
        met = {True: "yes", False: "**no**", None: ""}[self.met]
        return (self.work, self.target, self.measured, met)


@dataclass(frozen=True)
class Section:
    """What one part of the benchmarks found."""

    title: str
    text: Sequence[str]
    verdicts: Sequence[Verdict] = ()


@dataclass
class Plan:
    """Options and data.

    Parameters
    ----------
    folder
        Where data go; what is there already is used again.
    repetitions
        How often each arm is timed.
    threads
        Threads of BLAS and OpenMP to time the arms with.
    full
        Everything, at the sizes of the targets.
    skip_slow
        Leave out the script that takes minutes.
    """

    folder: Path
    repetitions: int
    threads: tuple[int, ...]
    full: bool
    skip_slow: bool
    _jobs: dict[str, dict[str, Any]] = field(default_factory=dict)

    def simulated(self, *, voxel_size: float, n_volumes: int, t_r: float) -> dict[str, Any]:
        """The job of arms that work on a simulated run, which is made when first asked for."""
        name = f"{voxel_size:g}mm-{n_volumes}-{t_r:g}s"
        if name not in self._jobs:
            say(f"simulating {n_volumes} volumes of {voxel_size:g} mm")
            job = {
                "folder": str(self.folder / name),
                "voxel_size": voxel_size,
                "n_volumes": n_volumes,
                "t_r": t_r,
            }
            made = run(Arm("simulation", "simulate", {**job, **SETTINGS})).answer
            job |= {"bids_dir": job.pop("folder"), "folder": str(self.folder / f"{name}-made")}
            self._jobs[name] = {**SETTINGS, **job, **made}
        return dict(self._jobs[name])

    def stored(self, *, voxel_size: float, n_participants: int) -> dict[str, Any]:
        """The job of arms that work on a store of several participants."""
        name = f"{voxel_size:g}mm-participants"
        if name not in self._jobs:
            job = self.simulated(voxel_size=voxel_size, n_volumes=300, t_r=2.0)
            job |= {
                "folder": str(self.folder / name),
                "smoothing": 6.0,
                "n_participants": n_participants,
            }
            say(f"storing {n_participants} participants of {voxel_size:g} mm")
            self._jobs[name] = job | dict(run(Arm("store", "make_store", job)).answer)
        return dict(self._jobs[name])

    def time(self, arms: Sequence[Arm]) -> dict[str, Timing]:
        """Time arms in turn."""
        return interleaved(arms, self.repetitions)

    def path(self, *parts: str) -> Path:
        """A folder among the data, made when it is not there."""
        path = self.folder.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path


def threads_text(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


def within(spread: Spread, most: float) -> bool:
    return spread.median <= most


__all__ = [
    "SETTINGS",
    "Arm",
    "Plan",
    "Sample",
    "Section",
    "Spread",
    "Timing",
    "Verdict",
    "interleaved",
    "markdown",
    "run",
    "say",
    "threads_text",
    "within",
]
