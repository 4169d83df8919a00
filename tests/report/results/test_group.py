"""Results that earlier versions wrote are read under the present names."""

import json
from pathlib import Path

from fcnm_bids.report.results.group import read_sidecar, read_tsv


def test_keys_of_earlier_versions_have_their_present_names(tmp_path: Path) -> None:
    (tmp_path / "network-x_mask.json").write_text(
        json.dumps({"NumberOfPeople": 7, "PeopleWithoutCoverage": ["01"], "Effect": "x"})
    )
    assert read_sidecar(tmp_path / "network-x_mask.nii.gz") == {
        "NumberOfParticipants": 7,
        "ParticipantsWithoutCoverage": ["01"],
        "Effect": "x",
    }


def test_checks_of_earlier_versions_have_their_present_names(tmp_path: Path) -> None:
    path = tmp_path / "network-x_desc-robustness.tsv"
    path.write_text("check\tlevel\npeople\t0.5\nthreshold\t0.5\n")
    table = read_tsv(path)
    assert table is not None
    assert list(table["check"]) == ["participants", "threshold"]
