"""``fcnm-view``: result folders as one page to explore, for a browser without a network."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from fcnm_bids.cli.run import DONE, WRONG_REQUEST
from fcnm_bids.errors import RequestError


def main(argv: Sequence[str] | None = None) -> int:
    """Write the explorer of result folders; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="fcnm-view",
        description="Write one HTML file in which every value of a network can be looked up; "
        "several result folders are compared in it.",
    )
    parser.add_argument("results", nargs="+", type=Path, help="output folders of the group level")
    parser.add_argument(
        "--output",
        type=Path,
        help="HTML file (default: explorer.html in the first folder)",
    )
    arguments = parser.parse_args(argv)
    path = arguments.output or arguments.results[0] / "explorer.html"
    from fcnm_bids.report.pages.explorer import write_explorer

    try:
        write_explorer(arguments.results, path)
    except RequestError as error:
        for problem in error.problems:
            print(f"fcnm-view: {problem}", file=sys.stderr)
        return WRONG_REQUEST
    print(path)
    return DONE


if __name__ == "__main__":
    sys.exit(main())
