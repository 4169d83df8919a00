"""Which variants of the seeds and of the people the one pass over the store also sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from scipy import sparse

from fcnm_bids.config import Config
from fcnm_bids.interfaces.seeds import make_seeds
from fcnm_bids.seeds import SeedMatrix


def other_radii(config: Config) -> list[float]:
    """Radii of the robustness checks beside the analysis' own; none for masks."""
    if config.seeds.masks:
        return []
    return [r for r in dict.fromkeys(config.group.radii) if r != config.seeds.radius]


def with_other_radii(seeds: SeedMatrix, config: Config, numbers: Sequence[int]) -> SeedMatrix:
    """The seeds of those numbers, and behind them the same ones of each other radius."""
    parts = [seeds]
    for radius in other_radii(config):
        other = make_seeds(replace(config.seeds, radius=radius), seeds.grid)
        if [c.name for c in other.contrasts] != [c.name for c in seeds.contrasts]:
            raise ValueError("the seeds of another radius stand for other contrasts")
        parts.append(other)
    return SeedMatrix(
        sparse.vstack([part.weights[numbers] for part in parts], format="csr"),
        tuple(part.contrasts[number] for part in parts for number in numbers),
        seeds.grid,
    )
