"""A network is drawn as far as it has values."""

from pathlib import Path

import nibabel as nib
import numpy as np

from fcnm_bids.report.figures.network import draw_network, network_figures
from fcnm_bids.report.results.group import GroupOutputs
from tests.report.explorer.made import make_results


def test_convergence_is_drawn_where_it_has_a_value(results: Path) -> None:
    network = GroupOutputs(results).networks[0]
    own = {"convergence": network_figures(results, network.label)["convergence"]}
    (drawn,) = draw_network(network, own)
    assert drawn.is_file()
    image = nib.load(network.convergence)
    nib.save(nib.Nifti1Image(np.full(image.shape, np.nan), image.affine), network.convergence)
    assert not draw_network(network, own)
    assert not drawn.exists()


def test_only_the_figures_asked_for_are_drawn(tmp_path: Path) -> None:
    root = make_results(tmp_path / "out", voxel=16.0, contrasts=3)
    (network,) = GroupOutputs(root).networks
    files = {desc: tmp_path / f"{desc}.svg" for desc in ("slices", "robustness", "specificity")}
    assert draw_network(network, files) == [tmp_path / "slices.svg"]
    assert [path.name for path in tmp_path.glob("*.svg")] == ["slices.svg"]
