"""Put templates into TEMPLATEFLOW_HOME when an image is built, or say that they are not there.

``python fetch_templates.py fetch`` needs the network; ``python fetch_templates.py skip`` leaves a
note in their place. Either way the folder is never empty, because TemplateFlow writes into an
empty one when it is imported, which a read-only container forbids.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

NOTE = "TEMPLATES.txt"

_SPACES = ("MNI152NLin2009cAsym", "MNI152NLin6Asym")
_PARCELS = {"atlas": "Schaefer2018", "desc": "400Parcels7Networks", "suffix": "dseg"}
WANTED: tuple[tuple[str, Mapping[str, Any]], ...] = (
    *(
        (space, query)
        for space in _SPACES
        for query in (
            {"resolution": 2, "desc": None, "suffix": "T1w", "extension": ".nii.gz"},
            {"resolution": 2, "desc": "brain", "suffix": "mask", "extension": ".nii.gz"},
            {"resolution": 2, **_PARCELS, "extension": ".nii.gz"},
            {**_PARCELS, "extension": ".tsv"},
        )
    ),
    # TemplateFlow has no tissue maps in MNI152NLin6Asym.
    (
        "MNI152NLin2009cAsym",
        {"resolution": 2, "label": "GM", "suffix": "probseg", "extension": ".nii.gz"},
    ),
)
"""Only what may be passed on with the image; Harvard-Oxford, under FSL's licence, may not."""


def fetch(home: Path) -> list[Path]:
    """Fetch everything wanted, and drop TemplateFlow's empty stand-ins for the rest.

    Raises
    ------
    SystemExit
        A file could not be fetched, or came empty; says which.
    """
    from templateflow import api

    found = []
    for space, query in WANTED:
        try:
            path = api.get(space, **query)
        except Exception as error:  # whatever the network brings
            raise SystemExit(f"{space} {query}: {error}\n{_ADVICE}") from error
        if not isinstance(path, Path) or not path.is_file() or not path.stat().st_size:
            raise SystemExit(f"{space} {query}: not one file with content, but {path}\n{_ADVICE}")
        found.append(path)
    for path in sorted(home.rglob("*"), reverse=True):
        if path.is_file() and not path.stat().st_size:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return found


_ADVICE = "Without a network, build with --build-arg TEMPLATES=skip."


def describe(home: Path, files: Sequence[Path]) -> str:
    """The note that stays in the image: what is there, or what to do without it."""
    if not files:
        return (
            "The TemplateFlow files were left out when this image was built (TEMPLATES=skip).\n"
            "Nothing in the image will try to fetch them. To use a copy of your own, bind it\n"
            "over this folder, read-only:  docker run -v /path/to/templateflow:"
            f"{home}:ro ...\nor  apptainer run -B /path/to/templateflow:{home}:ro ...\n"
        )
    lines = ["TemplateFlow files in this image (SHA-256, bytes, path):"]
    for path in sorted(files):
        content = path.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        lines.append(f"{digest}  {len(content):>9}  {path.relative_to(home)}")
    return "\n".join(lines) + "\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Fetch or skip, and leave the note."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("what", choices=("fetch", "skip"))
    home = Path(os.environ["TEMPLATEFLOW_HOME"])
    files = fetch(home) if parser.parse_args(argv).what == "fetch" else []
    home.mkdir(parents=True, exist_ok=True)
    note = describe(home, files)
    (home / NOTE).write_text(note, encoding="utf-8")
    print(note, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
