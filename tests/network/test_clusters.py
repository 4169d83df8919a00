from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from fcnm_bids.grid import Grid
from fcnm_bids.network import CLUSTER_COLUMNS, cluster_table

GRID = Grid(
    (10, 11, 12),
    np.array([[-2.0, 0, 0, 20], [0, 2, 0, -30], [0, 0, 2, -10], [0, 0, 0, 1]]),
    "MNI152NLin6Asym",
)


def two_blocks() -> tuple[np.ndarray, np.ndarray]:
    network = np.zeros(GRID.shape, dtype=bool)
    network[1:3, 1:3, 1:3] = True
    network[5:9, 5:8, 6:8] = True
    return network, np.where(network, 0.7, 0.1)


def test_one_row_per_cluster_the_largest_first() -> None:
    table = cluster_table(*two_blocks(), GRID)
    assert tuple(table.columns) == tuple(CLUSTER_COLUMNS)
    assert table["cluster"].tolist() == [1, 2]
    assert table["n_voxels"].tolist() == [24, 8]
    assert table["volume_mm3"].tolist() == pytest.approx([192, 64], rel=1e-12)


def test_the_peak_is_the_highest_probability_in_mm() -> None:
    network, probability = two_blocks()
    probability[7, 6, 7] = 0.9
    row = cluster_table(network, probability, GRID).iloc[0]
    assert row["peak_probability"] == 0.9
    assert row[["peak_x", "peak_y", "peak_z"]].tolist() == [20 - 14, -30 + 12, -10 + 14]


def test_of_several_peaks_the_nearest_to_the_centre_of_mass() -> None:
    network, probability = two_blocks()
    probability[5, 5, 6] = probability[6, 6, 6] = 1.0
    row = cluster_table(network, probability, GRID).iloc[0]
    assert row[["peak_x", "peak_y", "peak_z"]].tolist() == [20 - 12, -30 + 12, -10 + 12]


def test_of_several_peaks_the_one_of_the_greatest_height() -> None:
    network, probability = two_blocks()
    height = np.full(GRID.shape, np.nan)
    height[8, 7, 7], height[6, 6, 6] = 9.0, 5.0
    height[4, 4, 4] = 50.0
    table = cluster_table(network, probability, GRID, height=height)
    at = ["peak_x", "peak_y", "peak_z"]
    assert table.iloc[0][at].tolist() == [20 - 16, -30 + 14, -10 + 14]
    without = cluster_table(network, probability, GRID)
    assert table.iloc[1][at].tolist() == without.iloc[1][at].tolist()
    probability[5, 5, 6] = 0.9
    higher = cluster_table(network, probability, GRID, height=height).iloc[0]
    assert higher[at].tolist() == [20 - 10, -30 + 10, -10 + 12]


def test_of_peaks_equally_near_the_lowest_voxel_number() -> None:
    row = cluster_table(*two_blocks(), GRID).iloc[1]
    assert row[["peak_x", "peak_y", "peak_z"]].tolist() == [20 - 2, -30 + 2, -10 + 2]


def test_the_centre_of_mass_is_scipys() -> None:
    network, probability = two_blocks()
    probability[network] = np.random.default_rng(0).uniform(0.6, 1, network.sum())
    labels, _ = ndimage.label(network)
    table = cluster_table(network, probability, GRID)
    for row, label in ((0, 2), (1, 1)):
        centre = ndimage.center_of_mass(probability, labels, label)
        expected = GRID.affine[:3, :3] @ centre + GRID.affine[:3, 3]
        np.testing.assert_allclose(
            table.loc[row, ["com_x", "com_y", "com_z"]].astype(float), expected, rtol=1e-12
        )


def test_clusters_of_one_size_stand_in_the_order_of_their_peaks() -> None:
    network = np.zeros(GRID.shape, dtype=bool)
    network[8, 0, 0] = network[0, 8, 0] = network[4, 4, 9] = True
    table = cluster_table(network, network * 0.8, GRID)
    assert table["peak_x"].tolist() == [4, 20, 12]
    assert table["cluster"].tolist() == [1, 2, 3]


def test_an_edge_joins_and_a_corner_does_not() -> None:
    network = np.zeros(GRID.shape, dtype=bool)
    network[1, 1, 1] = network[2, 2, 1] = network[3, 3, 2] = True
    table = cluster_table(network, network * 1.0, GRID)
    assert table["n_voxels"].tolist() == [2, 1]


def test_an_empty_network_has_an_empty_table() -> None:
    empty = np.zeros(GRID.shape, dtype=bool)
    table = cluster_table(empty, np.zeros(GRID.shape), GRID)
    assert table.empty
    assert tuple(table.columns) == tuple(CLUSTER_COLUMNS)


def test_memory_order_does_not_matter() -> None:
    network, probability = two_blocks()
    probability[7, 6, 7] = 0.9
    expected = cluster_table(network, probability, GRID)
    found = cluster_table(np.asfortranarray(network), np.asfortranarray(probability), GRID)
    assert found.equals(expected)


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_a_network_where_there_is_no_probability(value: float) -> None:
    network, probability = two_blocks()
    probability[6, 6, 6] = value
    with pytest.raises(ValueError, match="above 0"):
        cluster_table(network, probability, GRID)


def test_volumes_of_another_grid_are_refused() -> None:
    with pytest.raises(ValueError, match="not on a grid"):
        cluster_table(np.ones((3, 3, 3), dtype=bool), np.ones((3, 3, 3)), GRID)
