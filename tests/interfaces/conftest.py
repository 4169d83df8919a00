"""A small store, and requests on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, write_run
from fcnm_bids.denoise import build_projection
from tests.interfaces.bench import GRID, N_PARTICIPANTS, Bench, Make, Participants, V


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Participants:
    """A store of twelve participants, of whom some lack voxels."""
    folder = tmp_path_factory.mktemp("store")
    rng = np.random.default_rng(0)
    loadings = ndimage.gaussian_filter(rng.standard_normal((2, *GRID.shape)), (0, 1, 1, 1))
    loadings = 6 * loadings.reshape(2, V, order="F")
    participants = []
    for number in range(N_PARTICIPANTS):
        time = build_projection(
            rng.standard_normal((60, 2)), np.ones(60, bool), 2.0, high_pass=0.01, low_pass=0.2
        )
        raw = rng.standard_normal((60, 2)) @ loadings + 1.5 * rng.standard_normal((60, V))
        index = np.arange(V) if number % 3 else np.setdiff1d(np.arange(V), rng.choice(V, 9))
        values = (time.basis @ raw[:, index]).astype(np.float32)
        run = ProjectedRun(values, index, GRID)
        path = folder / f"{number:02}.h5"
        image = RunImage(path, GRID, 60, 2.0, np.dtype("<i2"), 1.0, 0.0, 352)
        projected = Projected(run, V, np.empty((0, 0)), np.empty(0, np.intp), "")
        write_run(path, projected, time, image, key="", attributes={})
        participants.append((f"{number:02}", [(str(path), "")]))
    return participants


@pytest.fixture
def bench(tmp_path: Path, runs: Participants) -> Make:
    return lambda **group: Bench(tmp_path, runs, **group)
