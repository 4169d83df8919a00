"""A bundle of made-up results with hostile names and private logs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fcnm_bids.report.bundle.build import write_bundle
from tests.report.bundle.made import PARTICIPANT, with_record
from tests.report.explorer.made import make_results

LICENSE = "https://spdx.org/licenses/CC0-1.0"


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("laboratory") / "out"
    names = ("=1+1: drug > placebo", r"{\b Müller}: a < b")
    make_results(made, voxel=16.0, contrasts=3, names=names)
    for path in (made / "group").glob("seed-*_mask.json"):
        said = json.loads(path.read_text())
        said |= {"ParticipantsWithoutCoverage": [f"sub-{PARTICIPANT}"], "NumberOfParticipants": 9}
        path.write_text(json.dumps(said))
    (made.parent / "secret" / "second").mkdir(parents=True)
    with_record(made)
    return made


@pytest.fixture(scope="session")
def bundle(root: Path) -> Path:
    """The bundle; not to be changed."""
    folder = root.with_name("out_bundle")
    write_bundle(root, folder, license_url=LICENSE)
    return folder
