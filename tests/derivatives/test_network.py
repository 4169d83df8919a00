"""Images of a network: their values, and the files that they name as their sources."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np

from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.config import GroupSettings
from fcnm_bids.derivatives.network import Network, write_network
from fcnm_bids.grid import Grid
from fcnm_bids.intermediates.maps import EffectMaps

GRID = Grid((3, 2, 2), np.diag([2.0, 2.0, 2.0, 1.0]), "MNI152NLin6Asym")
INDEX = np.array([0, 4, 5, 11])
MAPS = EffectMaps(
    np.array([0.5, 1.0, 0.0, np.nan]),
    np.array([0.1, 0.2, -0.1, 0.3]),
    np.array([0.1, 0.25, np.nan, 0.3]),
    INDEX,
)


def test_images_hold_the_maps_and_name_their_sources(tmp_path: Path) -> None:
    names = OutputNames.of(tmp_path, {"space": "MNI152NLin6Asym", "task": "rest"})
    network = np.array([False, True, False, False])
    found = Network(MAPS, network, ["a", "b"], {"Effect": "up"}, {"Weights": "n"})
    written = write_network(found, "up", names, GRID, GroupSettings(network_threshold=0.6))
    expected = {
        "probseg": MAPS.probability,
        "mask": network,
        "stat-effect": MAPS.mean,
        "stat-convergence": MAPS.convergence,
    }
    assert len(written) == len(expected)
    for path in written:
        (kind,) = [kind for kind in expected if kind in path.name]
        values = nib.load(path).get_fdata().ravel(order="F")
        np.testing.assert_allclose(values[INDEX], expected[kind], rtol=1e-6)
        said = json.loads(Path(str(path).replace(".nii.gz", ".json")).read_text())
        assert said["Effect"] == "up"
        assert ("Weights" in said) is (kind != "stat-effect")
        stat = {"probseg": "desc-significant_mask", "mask": "probseg"}.get(kind, "stat-effect")
        assert said["Sources"]
        assert all(stat in source for source in said["Sources"])
        if kind == "mask":
            assert (said["Voxels"], said["Threshold"]) == (1, 0.6)
        else:
            assert len(said["Sources"]) == 2
