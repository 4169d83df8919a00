"""``python -m fcnm_bids.simulate.power OUT``: what a study of some size would find.

Networks are planted in simulated participants; contrasts report foci of which a share lies in one
of them. The package's default rule maps them, and the result is held against what was planted.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids._version import __version__
from fcnm_bids.bids.write import write_table, write_text
from fcnm_bids.config import GroupSettings, SeedSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.simulate.connectome import ConnectomeDesign
from fcnm_bids.simulate.power_simulation import POWER_COLUMNS, QUICK, PowerDesign, simulate_power


def power_page(design: PowerDesign, results: pd.DataFrame, *, command: str) -> str:
    """The results as a page of Markdown."""
    group, seeds = GroupSettings(), SeedSettings()
    connectome = design.connectome
    r = connectome.network_strength**2 / (1 + connectome.network_strength**2)
    parts = [
        "# Power by simulation",
        f"The tables were written by `{command}` on {time.strftime('%Y-%m-%d')} with fcnm_bids "
        f"{__version__}.",
        f"Participants are simulated as denoised runs with {connectome.dof} degrees of freedom on "
        "a grid "
        f"of {connectome.voxel_size:g} mm. {connectome.n_networks} networks are planted, whose "
        f"voxels correlate at r = {r:.2f} within a participant (the strength varies between "
        "participants, with a standard deviation of its logarithm of "
        f"{connectome.variation:g}). The literature concerns one of them, which has a volume of "
        f"{results['planted_cm3'].median():.0f} cm3. Every contrast reports {design.n_foci} foci; "
        "each lies in that network with the probability that the tables give, and anywhere in "
        f"grey matter otherwise. The settings are spheres of {seeds.radius:g} mm, height control "
        f"{group.height_control} {group.alpha:g}, network threshold "
        f"{group.network_threshold:g} and clusters of {group.min_cluster_volume:g} mm3, the "
        f"defaults of the package{_besides(design)}. The tables give medians of "
        f"{design.repetitions} repetitions, with ranges in brackets.",
    ]
    for backbone, share in product(design.backbones, design.shares):
        if share == design.shares[0]:
            parts += _about_backbone(backbone)
        own = results[(results["share"] == share) & (results["backbone"] == backbone)]
        if share > 0:
            parts += [f"### {share:.0%} of the foci in the network"]
            parts += ["Dice with the planted network", _table(own, "dice", "{:.2f}")]
        else:
            parts.append("### Random coordinates")
        parts += ["Volume of the network found, cm3", _table(own, "volume_cm3", "{:.0f}")]
    return "\n\n".join(parts) + "\n"


def _besides(design: PowerDesign) -> str:
    if design.min_mean_z == 0:
        return ""
    return f", and a mean Fisher z of at least {design.min_mean_z:g} at every voxel"


def _about_backbone(strength: float) -> list[str]:
    if strength == 0:
        return ["## Networks alone", "Only the planted networks connect distant voxels."]
    return [
        f"## A backbone of strength {strength:g}",
        "Besides the networks, a signal is shared by hubs, which correlate with each other by up "
        "to "
        f"r = {strength**2 / (1 + strength**2):.2f} whatever the literature concerns.",
    ]


def _table(results: pd.DataFrame, measure: str, number: str) -> str:
    """Participants in rows, contrasts in columns."""
    columns = sorted(results["contrasts"].unique())
    lines = [
        "| participants | " + " | ".join(f"{n} contrasts" for n in columns) + " |",
        "| --- " * (len(columns) + 1) + "|",
    ]
    for participants, own in results.groupby("participants"):
        cells = [_cell(own.loc[own["contrasts"] == n, measure], number) for n in columns]
        lines.append(f"| {participants} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(values: pd.Series[float], number: str) -> str:
    middle, low, high = (number.format(x) for x in (values.median(), values.min(), values.max()))
    return middle if low == high else f"{middle} ({low} to {high})"


def build_parser() -> argparse.ArgumentParser:
    """Options for what a study can choose, and for what it has to assume."""
    parser = argparse.ArgumentParser(
        prog="python -m fcnm_bids.simulate.power",
        description="Simulate studies and say what of a planted network they would find. "
        "Writes power.tsv, power.json and power.md.",
    )
    parser.add_argument("out", type=Path, metavar="OUT", help="a folder")
    parser.add_argument("--quick", action="store_true", help="a few studies, in half a minute")
    studies = parser.add_argument_group("studies", "what is not given is as in docs/power.md")
    studies.add_argument("--participants", "--people", type=int, nargs="+", metavar="N")
    studies.add_argument("--contrasts", type=int, nargs="+", metavar="N")
    studies.add_argument(
        "--shares", type=float, nargs="+", metavar="S", help="of the foci in the network; 0: random"
    )
    studies.add_argument("--n-foci", type=int, metavar="N", help="of every contrast")
    studies.add_argument(
        *("--min-mean-z", "--min-effect"),
        type=float,
        metavar="Z",
        help="mean Fisher z that a voxel also needs",
    )
    studies.add_argument("--repetitions", type=int, metavar="N")
    participants = parser.add_argument_group("participants")
    participants.add_argument("--dof", type=int, metavar="M", help="that denoising leaves of a run")
    participants.add_argument(
        "--network-strength",
        type=float,
        metavar="S",
        help="two voxels of a network correlate by S^2 / (1 + S^2)",
    )
    participants.add_argument(
        "--backbones", type=float, nargs="+", metavar="S", help="strengths of hubs; 0: none"
    )
    participants.add_argument(
        "--variation", type=float, metavar="SD", help="of strengths over participants, log scale"
    )
    return parser


def read_design(options: argparse.Namespace) -> PowerDesign:
    """The studies that the command line asks for."""
    design = QUICK if options.quick else PowerDesign()
    given = {name: value for name, value in vars(options).items() if value is not None}
    knobs = {f.name for f in fields(ConnectomeDesign)} - {f.name for f in fields(PowerDesign)}
    participants = {name: value for name, value in given.items() if name in knobs}
    studies: dict[str, Any] = {
        name: tuple(sorted(value)) if isinstance(value, list) else value
        for name, value in given.items()
        if name in {f.name for f in fields(PowerDesign)}
    }
    return replace(design, **studies, connectome=replace(design.connectome, **participants))


def main(argv: Sequence[str] | None = None) -> int:
    """Simulate what the command line asks for; 2 where it cannot be had."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    options = build_parser().parse_args(arguments)
    try:
        design = read_design(options)
    except RequestError as error:
        print(error, file=sys.stderr)
        return 2
    started = time.monotonic()
    n_literatures = len(design.backbones) * design.repetitions
    results = simulate_power(design, lambda done: _say(done, n_literatures, started))
    rest = [word for word in arguments if word != str(options.out)]
    command = shlex.join(["python", "-m", "fcnm_bids.simulate.power", "OUT", *rest])
    write_power(options.out, design, results, command=command)
    print(f"the tables are in {options.out / 'power.md'}")
    return 0


def write_power(out: Path, design: PowerDesign, results: pd.DataFrame, *, command: str) -> None:
    """Write the results as a table with its description, and as a page."""
    write_table(out / "power.tsv", results, POWER_COLUMNS, asdict(design))
    write_text(out / "power.md", power_page(design, results, command=command))


def _say(done: int, of: int, started: float) -> None:
    spent = time.monotonic() - started
    print(f"{done} of {of} literatures, about {spent / done * (of - done):.0f} s left", flush=True)


if __name__ == "__main__":
    sys.exit(main())
