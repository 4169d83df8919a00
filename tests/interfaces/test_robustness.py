"""Robustness of a network, held against `map_network` on the same participants."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.config import ROBUSTNESS
from fcnm_bids.derivatives.robustness import draws_of
from fcnm_bids.inputs.contrasts import make_seeds
from fcnm_bids.interfaces.robustness import MapValidation
from fcnm_bids.network import dice
from fcnm_bids.robustness import block_of_participant
from fcnm_bids.seeds import SeedMatrix, write_seed_matrix
from tests.interfaces.bench import (
    ENTITIES,
    GRID,
    N_PARTICIPANTS,
    Bench,
    Make,
    image,
    stored,
)


@pytest.mark.parametrize("control", ["fdr", "permutation"])
def test_radii_and_participants_are_what_map_network_gives(bench: Make, control: str) -> None:
    made = bench(height_control=control, n_permutations=99)
    table = made.effect("up")
    participants = stored(made.runs)
    main = made.brute_force(participants)
    network = made.network_of(main)
    assert network.any()
    probseg = next(p for p in made.network.out_files if p.endswith("_probseg.nii.gz"))
    np.testing.assert_allclose(image(probseg)[made.index], main, atol=1e-6)
    for radius in (1, 7):
        seeds = make_seeds(replace(made.config.seeds, radius=radius), GRID)
        other = made.brute_force(participants, seeds)
        row = table[(table.check == "radius") & (table.level == str(radius))].iloc[0]
        assert row.dice == pytest.approx(dice(made.network_of(other), network))
        assert row.mean_change == pytest.approx(np.nanmean(np.abs(other - main)))
    block = block_of_participant(N_PARTICIPANTS, ROBUSTNESS.participants_blocks, 0)
    for draw in draws_of(made.config)[:6]:
        if draw.half == 1:
            continue
        some = [p for p, b in zip(participants, block, strict=True) if b in draw.blocks]
        other = made.brute_force(some)
        chosen = (table.check == "participants") & (table.draw == draw.draw)
        row = table[chosen & (table.level.astype(str) == f"{draw.share:g}")].iloc[0]
        assert row.n_voxels == made.network_of(other).sum()
        expected = np.nanmean(np.abs(other - main))
        assert row.mean_change == pytest.approx(expected)


def test_every_check_is_in_the_table_and_every_file_is_there(bench: Make) -> None:
    made = bench()
    table = made.effect("up")
    counts = table.groupby("check").size().to_dict()
    assert counts == {
        "radius": 2,
        "threshold": 7,
        "leave-one-study-out": 2,
        "studies alike": 1,
        "away from own foci": 1,
        "bootstrap": ROBUSTNESS.bootstrap_draws,
        "participants": 2 * ROBUSTNESS.participants_draws,
        "split-half": ROBUSTNESS.participants_draws,
    }
    np.testing.assert_allclose(made.checked.halves, table[table.check == "split-half"].dice)
    assert all(Path(path).is_file() for path in made.out_files)


def test_two_participants_end_in_a_valid_output(bench: Make) -> None:
    made = bench()
    made.runs = made.runs[:2]
    table = made.effect("up")
    assert set(table.check) == {
        *("radius", "threshold", "leave-one-study-out", "bootstrap"),
        *("studies alike", "away from own foci"),
    }
    assert all(Path(path).is_file() for path in made.out_files)


def test_nothing_that_survives_is_an_empty_network(bench: Make) -> None:
    made = bench(height_control="t=1000")
    table = made.effect("up")
    assert (table.n_voxels == 0).all()
    probseg = next(p for p in made.network.out_files if p.endswith("_probseg.nii.gz"))
    assert np.nanmax(image(probseg)) == 0
    assert all(Path(path).is_file() for path in made.out_files)


def test_an_effect_that_nobody_covers_is_an_empty_map(bench: Make) -> None:
    made = bench()
    made.seeds = SeedMatrix(made.seeds.weights * 0, made.seeds.contrasts, GRID)
    write_seed_matrix(made.seeds, made.folder / "seeds.npz")
    table = made.effect("up")
    table = table[table.check != "radius"]  # those seeds come from the table anew
    assert set(table.check) == {
        *("threshold", "leave-one-study-out", "participants", "split-half"),
        *("studies alike", "away from own foci"),
    }
    assert (table.n_voxels.fillna(0) == 0).all()
    assert (table.n_contrasts == 0).all()
    probseg = next(p for p in made.network.out_files if p.endswith("_probseg.nii.gz"))
    assert np.isnan(image(probseg)).all()
    assert all(Path(path).is_file() for path in made.out_files)


def test_sidecars_name_units_and_files_that_images_were_made_from(bench: Make) -> None:
    made = bench(height_control="fwe", validation_dir="/second")
    root = made.folder / "out"
    names = OutputNames.of(root, ENTITIES)
    seeds = {str(names.seed(label, "mask")) for label in "abcde"}
    found = validated(made, np.zeros((N_PARTICIPANTS, 0)))
    made.effect("up", validation_file=found.validation_file)
    there = {*seeds, *map(str, (root / "group").iterdir()), str(root / "connectome")}
    sidecars = sorted((root / "group").glob("*_space-*.json"))
    assert len(sidecars) == 3 * 6 + 4 + 2 + 4
    for path in sidecars:
        said = json.loads(path.read_text())
        named = [str(root / uri.removeprefix("bids::")) for uri in said["Sources"]]
        assert named
        assert set(named) <= there, path.name
        assert ("Units" in said) == ("_mask" not in path.name), path.name
        if "desc-significant" in path.name:
            assert said["ThresholdBasis"] in ("random-field", "bonferroni")


def test_a_second_connectome_of_the_same_participants_agrees(bench: Make) -> None:
    made = bench(validation_dir="/second")
    found = validated(made, np.zeros((N_PARTICIPANTS, 0)))
    table = made.effect("up", validation_file=found.validation_file)
    (row,) = table[table.check == "second connectome"].itertuples()
    assert row.dice == row.correlation == pytest.approx(1)
    assert row.mean_change == 0
    assert all(Path(path).is_file() for path in found.out_files)
    own, second = (
        next(p for p in out_files if "network-up" in p and p.endswith("_mask.nii.gz"))
        for out_files in (made.network.out_files, found.out_files)
    )
    assert "desc-validation" in second
    np.testing.assert_array_equal(image(second), image(own))


def test_a_second_connectome_takes_covariates(bench: Make) -> None:
    made = bench(validation_dir="/second", height_control="t=2")
    columns = np.random.default_rng(4).standard_normal((N_PARTICIPANTS, 1))
    columns -= columns.mean()
    found = validated(made, columns, coding=["age: a number"])
    with np.load(found.validation_file) as stored_maps:
        own = stored_maps["of_up"]
    with_age = made.brute_force(stored(made.runs), covariates=columns)
    np.testing.assert_array_equal(own, with_age)
    assert not np.array_equal(with_age, made.brute_force(stored(made.runs)), equal_nan=True)
    sidecar = next(p for p in found.out_files if p.endswith("_mask.json"))
    assert json.loads(Path(sidecar).read_text())["CovariateCoding"] == ["age: a number"]


def test_a_second_connectome_without_coverage_has_empty_networks(
    bench: Make, caplog: pytest.LogCaptureFixture
) -> None:
    made = bench(validation_dir="/second")
    made.seeds.weights.data[:] = 0
    write_seed_matrix(made.seeds, made.folder / "seeds.npz")
    with caplog.at_level("WARNING", "fcnm_bids"):
        found = validated(made, np.zeros((N_PARTICIPANTS, 0)))
    for effect in ("up", "down"):
        assert f"second connectome: no contrast of {effect} could be tested" in caplog.text
    masks = [image(path) for path in found.out_files if path.endswith("_mask.nii.gz")]
    assert len(masks) == 2
    assert not np.any(masks)


def validated(made: Bench, columns: np.ndarray, coding: Sequence[str] = ()) -> Any:
    return made.run(
        MapValidation,
        participants=made.runs,
        covariates=columns.tolist(),
        coding=list(coding),
        mask_files=[],
        entities=ENTITIES,
    )
