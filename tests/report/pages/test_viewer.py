"""Maps of the viewer, read back from their pictures."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from fcnm_bids.report.figures.slices import BOX
from fcnm_bids.report.pages.viewer import viewer_content
from fcnm_bids.report.results.group import GroupOutputs
from tests.report.explorer.made import make_results
from tests.report.figures.test_group import set_in_masks


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return make_results(tmp_path / "out", voxel=16.0, contrasts=2)


def t_entries(results: Path) -> list[dict[str, object]]:
    return [m for m in viewer_content(GroupOutputs(results))["maps"] if m["unit"] == "t"]


def test_the_viewer_begins_at_a_threshold_that_it_reaches(results: Path) -> None:
    assert {entry["threshold"] for entry in t_entries(results)} == {4.5}
    set_in_masks(results, Threshold=222.0)
    assert {(e["threshold"], e["high"]) for e in t_entries(results)} == {(222.0, 266.0)}
    set_in_masks(results, Threshold=None)
    assert {entry["threshold"] for entry in t_entries(results)} == {0.0}


def unpacked(entry: dict[str, Any]) -> np.ndarray:
    """The values of a map on the viewer's grid, NaN where it has none."""
    coded = base64.b64decode(entry["picture"].removeprefix("data:image/png;base64,"))
    nx, ny, nz = entry["shape"]
    levels = np.asarray(Image.open(io.BytesIO(coded))).reshape(nz, ny, nx).transpose(2, 1, 0)
    scaled = entry["low"] + (levels - 1.0) / 254 * (entry["high"] - entry["low"])
    return np.where(levels == 0, np.nan, scaled)


def test_pictures_hold_the_maps_on_the_viewers_grid(results: Path) -> None:
    content = viewer_content(GroupOutputs(results))
    network = content["maps"][0]
    image = nib.load(GroupOutputs(results).networks[0].probability)
    assert (network["unit"], network["levels"]) == ("share", 2)
    found, step = unpacked(network), network["step"]
    assert found.shape == tuple(int((b - a) / step + 1e-9) + 1 for a, b in BOX)
    rng, share = np.random.default_rng(0), image.get_fdata()
    inverse = np.linalg.inv(image.affine)
    for _ in range(200):
        voxel = [int(rng.integers(n)) for n in found.shape]
        point = [a + step * n for (a, _), n in zip(BOX, voxel, strict=True)]
        nearest = np.floor(inverse[:3, :3] @ point + inverse[:3, 3] + 0.5).astype(int)
        expected = share[tuple(nearest)]
        if expected > 0:
            assert found[tuple(voxel)] == pytest.approx(expected, abs=0.003)
        else:
            assert np.isnan(found[tuple(voxel)])


def test_a_contrast_without_its_map_is_left_out(results: Path) -> None:
    outputs = GroupOutputs(results)
    outputs.contrasts[0].map("t").unlink()
    names = [entry["name"] for entry in viewer_content(outputs)["maps"]]
    assert names == ["increase: share of contrasts", f"{outputs.contrasts[1].name}: t"]
