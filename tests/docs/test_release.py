"""Metadata of a release agree, and a source distribution has what a wheel needs."""

from __future__ import annotations

import json
import platform
import re
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

import build_kernels
from fcnm_bids import __version__
from tests.docs.pages import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CITATION = yaml.safe_load((REPOSITORY / "CITATION.cff").read_text(encoding="utf-8"))
ZENODO = json.loads((REPOSITORY / ".zenodo.json").read_text(encoding="utf-8"))


def test_version_title_and_licence_agree() -> None:
    assert (REPOSITORY / "version").read_text().strip() == __version__ == CITATION["version"]
    assert ZENODO["title"] == CITATION["title"]
    assert CITATION["license"] == ZENODO["license"] == PROJECT["license"].split(" AND ")[0]
    assert ZENODO["keywords"] == CITATION["keywords"]
    assert [own["name"] for own in ZENODO["creators"]] == [a["name"] for a in CITATION["authors"]]


def test_the_citation_has_the_fields_of_its_format() -> None:
    assert {"cff-version", "message", "title", "authors"} <= set(CITATION)
    assert CITATION["cff-version"] == "1.2.0"
    dois = [own["doi"] for own in CITATION["references"]]
    assert all(re.fullmatch(r"10\.\d{4,}/\S+", doi) for doi in dois)


def test_the_template_of_a_bug_report_asks_for_the_report() -> None:
    template = REPOSITORY / ".github" / "ISSUE_TEMPLATE" / "bug_report.yml"
    form = yaml.safe_load(template.read_text(encoding="utf-8"))
    assert any("--report-bug" in str(field) for field in form["body"])


@pytest.mark.slow
def test_a_wheel_is_built_from_the_source_distribution(tmp_path: Path) -> None:
    from hatchling.builders.sdist import SdistBuilder
    from hatchling.builders.wheel import WheelBuilder

    (source,) = SdistBuilder(str(REPOSITORY)).build(directory=str(tmp_path))
    with tarfile.open(source) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    (folder,) = (tmp_path / "unpacked").iterdir()
    (wheel,) = WheelBuilder(str(folder)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        text = archive.read(metadata).decode()
        (tags,) = (archive.read(name).decode() for name in names if name.endswith("/WHEEL"))
    assert f"Version: {__version__}\n" in text
    assert "Description-Content-Type: text/markdown" in text
    assert "License-Expression: Apache-2.0 AND BSD-2-Clause" in text
    assert sum("/licenses/" in name for name in names) == 2
    packed = {name for name in names if name.startswith("fcnm_bids/")}
    ours = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "fcnm_bids").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == ours
    # one wheel for every Python, on machines with this C library or a newer one
    tag = f"py3-none-manylinux_2_17_{platform.machine()}"
    assert wheel.endswith(f"-{tag}.whl")
    assert "Root-Is-Purelib: false\n" in tags
    assert re.findall("^Tag: (.*)$", tags, re.MULTILINE) == [tag]
    variants = build_kernels.VARIANTS[platform.machine()]
    assert {f"fcnm_bids/kernels/kernels_{name}.so" for name in variants} <= packed
