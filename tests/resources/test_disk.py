"""Bytes of outputs, against sizes of files of the same content."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.config import ROBUSTNESS
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.runs.prepare import RunInput
from fcnm_bids.intermediates.moments import write_moments
from fcnm_bids.planning.plan import PlannedRun
from fcnm_bids.resources.disk import (
    contrast_bytes,
    effect_bytes,
    group_figures_bytes,
    group_page_bytes,
    mapped_bytes,
    participant_maps_bytes,
    participant_report_bytes,
    stored_bytes,
    sums_bytes,
    variants_bytes,
)
from fcnm_bids.stats import Moments

V = 3000
GRID = Grid((20, 15, 10), np.diag([4.0, 4.0, 4.0, 1.0]), "MNI")
RUN = PlannedRun(
    files=RunInput("", "", "", "", "", "", "", ""),
    key="",
    grid=GRID,
    stored=False,
    dof=100,
    n_components=100,
    n_volumes=200,
    n_kept=190,
    itemsize=2,
    n_masked=V,
)


def test_longer_runs_take_more_disk() -> None:
    sizes = [stored_bytes([replace(RUN, n_components=n)]) for n in (50, 100)]
    assert sizes[1] - sizes[0] == pytest.approx(50 * (2 * V + 8 * RUN.n_volumes))
    assert stored_bytes([RUN, RUN]) == 2 * stored_bytes([RUN])
    assert stored_bytes([]) == 0


def test_compact_runs_take_half_and_have_no_basis() -> None:
    saved = stored_bytes([RUN]) - stored_bytes([replace(RUN, stored_itemsize=1)])
    assert saved == V * (RUN.n_components + 4) + 8 * RUN.n_components * RUN.n_volumes


@pytest.mark.parametrize("smoothness", [False, True])
@pytest.mark.parametrize("n_covariates", [0, 2])
def test_sums_take_what_their_file_does(
    tmp_path: Path, smoothness: bool, n_covariates: int
) -> None:
    n = 6
    index = np.arange(V)
    moments = Moments(1, index, GRID.shape, smoothness=smoothness, n_covariates=n_covariates)
    rng = np.random.default_rng(0)
    for _ in range(n):
        z = rng.standard_normal((1, V))
        moments.add(z, z > 9, rng.random(n_covariates))
    path = tmp_path / "sums.npz"
    write_moments(
        *(path, moments.contrast(0)),
        absent=[],
        present=np.arange(n),
        covariates=np.zeros((n, n_covariates)),
        row=0,
    )
    predicted = sums_bytes(
        V, 1, n, smoothness=smoothness, keeps_maps=False, n_covariates=n_covariates
    )
    # the voxel numbers are counted as well
    assert path.stat().st_size == pytest.approx(predicted, rel=0.15)


def test_permutations_keep_everybodys_maps() -> None:
    few, many = (
        sums_bytes(1000, 5, n, smoothness=False, keeps_maps=True, n_radii=2) for n in (10, 110)
    )
    assert many - few == 4 * 100 * 1000 * 5 * 3
    one, two = (sums_bytes(V, n, 4, smoothness=True, keeps_maps=True) for n in (1, 2))
    assert two == 2 * one


def test_variants_take_a_bit_a_voxel_for_mask_and_counted_voxels() -> None:
    packed = np.packbits(np.zeros((2, V), bool), axis=1).nbytes
    n = 2 + 3 * ROBUSTNESS.participants_draws
    assert variants_bytes(V, 2) == pytest.approx(packed * n, rel=0.01)


def test_outputs_grow_with_what_they_hold() -> None:
    assert participant_maps_bytes(V, 7) == 7 * participant_maps_bytes(V, 1)
    assert contrast_bytes(200_000) > participant_maps_bytes(200_000, 4)
    assert effect_bytes(200_000) < contrast_bytes(200_000)
    assert effect_bytes(2 * V) - effect_bytes(V) == effect_bytes(3 * V) - effect_bytes(2 * V)
    assert mapped_bytes(V) >= V * (1 + 1 + 8 + 8)  # mask, counted, mean, voxel number
    assert participant_report_bytes(2, 3) > participant_report_bytes(1, 3)
    assert group_figures_bytes(5, 2) == group_figures_bytes(5, 0) + group_figures_bytes(10, 0)
    assert group_page_bytes(V, 5, 2) > group_page_bytes(V, 5, 1) > group_page_bytes(V, 4, 1) > 0
