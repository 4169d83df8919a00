from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.bids.write import write_image
from fcnm_bids.config import Config
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.network import CompareNetworks, LocateNetwork
from tests.interfaces.bench import ENTITIES as BENCH_ENTITIES
from tests.interfaces.bench import N_PARTICIPANTS, Make, image, stored

SPACE = "MNI152NLin6Asym"
ENTITIES = {"space": SPACE, "res": "4", "task": "rest"}
AFFINE = np.array([[-4.0, 0, 0, 30], [0, 4, 0, -30], [0, 0, 4, -30], [0, 0, 0, 1]])
GRID = Grid((16, 15, 14), AFFINE, SPACE)
FINE = np.array([[1.5, 0, 0, -33], [0, 1.5, 0, -31], [0, 0, 1.5, -32], [0, 0, 0, 1]])


@pytest.fixture
def atlas(tmp_path: Path) -> Path:
    """Three regions as slabs along x, on a finer grid that is flipped."""
    values = np.zeros((42, 40, 40), np.uint8)
    values[:14], values[14:26], values[26:38] = 1, 2, 3
    path = tmp_path / f"atlas-Slabs_space-{SPACE}_res-1_dseg.nii.gz"
    nib.save(nib.Nifti1Image(values, FINE), path)
    (tmp_path / "atlas-Slabs_dseg.tsv").write_text(
        "index\tname\n1\tleft slab\n2\tmiddle slab\n3\tright slab\n"
    )
    return path


@pytest.fixture
def made(tmp_path: Path, atlas: Path) -> OutputNames:
    """A network of two contrasts, located."""
    rng = np.random.default_rng(0)
    names = OutputNames.of(tmp_path / "out", ENTITIES)
    probability = rng.integers(0, 3, GRID.n_voxels) / 2
    probability[:40] = np.nan
    network = probability >= 1
    write_image(names.network("up", "probseg"), probability, GRID, {})
    write_image(names.network("up", "mask"), network, GRID, {})
    for contrast in ("one", "two"):
        t = rng.normal(size=GRID.n_voxels)
        t[:80] = np.nan if contrast == "one" else t[:80]
        write_image(names.contrast_map(contrast, "t"), t, GRID, {})
    config = Config(str(tmp_path), str(tmp_path / "out"), "group")
    config = config.update({"group": {"network_atlas": (str(atlas),)}})
    config_file = tmp_path / "config.toml"
    config_file.write_text(config.to_toml())
    located = LocateNetwork(
        config_file=str(config_file),
        label="up",
        sign=1,
        contrasts=["one", "two"],
        network=[],
        shape=list(GRID.shape),
        affine=AFFINE.tolist(),
        entities=ENTITIES,
    ).run(cwd=str(tmp_path))
    assert all(Path(path).is_file() for path in located.outputs.out_files)
    return names


def slab(x: float, y: float, z: float) -> int:
    """The region at a position, by looking it up in the image."""
    i, j, k = ((np.array([x, y, z]) - FINE[:3, 3]) / 1.5 + 0.5 + 1e-9) // 1
    if not (0 <= i < 42 and 0 <= j < 40 and 0 <= k < 40):
        return 0
    return 1 if i < 14 else 2 if i < 26 else 3 if i < 38 else 0


def test_the_overlap_is_what_counting_voxel_by_voxel_gives(made: OutputNames) -> None:
    network = np.asarray(nib.load(made.network("up", "mask")).dataobj) > 0
    defined = np.isfinite(np.asarray(nib.load(made.network("up", "probseg")).dataobj))
    counts = {number: [0, 0] for number in (1, 2, 3)}
    for voxel in np.ndindex(GRID.shape):
        number = slab(*(AFFINE[:3, :3] @ voxel + AFFINE[:3, 3]))
        if number and defined[voxel]:
            counts[number][0] += 1
            counts[number][1] += int(network[voxel])
    table = pd.read_csv(made.network_table("up", "canonical", "metrics"), sep="\t")
    assert table["name"].tolist() == ["left slab", "middle slab", "right slab"]
    for row, (n, both) in zip(table.itertuples(), counts.values(), strict=True):
        assert (row.n_voxels, row.n_overlap) == (n, both)
        assert row.coverage == pytest.approx(both / n, rel=1e-9)
        assert row.share == pytest.approx(both / network.sum(), rel=1e-9)
        expected = both / n / (network.sum() / defined.sum())
        assert row.enrichment == pytest.approx(expected, rel=1e-9)
        assert row.dice == pytest.approx(2 * both / (n + network.sum()), rel=1e-9)


def test_peaks_carry_the_region_and_the_mean_t_at_their_place(made: OutputNames) -> None:
    peaks = pd.read_csv(
        made.network_table("up", "peaks", "clusters"), sep="\t", keep_default_na=False
    )
    maps = [np.asarray(nib.load(made.contrast_map(c, "t")).dataobj) for c in ("one", "two")]
    regions = {0: "n/a", 1: "left slab", 2: "middle slab", 3: "right slab"}
    assert len(peaks) > 3
    for row in peaks.itertuples():
        voxel = tuple(
            np.rint(np.linalg.inv(AFFINE) @ [row.x, row.y, row.z, 1])[:3].astype(int).tolist()
        )
        assert row.label_Slabs == regions[slab(row.x, row.y, row.z)]
        outside = row.label_Slabs == "n/a"
        assert (" mm from " in row.region or row.region == "n/a") == outside
        assert outside or row.region == row.label_Slabs
        assert float(row.mean_t) == pytest.approx(np.nanmean([m[voxel] for m in maps]), rel=1e-6)
        assert float(row.probability) == 1


def test_the_sidecars_name_the_atlas(made: OutputNames) -> None:
    path = made.network_table("up", "canonical", "metrics").with_suffix(".json")
    said = json.loads(path.read_text())
    assert said["Atlas"] == "Slabs"
    assert said["AtlasFiles"][1] == "atlas-Slabs_dseg.tsv"
    assert "Description" in said["enrichment"]


def test_the_mean_map_is_that_of_the_contrasts(bench: Make) -> None:
    made = bench()
    made.effect("up")
    group = made.folder / "out" / "group"
    each = [image(str(path)) for path in sorted(group.glob("seed-*_stat-effect_statmap.nii.gz"))]
    mean = image(
        next(p for p in made.network.out_files if p.endswith("stat-effect_statmap.nii.gz"))
    )
    assert len(each) == 3
    # images in single precision, whose values cancel in places
    np.testing.assert_allclose(mean, np.mean(each, axis=0), rtol=1e-5, atol=1e-7)


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


def test_two_effects_are_compared_voxel_by_voxel(bench: Make) -> None:
    made = bench()
    files = []
    for effect in ("up", "down"):
        made.effect(effect)
        files.append(made.network.effect_file)
    found = made.run(
        CompareNetworks, effects=["up", "down"], effect_files=files, entities=BENCH_ENTITIES
    )
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
