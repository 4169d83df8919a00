"""``fcnm-bundle``: results for a paper and its supplement."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fcnm_bids.cli.run import DONE, FAILED, WRONG_REQUEST
from fcnm_bids.errors import FcnmError, RequestError


def main(argv: Sequence[str] | None = None) -> int:
    """Write the bundle of an output folder; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="fcnm-bundle",
        description="Write figures (PDF, TIFF), tables (XLSX, CSV), text (RTF), maps with "
        "NeuroVault's metadata, foci (NIMADS) and an RO-Crate of the results into one folder, "
        "without names of participants, users or files.",
    )
    parser.add_argument("results", type=Path, help="output folder of the group level")
    parser.add_argument(
        "--output", type=Path, help="folder of the bundle (default: RESULTS_bundle beside RESULTS)"
    )
    parser.add_argument("--license", metavar="URL", help="address of the license of the results")
    arguments = parser.parse_args(argv)
    results = arguments.results.absolute()
    folder = arguments.output or results.with_name(f"{results.name}_bundle")
    from fcnm_bids.report.bundle.build import write_bundle

    try:
        files = write_bundle(results, folder, license_url=arguments.license)
    except RequestError as error:
        for problem in error.problems:
            print(f"fcnm-bundle: {problem}", file=sys.stderr)
        return WRONG_REQUEST
    except (FcnmError, OSError) as error:
        print(f"fcnm-bundle: {error}", file=sys.stderr)
        return FAILED
    print(f"{folder}: {len(files)} files")
    return DONE


if __name__ == "__main__":
    sys.exit(main())
