from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from fcnm_bids.grid import Grid
from fcnm_bids.network import (
    DESCRIBED_COLUMNS,
    PEAK_COLUMNS,
    Atlas,
    cluster_table,
    describe_clusters,
)

AFFINE = np.array([[2.0, 0, 0, -20], [0, 2, 0, -30], [0, 0, 2, -10], [0, 0, 0, 1]])
GRID = Grid((12, 13, 14), AFFINE, "MNI152NLin6Asym")


def described(
    network: np.ndarray,
    probability: np.ndarray,
    mean_t: np.ndarray | None = None,
    atlas: Atlas | None = None,
    min_distance: float = 8.0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    mean_t = np.zeros(GRID.shape) if mean_t is None else mean_t
    clusters = cluster_table(network, probability, GRID)
    return describe_clusters(
        clusters, network, mean_t, atlas, GRID, min_distance=min_distance, probability=probability
    )


def bar() -> tuple[np.ndarray, np.ndarray]:
    """A cluster along x, its probability highest at one end."""
    network = np.zeros(GRID.shape, bool)
    network[1:11, 5:7, 6:8] = True
    probability = np.where(network, 0.6, 0.0)
    probability[1, 5, 6] = 0.9
    return network, probability


def position(i: int, j: int, k: int) -> list[float]:
    return [-20 + 2 * i, -30 + 2 * j, -10 + 2 * k]


def test_the_first_peak_is_the_clusters_own() -> None:
    clusters, peaks = described(*bar())
    assert tuple(peaks.columns) == tuple(PEAK_COLUMNS)
    assert peaks.loc[0, ["x", "y", "z"]].tolist() == position(1, 5, 6)
    own = clusters.loc[0, ["peak_x", "peak_y", "peak_z"]].tolist()
    assert peaks.loc[0, ["x", "y", "z"]].tolist() == own


def test_a_second_peak_far_enough_away() -> None:
    network, probability = bar()
    probability[5, 5, 6] = 0.8
    _, peaks = described(network, probability)
    assert peaks[["x", "y", "z"]].to_numpy().tolist()[:2] == [position(1, 5, 6), position(5, 5, 6)]


def test_a_second_peak_too_near_is_passed_over() -> None:
    network, probability = bar()
    probability[4, 5, 6] = 0.8
    _, peaks = described(network, probability)
    assert position(4, 5, 6) not in peaks[["x", "y", "z"]].to_numpy().tolist()


def test_equal_probabilities_are_told_apart_by_t() -> None:
    network, probability = bar()
    mean_t = np.zeros(GRID.shape)
    mean_t[8, 6, 7] = 5.0
    _, peaks = described(network, probability, mean_t)
    second = peaks.iloc[1]
    assert second[["x", "y", "z"]].tolist() == position(8, 6, 7)
    assert (second["probability"], second["mean_t"]) == (0.6, 5.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([4.0, 8.0, 12.0]))
def test_peaks_are_local_maxima_apart_within_their_cluster(seed: int, distance: float) -> None:
    rng = np.random.default_rng(seed)
    network = rng.random(GRID.shape) < 0.25
    network[2:7, 2:7, 2:7] = True
    probability = np.where(network, rng.integers(6, 11, GRID.shape) / 10, 0.0)
    mean_t = rng.normal(size=GRID.shape)
    _, peaks = described(network, probability, mean_t, min_distance=distance)
    for _, own in peaks.groupby("cluster"):
        places = own[["x", "y", "z"]].to_numpy()
        for a, b in itertools.combinations(places, 2):
            assert np.linalg.norm(a - b) >= distance - 1e-6
        for row in own.iloc[1:].itertuples():
            i, j, k = ((np.array([row.x, row.y, row.z]) - AFFINE[:3, 3]) / 2).round().astype(int)
            assert network[i, j, k]
            beside = (slice(max(i - 1, 0), i + 2), slice(max(j - 1, 0), j + 2))
            box = (*beside, slice(max(k - 1, 0), k + 2))
            pairs = np.stack([probability[box][network[box]], mean_t[box][network[box]]], axis=1)
            highest = max(map(tuple, pairs.tolist()))
            assert highest == (probability[i, j, k], mean_t[i, j, k])


def test_regions_are_named_at_the_peak_and_shared_over_the_cluster() -> None:
    network, probability = bar()
    labels = np.zeros(GRID.shape, np.int32)
    labels[1:6], labels[6:9] = 1, 2
    atlas = Atlas("halves", GRID.flatten(labels), {1: "left half", 2: "middle"}, {})
    clusters, peaks = described(network, probability, atlas=atlas)
    row = clusters.iloc[0]
    assert row["peak_label"] == "left half"
    assert row["cluster_labels"] == "50 % left half; 30 % middle; 20 % no region"
    counts = [int(count) for count in row["cluster_label_voxels"].split("; ")]
    inside = GRID.flatten(network)
    assert counts == [np.count_nonzero(inside & (atlas.labels == n)) for n in (1, 2, 0)]
    assert peaks.loc[0, "region"] == "left half"


def test_every_atlas_has_a_column_of_its_own_labels() -> None:
    network, probability = bar()
    first, second = np.zeros(GRID.shape, np.int32), np.full(GRID.shape, 7, np.int32)
    first[1:6] = 3
    atlas = Atlas("One 400", GRID.flatten(first), {3: "left half"}, {}, {3: "L_3"}).joined(
        Atlas("two", GRID.flatten(second), {7: "all"}, {})
    )
    clusters, peaks = described(network, probability, atlas=atlas)
    assert list(atlas.columns()) == ["label_One_400", "label_two"]
    for row in (clusters.iloc[0], peaks.iloc[0]):
        assert (row["label_One_400"], row["label_two"]) == ("L_3", "all")
    assert clusters.loc[0, "cluster_labels"] == "50 % left half; 50 % all"


def test_the_mean_t_of_a_cluster_leaves_out_what_has_none() -> None:
    network, probability = bar()
    mean_t = np.where(network, 3.0, 100.0)
    mean_t[1, 5, 6] = np.nan
    clusters, _ = described(network, probability, mean_t)
    assert clusters.loc[0, "mean_t"] == 3.0


def test_an_empty_network_has_empty_tables_with_their_columns() -> None:
    clusters, peaks = described(np.zeros(GRID.shape, bool), np.zeros(GRID.shape))
    assert clusters.empty
    assert set(DESCRIBED_COLUMNS) <= set(clusters.columns)
    assert peaks.empty
    assert tuple(peaks.columns) == tuple(PEAK_COLUMNS)
