"""Blocks of null maps: what was drawn comes back, and what is damaged is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.intermediates.draws import block_complete, read_block, read_blocks, write_block
from fcnm_bids.specificity import DrawnMaps


def drawn(seed: int, n_draws: int = 3) -> DrawnMaps:
    rng = np.random.default_rng(seed)
    return DrawnMaps(
        {effect: rng.random((n_draws, 6)) for effect in ("down", "up ä")},
        {effect: rng.random((n_draws, 6), dtype=np.float32) for effect in ("down", "up ä")},
    )


def test_each_network_has_its_maps_of_all_blocks(tmp_path: Path) -> None:
    blocks = [drawn(seed) for seed in range(2)]
    paths = [tmp_path / f"{n}.npz" for n in range(2)]
    for path, block in zip(paths, blocks, strict=True):
        write_block(path, block)
    assert sorted(tmp_path.iterdir()) == paths
    for effect in ("down", "up ä"):
        for found, block in zip(read_blocks(paths, effect), blocks, strict=True):
            np.testing.assert_array_equal(found, block.probability[effect])
        found = read_block(paths[1], effect, "convergence")
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, blocks[1].convergence[effect])


def test_a_block_is_whole_or_is_drawn_again(tmp_path: Path) -> None:
    path = tmp_path / "block.npz"
    assert not block_complete(path, 3)
    write_block(path, drawn(0))
    assert block_complete(path, 3)
    assert not block_complete(path, 4)
    content = path.read_bytes()
    for size in (0, 1, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        assert not block_complete(path, 3)


def test_a_block_of_an_older_version_is_drawn_again(tmp_path: Path) -> None:
    path = tmp_path / "block.npz"
    np.savez(path, effects=["up"], probability=np.zeros((1, 3, 6)))
    assert not block_complete(path, 3)


def test_a_network_that_is_not_in_a_block_is_an_error(tmp_path: Path) -> None:
    write_block(tmp_path / "block.npz", drawn(0))
    with pytest.raises(ValueError, match="not in list"):
        read_block(tmp_path / "block.npz", "up")
