"""A small store, and requests on it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from fcnm_bids.bids.write import write_image
from fcnm_bids.connectome import Projected, ProjectedRun, RunImage, write_run
from fcnm_bids.interfaces.network import MapNetwork
from fcnm_bids.interfaces.nulls import CompareLabels, MapNullDraws, PrepareNulls
from fcnm_bids.interfaces.specificity import AssessSpecificity, MeasureStrength
from tests.interfaces.bench import (
    ENTITIES,
    GRID,
    N_DRAWS,
    N_PARTICIPANTS,
    Bench,
    Make,
    Participants,
    V,
)
from tests.kept_rows import build_projection


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
        projected = Projected(run, V, np.zeros((60, 1)), np.zeros(1, np.intp), "")
        write_run(path, projected, time.stored, image, key="", attributes={})
        participants.append((f"{number:02}", [(str(path), "")]))
    return participants


@pytest.fixture
def bench(tmp_path: Path, runs: Participants) -> Make:
    return lambda **group: Bench(tmp_path, runs, **group)


@pytest.fixture(scope="session")
def compared(tmp_path_factory: pytest.TempPathFactory, runs: Participants) -> SimpleNamespace:
    """All nodes of the nulls of one request; not to be changed."""
    folder = tmp_path_factory.mktemp("nulls")
    rate = np.zeros(V)
    rate[V // 4 :] = np.random.default_rng(5).random(V - V // 4) + 0.1
    write_image(folder / "rate.nii.gz", rate, GRID, {})
    asked = {
        "specificity": ("random", "labels", "split"),
        "base_rate": str(folder / "rate.nii.gz"),
    }
    made = Bench(folder, runs, asked, height_control="t=1", n_permutations=N_DRAWS)
    sums = made.sums(*range(5))
    mapped = [made.mapped(sums, number).mapped_file for number in range(5)]
    up = mapped[:3]
    shared = {"participants": made.runs, "entities": ENTITIES}
    found = SimpleNamespace(made=made, mapped=mapped, rate=rate, folder=folder)
    found.network = made.run(MapNetwork, effect="up", mapped_files=up, entities=ENTITIES)
    found.strength = made.run(
        MeasureStrength, **shared, mask_files=[], grey_files=[], cache_dir=str(folder / "degree")
    )
    found.prepared = made.run(
        PrepareNulls,
        participants=made.runs,
        strength_file=found.strength.strength_file,
        mapped_files=mapped,
        store_dir=str(folder / "coarser"),
    )
    found.blocks = {
        null: [(str(folder / f"{null}.npz"), n)]
        for null, n in (("observed", 1), ("random", N_DRAWS))
    }
    for null, [(block, n)] in found.blocks.items():
        made.run(
            MapNullDraws,
            null=null,
            first=0,
            n_draws=n,
            memory_gb=0.01,
            block_file=block,
            deadline=0.0,
            covariates=[[]] * N_PARTICIPANTS,
            nulls_file=found.prepared.nulls_file,
        )
    found.labels = made.run(
        CompareLabels,
        **shared,
        covariates=[[]] * N_PARTICIPANTS,
        index_file=mapped[0],
        grey_files=[],
    )
    found.assessed = made.run(
        AssessSpecificity,
        effect="up",
        entities=ENTITIES,
        effect_file=found.network.effect_file,
        mapped_files=up,
        strength_file=found.strength.strength_file,
        blocks=found.blocks,
        after=[],
        nulls_file=found.prepared.nulls_file,
        rows_file=found.labels.rows_file,
        halves=[0.25, 0.75, float("nan")],
    )
    return found
