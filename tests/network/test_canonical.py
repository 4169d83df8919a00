from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fcnm_bids.network import CANONICAL_COLUMNS, Atlas, canonical_overlap

N = 40


def atlas_of(labels: np.ndarray) -> Atlas:
    names = {number: f"region {number}" for number in range(1, 6)}
    return Atlas("by hand", labels, names, {"A": (1, 2), "B": (3,), "C": (4, 5)})


@given(
    hnp.arrays(np.int32, N, elements=st.integers(0, 5)),
    hnp.arrays(bool, N),
    hnp.arrays(bool, N),
)
def test_every_measure_is_what_counting_gives(
    labels: np.ndarray, network: np.ndarray, mask: np.ndarray
) -> None:
    network &= mask
    table = canonical_overlap(network, atlas_of(labels), mask)
    assert tuple(table.columns) == tuple(CANONICAL_COLUMNS)
    assert table["name"].tolist() == ["A", "B", "C"]
    for row, members in zip(table.itertuples(), ({1, 2}, {3}, {4, 5}), strict=True):
        inside = {v for v in range(N) if mask[v] and int(labels[v]) in members}
        ours = {v for v in range(N) if network[v]}
        both = len(inside & ours)
        assert (row.n_voxels, row.n_overlap) == (len(inside), both)
        expected = {
            "coverage": (both, len(inside)),
            "share": (both, len(ours)),
            "enrichment": (both * int(mask.sum()), len(inside) * len(ours)),
            "dice": (2 * both, len(inside) + len(ours)),
        }
        for name, (above, below) in expected.items():
            value = getattr(row, name)
            if below:
                assert value == pytest.approx(above / below, rel=1e-12)
            else:
                assert math.isnan(value)


def test_a_network_that_is_one_canonical_network() -> None:
    labels = np.repeat(np.arange(5, dtype=np.int32), 8)
    table = canonical_overlap(labels == 3, atlas_of(labels), np.ones(N, bool)).set_index("name")
    assert table.loc["B", ["coverage", "share", "dice"]].tolist() == [1, 1, 1]
    assert table.loc["B", "enrichment"] == 5
    assert table.loc["A", ["coverage", "share", "dice"]].tolist() == [0, 0, 0]


def test_a_network_beyond_the_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves the analysis mask"):
        canonical_overlap(np.ones(N, bool), atlas_of(np.ones(N, np.int32)), np.zeros(N, bool))


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        canonical_overlap(np.ones(3, bool), atlas_of(np.ones(N, np.int32)), np.ones(3, bool))
