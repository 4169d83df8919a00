"""Maps of a contrast over participants, and those cached from an earlier run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.inputs.contrasts import make_seeds
from fcnm_bids.interfaces.contrast import LoadCachedContrast
from fcnm_bids.reruns.result_cache import MAPPED, VARIANTS, is_cached
from fcnm_bids.seeds import write_seed_matrix
from tests.interfaces.bench import (
    ENTITIES,
    GRID,
    N_PARTICIPANTS,
    Make,
    V,
    image,
)


def test_where_a_seed_of_one_voxel_met_itself_there_is_no_effect(bench: Make) -> None:
    made = bench()
    made.seeds = make_seeds(replace(made.config.seeds, radius=1), GRID)
    assert (np.diff(made.seeds.weights.indptr) == 1).all()
    write_seed_matrix(made.seeds, made.folder / "seeds.npz")
    made.effect("up")
    group = made.folder / "out" / "group"
    own = made.seeds.weights.indices[:3]
    for label, voxel in zip("abc", own, strict=True):
        for stat in ("effect", "variance"):
            values = image(str(next(group.glob(f"seed-{label}_*_stat-{stat}_statmap.nii.gz"))))
            assert np.flatnonzero(np.isnan(values[made.index])).tolist() == [
                int(np.searchsorted(made.index, voxel))
            ]
    mean = image(
        next(p for p in made.network.out_files if p.endswith("stat-effect_statmap.nii.gz"))
    )
    np.testing.assert_array_equal(np.sort(own), made.index[np.isnan(mean[made.index])])


def test_sidecars_say_the_model_and_no_weights_where_there_are_none(bench: Make) -> None:
    made = bench(weights="n", covariates=("age",))
    columns = np.random.default_rng(3).standard_normal((N_PARTICIPANTS, 1))
    made.effect("up", columns - columns.mean())
    group = made.folder / "out" / "group"
    said = {
        stat: json.loads(next(group.glob(f"seed-a_*_stat-{stat}_statmap.json")).read_text())
        for stat in ("t", "effect", "variance", "n")
    }
    assert "intercept" in said["t"]["Description"]
    assert "average values" in said["effect"]["Description"]
    assert "residual variance" in said["variance"]["Description"]
    mean = json.loads(next(group.glob("network-up_*_stat-effect_statmap.json")).read_text())
    assert "Unweighted" in mean["Description"]
    assert not {"Weights", "ContrastWeights"} & set(mean)
    network = json.loads(next(group.glob("network-up_*6Asym_mask.json")).read_text())
    assert network["Weights"] == "n"


def test_a_cached_contrast_stands_in_for_its_nodes(bench: Make) -> None:
    made = bench(height_control="t=2")
    made.contrast(made.sums(3), 3)
    folder = made.folder / "kept" / "3"
    assert is_cached(folder, MAPPED, VARIANTS)
    again = LoadCachedContrast(
        config_file=str(made.folder / "config.toml"), cache_dir=str(folder)
    ).run(cwd=str(made.folder))
    found = again.outputs
    assert Path(found.mapped_file).is_file()
    assert Path(found.variants_file).is_file()
    group = made.folder / "out" / "group"
    assert set(found.out_files) == {
        str(path) for path in group.iterdir() if path.name.startswith("seed-d_")
    }


@pytest.mark.parametrize("tail", ["negative", "two-sided"])
def test_the_mask_is_where_t_passes_the_threshold_on_the_tails_side(bench: Make, tail: str) -> None:
    made = bench(height_control="t=1.5", tail=tail)
    made.contrast(made.sums(0), 0)
    names = OutputNames.of(made.folder / "out", ENTITIES)
    t = image(str(names.contrast_map("a", "t")))
    beyond = -t if tail == "negative" else np.abs(t)
    expected = np.nan_to_num(beyond, nan=-np.inf) >= 1.5
    mask = image(str(names.contrast_mask("a")))
    np.testing.assert_array_equal(mask > 0, expected)
    assert 0 < expected.sum() < V
