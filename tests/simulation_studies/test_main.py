"""Simulated studies of the nulls: small ones at once, and what they must show as a slow test."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from simulation_studies.__main__ import (
    NullDesign,
    build_parser,
    main,
    nulls_page,
    read_design,
    simulate_nulls,
    validity_table,
    write_nulls,
)
from simulation_studies.backbone import BACKBONE_COLUMNS, BackboneDesign, simulate_backbone
from simulation_studies.labels import LABEL_COLUMNS, LabelDesign, simulate_labels
from simulation_studies.nulls import VALIDITY_COLUMNS, ValidityDesign, simulate_validity

SMALL = NullDesign(
    valid=replace(
        ValidityDesign(),
        repetitions=2,
        n_draws=4,
        n_contrasts=3,
        connectome=replace(
            ValidityDesign().connectome, n_participants=5, shape=(8, 8, 8), n_nodes=1
        ),
    ),
    backbone=replace(
        BackboneDesign(),
        repetitions=2,
        n_draws=4,
        n_contrasts=3,
        connectome=replace(BackboneDesign().connectome, n_participants=6, dof=30, n_nodes=1),
    ),
    labels=replace(
        LabelDesign(),
        repetitions=2,
        paired=(5, 6),
        separate=(4,),
        connectome=replace(LabelDesign().connectome, n_participants=6, dof=30, n_nodes=1),
    ),
)


@pytest.fixture(scope="module")
def results() -> dict[str, pd.DataFrame]:
    return simulate_nulls(SMALL)


def test_tables_have_their_columns_and_every_case_once(results: dict[str, pd.DataFrame]) -> None:
    columns = (VALIDITY_COLUMNS, BACKBONE_COLUMNS, LABEL_COLUMNS)
    for table, described in zip(results.values(), columns, strict=True):
        assert list(table) == list(described)
    validity, backbone, labels = results.values()
    assert len(validity) == 7 * 3 * len(SMALL.valid.levels)
    assert not validity.duplicated(["null", "foci", "p", "level"]).any()
    assert len(backbone) == 2 * 2 * 2 * 3
    assert len(labels) == 2 * 2 * 3


def test_rates_are_shares_and_grow_with_the_level(results: dict[str, pd.DataFrame]) -> None:
    validity = results["validity"]
    assert validity["rate"].between(0, 1).all()
    for _, own in validity.groupby(["null", "foci", "p"]):
        assert own.sort_values("level")["rate"].is_monotonic_increasing
    level = validity["level"]
    np.testing.assert_allclose(validity["bound"], level + 3 * np.sqrt(level * (1 - level) / 2))


def test_rates_below_what_the_draws_can_give_are_0(results: dict[str, pd.DataFrame]) -> None:
    validity = results["validity"]
    assert (validity.loc[validity["level"] < 1 / 5, "rate"] == 0).all()


def test_repetitions_are_the_same_whatever_comes_after_them() -> None:
    first = simulate_labels(replace(SMALL.labels, repetitions=1))
    both = simulate_labels(SMALL.labels)
    pd.testing.assert_frame_equal(first, both[: len(first)])


def test_the_page_holds_every_case(results: dict[str, pd.DataFrame], tmp_path: Path) -> None:
    write_nulls(tmp_path, SMALL, results, command="the command", seconds=60)
    page = (tmp_path / "nulls.md").read_text()
    assert "`the command`" in page
    of_planted = "| planted | strength | probability | yes |", "| planted | strength | convergence"
    for case in ("| nearest20 | by strength |", *of_planted, "| same | 4 sep"):
        assert case in page
    assert "the smallest possible p is 0.0625, so this test cannot reject" in page
    for name, table in results.items():
        written = pd.read_csv(tmp_path / f"{name}.tsv", sep="\t")
        assert len(written) == len(table)
        assert "repetitions" in json.loads((tmp_path / f"{name}.json").read_text())


def test_rates_beyond_their_bound_are_bold() -> None:
    row = {"null": "n", "foci": "f", "p": "family-wise", "level": 0.05, "bound": 0.1}
    table = pd.DataFrame([{**row, "rate": 0.2}, {**row, "p": "voxels", "rate": 0.1}])
    assert "| n | f | family-wise | **0.200** |" in validity_table(table)
    assert "| n | f | voxels | 0.100 |" in validity_table(table)


def test_where_nothing_is_found_the_page_says_so(results: dict[str, pd.DataFrame]) -> None:
    backbone = results["backbone"].assign(inside=np.nan)
    page = nulls_page(SMALL, {**results, "backbone": backbone}, command="", seconds=0)
    assert "none found" in page


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = read_design(build_parser().parse_args(["out", "--quick"]))
    assert quick.valid.repetitions < NullDesign().valid.repetitions
    some = read_design(build_parser().parse_args(["out", "--repetitions", "7"]))
    assert {some.valid.repetitions, some.backbone.repetitions, some.labels.repetitions} == {7}
    assert main([str(tmp_path), "--repetitions", "0"]) == 2
    monkeypatch.setattr("simulation_studies.__main__.read_design", lambda options: SMALL)
    assert main([str(tmp_path / "a new folder"), "--quick"]) == 0
    page = (tmp_path / "a new folder" / "nulls.md").read_text()
    assert "`python -m simulation_studies OUT --quick`" in page


@pytest.mark.slow
def test_nulls_of_foci_keep_their_error_rates() -> None:
    found = simulate_validity(replace(ValidityDesign(), repetitions=20))
    cases = found.set_index(["null", "foci", "p", "level"]).sort_index()
    kept = [("random", "uniform"), ("strength", "within strata"), ("strength", "by strength")]
    for null, foci in kept:
        own = cases.loc[(null, foci)]
        assert (own["rate"] <= own["bound"]).all(), (null, foci)
    # and the simulation could have shown it: random foci are another question than foci on hubs
    hubs = cases.loc[("random", "by strength", "family-wise", 0.05)]
    assert hubs["rate"] > 0.8


@pytest.mark.slow
def test_nulls_of_foci_find_a_network_beside_a_backbone() -> None:
    found = simulate_backbone(replace(BackboneDesign(), repetitions=3))
    added = found[found["step"] == "added"]
    random = added[added["coordinates"] == "random"]
    assert (random["r_strength"] > 0.6).all()
    assert (random["n_voxels"] > 0).any()
    assert not random["flagged"].any()
    planted = added[added["coordinates"] == "planted"]
    assert planted["flagged"].all()
    assert planted["inside"].mean() > 0.9  # of a literature with few voxels it is a coarse share
    assert (planted.loc[planted["null"] == "random", "found"] > 0.6).all()
    without = found[(found["step"] == "none") & (found["coordinates"] == "planted")]
    assert (without.loc[without["measure"] == "probability", "found"] == 0).all()
    assert (without.loc[without["measure"] == "convergence", "found"] > 0).any()


@pytest.mark.slow
def test_labels_tell_two_networks_and_not_one_from_itself() -> None:
    found = simulate_labels(replace(LabelDesign(), repetitions=10, paired=(5, 8), separate=()))
    eight = found[found["n_studies"] == 8]
    disjoint = eight[eight["effects"] == "disjoint"]
    assert (disjoint["smallest_p"] == 2 / 256).all()
    assert (disjoint["min_pfwe"] <= 0.05).all()
    assert disjoint["found_first"].median() > 0.5
    assert disjoint["found_second"].median() > 0.5
    same = eight[eight["effects"] == "same"]
    assert (same["min_pfwe"] <= 0.05).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 10)
    five = found[found["n_studies"] == 5]
    assert (five["min_pfwe"] >= 2 / 32).all()
    assert five["verdict"].str.contains("cannot reject at all").all()
