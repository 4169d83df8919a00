"""What the methods text states of outcomes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.report.methods.outcomes import outcomes_text
from fcnm_bids.report.results.group import GroupOutputs


def text(root: Path, **outcomes: dict[str, Any]) -> str:
    (root / "group").mkdir()
    for label, said in outcomes.items():
        stem = root / "group" / f"outcome-{label}_space-MNI_desc-significant_mask"
        Path(f"{stem}.nii.gz").touch()
        Path(f"{stem}.json").write_text(json.dumps({"Outcome": label, "Seeds": ["a"], **said}))
    return outcomes_text(GroupOutputs(root))


def test_without_outcomes_there_is_no_text(tmp_path: Path) -> None:
    assert text(tmp_path) == ""


@pytest.mark.parametrize("cohorts", [[], ["x", "y"]])
def test_outcomes_are_listed_with_seeds_and_covariates(tmp_path: Path, cohorts: list[str]) -> None:
    found = text(
        tmp_path,
        age={"Permutations": 1000, "Cohorts": cohorts},
        pain={"Seeds": ["a", "b"], "Covariates": ["{{evil}}", "sex"]},
    )
    assert "(age, 1 seed; pain, 2 seeds, given " in found
    assert "{{evil}}" not in found
    assert "1000 permutations" in found.replace(",", "")
    assert ("within cohorts" in found) is bool(cohorts)
    assert "ROC" not in found


def test_groups_have_their_own_measures(tmp_path: Path) -> None:
    assert "area under the ROC curve" in text(tmp_path, patients={"IsGroup": True})
