"""Permutations within blocks: all of them where they are few."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class BlockPermutations:
    """Permutations that leave every seed in its block.

    Parameters
    ----------
    rows
        ``rows[b, k]`` is the seed whose value stands at seed k in permutation b, shape (B, K);
        the identity is the first.
    block
        Block number of each seed, shape (K,).
    exhaustive
        True if these are all permutations that can be told apart.
    """

    rows: NDArray[np.intp]
    block: NDArray[np.intp]
    exhaustive: bool

    def among(self, present: NDArray[np.bool_]) -> NDArray[np.intp]:
        """Return the permutations that these induce on some of the seeds.

        Parameters
        ----------
        present
            The seeds that stay, shape (K,).

        Returns
        -------
        rows
            Numbers among the seeds that stay, shape (B, number of them).
        """
        if present.all():
            return self.rows
        # in the order of blocks, leaving out seeds leaves as many values as places in each block
        order = np.argsort(self.block, kind="stable")
        sequence = self.rows[:, order]
        n_present = int(np.count_nonzero(present))
        values = sequence[present[sequence]].reshape(len(self.rows), n_present)
        number = np.cumsum(present) - 1
        rows = np.empty_like(values)
        rows[:, number[order[present[order]]]] = number[values]
        return rows


def block_permutations(
    block: ArrayLike,
    n_permutations: int,
    seed: int,
    *,
    alike: ArrayLike | None = None,
) -> BlockPermutations:
    """Draw permutations within blocks, or enumerate them where no more than asked for exist.

    Parameters
    ----------
    block
        Block of each seed, of any type that can be sorted, shape (K,).
    n_permutations
        Number of permutations wanted beside the identity.
    seed
        Seed of the random permutations.
    alike
        Kind of each seed, shape (K,): seeds of one block and kind may be exchanged without any
        difference, and are not. By default every seed differs from every other.
    """
    blocks = np.unique(np.asarray(block), return_inverse=True)[1].astype(np.intp).ravel()
    kinds = np.arange(blocks.size) if alike is None else np.asarray(alike).ravel()
    members = [np.flatnonzero(blocks == number) for number in range(blocks.max() + 1)]
    identity = np.arange(blocks.size)
    if count_permutations(blocks, kinds) <= n_permutations + 1:
        arrangements = [list(_arrangements(kinds[own].tolist())) for own in members]
        rows = []
        for chosen in itertools.product(*arrangements):
            row = identity.copy()
            for own, places in zip(members, chosen, strict=True):
                row[own] = own[places]
            rows.append(row)
        rows.sort(key=lambda row: not np.array_equal(row, identity))
        return BlockPermutations(np.array(rows, dtype=np.intp), blocks, exhaustive=True)
    rng = np.random.default_rng(seed)
    drawn = np.tile(identity, (n_permutations + 1, 1))
    for own in members:
        drawn[1:, own] = rng.permuted(drawn[1:, own], axis=1)
    return BlockPermutations(drawn, blocks, exhaustive=False)


def count_permutations(block: NDArray[np.intp], alike: NDArray[np.intp]) -> int:
    """Count the permutations within blocks that exchange seeds of different kinds.

    Parameters
    ----------
    block, alike
        Block and kind of each seed, shape (K,).
    """
    count = 1
    for number in np.unique(block):
        kinds = Counter(alike[block == number].tolist())
        count *= math.factorial(sum(kinds.values()))
        count //= math.prod(math.factorial(times) for times in kinds.values())
    return count


def _arrangements(kinds: Sequence[int]) -> Iterator[list[int]]:
    """Yield each distinct arrangement once: for every place the position that it takes from.

    Positions of one kind are taken in ascending order, so that the first arrangement of sorted
    kinds is the identity.
    """
    waiting = {kind: [i for i, own in enumerate(kinds) if own == kind] for kind in sorted(kinds)}
    taken = dict.fromkeys(waiting, 0)
    row: list[int] = []

    def fill() -> Iterator[list[int]]:
        if len(row) == len(kinds):
            yield row.copy()
            return
        for kind, positions in waiting.items():
            if taken[kind] < len(positions):
                row.append(positions[taken[kind]])
                taken[kind] += 1
                yield from fill()
                taken[kind] -= 1
                row.pop()

    yield from fill()
