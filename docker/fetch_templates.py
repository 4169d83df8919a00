"""Put templates into TEMPLATEFLOW_HOME when an image is built, or a note in their place.

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

_LABELLED = {"atlas": "Schaefer2018", "desc": "400Parcels7Networks", "suffix": "dseg"}
_T1W = {"resolution": 2, "desc": None, "suffix": "T1w", "extension": ".nii.gz"}
_BRAIN = {"resolution": 2, "desc": "brain", "suffix": "mask", "extension": ".nii.gz"}
_GREY = {"resolution": 2, "label": "GM", "suffix": "probseg", "extension": ".nii.gz"}
_PARCELS = {"resolution": 2, **_LABELLED, "extension": ".nii.gz"}
_NAMES = {**_LABELLED, "extension": ".tsv"}
_ASEG = {"resolution": 2, "segmentation": "aseg", "suffix": "dseg", "extension": ".nii.gz"}
_HCP = {"resolution": 2, "atlas": "HCP", "suffix": "dseg", "extension": ".nii.gz"}
_2009C, _6TH = "MNI152NLin2009cAsym", "MNI152NLin6Asym"

WANTED: tuple[tuple[str, Mapping[str, Any], int, str], ...] = (
    (_2009C, _T1W, 1763084, "04e6e6eae189c060ba17478e097c6a24"),
    (_2009C, _BRAIN, 29576, "5c1bbc73a04d9dd5b84330d712ffd760"),
    # TemplateFlow has no tissue maps in MNI152NLin6Asym.
    (_2009C, _GREY, 1044456, "9e38c9dbb352625abc89e23449114705"),
    (_2009C, _PARCELS, 91904, "c6d141b06b9ce0627eb197aa4657cfe0"),
    (_2009C, _NAMES, 15164, "f6ce6ad45a2026a39b00d59202b19976"),
    (_2009C, _ASEG, 86350, "dcd733f004322b5295bb3880bf5514db"),
    (_6TH, _T1W, 1412252, "b28139dd120e83da003d717b5ef51f42"),
    (_6TH, _BRAIN, 28557, "0bb024a75b8529860417c57ea806a0e2"),
    (_6TH, _PARCELS, 87753, "87669ad82ef50568976d689dd33293da"),
    (_6TH, _NAMES, 15164, "f6ce6ad45a2026a39b00d59202b19976"),
    (_6TH, _HCP, 25762, "181357f15052eb220d650ef7a6b9fac0"),
)
"""Space, query, bytes and MD5 of each file, as TemplateFlow's own repositories record them.

Only what may be passed on with the image (docs/regions.md quotes the licences); Harvard-Oxford,
under FSL's licence, may not.
"""


def fetch(home: Path) -> list[Path]:
    """Fetch and check everything wanted, and drop TemplateFlow's empty stand-ins for the rest.

    Raises
    ------
    SystemExit
        A file could not be fetched, or is not the one wanted; names it.
    """
    from templateflow import api

    found = []
    for space, query, n_bytes, md5 in WANTED:
        try:
            path = api.get(space, **query)
        except Exception as error:  # whatever the network brings
            raise SystemExit(f"{space} {query}: {error}\n{_ADVICE}") from error
        if not isinstance(path, Path):
            raise SystemExit(f"{space} {query}: not one file, but {path}\n{_ADVICE}")
        check(path, n_bytes, md5)
        found.append(path)
    for path in sorted(home.rglob("*"), reverse=True):
        if path.is_file() and not path.stat().st_size:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    return found


def check(path: Path, n_bytes: int, md5: str) -> None:
    """Compare a template with what is recorded of it.

    Raises
    ------
    SystemExit
        It is not the file that was recorded.
    """
    content = path.read_bytes() if path.is_file() else b""
    found = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if (len(content), found) != (n_bytes, md5):
        raise SystemExit(
            f"{path.name}: {len(content)} bytes with MD5 {found}, where {n_bytes} bytes with "
            f"MD5 {md5} are recorded; remove it and build again, or, where TemplateFlow has "
            f"changed the file, record the new one in {Path(__file__).name}\n{_ADVICE}"
        )


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
