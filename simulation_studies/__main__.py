"""``python -m simulation_studies OUT``: how often the tests of specificity err, and find.

Literatures are simulated for which a null holds, and such for which it does not; every test runs
through the functions that a user's own data go through.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import pandas as pd

from fcnm_bids._version import __version__
from fcnm_bids.bids.write import write_table, write_text
from simulation_studies.backbone import (
    BACKBONE_COLUMNS,
    QUICK_BACKBONE,
    BackboneDesign,
    simulate_backbone,
)
from simulation_studies.labels import LABEL_COLUMNS, QUICK_LABELS, LabelDesign, simulate_labels
from simulation_studies.nulls import (
    QUICK_VALIDITY,
    VALIDITY_COLUMNS,
    ValidityDesign,
    simulate_validity,
)


@dataclass(frozen=True, kw_only=True)
class NullDesign:
    """All three studies."""

    valid: ValidityDesign = field(default_factory=ValidityDesign)
    backbone: BackboneDesign = field(default_factory=BackboneDesign)
    labels: LabelDesign = field(default_factory=LabelDesign)


QUICK = NullDesign(valid=QUICK_VALIDITY, backbone=QUICK_BACKBONE, labels=QUICK_LABELS)


def validity_table(results: pd.DataFrame) -> str:
    """Rates against levels; those beyond the bound in bold."""
    levels = sorted(results["level"].unique())
    cells = [f"p <= {level:.2f}" for level in levels]
    lines = [_row("null", "observed foci", "p", *cells), _rule(len(levels) + 3)]
    for (null, foci, p), own in results.groupby(["null", "foci", "p"], sort=False):
        by_level = own.set_index("level")
        shown = []
        for level in levels:
            rate, bound = by_level.loc[level, ["rate", "bound"]]
            shown.append(f"**{rate:.3f}**" if rate > bound else f"{rate:.3f}")
        lines.append(_row(null, foci, p, *shown))
    bounds = results.drop_duplicates("level").sort_values("level")["bound"]
    lines.append(_row("*bound*", "", "", *(f"*{bound:.3f}*" for bound in bounds)))
    return "\n".join(lines)


def degree_table(results: pd.DataFrame) -> str:
    """What the plain map shows."""
    lines = [
        _row("coordinates", "r with the positive strength", "voxels of the network"),
        _rule(3),
    ]
    once = results.drop_duplicates(["repetition", "coordinates"])
    for coordinates, own in once.groupby("coordinates", sort=False):
        r, size = own["r_strength"], own["n_voxels"]
        lines.append(
            _row(
                coordinates,
                f"{r.median():.2f} ({r.min():.2f} to {r.max():.2f})",
                f"{size.median():.0f} ({size.min():.0f} to {size.max():.0f})",
            )
        )
    return "\n".join(lines)


def backbone_table(results: pd.DataFrame) -> str:
    """What the nulls leave of it."""
    lines = [
        _row(
            "coordinates",
            "null",
            "measure",
            "step^2 added",
            "planted voxels found",
            "found voxels that were planted",
            "network surviving",
            "literatures with any voxel",
        ),
        _rule(8),
    ]
    by_case = results.groupby(["coordinates", "null", "measure", "step"], sort=False)
    for (coordinates, null, measure, step), own in by_case:
        planted = coordinates == "planted"
        lines.append(
            _row(
                coordinates,
                null,
                measure,
                "yes" if step == "added" else "no",
                _median(own["found"]) if planted else "",
                _median(own["inside"]) if planted else "",
                _median(own["surviving"]),
                f"{own['flagged'].mean():.3f}",
            )
        )
    return "\n".join(lines)


def label_table(results: pd.DataFrame) -> str:
    """What exchanging labels finds."""
    lines = [
        _row(
            "effects",
            "studies",
            "labellings",
            "smallest p",
            "first network found",
            "second network found",
            "literatures with any voxel",
        ),
        _rule(7),
    ]
    by_case = results.groupby(["effects", "studies", "n_studies"], sort=False)
    for (effects, studies, n_studies), own in by_case:
        disjoint = effects == "disjoint"
        first = own.iloc[0]
        every = "all " if first["exact"] else ""
        lines.append(
            _row(
                effects,
                f"{n_studies} {studies}",
                f"{every}{first['n_labellings']}",
                f"{first['smallest_p']:.4f}",
                _median(own["found_first"]) if disjoint else "",
                _median(own["found_second"]) if disjoint else "",
                f"{(own['min_pfwe'] <= 0.05 + 1e-9).mean():.3f}",
            )
        )
    return "\n".join(lines)


def nulls_page(
    design: NullDesign, results: Mapping[str, pd.DataFrame], *, command: str, seconds: float
) -> str:
    """The tables as a page of Markdown."""
    valid, backbone, labels = design.valid, design.backbone, design.labels
    parts = [
        "# Tests of specificity, by simulation",
        f"Written by `{command}` on {time.strftime('%Y-%m-%d')}, fcnm_bids {__version__}, in "
        f"{seconds / 60:.0f} minutes.",
        "## Error rates",
        f"{valid.repetitions} literatures of {valid.n_contrasts} contrasts with {valid.n_foci} "
        f"foci were simulated, each with its own {valid.connectome.n_participants} participants, "
        f"whose connectome has a backbone of hubs ({valid.n_draws} draws, height control "
        f"{valid.height_control}). Rates above the bound, which lies three binomial standard "
        "errors above the level, are bold.",
        validity_table(results["validity"]),
        "## Power beside a strong backbone",
        f"In {backbone.repetitions} repetitions, {backbone.connectome.n_participants} participants "
        f"and {backbone.n_contrasts} contrasts with {backbone.n_foci} foci were simulated; "
        f"{backbone.share:.0%} of the foci, or none, lie in the planted network "
        f"({backbone.n_draws} draws, height control {backbone.height_control}). The tables give "
        "medians, with ranges in brackets; family-wise p is at most 0.05.",
        degree_table(results["backbone"]),
        backbone_table(results["backbone"]),
        "## Labels",
        f"In {labels.repetitions} repetitions, {labels.connectome.n_participants} participants "
        "were "
        f"simulated, with {labels.n_foci} foci per contrast. {labels.share:.0%} of the foci lie in "
        "a network, which is either different or the same for the two effects. The table gives "
        "medians, with ranges in brackets; family-wise p is at most 0.05.",
        label_table(results["labels"]),
    ]
    cannot = results["labels"].loc[results["labels"]["smallest_p"] > 0.05, "verdict"].unique()
    parts += [f"With too few pairs, the verdict is: *{sentence}*" for sentence in cannot]
    return "\n\n".join(parts) + "\n"


def simulate_nulls(
    design: NullDesign, progress: Callable[[str, int, int], None] = lambda name, done, of: None
) -> dict[str, pd.DataFrame]:
    """All three studies: ``validity``, ``backbone``, ``labels``."""
    valid, backbone, labels = design.valid, design.backbone, design.labels
    return {
        "validity": simulate_validity(
            valid, lambda done: progress("validity", done, valid.repetitions)
        ),
        "backbone": simulate_backbone(
            backbone, lambda done: progress("backbone", done, backbone.repetitions)
        ),
        "labels": simulate_labels(
            labels, lambda done: progress("labels", done, labels.repetitions)
        ),
    }


def write_nulls(
    out: Path,
    design: NullDesign,
    results: Mapping[str, pd.DataFrame],
    *,
    command: str,
    seconds: float,
) -> None:
    """Write the results as tables with their descriptions, and as a page."""
    described = (
        ("validity", VALIDITY_COLUMNS, asdict(design.valid)),
        ("backbone", BACKBONE_COLUMNS, asdict(design.backbone)),
        ("labels", LABEL_COLUMNS, asdict(design.labels)),
    )
    for name, columns, about in described:
        write_table(out / f"{name}.tsv", results[name], columns, about)
    write_text(out / "nulls.md", nulls_page(design, results, command=command, seconds=seconds))


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m simulation_studies",
        description="Simulate literatures for which the nulls hold, and such for which they do "
        "not. Writes nulls.md, and validity, backbone and labels as .tsv and .json.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder")
    parser.add_argument("--quick", action="store_true", help="few repetitions, in two minutes")
    parser.add_argument("--repetitions", type=int, metavar="N", help="of every study")
    return parser


def read_design(options: argparse.Namespace) -> NullDesign:
    """The studies that the command line asks for."""
    design = QUICK if options.quick else NullDesign()
    if options.repetitions is None:
        return design
    if options.repetitions < 1:
        raise ValueError(f"--repetitions {options.repetitions}: at least one")
    n = options.repetitions
    return NullDesign(
        valid=replace(design.valid, repetitions=n),
        backbone=replace(design.backbone, repetitions=n),
        labels=replace(design.labels, repetitions=n),
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate what the command line asks for; 2 where it cannot be had."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = build_parser().parse_args(arguments)
    try:
        design = read_design(options)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    started = time.monotonic()
    results = simulate_nulls(design, _say)
    rest = [word for word in arguments if word != str(options.out)]
    command = shlex.join(["python", "-m", "simulation_studies", "OUT", *rest])
    seconds = time.monotonic() - started
    write_nulls(options.out, design, results, command=command, seconds=seconds)
    print(f"the tables are in {options.out / 'nulls.md'}")
    return 0


def _say(name: str, done: int, of: int) -> None:
    if done == of or done % max(1, of // 20) == 0:
        print(f"{name}: {done} of {of}", flush=True)


def _row(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"


def _rule(n_columns: int) -> str:
    return "| --- " * n_columns + "|"


def _median(values: pd.Series[float]) -> str:
    known = values.dropna()
    if known.empty:
        return "none found"
    return f"{known.median():.2f} ({known.min():.2f} to {known.max():.2f})"


if __name__ == "__main__":
    sys.exit(main())
