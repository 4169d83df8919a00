"""Maps of the viewer, read back from their pictures."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from fcnm_bids.report.figures.slices import BOX
from fcnm_bids.report.pages.viewer import viewer_content
from fcnm_bids.report.results.group import ContrastOutputs, GroupOutputs
from tests.report.explorer.made import make_results


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return make_results(tmp_path / "out", voxel=16.0, contrasts=3)


def set_in_mask(contrast: ContrastOutputs, **said: object) -> None:
    sidecar = Path(str(contrast.mask).replace(".nii.gz", ".json"))
    sidecar.write_text(json.dumps({**contrast.sidecar, **said}))


def test_the_viewer_begins_at_a_threshold_that_it_reaches(results: Path) -> None:
    first, second, _ = GroupOutputs(results).contrasts
    set_in_mask(first, Threshold=222.0)
    set_in_mask(second, Threshold=None)
    maps = viewer_content(GroupOutputs(results))["maps"]
    entries = [entry for entry in maps if entry["unit"] == "t"]
    assert [entry["threshold"] for entry in entries] == [222.0, 0.0, 4.5]
    assert entries[0]["high"] == -entries[0]["low"] == 266.0


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
    assert (network["unit"], network["levels"]) == ("share", 3)
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
    rest = [f"{contrast.name}: t" for contrast in outputs.contrasts[1:]]
    assert names == ["increase: share of contrasts", *rest]
