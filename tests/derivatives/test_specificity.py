"""Tables and images about the nulls of a network."""

from __future__ import annotations

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.config import Config
from fcnm_bids.derivatives.specificity import (
    LABEL_COLUMNS,
    REGION_COLUMNS,
    SPECIFICITY_COLUMNS,
    ComparisonFrame,
    count_clusters,
    count_labels,
    label_row,
    null_row,
    region_rows,
    write_labels,
    write_null,
)
from fcnm_bids.grid import Grid
from fcnm_bids.intermediates.null_inputs import NullData
from fcnm_bids.seeds import Contrast, Focus
from fcnm_bids.specificity import LabelledContrasts, LabelTest, MapComparison, NullAssessment

GRID = Grid((6, 5, 4), np.diag([3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")
INDEX = np.arange(0, GRID.n_voxels, 2)
V = INDEX.size
RNG = np.random.default_rng(0)
ENTITIES = {"space": "MNI152NLin6Asym", "task": "rest"}


def config(folder: Path, **specificity: Any) -> Config:
    return Config("in", str(folder), "group").update(
        {"specificity": specificity, "group": {"alpha": 0.1, "network_threshold": 0.5}}
    )


def assessment(n_draws: int = 19, n_regions: int = 2) -> NullAssessment:
    p = RNG.integers(1, 21, V) / 20
    p_fwe = np.clip(2 * p, 0, 1)
    p[0] = p_fwe[0] = math.nan
    sizes = RNG.integers(0, 40, n_draws)
    return NullAssessment(
        *(n_draws, p, p_fwe, RNG.standard_normal(V), sizes),
        RNG.integers(0, 9, (n_draws, n_regions)),
        np.full(n_draws, 3.0),
        (0.0, 1 / 3, 2 / 3, 1.0),
    )


NETWORK = RNG.random(V) < 0.3


def frame(folder: Path, **regions: np.ndarray) -> ComparisonFrame:
    names = OutputNames.of(folder, ENTITIES)
    return ComparisonFrame(names, GRID, INDEX, lambda p: p >= 0.5, NETWORK, regions)


@pytest.mark.parametrize("null", ["random", "strength"])
def test_a_nulls_row_counts_voxels_and_draws(tmp_path: Path, null: str) -> None:
    found, converged = assessment(), assessment()
    row = null_row(config(tmp_path), null, found, NETWORK, converged, None)
    assert set(row) <= set(SPECIFICITY_COLUMNS)
    size = NETWORK.sum()
    assert (row["n_voxels"], row["levels"], row["smallest_p"]) == (size, 4, 1 / 20)
    assert row["n_voxels_null"] == np.median(found.sizes)
    assert row["n_voxels_null_upper"] == np.quantile(found.sizes, 0.95)
    assert row["p_size"] == (1 + (found.sizes >= size).sum()) / 20
    assert row["n_voxels_p"] == (found.p <= 0.1).sum()
    beyond = found.p_fwe <= 0.1
    assert row["share_surviving"] == pytest.approx((beyond & NETWORK).sum() / size)
    assert row["min_pfwe"] == np.nanmin(found.p_fwe)
    assert row["n_voxels_convergence"] == (converged.p_fwe <= 0.1).sum()
    assert row["withheld"] is False
    assert row["verdict"].endswith(".")


def test_a_withheld_verdict_and_no_draws_are_stated(tmp_path: Path) -> None:
    nothing = NullAssessment(
        *(0, *(np.full((3, V), math.nan)), np.empty(0, int)),
        *(np.empty((0, 0), int), np.empty(0), ()),
    )
    row = null_row(
        config(tmp_path), "strength", nothing, np.zeros(V, bool), nothing, "not reliable."
    )
    assert (row["withheld"], row["verdict"]) == (True, "not reliable.")
    assert all(math.isnan(row[name]) for name in ("n_voxels_null", "n_voxels_null_upper"))
    assert all(row[name] is None for name in ("share_surviving", "min_pfwe"))
    assert row["n_voxels_pfwe"] == 0


def test_canonical_networks_are_counted_against_the_draws(tmp_path: Path) -> None:
    found = assessment()
    regions = {"Visual": RNG.random(V) < 0.5, "Limbic": np.zeros(V, bool)}
    place = frame(tmp_path, **regions)
    likeness = MapComparison(
        *(("Visual", "Limbic"), ("inside minus outside",) * 2, np.array([0.5, np.nan])),
        *(RNG.random((19, 2)), np.array([V, 0])),
    )
    rows = region_rows("random", found, place, likeness, withheld=False)
    assert [row["difference"] for row in rows] == [0.5, pytest.approx(math.nan, nan_ok=True)]
    for number, (row, region) in enumerate(zip(rows, regions.values(), strict=True)):
        assert list(row) == list(REGION_COLUMNS)
        own, drawn = (NETWORK & region).sum(), found.overlaps[:, number]
        assert (row["n_overlap"], row["n_overlap_null"]) == (own, drawn.mean())
        assert row["p"] == (1 + (drawn >= own).sum()) / 20
    withheld = region_rows("random", found, place, likeness, withheld=True)
    assert all(math.isnan(row["p"]) for row in withheld)


def test_maps_and_draws_of_a_null_are_written_with_what_it_was(tmp_path: Path) -> None:
    found, converged = assessment(), assessment()
    asked = config(tmp_path, specificity=("random",), keep_hemisphere=True)
    files = write_null(asked, "up", "random", found, frame(tmp_path), converged, None)
    assert len(files) == 7
    values = nib.load(files[1]).get_fdata().ravel(order="F")[INDEX]
    assert "desc-random_stat-pfwe" in files[1].name
    np.testing.assert_allclose(values, found.p_fwe, rtol=1e-6)
    said = json.loads(Path(str(files[1]).replace(".nii.gz", ".json")).read_text())
    assert (said["Null"], said["Draws"], said["KeepHemisphere"]) == ("random", 19, True)
    assert said["Levels"] == [0.0, 0.333333, 0.666667, 1.0]
    assert "Withheld" not in said
    draws = pd.read_csv(files[-1], sep="\t")
    assert draws["n_voxels"].tolist() == found.sizes.tolist()
    assert draws["draw"].tolist() == list(range(19))
    why = "it cannot be determined"
    for file in write_null(asked, "up", "strength", found, frame(tmp_path), converged, why)[:6]:
        said = json.loads(Path(str(file).replace(".nii.gz", ".json")).read_text())
        assert said["Withheld"] == why


@pytest.mark.parametrize("resolution", [None, 4.5])
def test_the_frame_is_that_of_the_draws(tmp_path: Path, resolution: float | None) -> None:
    observed = RNG.random(V)
    data = NullData(GRID, INDEX, np.ones(2, bool), INDEX, np.ones(V), None, ())
    asked = config(tmp_path, null_resolution=resolution).update(
        {"group": {"network_atlas": (), "min_cluster_volume": 0.0}}
    )
    found = ComparisonFrame.of(asked, ENTITIES, data, observed)
    np.testing.assert_array_equal(found.network, observed >= 0.5)
    name = found.names.network("up", "mask").name
    assert ("res-3mm" in name) is (resolution is not None)


def labelled() -> tuple[list[Contrast], LabelledContrasts]:
    named = [("a", "up", "A", 3, 20), ("b", "down", "A", 1, None), ("c", "up", "B", 2, 10),
             ("d", "down", "C", 4, 30)]  # fmt: skip
    contrasts = [
        Contrast(
            name, effect, (study,),
            tuple(Focus(i, 0, 0, "MNI152", study, name, effect, n, "") for i in range(foci)), n,
        )
        for name, effect, study, foci, n in named
    ]  # fmt: skip
    masks = RNG.random((4, V)) < 0.5
    is_first = np.array([True, False, True, False])
    unit = np.array([0, 0, 1, 2])
    return contrasts, LabelledContrasts(masks, np.ones((4, V), bool), is_first, unit, None)


def test_what_labels_stand_for_is_counted() -> None:
    table = count_labels(*labelled(), ("up", "down"))
    assert list(table) == list(LABEL_COLUMNS)
    assert table.to_numpy().tolist() == [
        ["up", 2, 2, 1, 5, 2.5, 15.0],
        ["down", 2, 2, 1, 5, 2.5, 30.0],
    ]


def label_test(smallest: float = 0.05) -> LabelTest:
    p = RNG.integers(1, 21, V) / 20
    return LabelTest(RNG.uniform(-1, 1, V), p, np.clip(2 * p, 0, 1), p, 20, 99, False, smallest)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_label_row_counts_the_side_of_its_network(sign: int) -> None:
    found = label_test()
    row = label_row(found, 0.1, "so.", NETWORK, sign)
    inside = (found.p_fwe <= 0.1) & NETWORK & (sign * found.difference > 0)
    assert row["share_surviving"] == pytest.approx(inside.sum() / NETWORK.sum())
    assert (row["n_draws"], row["verdict"]) == (19, "so.")
    assert label_row(label_test(0.2), 0.1, "", NETWORK, sign)["share_surviving"] is None


def test_maps_of_exchanged_labels_name_both_networks(tmp_path: Path) -> None:
    names, found = OutputNames.of(tmp_path, ENTITIES), label_test()
    place = partial(names.network_part, "up", "labels", "statmap")
    files = write_labels(place, found, ("up", "down"), {"RandomSeed": 3}, GRID, INDEX)
    assert len(files) == 4
    values = nib.load(files[0]).get_fdata().ravel(order="F")[INDEX]
    np.testing.assert_allclose(values, found.difference, rtol=1e-6)
    said = json.loads(Path(str(files[0]).replace(".nii.gz", ".json")).read_text())
    assert said["Description"] == "Probability map of up less that of down"
    assert (said["Labellings"], said["LabellingsPossible"], said["RandomSeed"]) == (20, 99, 3)


def test_clusters_large_enough_are_those_of_scipy(tmp_path: Path) -> None:
    mask = RNG.random(GRID.n_voxels) < 0.4
    asked = config(tmp_path).update({"group": {"min_cluster_volume": 80.0}})  # 3 voxels of 27 mm³
    n = count_clusters(mask, config=asked, grid=GRID, index=np.arange(GRID.n_voxels))
    labels, _ = ndimage.label(GRID.unflatten(mask), ndimage.generate_binary_structure(3, 2))
    assert n == (np.bincount(labels.ravel())[1:] >= 3).sum() > 0
