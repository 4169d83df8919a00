"""Sums over participants come back from their files as they were written."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.intermediates.moments import (
    MAPS,
    block_file,
    radius_file,
    read_maps,
    read_moments,
    write_moments,
)
from fcnm_bids.stats import ContrastMoments, Moments

INDEX = np.array([0, 1, 2, 5, 11])
SHAPE = (3, 2, 2)


def sums(n_participants: int, *, smoothness: bool, n_covariates: int) -> ContrastMoments:
    rng = np.random.default_rng(2)
    moments = Moments(1, INDEX, SHAPE, smoothness=smoothness, n_covariates=n_covariates)
    for number in range(n_participants):
        z = rng.standard_normal((1, INDEX.size))
        z[0, number % INDEX.size] = np.nan
        moments.add(z, z > 2, rng.random(n_covariates))
    return moments.contrast(0)


@pytest.mark.parametrize("smoothness", [False, True])
@pytest.mark.parametrize("n_covariates", [0, 2])
def test_sums_come_back(tmp_path: Path, smoothness: bool, n_covariates: int) -> None:
    path = block_file(tmp_path, "a", 3)
    assert path != radius_file(tmp_path, "a", 3)
    own = sums(4, smoothness=smoothness, n_covariates=n_covariates)
    design = np.random.default_rng(3).random((5, n_covariates))
    present = np.array([0, 1, 3, 4])
    write_moments(path, own, absent=["Ä"], present=present, covariates=design, row=2)
    found = read_moments([path])
    np.testing.assert_equal(asdict(found.moments), asdict(own))
    assert (found.moments.products is None) is not smoothness
    assert (found.moments.covariates is None) is (n_covariates == 0)
    assert (found.absent, found.row) == (["Ä"], 2)
    np.testing.assert_array_equal(found.present, present)
    np.testing.assert_array_equal(found.covariates, design)


@pytest.mark.parametrize("present", [[0, 1, 2], [0, 2]])
def test_maps_are_those_of_the_participants_with_one(tmp_path: Path, present: list[int]) -> None:
    path = tmp_path / "a.npz"
    own = sums(3, smoothness=False, n_covariates=0)
    design = np.arange(3.0)[:, None]
    write_moments(path, own, absent=[], present=np.array(present), covariates=design, row=1)
    stored = read_moments([path])
    assert read_maps([tmp_path], stored) is None
    every = np.random.default_rng(4).random((2, 3, INDEX.size)).astype(np.float32)
    np.save(tmp_path / MAPS, every)
    found = read_maps([tmp_path], stored)
    assert found is not None
    np.testing.assert_array_equal(found.values, every[1][present])
    np.testing.assert_array_equal(found.covariates, design[present])
