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


def test_each_network_is_checked_alone(tmp_path: Path) -> None:
    path = tmp_path / "block.npz"
    write_block(path, drawn(0))
    content = bytearray(path.read_bytes())
    place = content.rindex(drawn(0).convergence["up ä"].tobytes())
    content[place + 5] ^= 1
    path.write_bytes(content)
    assert block_complete(path, 3, ["down"])
    assert not block_complete(path, 3, ["up ä"])
    assert not block_complete(path, 3, ["another"])
    assert not block_complete(path, 3)


def test_a_byte_that_changed_is_seen_wherever_it_is_read(tmp_path: Path) -> None:
    path, block = tmp_path / "block.npz", drawn(1)
    write_block(path, block)
    content = path.read_bytes()
    seen = 0
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 255
        path.write_bytes(damaged)
        if not block_complete(path, 3):
            seen += 1
            continue
        for effect in block.probability:  # a name, a date or padding
            np.testing.assert_array_equal(read_block(path, effect), block.probability[effect])
    assert seen > len(content) // 14


@pytest.mark.parametrize("n_levels", [1, 3, 40, 300, 70_000])
def test_values_are_the_same_however_many_there_are(tmp_path: Path, n_levels: int) -> None:
    rng = np.random.default_rng(n_levels)
    levels = rng.random(n_levels) / 3
    values = rng.permuted(np.tile(levels, 2)[: max(12, 2 * n_levels)].repeat(6)[: 12 * n_levels])
    values = values.reshape(6, -1)
    values[:, 0] = np.nan
    values[2] = np.nan
    content = DrawnMaps({"up": values}, {"up": values.astype(np.float32)})
    path = tmp_path / "block.npz"
    write_block(path, content)
    assert block_complete(path, 6)
    np.testing.assert_array_equal(read_block(path, "up"), values)
    np.testing.assert_array_equal(read_block(path, "up", "convergence"), values.astype(np.float32))


def test_some_draws_are_written_at_a_time(tmp_path: Path) -> None:
    parts = [drawn(seed, n_draws) for seed, n_draws in enumerate((3, 1, 2))]
    path = tmp_path / "block.npz"
    write_block(path, iter(parts))
    assert list(tmp_path.iterdir()) == [path]
    assert block_complete(path, 6)
    assert block_complete(path, 6, ["up ä"])
    assert not block_complete(path, 3)
    for effect in ("down", "up ä"):
        for measure in ("probability", "convergence"):
            expected = [getattr(part, measure)[effect] for part in parts]
            found = read_block(path, effect, measure)
            np.testing.assert_array_equal(found, np.concatenate(expected))
    other = tmp_path / "other.npz"
    write_block(other, iter(parts))
    assert other.read_bytes() == path.read_bytes()
    write_block(other, iter(()))
    assert not block_complete(other, 0)


def test_some_draws_are_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, block = tmp_path / "block.npz", drawn(0, n_draws=7)
    write_block(path, block)
    monkeypatch.setattr("fcnm_bids.intermediates.draws._SLICE_NUMBERS", 20)
    for measure, maps in (("probability", block.probability), ("convergence", block.convergence)):
        some = list(read_blocks([path], "down", measure))
        assert [len(own) for own in some] == [3, 3, 1]
        np.testing.assert_array_equal(np.concatenate(some), maps["down"])


def test_a_block_of_an_older_version_is_drawn_again(tmp_path: Path) -> None:
    path = tmp_path / "block.npz"
    for write in (np.savez, np.savez_compressed):
        write(path, effects=["up"], probability=np.zeros((1, 3, 6)))
        assert not block_complete(path, 3)


def test_a_network_that_is_not_in_a_block_is_an_error(tmp_path: Path) -> None:
    write_block(tmp_path / "block.npz", drawn(0))
    with pytest.raises(ValueError, match="not in list"):
        read_block(tmp_path / "block.npz", "up")
