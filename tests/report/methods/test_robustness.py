"""What the methods text states of robustness."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fcnm_bids.report.methods.robustness import robustness_text
from fcnm_bids.report.results.group import GroupOutputs
from tests.report.explorer.made import make_results

ROWS = [
    *(("radius", level, "n/a") for level in ("1", "7")),
    *(("threshold", level, "n/a") for level in ("0.3", "0.4", "0.5", "0.6")),
    *(("bootstrap", "n/a", draw) for draw in range(500)),
    *(("participants", share, draw) for share in ("0.5", "0.25") for draw in range(20)),
    ("leave-one-study-out", "A {{boes2015}}", "n/a"),
]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    made = make_results(tmp_path / "out", voxel=16.0, contrasts=2)
    table = pd.DataFrame(ROWS, columns=["check", "level", "draw"])
    path = made / "group" / "network-increase_desc-robustness_metrics.tsv"
    table.to_csv(path, sep="\t", index=False)
    return made


def test_what_robustness_varied_is_said_with_its_values(results: Path) -> None:
    (path, *_) = sorted((results / "group").glob("network-*_desc-robustness_metrics.tsv"))
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    second = table.iloc[:1].assign(check="second connectome", level="n/a", draw="n/a")
    pd.concat([table, second]).to_csv(path, sep="\t", index=False)
    mask = path.with_name(path.name.replace("robustness_metrics.tsv", "validation_mask.nii.gz"))
    mask.touch()
    mask.with_name(mask.name.replace(".nii.gz", ".json")).write_text('{"NumberOfParticipants": 12}')
    text = robustness_text(GroupOutputs(results))
    assert "with other radii (1, 7 mm), at other thresholds (0.3, 0.4, 0.6)" in text
    assert "with studies drawn with replacement (500 draws)" in text
    assert "on a second connectome (12 participants)" in text


def test_parts_of_the_participants_are_shares_with_their_draws(results: Path) -> None:
    text = robustness_text(GroupOutputs(results))
    assert "on parts of the participants (25%, 50%, 20 draws each)" in text
    assert "without each study in turn" in text
    assert "boes2015" not in text
    assert text.count(" and ") == 1


def test_without_a_table_there_is_no_sentence(results: Path) -> None:
    for path in (results / "group").glob("*_desc-robustness_metrics.tsv"):
        path.unlink()
    assert robustness_text(GroupOutputs(results)) == ""
