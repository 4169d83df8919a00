"""Description of a bundle as RO-Crate 1.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fcnm_bids._version import __version__
from fcnm_bids.bids.write import write_json

METADATA_FILE = "ro-crate-metadata.json"

_MEDIA_TYPES = {
    ".pdf": "application/pdf",
    ".tiff": "image/tiff",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".csv": "text/csv",
    ".rtf": "application/rtf",
    ".gz": "application/gzip",
    ".json": "application/json",
    ".md": "text/markdown",
    ".bib": "application/x-bibtex",
}
_NO_LICENSE = {
    "@id": "#license",
    "@type": "CreativeWork",
    "name": "License not stated",
    "description": "The authors of the results have not stated under which license they may be "
    "used.",
}


def write_crate(
    folder: Path,
    described: Mapping[Path, str],
    *,
    title: str,
    date: str,
    license_url: str | None,
) -> Path:
    """Write ``ro-crate-metadata.json`` of a folder.

    Parameters
    ----------
    folder
        The folder.
    described
        Its files, each with a line on what it holds.
    title
        Name of the whole.
    date
        Day of the results, ISO 8601.
    license_url
        Address of the license of the results; None where it is not stated.
    """
    files = [_file(folder, path, line) for path, line in described.items()]
    license_entity = _NO_LICENSE
    if license_url:
        license_entity = {"@id": license_url, "@type": "CreativeWork", "name": license_url}
    graph: Sequence[Mapping[str, Any]] = [
        {
            "@id": METADATA_FILE,
            "@type": "CreativeWork",
            "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
            "about": {"@id": "./"},
        },
        {
            "@id": "./",
            "@type": "Dataset",
            "name": title,
            "description": "Figures, tables, text, maps and foci of a functional connectivity "
            "network mapping, for a paper and its supplement.",
            "datePublished": date,
            "license": {"@id": license_entity["@id"]},
            "hasPart": [{"@id": own["@id"]} for own in files],
            "mentions": {"@id": "#fcnm_bids"},
        },
        license_entity,
        {
            "@id": "#fcnm_bids",
            "@type": "SoftwareApplication",
            "name": "fcnm_bids",
            "version": __version__,
        },
        *files,
    ]
    path = folder / METADATA_FILE
    write_json(path, {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph})
    return path


def _file(folder: Path, path: Path, line: str) -> dict[str, Any]:
    return {
        "@id": quote(path.relative_to(folder).as_posix()),
        "@type": "File",
        "name": path.name,
        "description": line,
        "encodingFormat": _MEDIA_TYPES[path.suffix],
        "contentSize": str(path.stat().st_size),
    }
