from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.config import OutcomeSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.contrasts import CONTROL_EFFECT
from fcnm_bids.inputs.scores import plan_outcomes

MASKS = [(f"lesion{i}", "network") for i in range(8)]


def table(tmp_path: Path, *columns: str, rows: list[str] | None = None, **values: str) -> str:
    """A table of scores: one row per mask, a list of words per column."""
    path = tmp_path / "scores.tsv"
    named = rows or [name for name, _ in MASKS]
    cells = [named, *(text.split() for text in values.values())]
    lines = ["\t".join(["mask", *values]), *("\t".join(row) for row in zip(*cells, strict=True))]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def problems(settings: OutcomeSettings, seeds: list[tuple[str, str]] = MASKS) -> str:
    with pytest.raises(RequestError) as caught:
        plan_outcomes(settings, seeds, masks=True)
    return "\n".join(caught.value.problems)


def test_every_column_of_numbers_is_an_outcome(tmp_path: Path) -> None:
    scores = table(tmp_path, pain="1 2 3 4 5 6 7 8", note="a b c d e f g h")
    (pain,), notes = plan_outcomes(OutcomeSettings(scores=scores), MASKS, masks=True)
    assert (pain.name, pain.values[:2], pain.measured) == ("pain", (1.0, 2.0), ("log_volume",))
    assert pain.seeds == tuple(name for name, _ in MASKS)
    assert notes == ("--scores: note: not numeric, and therefore not used as outcomes",)


def test_covariates_and_cohorts(tmp_path: Path) -> None:
    scores = table(
        tmp_path, pain="1 2 3 4 5 6 7 8", age="30 41 35 60 55 48 70 33", cohort="a a a a b b b b"
    )
    settings = OutcomeSettings(scores=scores, score_covariates=("age",))
    (pain,), _ = plan_outcomes(settings, MASKS, masks=True)
    assert pain.column_names == ("age", "cohort[b]")
    assert pain.cohorts == ("a",) * 4 + ("b",) * 4
    assert pain.measured == ()
    np.testing.assert_allclose(np.mean(pain.columns, axis=0), 0, atol=1e-12)


def test_volume_is_a_covariate_of_masks_only_unless_asked(tmp_path: Path) -> None:
    scores = table(tmp_path, pain="1 2 3 4 5 6 7 8")
    for asked, masks, wanted in (
        (("auto",), True, ("log_volume",)),
        (("auto",), False, ()),
        (("none",), True, ()),
        (("strength", "log_volume"), False, ("log_volume", "strength")),
    ):
        settings = OutcomeSettings(scores=scores, score_covariates=asked)
        assert plan_outcomes(settings, MASKS, masks=masks)[0][0].measured == wanted


def test_rows_may_be_files_and_some_seeds_have_no_value(tmp_path: Path) -> None:
    rows = [f"lesion{i}.nii.gz" for i in range(6)] + ["Lesion6"]
    scores = table(tmp_path, rows=rows, pain="1 2 n/a 4 5 6 7")
    (pain,), notes = plan_outcomes(OutcomeSettings(scores=scores), MASKS, masks=True)
    assert pain.seeds == ("lesion0", "lesion1", "lesion3", "lesion4", "lesion5", "lesion6")
    assert notes == ("--scores: no row for lesion7, which the outcomes leave out",)


def test_cases_and_controls_by_a_column(tmp_path: Path) -> None:
    scores = table(tmp_path, group="case case Case case control control control control")
    (group,), _ = plan_outcomes(OutcomeSettings(scores=scores), MASKS, masks=True)
    assert group.is_group
    assert group.values == (1.0,) * 4 + (0.0,) * 4


def test_cases_and_controls_by_folders() -> None:
    seeds = [*MASKS[:5], *((name, CONTROL_EFFECT) for name, _ in MASKS[5:])]
    (group,), _ = plan_outcomes(OutcomeSettings(), seeds, masks=True)
    assert group.is_group
    assert sum(group.values) == 5


def test_controls_without_rows_are_compared_without_the_table(tmp_path: Path) -> None:
    seeds = [*MASKS, ("healthy1", CONTROL_EFFECT), ("healthy2", CONTROL_EFFECT)]
    scores = table(tmp_path, pain="1 2 3 4 5 6 7 8", age="30 41 35 60 55 48 70 33")
    settings = OutcomeSettings(scores=scores, score_covariates=("age",))
    (pain, group), notes = plan_outcomes(settings, seeds, masks=True)
    assert (pain.column_names, group.column_names) == (("age",), ())
    assert len(group.seeds) == 10
    assert "healthy1, healthy2" in notes[0]


def test_effects_of_a_coordinate_table_are_exchangeable_within_themselves(tmp_path: Path) -> None:
    seeds = [(name, "up" if i < 4 else "down") for i, (name, _) in enumerate(MASKS)]
    scores = table(tmp_path, dose="1 2 3 4 5 6 7 8")
    (dose,), _ = plan_outcomes(OutcomeSettings(scores=scores), seeds, masks=False)
    assert dose.cohorts == ("up",) * 4 + ("down",) * 4
    assert dose.column_names == ("cohort[up]",)


@pytest.mark.parametrize(
    ("columns", "settings", "found"),
    [
        ({"pain": "1 2 3 4 5 6 7 x"}, {}, "column pain: 'x' (lesion7): not a number"),
        ({"pain": "2 2 2 2 2 2 2 2"}, {}, "outcome pain: all 8 seeds have the value 2"),
        ({"pain": "1 2 n/a n/a n/a n/a n/a n/a"}, {}, "2 seeds are too few"),
        ({"note": "a b c d e f g h"}, {}, "no numeric column is left"),
        ({"group": "case case ill case control control case case"}, {}, "'ill' (lesion2)"),
        ({"group": "case case case case case case case case"}, {}, "all 8 seeds"),
        ({"pain": "1 2 3 4 5 6 7 8"}, {"outcomes": ("gait",)}, "--outcomes gait"),
        (
            {"pain": "1 2 3 4 5 6 7 8"},
            {"score_covariates": ("age",)},
            "--score-covariates age: the table of scores has no such column; choose from pain",
        ),
        (
            {"pain": "1 2 3 4 5 6 7 8", "age": "1 2 n/a 3 2 5 3 4"},
            {"score_covariates": ("age",)},
            "covariate age: no value for lesion2",
        ),
        (
            {"pain": "1 2 3 4 5 6 7 9", "twice": "2 4 6 8 10 12 14 18"},
            {"score_covariates": ("twice",), "outcomes": ("pain",)},
            "outcome pain: the covariates (twice) determine it; leave one of them out",
        ),
    ],
)
def test_what_a_table_cannot_be(
    tmp_path: Path, columns: dict[str, str], settings: dict[str, tuple[str, ...]], found: str
) -> None:
    scores = table(tmp_path, **columns)
    assert found in problems(OutcomeSettings(scores=scores, **settings))  # type: ignore[arg-type]


def test_rows_of_no_mask_and_rows_twice(tmp_path: Path) -> None:
    scores = table(tmp_path, rows=["lesion0", "lesion0", "leison1"], pain="1 2 3")
    said = problems(OutcomeSettings(scores=scores))
    assert "leison1 in column mask: no such contrast" in said
    assert "lists lesion0 twice" in said


def test_a_table_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "scores.tsv"
    assert "there is no such file" in problems(OutcomeSettings(scores=str(path)))
    path.write_text("patient\tpain\na\t1\n")
    assert "no column contrast, mask or seed" in problems(OutcomeSettings(scores=str(path)))
