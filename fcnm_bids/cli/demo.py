"""The whole way on simulated participants: ``python -m fcnm_bids.cli.demo --output FOLDER``."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np

from fcnm_bids.cli.run import DONE, main
from fcnm_bids.network import dice
from fcnm_bids.simulate import SimulationDesign, simulate_dataset

_DESIGN = SimulationDesign(n_runs=(1, 1, 2), anatomy="regions")
_MARK = "README.md"


def demonstrate(folder: Path, design: SimulationDesign, options: Sequence[str]) -> int:
    """Simulate participants, run both levels on them, and say how well the truth was found.

    Parameters
    ----------
    folder
        Where everything goes: ``data``, ``results`` and ``work``.
    design
        The participants and their networks.
    options
        Further options of the command line, for both levels.

    Returns
    -------
    int
        The exit code of the first level that did not end well, else that of the group level.
    """
    data, results = folder / "data", folder / "results"
    if not (data / _MARK).is_file():
        shutil.rmtree(data, ignore_errors=True)
        print(f"simulating {design.n_participants} participants in {data}", flush=True)
        partial = folder / "data.partial"
        shutil.rmtree(partial, ignore_errors=True)
        simulate_dataset(partial, design)
        partial.rename(data)
    fmriprep, coordinates = data / "fmriprep", data / "coordinates.tsv"
    for level in ("participant", "group"):
        command = [
            str(fmriprep),
            str(results),
            level,
            "--coordinates",
            str(coordinates),
            "--work-dir",
            str(folder / "work"),
            *options,
        ]
        print(f"\nfcnm-bids {' '.join(command)}", flush=True)
        code = main(command)
        if code != DONE:
            return code
    print("\nWhat was planted, and what was found:")
    for effect, share in overlaps(data, results).items():
        print(f"  {effect}: Dice {share:.2f} with the planted network")
    print(f"Results: {results.resolve()}")
    report = results / "group.html"
    if report.is_file():
        print(f"Report:  {report.resolve()}")
    return DONE


def overlaps(data: Path, results: Path) -> dict[str, float]:
    """Dice of every found network with the planted one."""
    found = {}
    for truth in sorted((data / "truth").glob("network-*_mask.nii.gz")):
        effect = truth.name.split("_")[0].removeprefix("network-")
        (network,) = (results / "group").glob(f"network-{effect}_space-*_mask.nii.gz")
        found[effect] = dice(_mask(truth), _mask(network))
    return found


def _mask(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.asarray(nib.load(path).dataobj) > 0


def _main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m fcnm_bids.cli.demo",
        description="Simulate participants with known networks and map them; further options are "
        "those of fcnm-bids.",
    )
    parser.add_argument("--output", type=Path, default=Path("demo"), help="folder (default: demo)")
    parser.add_argument(
        "--participants",
        "--people",
        type=int,
        default=_DESIGN.n_participants,
        help=f"participants to simulate (default: {_DESIGN.n_participants})",
    )
    given, options = parser.parse_known_args(argv)
    return demonstrate(given.output, replace(_DESIGN, n_participants=given.participants), options)


if __name__ == "__main__":
    sys.exit(_main())
