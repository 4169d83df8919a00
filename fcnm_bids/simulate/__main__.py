"""``python -m fcnm_bids.simulate OUT``: write a simulated data set."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fcnm_bids.errors import RequestError
from fcnm_bids.simulate.dataset import simulate_dataset
from fcnm_bids.simulate.design import SimulationDesign
from fcnm_bids.simulate.layouts import WRITERS, write_layout


def build_parser() -> argparse.ArgumentParser:
    """Options for the knobs that participants turn; defaults are those of `SimulationDesign`."""
    parser = argparse.ArgumentParser(
        prog="python -m fcnm_bids.simulate",
        description="Write an fMRIPrep-like data set with known networks, and coordinates.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    default = SimulationDesign()
    parser.add_argument("out", type=Path, metavar="OUT", help="a new or empty folder")
    parser.add_argument("--participants", "--people", type=int, default=default.n_participants)
    parser.add_argument(
        "--runs",
        type=int,
        nargs="+",
        default=list(default.run_pattern),
        help="runs of every participant, or several numbers that repeat over participants",
    )
    parser.add_argument("--sessions", nargs="*", default=[], help="session labels")
    parser.add_argument("--space", default=default.space)
    parser.add_argument("--voxel-size", type=float, default=default.voxel_size, help="mm")
    parser.add_argument("--volumes", type=int, default=default.n_volumes)
    parser.add_argument("--tr", type=float, default=default.repetition_time, help="seconds")
    parser.add_argument("--studies", type=int, default=default.n_studies, help="per effect")
    parser.add_argument("--coordinates", choices=("planted", "random"), default=default.coordinates)
    parser.add_argument(
        "--strength", type=float, default=default.network_strength, help="of networks, per cent"
    )
    parser.add_argument(
        "--anatomy",
        choices=("spheres", "regions"),
        default=default.anatomy,
        help="shape of networks; regions follow grey matter, and there are hubs",
    )
    parser.add_argument("--seed", type=int, default=default.random_seed)
    parser.add_argument(
        "--layout",
        choices=("fmriprep", *WRITERS),
        default="fmriprep",
        help="write the runs in another layout, too, to the folder of its name in OUT",
    )
    parser.add_argument(
        "--variant",
        default="",
        help="stage there: letters (dparsf, dpabisurf), hp2000_clean (hcp), v7.3 (leaddbs)",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Write the data set that the command line asks for; 2 where it cannot be had."""
    options = build_parser().parse_args(argv)
    try:
        design = SimulationDesign(
            n_participants=options.participants,
            n_runs=tuple(options.runs),
            sessions=tuple(options.sessions),
            space=options.space,
            voxel_size=options.voxel_size,
            n_volumes=options.volumes,
            repetition_time=options.tr,
            n_studies=options.studies,
            n_shared_studies=min(SimulationDesign.n_shared_studies, options.studies),
            coordinates=options.coordinates,
            network_strength=options.strength,
            anatomy=options.anatomy,
            random_seed=options.seed,
        )
        truth = simulate_dataset(options.out, design)
        data, name = truth.fmriprep, options.layout
        if name != "fmriprep":
            data = write_layout(name, data, options.out / name, variant=options.variant)
    except RequestError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"simulated {design.n_participants} participants in {data}")
    print(f"their coordinates in {truth.coordinates}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
