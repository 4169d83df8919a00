"""The explorer's page."""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from fcnm_bids.bids.write import write_text
from fcnm_bids.report.explorer.content import explorer_content
from fcnm_bids.report.pages.html import template

_DATA = files("fcnm_bids.data") / "report" / "explorer"

NIIVUE = "niivue-0.69.0.umd.js"
NIIVUE_SHA256 = "47b896b77ec4a5be3ef1949c33ad393b6f45629921f326c279000bcf51bdb4af"
"""Digest of the script as npm has it; the page's policy runs it with this digest only."""


def write_explorer(roots: Sequence[Path], path: Path) -> None:
    """Write result folders as one page that needs no other file and no network.

    Parameters
    ----------
    roots
        Output folders with a group level.
    path
        HTML file.

    Raises
    ------
    RequestError
        A folder has no network.
    """
    write_text(path, render_explorer(roots))


def render_explorer(roots: Sequence[Path]) -> str:
    """The page as HTML; arguments and errors as for `write_explorer`."""
    content = explorer_content(roots)
    script = _text("explorer.js")
    page: str = template("explorer/explorer.html.jinja").render(
        title=", ".join(folder["name"] for folder in content["folders"]),
        content=content,
        style=_text("explorer.css"),
        script=script,
        script_digest=_digest(hashlib.sha256(script.encode()).digest()),
        niivue=gzip.decompress((_DATA / f"{NIIVUE}.gz").read_bytes()).decode(),
        niivue_digest=_digest(bytes.fromhex(NIIVUE_SHA256)),
        notices=_text("NOTICES.txt"),
    )
    return page


def _digest(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _text(name: str) -> str:
    return (_DATA / name).read_text(encoding="utf-8")
