"""The degree of a small store, and what a null leaves of its network."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from fcnm_bids.interfaces.specificity import MeasureStrength, compared_accounts
from fcnm_bids.intermediates.draws import read_block
from fcnm_bids.intermediates.maps import read_effect
from fcnm_bids.intermediates.strength import read_strength
from fcnm_bids.network import network_mask
from tests.interfaces.bench import ENTITIES, GRID, N_DRAWS, image


def table(compared: SimpleNamespace, desc: str) -> pd.DataFrame:
    (path,) = (p for p in compared.assessed.out_files if p.endswith(f"desc-{desc}_metrics.tsv"))
    return pd.read_csv(path, sep="\t", na_values="n/a")


def test_degree_maps_are_written_and_cached(compared: SimpleNamespace) -> None:
    found = compared.strength
    assert all(Path(path).is_file() for path in found.out_files)
    strength = read_strength(Path(found.strength_file)).strength
    (positive,) = (p for p in found.out_files if "stat-positive" in p and ".nii" in p)
    np.testing.assert_allclose(image(positive)[strength.index], strength.positive, rtol=1e-6)
    said = json.loads(Path(positive.replace(".nii.gz", ".json")).read_text())
    assert (said["NumberOfParticipants"], said["TargetsIn"]) == (12, "analysis voxels")
    again = compared.made.run(  # nobody's runs are read a second time
        MeasureStrength,
        participants=[],
        entities=ENTITIES,
        mask_files=[],
        grey_files=[],
        cache_dir=str(compared.folder / "degree"),
    )
    assert again.out_files == found.out_files
    assert again.strength_file == found.strength_file


def test_degree_explains_as_much_as_correlations_say(compared: SimpleNamespace) -> None:
    rows = table(compared, "degree").set_index("map")
    maps = read_effect(compared.network.effect_file)
    strength = read_strength(Path(compared.strength.strength_file)).strength.on(maps.index)
    for name, values in (("probability", maps.probability), ("mean", maps.mean)):
        known = np.isfinite(values) & np.isfinite(strength.positive)
        expected = np.corrcoef(values[known], strength.positive[known])[0, 1]
        assert rows.loc[name, "r_positive"] == pytest.approx(expected, rel=1e-4)
    assert {f"contrast {name}" for name in "abc"} <= set(rows.index)


def test_p_counts_the_draws_that_reach_the_map(compared: SimpleNamespace) -> None:
    [(block, n)] = compared.blocks["random"]
    drawn = read_block(Path(block), "up")
    observed = read_effect(compared.network.effect_file).probability
    reached = (drawn >= observed - 1e-9).sum(axis=0)
    expected = np.where(np.isnan(observed), np.nan, (1 + reached) / (1 + n))
    (path,) = (
        p for p in compared.assessed.out_files if p.endswith("desc-random_stat-p_statmap.nii.gz")
    )
    index = compared.made.index
    np.testing.assert_allclose(image(path)[index], expected, rtol=1e-6)
    group = compared.made.config.group
    sizes = [
        int(
            network_mask(
                p,
                threshold=group.network_threshold,
                min_cluster_volume=group.min_cluster_volume,
                grid=GRID,
                index=index,
            ).sum()
        )
        for p in (observed, *drawn)
    ]
    row = table(compared, "specificity").set_index("test").loc["random"]
    assert (row["n_draws"], row["n_voxels"]) == (N_DRAWS, sizes[0])
    assert row["p_size"] == pytest.approx(np.mean([size >= sizes[0] for size in sizes]), abs=1e-9)
    assert table(compared, "randomdraws")["n_voxels"].tolist() == sizes[1:]


def test_every_test_has_its_row_and_the_verdict_its_line(compared: SimpleNamespace) -> None:
    rows = table(compared, "specificity")
    assert rows["test"].tolist() == ["labels", "similarity", "random", "split", "degree"]
    assert rows["verdict"].str.endswith(".").all()
    (path,) = (p for p in compared.assessed.out_files if p.endswith("_desc-verdict.json"))
    verdict = json.loads(Path(path).read_text())
    assert verdict["Line"]
    assert "median Dice 0.50 between random halves of the participants" in verdict["Line"]
    assert (verdict["PairsOfHalves"], verdict["PairsOfHalvesCompared"]) == (3, 2)
    assert all(Path(path).is_file() for path in compared.assessed.out_files)


def test_a_map_without_values_is_like_no_account(compared: SimpleNamespace) -> None:
    maps = read_effect(compared.network.effect_file)
    strength = read_strength(Path(compared.strength.strength_file)).strength.on(maps.index)
    few = np.full(maps.index.size, np.nan)
    found = compared_accounts(few, lambda: iter(()), strength)
    assert np.isnan(found.observed).all()
    known = compared_accounts(maps.probability, lambda: iter(()), strength)
    degree = table(compared, "degree").set_index("map").loc["probability"]
    assert known.observed[0] == pytest.approx(degree["r_positive"], rel=1e-4)
