"""Images, tables and sidecar entries of seeds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, sparse

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.config import Config, SeedSettings
from fcnm_bids.derivatives.seeds import (
    SEED_TABLE_COLUMNS,
    describe_contrast,
    is_binary,
    seed_image,
    seed_table,
    seed_volumes,
    write_used_foci,
)
from fcnm_bids.grid import Grid
from fcnm_bids.seeds import Contrast, Focus, SeedMatrix, read_foci

AFFINE = np.array([[-2.0, 0, 0, 10], [0, 3.0, 0, -6], [0, 0, 4.0, 0], [0, 0, 0, 1]])
GRID = Grid((4, 3, 2), AFFINE, "MNI152NLin6Asym")
FOCUS = Focus(1.5, -2.0, 3.0, "MNI152", "A 2020", "a > b", "up", 12, "x, row 2", (1, -2, 3), "TAL")
NAMED = (
    Contrast("a > b", "up", ("A 2020",), (FOCUS,), 12),
    Contrast("lesion", "up", (), (), None),
    Contrast("nowhere", "up", (), (), None),
)


@pytest.fixture
def seeds() -> SeedMatrix:
    weights = np.zeros((3, GRID.n_voxels))
    weights[0, [0, 5, 6]] = 1
    weights[1, [2, 3, 23]] = [0.5, 1.0, 0.25]
    return SeedMatrix(sparse.csr_array(weights), NAMED, GRID)


def test_masks_and_weights_have_their_suffixes(seeds: SeedMatrix, tmp_path: Path) -> None:
    assert [is_binary(seeds, n) for n in range(2)] == [True, False]
    names = OutputNames.of(tmp_path, {"space": "MNI152NLin6Asym", "task": "rest"})
    assert seed_image(names, "a", seeds, 0).name.endswith("_mask.nii.gz")
    assert seed_image(names, "lesion", seeds, 1).name.endswith("_probseg.nii.gz")


def test_volume_and_centre_are_scipys(seeds: SeedMatrix) -> None:
    index = np.arange(6)
    table = seed_table([c.name for c in NAMED], seeds.weights, GRID, index)
    assert list(table) == list(SEED_TABLE_COLUMNS)
    np.testing.assert_allclose(table["volume_mm3"], [3 * 24, 3 * 24, 0])
    np.testing.assert_allclose(table["volume_mm3"], seed_volumes(seeds.weights, GRID))
    for row, weights in enumerate(seeds.weights.toarray()[:2]):
        voxel = ndimage.center_of_mass(GRID.unflatten(weights))
        expected = AFFINE[:3, :3] @ voxel + AFFINE[:3, 3]
        np.testing.assert_allclose(table.loc[row, ["centre_x", "centre_y", "centre_z"]], expected)
        share = weights[index].sum() / weights.sum()
        assert table.loc[row, "coverage"] == pytest.approx(share)
    assert table.loc[2, "centre_x":"centre_z"].isna().all()


def test_sidecars_describe_foci_only_where_there_are_some() -> None:
    said = describe_contrast(NAMED[0], SeedSettings(radius=6.0))
    assert (said["Contrast"], said["SampleSize"], said["Studies"]) == ("a > b", 12, ["A 2020"])
    assert (said["Foci"], said["SphereRadius"]) == ([[1.5, -2.0, 3.0]], 6.0)
    assert not {"Foci", "SphereRadius"} & set(describe_contrast(NAMED[1], SeedSettings()))


def test_foci_are_written_as_they_were_used(seeds: SeedMatrix, tmp_path: Path) -> None:
    config = Config("in", str(tmp_path), "group").update({"seeds": {"coordinates": "/a/b.tsv"}})
    (path,) = write_used_foci(seeds, config)
    (focus,) = read_foci(path, effect=None)
    assert (focus.x, focus.y, focus.z, focus.reported) == (1.5, -2.0, 3.0, (1, -2, 3))
    # the table that it was read from is not written over
    content = path.read_text() + "\n"
    path.write_text(content)
    own = config.update({"seeds": {"coordinates": str(path)}})
    assert write_used_foci(seeds, own) == [path]
    assert path.read_text() == content


def test_masks_have_no_foci_to_write(tmp_path: Path) -> None:
    weights = sparse.csr_array(np.ones((1, GRID.n_voxels)))
    seeds = SeedMatrix(weights, NAMED[1:2], GRID)
    assert write_used_foci(seeds, Config("in", str(tmp_path), "group")) == []
    assert pd.Series([*tmp_path.iterdir()]).empty
