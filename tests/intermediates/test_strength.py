"""Strength maps and places of a null come back from their file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.intermediates.strength import StrengthFile, read_strength, write_strength
from fcnm_bids.specificity import Strength

RNG = np.random.default_rng(0)
STRENGTH = Strength(
    positive=RNG.random(5),
    signed=RNG.standard_normal(5),
    eigenvectors=RNG.standard_normal((3, 5)),
    eigenvalue_shares=(0.5, 0.25, 0.125),
    iterations=7,
    change=1e-9,
    index=np.array([1, 2, 3, 5, 8]),
    targets=np.array([2, 5]),
    n_participants=4,
    half_correlation=0.75,
)


@pytest.mark.parametrize("rate", [None, RNG.random(2)])
@pytest.mark.parametrize("places", [None, np.array([3, 8])])
def test_strength_comes_back(
    tmp_path: Path, places: np.ndarray | None, rate: np.ndarray | None
) -> None:
    content = StrengthFile(STRENGTH, places, rate)
    write_strength(tmp_path / "strength.npz", content)
    found = read_strength(tmp_path / "strength.npz")
    np.testing.assert_equal(asdict(found), asdict(content))
    kinds = {name: type(value) for name, value in asdict(found.strength).items()}
    assert kinds == {name: type(value) for name, value in asdict(STRENGTH).items()}
