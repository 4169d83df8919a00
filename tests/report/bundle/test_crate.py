"""The crate of a bundle names every file."""

from __future__ import annotations

import json
from pathlib import Path


def test_every_file_is_in_the_crate_with_its_size(bundle: Path) -> None:
    graph = json.loads((bundle / "ro-crate-metadata.json").read_text())["@graph"]
    (root,) = (entity for entity in graph if entity["@id"] == "./")
    listed = {entity["@id"]: entity for entity in graph if entity["@type"] == "File"}
    there = {p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file()}
    assert set(listed) == there - {"ro-crate-metadata.json"}
    assert {part["@id"] for part in root["hasPart"]} == set(listed)
    assert root["datePublished"] == "2026-01-02"
    assert root["license"] == {"@id": "https://spdx.org/licenses/CC0-1.0"}
    for name, entity in listed.items():
        assert int(entity["contentSize"]) == (bundle / name).stat().st_size
