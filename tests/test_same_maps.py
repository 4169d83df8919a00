"""The comparison of two output folders sees what it has to see."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.same_maps import compare, main

T = np.array([1.0, 4.0, 4.00001, 9.0]).reshape(2, 2, 1)


def outputs(folder: Path, t: NDArray[np.float64], threshold: float = 4.0) -> Path:
    """A contrast and its network."""
    (folder / "group").mkdir(parents=True)
    for name, values in (
        ("seed-a_space-S_stat-t_statmap", t),
        ("seed-a_space-S_desc-significant_mask", t > threshold),
        ("network-e_space-S_mask", t > threshold),
    ):
        nib.save(
            nib.Nifti1Image(values.astype(np.float32), np.eye(4)), folder / f"group/{name}.nii.gz"
        )
    sidecar = folder / "group" / "seed-a_space-S_desc-significant_mask.json"
    sidecar.write_text(json.dumps({"Threshold": threshold}))
    return folder


def test_rounding_is_let_through_and_voxels_at_the_threshold_are_counted(tmp_path: Path) -> None:
    one = outputs(tmp_path / "one", T)
    other = outputs(tmp_path / "other", T * (1 - 5e-6))
    found = compare(one, other)
    assert found.n_maps == 3
    assert 1e-6 < found.largest < 1e-5
    assert found.at_threshold == found.in_networks == 1
    assert main([str(one), str(other)]) == 0


@pytest.mark.parametrize(
    ("place", "by"), [((1, 1, 0), 1e-3), ((0, 0, 0), 5.0), ((0, 0, 0), np.nan)]
)
def test_a_difference_is_seen(tmp_path: Path, place: tuple[int, ...], by: float) -> None:
    changed = T.copy()
    changed[place] += by
    one, other = outputs(tmp_path / "one", T), outputs(tmp_path / "other", changed)
    with pytest.raises(AssertionError, match=r"stat-t|its threshold"):
        compare(one, other)
    assert main([str(one), str(other)]) == 1


def test_a_mask_that_differs_elsewhere_and_a_missing_image_are_seen(tmp_path: Path) -> None:
    one, other = outputs(tmp_path / "one", T), outputs(tmp_path / "other", T, threshold=10.0)
    with pytest.raises(AssertionError, match="away from its threshold"):
        compare(one, other)
    (other / "group" / "network-e_space-S_mask.nii.gz").unlink()
    with pytest.raises(AssertionError, match="only in one"):
        compare(one, other)
