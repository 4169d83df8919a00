"""Subsamples and halves of the participants, as unions of fixed random blocks of them.

A group map of a union of blocks follows from the sum of the blocks' sums, so that any number of
subsamples takes one pass over the participants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ParticipantsDraw:
    """Some of the participants.

    Parameters
    ----------
    share
        Of the blocks of participants, 0.25 or 0.5.
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


def block_of_participant(n_participants: int, n_blocks: int, seed: int) -> NDArray[np.intp]:
    """Return the block of each participant, shape (n_participants,): random, of similar sizes."""
    return np.random.default_rng(seed).permutation(np.arange(n_participants) % n_blocks)


def participants_draws(n_blocks: int, *, n_draws: int, seed: int) -> list[ParticipantsDraw]:
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
            found.append(ParticipantsDraw(0.5, draw, half, tuple(sorted(own.tolist()))))
        quarter = rng.permutation(n_blocks)[: n_blocks // 4]
        found.append(ParticipantsDraw(0.25, draw, 0, tuple(sorted(quarter.tolist()))))
    return found
