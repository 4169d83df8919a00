"""A network is assembled from its contrasts as counting voxel by voxel does it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fcnm_bids.mapping import assemble_network

V = 30


def contrasts(seed: int, n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    counted = rng.random((n, V)) < 0.9
    counted[rng.random(n) < 0.2] = False
    return {
        "significant": (rng.random((n, V)) < 0.5) & counted,
        "counted": counted,
        "mean": np.where(
            rng.random((n, V)) < 0.05, np.nan, rng.standard_normal((n, V), np.float32)
        ).astype(np.float64),
        "near": rng.random((n, V)) < 0.2,
    }


def share(weights: list[float], held: list[bool]) -> float:
    return sum(w for w, own in zip(weights, held, strict=True) if own) / sum(weights)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sign", [1, -1])
@given(seed=st.integers(0, 10_000), n=st.integers(1, 6))
def test_every_voxel_is_counted(weighted: bool, sign: int, seed: int, n: int) -> None:
    made = contrasts(seed, n)
    weights = np.random.default_rng(seed).uniform(0.5, 2, n) if weighted else None
    found = assemble_network(**made, sign=sign, weights=weights)
    kept = [c for c in range(n) if made["counted"][c].any()]
    assert found.kept.nonzero()[0].tolist() == kept
    own = [1.0 if weights is None else float(weights[c]) for c in kept]
    for v in range(V):
        expected = np.nan
        if kept and all(made["counted"][c, v] for c in kept):
            held = [made["significant"][c, v] and sign * made["mean"][c, v] > 0 for c in kept]
            expected = share(own, held)
        np.testing.assert_allclose(found.probability[v], expected, rtol=1e-13, equal_nan=True)
        away = [(w, c) for w, c in zip(own, kept, strict=True) if not made["near"][c, v]]
        expected = np.nan
        if kept and 2 * len(away) >= len(kept) and all(made["counted"][c, v] for _, c in away):
            total = sum(w * sign * made["mean"][c, v] for w, c in away)
            expected = total / sum(w for w, _ in away)
        np.testing.assert_allclose(
            found.convergence[v], expected, rtol=1e-12, atol=1e-13, equal_nan=True
        )


def test_the_two_signs_share_the_significant_voxels() -> None:
    made = contrasts(3, 4)
    up, down = (assemble_network(**made, sign=sign) for sign in (1, -1))
    both = made["significant"][up.kept] & (made["mean"][up.kept] != 0)
    known = np.isfinite(up.probability) & np.isfinite(made["mean"]).all(axis=0)
    np.testing.assert_allclose(
        (up.probability + down.probability)[known], both.mean(axis=0)[known], rtol=1e-13
    )
    np.testing.assert_array_equal(up.convergence, -down.convergence)
