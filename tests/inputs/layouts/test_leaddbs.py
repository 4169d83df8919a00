from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.connectome.image import VolumeStream, check_complete
from fcnm_bids.errors import RunError
from fcnm_bids.inputs.layouts.leaddbs import as_nifti, open_run, read_voxels
from fcnm_bids.simulate import SimulationDesign, simulate_dataset
from fcnm_bids.simulate.layouts import write_layout
from fcnm_bids.simulate.layouts.source import denoised, source_runs

SPACE = "MNI152NLin6Asym"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    design = SimulationDesign(n_participants=2, voxel_size=10, n_volumes=80)
    return simulate_dataset(tmp_path_factory.mktemp("sim") / "data", design).fmriprep


@pytest.mark.parametrize("version", ["v7", "v7.3"])
def test_a_run_has_the_series_and_the_place_of_its_voxels(
    version: str, tree: Path, tmp_path: Path
) -> None:
    root = write_layout("leaddbs", tree, tmp_path / "lead", variant=version, band=(0.0, 0.0))
    info = root / "dataset_info.mat"
    source = next(source_runs(tree))
    image, mask = open_run(root / "vol" / "sub-0001_run_1.mat", info, SPACE)
    assert image.grid.difference(source.grid()) is None
    assert image.n_volumes == 80
    motion = [n for n in source.table if n.startswith(("trans", "rot"))]
    names = [*motion, "white_matter", "csf", "global_signal"]
    expected = np.zeros((80, image.grid.n_voxels))
    expected[:, source.inside()] = denoised(source, names, (0.0, 0.0))
    with as_nifti(image, info, tmp_path) as converted:
        check_complete(converted)
        blocks = [volumes.copy() for _, volumes in VolumeStream(converted, 7)]
    assert not converted.path.exists()
    found = np.concatenate(blocks)
    np.testing.assert_allclose(found[:, mask], expected[:, mask], rtol=1e-4, atol=1e-3)
    assert not found[:, ~mask].any()


def test_a_run_of_another_connectome_is_refused(tree: Path, tmp_path: Path) -> None:
    from scipy.io import savemat

    root = write_layout("leaddbs", tree, tmp_path / "lead")
    savemat(root / "vol" / "sub-0003_run_1.mat", {"gmtc": np.zeros((5, 80))})
    with pytest.raises(RunError, match="gmtc has 5 rows"):
        open_run(root / "vol" / "sub-0003_run_1.mat", root / "dataset_info.mat", SPACE)


def test_a_file_without_series_is_refused(tree: Path, tmp_path: Path) -> None:
    from scipy.io import savemat

    root = write_layout("leaddbs", tree, tmp_path / "lead")
    savemat(root / "vol" / "sub-0003_run_1.mat", {"other": np.zeros((5, 80))})
    with pytest.raises(RunError, match="has no matrix gmtc"):
        open_run(root / "vol" / "sub-0003_run_1.mat", root / "dataset_info.mat", SPACE)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file" + bytes(200)])
def test_what_is_no_matlab_file_is_refused(content: bytes, tree: Path, tmp_path: Path) -> None:
    root = write_layout("leaddbs", tree, tmp_path / "lead")
    (root / "vol" / "sub-0001_run_1.mat").write_bytes(content)
    with pytest.raises(RunError, match=r"sub-0001_run_1\.mat"):
        open_run(root / "vol" / "sub-0001_run_1.mat", root / "dataset_info.mat", SPACE)
    (tmp_path / "info.mat").write_bytes(content)
    with pytest.raises(RunError, match=r"info\.mat"):
        read_voxels(tmp_path / "info.mat", SPACE)
