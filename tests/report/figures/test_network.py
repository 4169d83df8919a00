"""A network is drawn as far as it has values."""

from pathlib import Path

import nibabel as nib
import numpy as np

from fcnm_bids.report.figures.network import draw_network
from fcnm_bids.report.results.group import GroupOutputs


def test_convergence_is_drawn_where_it_has_a_value(results: Path) -> None:
    network = GroupOutputs(results).networks[0]
    (drawn,) = [path for path in draw_network(results, network) if "convergence" in path.name]
    assert drawn.is_file()
    image = nib.load(network.convergence)
    nib.save(nib.Nifti1Image(np.full(image.shape, np.nan), image.affine), network.convergence)
    assert not [path for path in draw_network(results, network) if "convergence" in path.name]
    assert not drawn.exists()
