"""Subsamples and halves of the people, as unions of fixed random blocks of them.

A group map of a union of blocks follows from the sum of the blocks' sums, so that any number of
subsamples takes one pass over the people.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class PeopleDraw:
    """Some of the people.

    Parameters
    ----------
    share
        Of the blocks of people, 0.25 or 0.5.
    draw
        Number of the draw.
    half
        0 or 1 for the two halves of a draw; 0 for a subsample.
    blocks
        The blocks it is made of.
    """

    share: float
    draw: int
    half: int
    blocks: tuple[int, ...]


def block_of_person(n_people: int, n_blocks: int, seed: int) -> NDArray[np.intp]:
    """The block of each person, shape (n_people,): random, of sizes that differ by one at most."""
    return np.random.default_rng(seed).permutation(np.arange(n_people) % n_blocks)


def people_draws(n_blocks: int, *, n_draws: int, seed: int) -> list[PeopleDraw]:
    """Random halves (both of each) and quarters of the blocks.

    Parameters
    ----------
    n_blocks
        A multiple of 4.
    n_draws
        Draws of each kind.
    seed
        Of the random numbers.
    """
    if n_blocks % 4:
        raise ValueError("quarters are made of a number of blocks that 4 divides")
    rng = np.random.default_rng(seed)
    found = []
    for draw in range(n_draws):
        order = rng.permutation(n_blocks)
        for half in (0, 1):
            own = order[half * n_blocks // 2 : (half + 1) * n_blocks // 2]
            found.append(PeopleDraw(0.5, draw, half, tuple(sorted(own.tolist()))))
        quarter = rng.permutation(n_blocks)[: n_blocks // 4]
        found.append(PeopleDraw(0.25, draw, 0, tuple(sorted(quarter.tolist()))))
    return found
