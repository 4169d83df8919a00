"""Seeds, names and labels of a request's contrasts."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.config import Config, SeedSettings
from fcnm_bids.errors import SeedError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.contrasts import (
    check_masks,
    contrast_labels,
    contrast_names,
    make_seeds,
    mask_files,
    network_parts,
    other_radii,
    read_contrasts,
    unread_mask_files,
    with_other_radii,
)

GRID = Grid((9, 8, 7), np.diag([3.0, 3.0, 3.0, 1.0]), "MNI152NLin6Asym")
FOCI = """study\tcontrast\teffect\tx\ty\tz\tspace\tn
A\ta > b\tup\t6\t6\t6\tMNI152\t20
A\tc\tdown\t9\t6\t6\tMNI152\t10
B\td\tup\t6\t9\t9\tMNI152\t30
"""


def request(folder: Path, text: str = FOCI, **sections: Any) -> Config:
    (folder / "foci.tsv").write_text(text)
    config = Config("in", "out", "group")
    return config.update({"seeds": {"coordinates": str(folder / "foci.tsv")}}).update(sections)


def mask(path: Path, *voxels: tuple[int, int, int]) -> Path:
    path.parent.mkdir(exist_ok=True)
    values = np.zeros(GRID.shape, np.uint8)
    for voxel in voxels:
        values[voxel] = 1
    nib.save(nib.Nifti1Image(values, GRID.affine), path)
    return path


def test_a_table_that_was_written_again_is_read_again(tmp_path: Path) -> None:
    settings = request(tmp_path).seeds
    assert [c.name for c in read_contrasts(settings)] == ["a > b", "c", "d"]
    assert read_contrasts(settings) is read_contrasts(settings)
    (tmp_path / "foci.tsv").write_text(FOCI.replace("\tc\t", "\te\t"))
    os.utime(tmp_path / "foci.tsv", ns=(1, 1))
    assert [c.name for c in read_contrasts(settings)] == ["a > b", "e", "d"]
    assert read_contrasts(SeedSettings()) == ()


def test_networks_hold_the_contrasts_of_their_effect_and_sign(tmp_path: Path) -> None:
    config = request(tmp_path, group={"tail": "two-sided"})
    contrasts = read_contrasts(config.seeds)
    parts = network_parts(config, contrasts, "up (negative)")
    assert (parts.sign, parts.rows) == (-1, (0, 2))
    assert parts.contrasts == (contrasts[0], contrasts[2])
    assert parts.label != network_parts(config, contrasts, "up (positive)").label
    with pytest.raises(ValueError, match="no network of a two-sided tail"):
        network_parts(config, contrasts, "up")
    labels = contrast_labels(contrasts)
    assert labels["a > b"].isalnum()
    assert len(set(labels.values())) == 3


def test_seeds_of_other_radii_stand_behind_those_of_the_analysis(tmp_path: Path) -> None:
    config = request(tmp_path, group={"radii": (1.0, 4.0, 7.0, 7.0)})
    assert other_radii(config) == [1.0, 7.0]
    seeds = make_seeds(config.seeds, GRID)
    found = with_other_radii(seeds, config, [2, 0])
    assert [c.name for c in found.contrasts] == ["d", "a > b"] * 3
    for part, radius in enumerate((4, 1, 7)):
        for row, focus in enumerate(((6, 9, 9), (6, 6, 6))):
            positions = GRID.positions(np.arange(GRID.n_voxels))
            inside = np.linalg.norm(positions - focus, axis=1) <= radius
            own = found.weights[[2 * part + row]].toarray()[0]
            np.testing.assert_array_equal(own > 0, inside)


def test_masks_are_seeds_and_those_of_controls_have_their_effect(tmp_path: Path) -> None:
    mask(tmp_path / "masks" / "b.nii.gz", (1, 1, 1))
    mask(tmp_path / "masks" / "a.nii.gz", (2, 2, 2), (2, 2, 3))
    (tmp_path / "masks" / "notes.txt").touch()
    control = mask(tmp_path / "control.nii.gz", (4, 4, 4))
    settings = SeedSettings(masks=(str(tmp_path / "masks"),), control_masks=(str(control),))
    assert [path.name for path in mask_files(settings.masks)] == ["a.nii.gz", "b.nii.gz"]
    assert [path.name for path in unread_mask_files(settings)] == ["notes.txt"]
    check_masks(settings)
    names = [("a", "network"), ("b", "network"), ("control", "control")]
    assert contrast_names(settings) == names
    seeds = make_seeds(settings, GRID)
    assert [(c.name, c.effect) for c in seeds.contrasts] == names
    assert np.diff(seeds.weights.indptr).tolist() == [2, 1, 1]
    assert other_radii(Config("in", "out", "group").update({"seeds": {"masks": ("x",)}})) == []


def test_every_problem_of_masks_is_listed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "table.csv").touch()
    settings = SeedSettings(
        masks=(str(tmp_path / "gone.nii"), str(tmp_path / "table.csv")),
        control_masks=(str(tmp_path / "empty"),),
        effect="control",
    )
    with pytest.raises(SeedError) as caught:
        check_masks(settings)
    told = "\n".join(caught.value.problems)
    assert "--masks" in told
    assert "gone.nii: there is no such file" in told
    assert "table.csv" in told
    assert "empty: no NIfTI file (.nii or .nii.gz)" in told
    assert "--effect control: this is the effect of --control-masks; name another" in told


def test_masks_of_one_name_are_refused(tmp_path: Path) -> None:
    pair = [str(mask(tmp_path / folder / "m.nii.gz", (1, 1, 1))) for folder in "ab"]
    with pytest.raises(SeedError, match="--masks: 2 are called m; rename them"):
        check_masks(SeedSettings(masks=tuple(pair)))
