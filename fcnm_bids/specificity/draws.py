"""Draws of a null, mapped the way the data were."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
        progress: Callable[[int], None] = lambda done: None,
    ) -> DrawnMaps:
        """Map every network in every draw.

        How many draws go through the participants at once follows from the memory, and changes
        nothing in the result.

        Parameters
        ----------
        draws
            Contrasts of each draw.
        memory
            Bytes that the tests and sums of the draws in work may take.
        progress
            Is told the number of draws done.
        """
        n_covariates = 0 if self.covariates is None else self.covariates.shape[1]
        per_contrast = bytes_of_contrast(self.rule.height.needs, n_covariates)
        per_draw = max(1, len(draws[0])) * per_contrast * self.index.size
        at_once = max(1, int(memory // per_draw))
        effects = list(dict.fromkeys(contrast.effect for contrast in draws[0]))
        tail = self.rule.height.tail
        networks = network_names(effects, tail)
        shape = len(draws), self.index.size
        found = DrawnMaps(
            {network: np.empty(shape) for network in networks},
            {network: np.empty(shape, np.float32) for network in networks},
        )
        for first in range(0, len(draws), at_once):
            some = draws[first : first + at_once]
            places = {
                name: (network, first + number)
                for number in range(len(some))
                for network, name in zip(
                    networks,
                    network_names((_named(effect, number) for effect in effects), tail),
                    strict=True,
                )
            }
            for name, own in self._map(some, memory):
                network, row = places[name]
                found.probability[network][row] = own.probability
                found.convergence[network][row] = own.convergence
            progress(first + len(some))
        return found

    def probability(
        self, draws: Sequence[Sequence[Contrast]], *, memory: float
    ) -> dict[str, NDArray[np.float64]]:
        """Return the probability maps of `maps` alone."""
        return dict(self.maps(draws, memory=memory).probability)

    def _map(
        self, draws: Sequence[Sequence[Contrast]], memory: float
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
        )


def _named(name: str, draw: int) -> str:
    return f"{name}\n{draw}"


def draw_generator(seed: int, null: int, draw: int) -> np.random.Generator:
    """The random numbers of one draw, whatever other draws are made where and when."""
    return np.random.default_rng([seed, null, draw])
