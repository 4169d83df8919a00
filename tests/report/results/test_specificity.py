"""Files about a network's specificity, read back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fcnm_bids.report.results.group import NetworkOutputs
from fcnm_bids.report.results.specificity import SpecificityResult, capital, number_in

TABLE = "test\tn_draws\tp_size\nrandom\t99\t0.01\ndegree\tn/a\tn/a\n"


@pytest.fixture
def group(tmp_path: Path) -> Path:
    folder = tmp_path / "group"
    folder.mkdir()
    (folder / "network-up_desc-specificity_metrics.tsv").write_text(TABLE)
    (folder / "network-up_desc-specificity_metrics.json").write_text('{"Alpha": 0.05}')
    return folder


def found(group: Path) -> SpecificityResult:
    mask = group / "network-up_space-MNI_res-2_mask.nii.gz"
    return SpecificityResult(NetworkOutputs("up", {}, mask, mask))


def test_numbers_of_the_table_of_tests(group: Path) -> None:
    result = found(group)
    assert result.alpha == 0.05
    assert result.number("random", "n_draws") == 99
    assert result.number("degree", "n_draws") is None
    assert result.number("strength", "n_draws") is None
    assert (result.has("random"), result.has("strength")) == (True, False)
    assert result.row("random")["p_size"] == "0.01"


def test_without_a_table_every_test_may_be_there(tmp_path: Path) -> None:
    result = found(tmp_path)
    assert result.tests is None
    assert result.has("random")
    assert (result.row("random"), result.about("random"), result.alpha) == ({}, {}, None)


def image(group: Path, place: str, resolution: float | None) -> Path:
    path = group / f"network-up_space-MNI_{place}desc-random_stat-p_statmap.nii.gz"
    path.touch()
    said = {"NullResolution": resolution}
    Path(str(path).replace(".nii.gz", ".json")).write_text(json.dumps(said))
    return path


def test_the_map_of_a_null_is_that_of_its_draws_resolution(group: Path) -> None:
    assert found(group).image("random", "p") is None
    fine, coarse = image(group, "res-2_", None), image(group, "res-4mm_", 4.0)
    assert found(group).image("random", "p") == fine
    draws = group / "network-up_desc-randomdraws_metrics.tsv"
    draws.write_text("draw\n0\n")
    draws.with_suffix(".json").write_text('{"NullResolution": 4}')
    assert found(group).image("random", "p") == coarse


def test_a_map_of_another_kind_lies_beside_the_network(group: Path) -> None:
    path = group / "network-up_space-MNI_res-2_desc-labels_stat-z_statmap.nii.gz"
    assert found(group).image("labels", "z") is None
    path.touch()
    assert found(group).image("labels", "z") == path


def test_tests_are_named_by_what_they_compare_with(group: Path) -> None:
    result = found(group)
    assert result.named("degree") == "the connectome's degree"
    assert result.named("random") == "foci scattered in grey matter"
    assert result.named("unknown") == "unknown"


@pytest.mark.parametrize(
    ("value", "number"),
    [("0.5", 0.5), (3, 3.0), ("n/a", None), (None, None), ("inf", None), ("nan", None), ([], None)],
)
def test_numbers_are_finite_or_none(value: Any, number: float | None) -> None:
    assert number_in(value) == number


def test_a_sentence_begins_with_a_capital() -> None:
    assert [capital(text) for text in ("", "a b", "Ä")] == ["", "A b", "Ä"]
