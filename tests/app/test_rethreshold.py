"""Networks of a finished level at another threshold."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from fcnm_bids.app.rethreshold import rethreshold, write_variant
from fcnm_bids.config import Config, RunningSettings
from fcnm_bids.errors import RequestError
from fcnm_bids.report.pages.html import Table
from fcnm_bids.report.pages.network import network_section
from fcnm_bids.report.results.group import GroupOutputs
from tests.report.explorer.made import make_results


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return make_results(tmp_path / "out", voxel=8.0, contrasts=5)


def at(root: Path, threshold: float) -> Config:
    running = RunningSettings(rethreshold=threshold, reports="none")
    return Config("", str(root), "group", running=running)


def voxels(path: Path) -> np.ndarray:
    return np.asarray(nib.load(path).dataobj) > 0.5


def test_the_networks_own_threshold_gives_the_network(made: Path) -> None:
    (network,) = GroupOutputs(made).networks
    contrasts = GroupOutputs(made).contrasts
    mask, table = write_variant(made, network, contrasts, 0.5)
    np.testing.assert_array_equal(voxels(mask), voxels(network.mask))
    own = pd.read_csv(network.tables()["clusters"], sep="\t")
    found = pd.read_csv(table, sep="\t")
    np.testing.assert_allclose(found["volume_mm3"], own["volume_mm3"])
    assert json.loads(table.with_suffix(".json").read_text())["DiceWithPrimary"] == 1


def test_variants_stand_beside_the_network_and_touch_nothing(made: Path) -> None:
    before = {path: path.read_bytes() for path in (made / "group").iterdir()}
    assert rethreshold(at(made, 0.4))
    assert rethreshold(at(made, 0.8))
    assert {path: path.read_bytes() for path in before} == before
    (network,) = GroupOutputs(made).networks
    (first, low), (second, high) = network.variants()
    assert "_desc-threshold0p4_mask" in first.name
    assert (low["Threshold"], low["PrimaryThreshold"]) == (0.4, 0.5)
    assert low["Voxels"] == voxels(first).sum() > high["Voxels"] == voxels(second).sum()
    share = np.asarray(nib.load(network.probability).dataobj)
    assert np.nanmin(share[voxels(first)]) == pytest.approx(0.4)


def test_the_report_lists_them_as_exploratory(made: Path) -> None:
    rethreshold(at(made, 0.4))
    section = network_section(GroupOutputs(made), "increase")
    (table,) = (b for b in section.blocks if isinstance(b, Table))
    assert "exploratory" in table.caption
    assert table.rows[0][0] == "2 of 5 (0.4)"


def test_variants_of_an_earlier_map_are_not_shown(made: Path) -> None:
    rethreshold(at(made, 0.4))
    (network,) = GroupOutputs(made).networks
    image = nib.load(network.probability)
    nib.save(nib.Nifti1Image(np.zeros(image.shape), image.affine), network.probability)
    assert network.variants() == []


def test_what_cannot_be_cut_again_is_refused(made: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="have this threshold already"):
        rethreshold(at(made, 0.5))
    with pytest.raises(RequestError, match="run the group level first"):
        rethreshold(at(tmp_path / "nowhere", 0.4))
