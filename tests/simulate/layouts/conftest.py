from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.simulate import SimulationDesign, simulate_dataset


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two participants with two sessions each, as fMRIPrep leaves them."""
    design = SimulationDesign(n_participants=2, sessions=("1", "2"), voxel_size=8, n_volumes=120)
    return simulate_dataset(tmp_path_factory.mktemp("sim") / "data", design).fmriprep
