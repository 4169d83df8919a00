"""Running arms as processes of their own, and what they take.

Standard library only, on purpose: Linux starts a child's peak memory at that of the process it
was started from, so this process has to stay small.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@dataclass(frozen=True)
class Arm:
    """One script with its task.

    Parameters
    ----------
    name
        What tables call it.
    script
        Module in `benchmarks.arms`.
    job
        What the script is told; everything JSON can say.
    threads
        Threads of BLAS and OpenMP.
    """

    name: str
    script: str
    job: Mapping[str, Any]
    threads: int = 1


@dataclass(frozen=True)
class Sample:
    """One process: seconds from start to end, after imports, of all its threads; peak memory."""

    wall: float
    inner: float
    cpu: float
    peak_mb: float
    answer: Mapping[str, Any]


@dataclass(frozen=True)
class Spread:
    """Median and range of repetitions."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def text(self, digits: int = 2) -> str:
        middle = f"{self.median:.{digits}f}"
        if len(self.values) == 1:
            return middle
        return f"{middle} ({min(self.values):.{digits}f}–{max(self.values):.{digits}f})"

    def over(self, other: Spread) -> Spread:
        """Ratios, repetition by repetition where both have as many."""
        if len(self.values) == len(other.values):
            return Spread(tuple(a / b for a, b in zip(self.values, other.values, strict=True)))
        return Spread(tuple(a / other.median for a in self.values))


@dataclass
class Timing:
    """All repetitions of one arm."""

    arm: Arm
    samples: list[Sample] = field(default_factory=list)

    @property
    def wall(self) -> Spread:
        return Spread(tuple(sample.wall for sample in self.samples))

    @property
    def inner(self) -> Spread:
        return Spread(tuple(sample.inner for sample in self.samples))

    @property
    def cpu(self) -> Spread:
        return Spread(tuple(sample.cpu for sample in self.samples))

    @property
    def peak_mb(self) -> Spread:
        return Spread(tuple(sample.peak_mb for sample in self.samples))

    def answer(self, name: str) -> Spread:
        """A number that the script itself reports."""
        return Spread(tuple(float(sample.answer[name]) for sample in self.samples))


class ArmError(RuntimeError):
    """A script ended with an error; a comparison without it would say nothing."""


def run(arm: Arm, **more: Any) -> Sample:
    """Run an arm once, in a process of its own.

    Parameters
    ----------
    more
        Further entries of its job.
    """
    environment = {**os.environ, "NO_ET": "1", "PYTHONWARNINGS": "ignore"}
    environment |= dict.fromkeys(_THREADS, str(arm.threads))
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # no installation compiles at every start
    command = [
        sys.executable,
        "-m",
        f"benchmarks.arms.{arm.script}",
        json.dumps({**arm.job, **more}),
    ]
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=err)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            said = err.read().decode(errors="replace")[-2000:]
            raise ArmError(f"{arm.name} ({arm.script}) ended with {process.returncode}:\n{said}")
        answer = json.loads(out.read().decode().splitlines()[-1])
    # kilobytes on Linux, bytes on macOS
    unit = 1e6 if sys.platform == "darwin" else 1e6 / 1024
    cpu = usage.ru_utime + usage.ru_stime
    return Sample(wall, float(answer["inner"]), cpu, usage.ru_maxrss / unit, answer)


def interleaved(arms: Sequence[Arm], repetitions: int) -> dict[str, Timing]:
    """Run all arms in turn, again and again, so that a busy minute does not hit one arm alone."""
    timings = {arm.name: Timing(arm) for arm in arms}
    for repetition in range(repetitions):
        for arm in arms:
            sample = run(arm)
            timings[arm.name].samples.append(sample)
            say(f"  {repetition + 1}/{repetitions} {arm.name}: {sample.wall:.2f} s")
    return timings


def say(text: str) -> None:
    """Progress, on the error stream: the tables alone go to the output."""
    print(text, file=sys.stderr, flush=True)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "| " + " | ".join("---" for _ in header) + " |"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)
