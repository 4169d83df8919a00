"""Draws of a null, mapped the way the data were."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.grid import Grid
from fcnm_bids.mapping import (
    AssembledNetwork,
    MappingRule,
    Participant,
    bytes_of_contrast,
    map_networks,
    network_names,
)
from fcnm_bids.seeds import Contrast, sphere_seeds

DRAWS_OF_PART = 25
"""Draws whose maps are held at once, at most."""


@dataclass(frozen=True, eq=False)
class DrawnMaps:
    """Maps of draws, by network.

    Parameters
    ----------
    probability
        Probability maps, shape (draws, V).
    convergence
        Convergence maps, shape (draws, V); float32, of the data and of the draws alike.
    """

    probability: Mapping[str, NDArray[np.float64]]
    convergence: Mapping[str, NDArray[np.float32]]


def joined(parts: Iterable[DrawnMaps]) -> DrawnMaps:
    """Return the maps of all draws of several parts, at least one."""
    every = list(parts)
    return DrawnMaps(
        {
            name: np.concatenate([own.probability[name] for own in every])
            for name in every[0].probability
        },
        {
            name: np.concatenate([own.convergence[name] for own in every])
            for name in every[0].convergence
        },
    )


@dataclass(frozen=True, eq=False)
class DrawMapper:
    """Everything that a draw shares with the observed foci.

    Parameters
    ----------
    grid, radius, sphere
        As for :func:`~fcnm_bids.seeds.spheres.sphere_seeds`.
    participants, rule, index, covariates
        As for :func:`~fcnm_bids.mapping.network_map.map_network`.
    weights
        Weight of each contrast of a draw; None for equal ones.
    scratch
        Folder for what does not fit into memory.
    """

    grid: Grid
    radius: float
    sphere: str
    participants: Sequence[Participant]
    rule: MappingRule
    index: NDArray[np.intp]
    covariates: NDArray[np.float64] | None
    weights: NDArray[np.float64] | None
    scratch: Path | None = None

    def maps(
        self,
        draws: Sequence[Sequence[Contrast]],
        *,
        memory: float,
        progress: Callable[[int, int], Callable[[int], None]] = lambda slab, n: lambda done: None,
    ) -> Iterator[DrawnMaps]:
        """Map every network in every draw, and return the maps of a few draws at a time.

        How many draws go through the participants at once follows from the memory, and changes
        nothing in the result.

        Parameters
        ----------
        draws
            Contrasts of each draw.
        memory
            Bytes that the tests and sums of the draws in work may take.
        progress
            As for :func:`~fcnm_bids.mapping.many_networks.map_networks`.

        Yields
        ------
        part
            Maps of the next draws, `DRAWS_OF_PART` at most.
        """
        n_covariates = 0 if self.covariates is None else self.covariates.shape[1]
        per_contrast = bytes_of_contrast(
            self.rule.height.needs, n_covariates, len(self.participants)
        )
        per_draw = max(1, len(draws[0])) * per_contrast * self.index.size
        at_once = max(1, int(memory // per_draw))
        tail = self.rule.height.tail
        networks = network_names([contrast.effect for contrast in draws[0]], tail)
        for first in range(0, len(draws), at_once):
            some = draws[first : first + at_once]
            mapped = (own for _, own in self._map(some, memory, progress))
            for start in range(0, len(some), DRAWS_OF_PART):
                shape = min(DRAWS_OF_PART, len(some) - start), self.index.size
                part = DrawnMaps(
                    {network: np.empty(shape) for network in networks},
                    {network: np.empty(shape, np.float32) for network in networks},
                )
                for row in range(shape[0]):
                    for network in networks:
                        own = next(mapped)
                        part.probability[network][row] = own.probability
                        part.convergence[network][row] = own.convergence
                yield part

    def _map(
        self,
        draws: Sequence[Sequence[Contrast]],
        memory: float,
        progress: Callable[[int, int], Callable[[int], None]],
    ) -> Iterator[tuple[str, AssembledNetwork]]:
        contrasts = [
            replace(contrast, name=_named(contrast.name, n), effect=_named(contrast.effect, n))
            for n, draw in enumerate(draws)
            for contrast in draw
        ]
        seeds = sphere_seeds(contrasts, self.grid, radius=self.radius, sphere=self.sphere)
        return map_networks(
            seeds,
            self.participants,
            self.rule,
            self.index,
            covariates=self.covariates,
            weights=None if self.weights is None else np.tile(self.weights, len(draws)),
            memory=memory,
            scratch=self.scratch,
            progress=progress,
        )


def _named(name: str, draw: int) -> str:
    return f"{name}\n{draw}"


def draw_generator(seed: int, null: int, draw: int) -> np.random.Generator:
    """The random numbers of one draw, whatever other draws are made where and when."""
    return np.random.default_rng([seed, null, draw])
