"""``python -m benchmarks``: measure, and print one page of tables."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

from benchmarks import indexing, one_run, participants, regions, resources, scaling, slurm, store
from benchmarks.measure import Arm, ArmError, markdown, run
from benchmarks.plan import Plan, Section

SECTIONS: dict[str, Callable[[Plan], list[Section]]] = {
    "run": one_run.measure,
    "participants": participants.measure,
    "coordinates": store.coordinates,
    "strategies": store.strategies,
    "group": store.group,
    "sums": store.sums,
    "permutation": store.permutation,
    "seeds": store.many_seeds,
    "regions": regions.measure,
    "sampling": resources.sampling,
    "declared": resources.declared,
    "scaling": scaling.measure,
    "indexing": indexing.measure,
    "planning": indexing.planning,
    "slurm": slurm.measure,
}


def build_parser() -> argparse.ArgumentParser:
    """Options."""
    cores = os.cpu_count() or 1
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--full", action="store_true", help="everything, at the targets' sizes")
    parser.add_argument("--repetitions", type=int, help="of each arm (1; with --full 3)")
    parser.add_argument(
        "--threads",
        type=int,
        nargs="+",
        help=f"of BLAS and OpenMP in the arms of one run (1; with --full 1 and {cores})",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=SECTIONS,
        default=list(SECTIONS),
        metavar="SECTION",
        help=", ".join(SECTIONS),
    )
    parser.add_argument(
        "--skip-slow",
        action="store_true",
        help="leave out the script of two maskers, which takes minutes; always without --full",
    )
    parser.add_argument("--write", type=Path, metavar="FILE", help="also write the page here")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="keep the data here (5 GB with --full)"
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is asked for; 1 if arms that should agree do not, or one fails."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    options = build_parser().parse_args(arguments)
    cores = os.cpu_count() or 1
    default_threads = tuple(sorted({1, cores})) if options.full else (1,)
    with tempfile.TemporaryDirectory(prefix="fcnm-benchmarks-") as temporary:
        folder = (options.work or Path(temporary)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        plan = Plan(
            folder=folder,
            repetitions=options.repetitions or (3 if options.full else 1),
            threads=tuple(options.threads or default_threads),
            full=options.full,
            skip_slow=options.skip_slow or not options.full,
        )
        try:
            sections = [part for name in options.only for part in SECTIONS[name](plan)]
        except (ArmError, one_run.ResultsError) as error:
            print(error, file=sys.stderr)
            return 1
    page = _page(plan, sections, _command(arguments))
    print(page)
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(page + "\n", encoding="utf-8")
    return 0


def _command(arguments: list[str]) -> str:
    """The command line without places of this machine."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--work")
    parser.add_argument("--write", type=Path)
    known, rest = parser.parse_known_args(arguments)
    if known.write and not known.write.is_absolute():
        rest += ["--write", known.write.as_posix()]
    return shlex.join(["python", "-m", "benchmarks", *rest])


def _page(plan: Plan, sections: Sequence[Section], command: str) -> str:
    machine = run(Arm("machine", "machine", {})).answer
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    times = "once" if plan.repetitions == 1 else f"{plan.repetitions} times, in turn"
    verdicts = [verdict for section in sections for verdict in section.verdicts]
    parts = [
        "# Speed and memory",
        f"Written by `{command}` on {time.strftime('%Y-%m-%d')}; every arm was run {times}"
        + ("." if plan.repetitions == 1 else ": values are medians, with ranges in brackets."),
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"{machine['system']}, Python {machine['python']}; {versions}; BLAS: "
        + "; ".join(machine["blas"])
        + ". Ratios carry over to other machines better than seconds do.",
        markdown(("work", "target", "measured", "met"), (v.cells() for v in verdicts)),
    ]
    for section in sections:
        parts += [f"## {section.title}", *section.text]
    return _joined(parts)


def _joined(parts: Sequence[str]) -> str:
    """Paragraphs, with the lines of a list kept together."""
    text = parts[0]
    for before, part in pairwise(parts):
        together = before.startswith("- ") and part.startswith("- ")
        text += ("\n" if together else "\n\n") + part
    return text


if __name__ == "__main__":
    sys.exit(main())
