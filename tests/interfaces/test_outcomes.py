from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import sparse, stats

from fcnm_bids.bids.names import parse_entities
from fcnm_bids.config import Config
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.scores import PlannedOutcome
from fcnm_bids.interfaces.outcomes import RelateOutcome
from fcnm_bids.seeds import Contrast, SeedMatrix, write_seed_matrix

SPACE = "MNI152NLin6Asym"
ENTITIES = {"space": SPACE, "res": "8", "task": "rest"}
AFFINE = np.array([[8.0, 0, 0, -28], [0, 8, 0, -28], [0, 0, 8, -20], [0, 0, 0, 1]])
GRID = Grid((8, 8, 6), AFFINE, SPACE)
K = 16
NAMES = tuple(f"lesion {i}" for i in range(K))


class Made:
    """Sixteen lesions whose outcome goes with their connectivity in the first voxels."""

    def __init__(self, tmp_path: Path, *, is_group: bool = False, **settings: Any) -> None:
        rng = np.random.default_rng(1)
        self.out = tmp_path / "out"
        self.index = np.arange(40, 340)
        self.outcome = rng.standard_normal(K)
        if is_group:
            self.outcome = np.arange(K) % 2.0
        self.maps = rng.standard_normal((K, self.index.size))
        self.maps[:, :20] += 6 * self.outcome[:, None]
        self.masks = self.maps > 1
        weights = (rng.random((K, GRID.n_voxels)) < 0.1) * np.arange(GRID.n_voxels)
        self.weights = sparse.csr_array((weights > 0).astype(float))
        contrasts = tuple(Contrast(n, "network", (n,), (), None) for n in NAMES)
        seeds_file = tmp_path / "seeds.npz"
        write_seed_matrix(SeedMatrix(self.weights, contrasts, GRID), seeds_file)
        files = []
        for number, (own, mask) in enumerate(zip(self.maps, self.masks, strict=True)):
            files.append(str(tmp_path / f"mapped{number}.npz"))
            counted = np.ones(own.size, dtype=bool)
            np.savez(files[-1], effect=own, significant=mask, counted=counted, index=self.index)
        config = Config(str(tmp_path), str(self.out), "group").update(
            {
                "group": {"n_permutations": 199},
                "seeds": {"masks": ("masks",)},
                "outcomes": settings,
            }
        )
        config_file = tmp_path / "config.toml"
        config_file.write_text(config.to_toml())
        planned = PlannedOutcome(
            "pain",
            "pain",
            NAMES,
            tuple(self.outcome.tolist()),
            ((),) * K,
            (),
            (),
            ("log_volume",),
            tuple("ab"[i // 8] for i in range(K)),
            is_group,
        )
        result = RelateOutcome(
            config_file=str(config_file),
            seeds_file=str(seeds_file),
            entities=ENTITIES,
            outcome=asdict(planned),
            mapped_files=files,
        ).run(cwd=str(tmp_path))
        self.files = [Path(path) for path in result.outputs.out_files]

    def image(self, ending: str) -> np.ndarray:
        path = self.out / "group" / f"outcome-pain_space-{SPACE}_res-8_{ending}.nii.gz"
        return GRID.flatten(np.asarray(nib.load(path).dataobj))[self.index]

    def sidecar(self, ending: str) -> dict[str, Any]:
        path = self.out / "group" / f"outcome-pain_space-{SPACE}_res-8_{ending}.json"
        content: dict[str, Any] = json.loads(path.read_text())
        return content

    def table(self, ending: str) -> pd.DataFrame:
        return pd.read_csv(self.out / "group" / f"outcome-pain_desc-{ending}.tsv", sep="\t")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("outcome"))


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return Made(tmp_path_factory.mktemp("group"), is_group=True, mask_test="fisher")


def test_every_promised_file_is_there_and_found_by_its_entities(made: Made) -> None:
    assert all(path.is_file() for path in made.files)
    assert {parse_entities(path)["outcome"] for path in made.files} == {"pain"}


def test_the_t_map_is_that_of_least_squares_with_the_volume(made: Made) -> None:
    volume = np.log(np.diff(made.weights.indptr) * 512.0)
    design = np.column_stack([made.outcome, np.ones(K), volume])
    t, r = made.image("stat-t_statmap"), made.image("stat-r_statmap")
    for voxel in (0, 7, 150, 299):
        beta, residual, *_ = np.linalg.lstsq(design, made.maps[:, voxel], rcond=None)
        error = np.sqrt(residual[0] / (K - 3) * np.linalg.inv(design.T @ design)[0, 0])
        assert t[voxel] == pytest.approx(beta[0] / error, rel=1e-5)
        assert r[voxel] == pytest.approx(t[voxel] / np.sqrt(K - 3 + t[voxel] ** 2), rel=1e-5)


def test_a_planted_association_is_significant_and_has_its_clusters(made: Made) -> None:
    found = made.image("desc-significant_mask") > 0
    np.testing.assert_array_equal(found, made.image("stat-pfwe_statmap") <= 0.05)
    assert found[:20].mean() > 0.9
    assert found[20:].mean() < 0.05
    clusters = made.table("clusters_clusters")
    assert clusters["n_voxels"].sum() == found.sum()
    assert (np.sign(clusters["peak_r"]) == np.where(clusters["sign"] == "positive", 1, -1)).all()


def test_the_tests_and_the_seeds_are_in_tables(made: Made) -> None:
    tests = made.table("tests_metrics").set_index("test")
    assert list(tests.index) == [
        "voxelwise association",
        "leave one seed out",
        "leave one seed out, strongest voxels",
        "leave one cohort out",
        "leave one cohort out, strongest voxels",
        "damage score, leave one seed out",
    ]
    seeds = made.table("seeds_metrics")
    assert seeds["seed"].tolist() == list(NAMES)
    np.testing.assert_allclose(seeds["outcome"], made.outcome)
    for test, column in (
        ("leave one seed out", "similarity"),
        ("leave one seed out, strongest voxels", "weighted"),
        ("leave one cohort out", "cohort_similarity"),
        ("damage score, leave one seed out", "damage_mean"),
    ):
        r = np.corrcoef(seeds[column], made.outcome)[0, 1]
        assert tests.loc[test, "value"] == pytest.approx(r, rel=1e-6)
    assert tests.loc["leave one seed out", "p"] == 1 / 200


def test_sidecars_name_the_model(made: Made) -> None:
    path = next(p for p in made.files if p.name.endswith("stat-t_statmap.json"))
    said = json.loads(path.read_text())
    assert said["Covariates"] == ["log_volume"]
    assert said["Cohorts"] == ["a", "b"]
    assert said["Permutations"] == 199
    assert not said["PermutationsExact"]
    assert len(said["Sources"]) == K


def test_cases_against_controls(group: Made) -> None:
    share = group.image("desc-sensitivity_probseg")
    cases = group.outcome > 0.5
    np.testing.assert_allclose(share, group.masks[cases].mean(axis=0), rtol=1e-6)
    both = group.image("desc-conjunction_mask") > 0
    specific = (group.image("stat-t_statmap") > 0) & (group.image("stat-pfwe_statmap") <= 0.05)
    np.testing.assert_array_equal(both, specific & (share >= 0.6 - 1e-6))
    assert both[:20].all()
    p = group.image("desc-fisher_stat-p_statmap")
    for voxel in (3, 200):
        counts = [
            (own[:, voxel].sum(), (~own[:, voxel]).sum())
            for own in (group.masks[cases], group.masks[~cases])
        ]
        wanted = stats.fisher_exact(counts, alternative="greater").pvalue
        assert p[voxel] == pytest.approx(wanted, rel=1e-6)
    assert group.table("tests_metrics")["value"][1] > 0.95


def test_counts_of_masks_have_no_model_and_name_the_masks(group: Made) -> None:
    share = group.sidecar("desc-sensitivity_probseg")
    assert sum("desc-significant_mask" in source for source in share["Sources"]) == K
    p, corrected = (group.sidecar(f"desc-fisher_stat-{stat}_statmap") for stat in ("p", "pfwe"))
    for own in (p, corrected):
        assert not {"Covariates", "DegreesOfFreedom"} & set(own)
        assert any("desc-significant_mask" in source for source in own["Sources"])
    assert "SmallestP" not in p
    assert corrected["SmallestP"] == 1 / (corrected["Permutations"] + 1)
