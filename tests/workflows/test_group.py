"""The group level's nodes on a small store, held against `map_network` on the same participants."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.bids.write import write_text
from fcnm_bids.config import ROBUSTNESS, Config
from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, open_run, write_run
from fcnm_bids.denoise import build_projection
from fcnm_bids.derivatives.robustness import draws_of
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.contrasts import make_seeds
from fcnm_bids.inputs.rules import height_rule
from fcnm_bids.interfaces.contrast import MapContrast
from fcnm_bids.interfaces.group import SumOverParticipants
from fcnm_bids.interfaces.network import CompareNetworks, MapNetwork
from fcnm_bids.interfaces.robustness import CheckRobustness, MapContrastVariants, MapValidation
from fcnm_bids.mapping import (
    MappingRule,
    Participant,
    analysis_voxels,
    map_network,
    stored_participant,
)
from fcnm_bids.network import dice, network_mask
from fcnm_bids.robustness import block_of_participant
from fcnm_bids.seeds import SeedMatrix, write_seed_matrix

GRID = Grid((9, 8, 7), np.diag([3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")
V = GRID.n_voxels
N_PARTICIPANTS = 12
ENTITIES = {"space": "MNI152NLin6Asym", "task": "rest"}
FOCI = """study\tcontrast\teffect\tx\ty\tz\tspace\tn
A\ta\tup\t6\t6\t6\tMNI152\t20
A\tb\tup\t9\t6\t6\tMNI152\t10
B\tc\tup\t6\t9\t9\tMNI152\t30
C\td\tdown\t18\t15\t12\tMNI152\t12
D\te\tdown\t18\t18\t12\tMNI152\t18
"""
MODEL = {"Covariates": []}
Participants = list[tuple[str, list[tuple[str, str]]]]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Participants:
    """A store of twelve participants, of whom some lack voxels."""
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    loadings = ndimage.gaussian_filter(rng.standard_normal((2, *GRID.shape)), (0, 1, 1, 1))
    loadings = 6 * loadings.reshape(2, V, order="F")
    participants = []
    for number in range(N_PARTICIPANTS):
        time = build_projection(
            rng.standard_normal((60, 2)), np.ones(60, bool), 2.0, high_pass=0.01, low_pass=0.2
        )
        raw = rng.standard_normal((60, 2)) @ loadings + 1.5 * rng.standard_normal((60, V))
        index = np.arange(V) if number % 3 else np.setdiff1d(np.arange(V), rng.choice(V, 9))
        values = (time.basis @ raw[:, index]).astype(np.float32)
        run = ProjectedRun(values, index, GRID)
        path = folder / f"{number:02}.h5"
        image = RunImage(path, GRID, 60, 2.0, np.dtype("<i2"), 1.0, 0.0, 352)
        projected = Projected(run, V, np.empty((0, 0)), np.empty(0, np.intp), "")
        write_run(path, projected, time, image, key="", attributes={})
        participants.append((f"{number:02}", [(str(path), "")]))
    return participants


def stored(runs: Participants) -> list[Participant]:
    return [stored_participant(who, [open_run(Path(p)) for p, _ in paths]) for who, paths in runs]


class Bench:
    """One request, its seeds, and the way to run a node of it."""

    def __init__(self, folder: Path, runs: Participants, **group: Any) -> None:
        self.folder, self.runs = folder, runs
        self.at_once = 100
        write_text(folder / "foci.tsv", FOCI)
        options = {"height_control": "fdr", "min_cluster_volume": 54.0, **group}
        self.config = Config(str(folder), str(folder / "out"), "group").update(
            {"seeds": {"coordinates": str(folder / "foci.tsv")}, "group": options}
        )
        write_text(folder / "config.toml", self.config.to_toml())
        self.seeds = make_seeds(self.config.seeds, GRID)
        write_seed_matrix(self.seeds, folder / "seeds.npz")
        self.rule = MappingRule(height_rule(self.config.group), self.config.seeds.min_coverage)
        share = self.config.group.min_subjects
        self.index = analysis_voxels(stored(runs), GRID, min_subjects=share)

    def run(self, interface: type, **inputs: Any) -> Any:
        cwd = self.folder / f"{interface.__name__}{len(list(self.folder.iterdir()))}"
        cwd.mkdir()
        shared = {"config_file": str(self.folder / "config.toml")}
        shared["seeds_file"] = str(self.folder / "seeds.npz")
        return interface(**shared, **inputs).run(cwd=str(cwd)).outputs

    def effect(self, effect: str, columns: np.ndarray | None = None, **more: Any) -> Any:
        """All nodes of one effect; returns the table of its robustness."""
        columns = np.zeros((len(self.runs), 0)) if columns is None else columns
        sums = self.run(
            SumOverParticipants,
            participants=self.runs,
            numbers=list(range(len(self.seeds.contrasts))),
            at_once=self.at_once,
            covariates=columns.tolist(),
            mask_files=[],
        )
        mapped, varied = [], []
        for number, contrast in enumerate(self.seeds.contrasts):
            if contrast.effect != effect:
                continue
            kept = str(self.folder / "kept" / str(number))
            shared = {"moments_dir": sums.moments_dir, "number": number, "cache_dir": kept}
            own = self.run(MapContrast, **shared, model=MODEL, entities=ENTITIES)
            mapped.append(own.mapped_file)
            vary = self.run(MapContrastVariants, **shared, mapped_file=own.mapped_file)
            varied.append(vary.variants_file)
        shared = {"effect": effect, "mapped_files": mapped, "entities": ENTITIES}
        self.network = self.run(MapNetwork, **shared)
        self.checked = self.run(CheckRobustness, **shared, variants_files=varied, **more)
        self.out_files = [*self.network.out_files, *self.checked.out_files]
        path = self.folder / "out" / "group" / f"network-{effect}_desc-robustness_metrics.tsv"
        return pd.read_csv(path, sep="\t")

    def brute_force(
        self, participants: list[Participant], seeds: SeedMatrix | None = None, **more: Any
    ) -> np.ndarray:
        """P of ``up`` through `map_network`."""
        found = map_network(seeds or self.seeds, participants, self.rule, self.index, **more)
        return found.probability["up"]

    def network_of(self, probability: np.ndarray) -> np.ndarray:
        return network_mask(
            probability,
            threshold=self.config.group.network_threshold,
            min_cluster_volume=self.config.group.min_cluster_volume,
            grid=GRID,
            index=self.index,
        )


Make = Callable[..., Bench]


@pytest.fixture
def bench(tmp_path: Path, runs: Participants) -> Make:
    return lambda **group: Bench(tmp_path, runs, **group)


def image(path: str) -> np.ndarray:
    return nib.load(path).get_fdata().ravel(order="F")


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


@pytest.mark.parametrize("control", ["fwe", "permutation"])
@pytest.mark.parametrize("at_once", [1, 2])
def test_several_passes_give_the_bytes_of_one(
    tmp_path: Path, runs: Participants, control: str, at_once: int
) -> None:
    made = []
    for name, number in (("one pass", 100), ("several", at_once)):
        (tmp_path / name).mkdir()
        bench = Bench(tmp_path / name, runs, height_control=control, n_permutations=99)
        bench.at_once = number
        bench.effect("up")
        group = bench.folder / "out" / "group"
        made.append({path.name: path.read_bytes() for path in group.glob("*.nii.gz")})
        made[-1] |= {path.name: path.read_bytes() for path in group.glob("*.tsv")}
    assert made[0] == made[1]
    assert len(made[0]) > 20


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
    assert all(Path(path).is_file() for path in made.out_files)
    assert any(path.endswith("figures/network-up_desc-robustness_metrics.svg") for path in
               made.checked.out_files)  # fmt: skip


def test_the_mean_map_is_that_of_the_contrasts(bench: Make) -> None:
    made = bench()
    made.effect("up")
    group = made.folder / "out" / "group"
    each = [image(str(path)) for path in sorted(group.glob("seed-*_stat-effect_statmap.nii.gz"))]
    mean = image(
        next(p for p in made.network.out_files if p.endswith("stat-effect_statmap.nii.gz"))
    )
    assert len(each) == 3
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-5)


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


def test_weights_and_covariates_reach_the_network(bench: Make) -> None:
    made = bench(weights="sqrt-n", height_control="permutation", n_permutations=99)
    columns = np.random.default_rng(3).standard_normal((N_PARTICIPANTS, 2))
    columns -= columns.mean(axis=0)
    made.effect("up", columns)
    weights = np.sqrt([c.n or 0 for c in made.seeds.contrasts])
    expected = made.brute_force(
        stored(made.runs), covariates=columns, weights=weights, spill=made.folder / "maps.npy"
    )
    probseg = next(p for p in made.network.out_files if p.endswith("_probseg.nii.gz"))
    np.testing.assert_allclose(image(probseg)[made.index], expected, atol=1e-6)
    sidecar = json.loads(Path(probseg.replace(".nii.gz", ".json")).read_text())
    assert sidecar["Weights"] == "sqrt-n"
    assert sidecar["ContrastWeights"] == pytest.approx(np.sqrt([20, 10, 30]))
    group = made.folder / "out" / "group"
    p = image(str(next(group.glob("seed-a_*_stat-pfwe_statmap.nii.gz"))))[made.index]
    significant = image(str(next(group.glob("seed-a_*_desc-significant_mask.nii.gz"))))
    np.testing.assert_array_equal(significant[made.index] > 0, p <= 0.05 + 1e-7)
    assert np.nanmin(p) >= 0.0099


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
    assert len(sidecars) == 3 * 6 + 3 + 2 + 4
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


def test_two_effects_are_compared_voxel_by_voxel(bench: Make) -> None:
    made = bench()
    files = []
    for effect in ("up", "down"):
        made.effect(effect)
        files.append(made.network.effect_file)
    found = made.run(CompareNetworks, effects=["up", "down"], effect_files=files, entities=ENTITIES)
    assert all(Path(path).is_file() for path in found.out_files)
    group = made.folder / "out" / "group"
    up, down = (
        image(str(next(group.glob(f"network-{e}_space-*6Asym_probseg.nii.gz")))) for e in
        ("up", "down")
    )  # fmt: skip
    difference, conjunction = (
        image(next(p for p in found.out_files if p.endswith(f"stat-{stat}_statmap.nii.gz")))
        for stat in ("difference", "conjunction")
    )
    np.testing.assert_allclose(difference, up - down, atol=1e-6)
    np.testing.assert_allclose(conjunction, np.minimum(up, down), atol=1e-6)
    (row,) = pd.read_csv(group / "desc-effects_metrics.tsv", sep="\t").itertuples()
    regions = image(next(p for p in found.out_files if p.endswith("_dseg.nii.gz")))
    assert row.n_voxels_both == (regions == 3).sum()
    assert row.n_voxels_a == np.isin(regions, (1, 3)).sum()
    assert row.n_voxels_b_only == (regions == 2).sum()
