"""Which contrasts a test of labels compares, and which nulls are made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.contrasts import read_contrasts
from fcnm_bids.inputs.nulls import compared_contrasts, nulls_wanted, read_base_rate
from fcnm_bids.seeds import Contrast

HEADER = "study\tcontrast\teffect\tx\ty\tz\tspace\tn\n"
BOTH = HEADER + (
    "A\ta\tup\t6\t6\t6\tMNI152\t20\n"
    "A\tb\tdown\t9\t6\t6\tMNI152\t10\n"
    "B\tc\tup\t6\t9\t9\tMNI152\t30\n"
    "B\td\tdown\t6\t9\t9\tMNI152\t30\n"
)
ONE = HEADER + "A\ta\tup\t6\t6\t6\tMNI152\t20\nB\tc\tup\t6\t9\t9\tMNI152\t30\n"
THREE = BOTH + "C\te\tsideways\t6\t9\t9\tMNI152\t30\n"
CONTROL = HEADER + (
    "A\ta\tup\t16\t6\t6\tMNI152\t20\n"
    "Z\tz\tup\t16\t9\t9\tMNI152\t30\n"
    "Z\ty\tother\t16\t9\t9\tMNI152\t30\n"
)


def request(
    folder: Path,
    table: str,
    *asked: str,
    label_test: str | None = None,
    second: str | None = None,
) -> tuple[Config, tuple[Contrast, ...]]:
    """A configuration with a coordinate table, and its contrasts."""
    path = folder / "foci.tsv"
    path.write_text(table)
    other = None
    if second is not None:
        other = folder / "control table.tsv"
        other.write_text(second)
    config = Config("data", "out", "group")
    config = replace(
        config,
        seeds=replace(config.seeds, coordinates=str(path)),
        specificity=replace(
            config.specificity,
            specificity=asked or ("labels",),
            label_test=label_test,
            label_coordinates=None if other is None else str(other),
        ),
    )
    return config, read_contrasts(config.seeds)


def names(contrasts: tuple[Contrast, ...], effect: str) -> list[str]:
    return [contrast.name for contrast in contrasts if contrast.effect == effect]


def test_the_only_two_effects_need_no_names(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, BOTH)
    first, second, chosen = compared_contrasts(config, contrasts)
    assert (first, second) == ("up", "down")
    assert sorted(c.name for c in chosen) == sorted(c.name for c in contrasts)
    assert len(names(chosen, "up")) == len(names(chosen, "down")) == 2


def test_named_effects_are_taken_in_that_order(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, THREE, label_test="sideways:up")
    first, second, chosen = compared_contrasts(config, contrasts)
    assert (first, second) == ("sideways", "up")
    assert {contrast.effect for contrast in chosen} == {"sideways", "up"}
    assert [contrast.effect for contrast in chosen] == ["sideways", "up", "up"]


def test_a_second_table_brings_the_other_effect(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, BOTH, label_test="up:other", second=CONTROL)
    first, second, chosen = compared_contrasts(config, contrasts)
    assert (first, second) == ("up", "other (control table)")
    (other,) = [contrast for contrast in chosen if contrast.effect == second]
    assert other.studies == ("Z",)
    assert other.foci[0].x == 16
    assert len(names(chosen, "up")) == 2


def test_effects_of_the_same_name_in_two_tables_can_be_compared(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, ONE, label_test="up:up", second=CONTROL)
    first, second, chosen = compared_contrasts(config, contrasts)
    assert (first, second) == ("up", "up (control table)")
    assert len(names(chosen, first)) == len(names(chosen, second)) == 2
    # names stay unique, and studies that both tables have stay one study
    assert len({contrast.name for contrast in chosen}) == 4
    assert {c.studies for c in chosen if c.effect == second} == {("A",), ("Z",)}


def test_names_may_hold_a_colon(tmp_path: Path) -> None:
    table = BOTH.replace("\tup\t", "\tdrug: high\t").replace("\tdown\t", "\tdrug: low\t")
    config, contrasts = request(tmp_path, table, label_test="drug: high:drug: low")
    first, second, chosen = compared_contrasts(config, contrasts)
    assert (first, second) == ("drug: high", "drug: low")
    assert len(chosen) == 4


@pytest.mark.parametrize("label_test", ["up", "up:", ":down", "up:no", "no:up", "up-down"])
def test_effects_that_are_not_there_are_refused_by_name(tmp_path: Path, label_test: str) -> None:
    config, contrasts = request(tmp_path, BOTH, label_test=label_test)
    with pytest.raises(RequestError, match="A is one of 'up', 'down', B one of 'up', 'down'"):
        compared_contrasts(config, contrasts)


def test_one_effect_twice_is_refused(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, BOTH, label_test="up:up")
    with pytest.raises(RequestError, match="same effect twice"):
        compared_contrasts(config, contrasts)


@pytest.mark.parametrize(("table", "second"), [(ONE, None), (THREE, None), (BOTH, CONTROL)])
def test_where_there_are_not_just_two_effects_they_must_be_named(
    tmp_path: Path, table: str, second: str | None
) -> None:
    config, contrasts = request(tmp_path, table, second=second)
    with pytest.raises(RequestError, match="--label-test A:B is needed") as refused:
        compared_contrasts(config, contrasts)
    assert ("in the second table 'up', 'other'" in str(refused.value)) == (second is not None)


def test_masks_have_no_labels_to_test(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, BOTH)
    masks = tuple(replace(contrast, foci=()) for contrast in contrasts)
    for none in (masks, masks[:1] + contrasts[1:], ()):
        with pytest.raises(RequestError, match="these need foci, not masks"):
            compared_contrasts(config, none)


def test_all_are_those_that_the_contrasts_allow(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, BOTH, "all")
    assert nulls_wanted(config, contrasts) == ("random", "strength", "labels", "split")
    config, contrasts = request(tmp_path, ONE, "all")
    assert nulls_wanted(config, contrasts) == ("random", "strength")
    assert nulls_wanted(config, ()) == ()


def test_all_with_labels_that_cannot_be_compared_is_refused(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, ONE, "all", label_test="up:down")
    with pytest.raises(RequestError, match="two effects in the form A:B"):
        nulls_wanted(config, contrasts)
    config, contrasts = request(tmp_path, ONE, "all", second=CONTROL)
    with pytest.raises(RequestError, match="--label-test A:B is needed"):
        nulls_wanted(config, contrasts)


def test_all_with_a_second_table(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, ONE, "all", label_test="up:other", second=CONTROL)
    assert nulls_wanted(config, contrasts) == ("random", "strength", "labels", "split")


@pytest.mark.parametrize("asked", [("random",), ("split", "random"), ("strength", "labels")])
def test_nulls_asked_for_by_name_are_made(tmp_path: Path, asked: tuple[str, ...]) -> None:
    config, contrasts = request(tmp_path, BOTH, *asked)
    assert nulls_wanted(config, contrasts) == asked


@pytest.mark.parametrize("asked", ["labels", "split"])
def test_labels_asked_for_by_name_are_needed(tmp_path: Path, asked: str) -> None:
    config, contrasts = request(tmp_path, ONE, asked)
    with pytest.raises(RequestError, match="--label-test A:B is needed"):
        nulls_wanted(config, contrasts)


@pytest.mark.parametrize("asked", ["random", "strength"])
def test_masks_cannot_be_moved(tmp_path: Path, asked: str) -> None:
    config, _ = request(tmp_path, BOTH, asked)
    with pytest.raises(RequestError, match="these need foci, not masks"):
        nulls_wanted(config, ())


def test_none_are_made_unless_asked_for(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, BOTH)
    quiet = replace(config, specificity=replace(config.specificity, specificity=()))
    assert nulls_wanted(quiet, contrasts) == ()


def test_a_study_spelled_otherwise_in_the_second_table_is_refused(tmp_path: Path) -> None:
    config, contrasts = request(tmp_path, ONE, second=CONTROL.replace("Z", "b"), label_test="up:up")
    with pytest.raises(RequestError, match=r"--label-coordinates: study 'B' \(foci\.tsv\) and"):
        compared_contrasts(config, contrasts)


def test_a_study_under_test_is_no_base_rate_however_it_is_spelled(tmp_path: Path) -> None:
    config, _ = request(tmp_path, ONE)
    grid = Grid((5, 5, 5), np.diag([4.0, 4, 4, 1]), "MNI152NLin6Asym")
    rates = []
    for name, table in (("all", CONTROL + "b\tx\tup\t6\t9\t9\tMNI152\t30\n"), ("z", CONTROL)):
        path = tmp_path / f"{name}.tsv"
        path.write_text(table)
        named = replace(config.specificity, base_rate=str(path))
        rates.append(read_base_rate(replace(config, specificity=named), grid))
    np.testing.assert_array_equal(*rates)
