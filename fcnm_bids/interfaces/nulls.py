"""Draws of a null over all people, block by block."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from nipype.interfaces.base import TraitedSpec
from numpy.typing import NDArray

from fcnm_bids.bids import replaced
from fcnm_bids.config import NULLS, Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.interfaces.base import ConfiguredInputSpec, ConfiguredInterface, File, traits
from fcnm_bids.interfaces.null_data import NullData, read_nulls
from fcnm_bids.interfaces.rule import contrast_weights, mapping_rule
from fcnm_bids.interfaces.stored_people import design_columns
from fcnm_bids.mapping import Person, sum_over_people
from fcnm_bids.seeds import Contrast, Focus, read_seed_matrix, sphere_seeds
from fcnm_bids.specificity import (
    FOCUS_NULLS,
    DrawMapper,
    FocusPlaces,
    draw_generator,
    matched_foci,
    nearest_foci,
    random_foci,
    strength_strata,
)

LOGGER = logging.getLogger("fcnm_bids")

OBSERVED = "observed"
"""The null whose one draw are the observed foci: what the draws are compared with."""

_TRIED = 32
"""Contrasts from which the time of a draw is predicted."""


class MapDrawsInputSpec(ConfiguredInputSpec):
    """Inputs of `MapDraws`."""

    null = traits.Str(mandatory=True, desc="random, strength, or observed")
    first = traits.Int(mandatory=True, desc="number of the first draw")
    n_draws = traits.Int(mandatory=True, desc="how many draws")
    memory_gb = traits.Float(mandatory=True, desc="memory for draws that are mapped at once")
    block_file = traits.Str(mandatory=True, desc="where the maps go; kept from an earlier run")
    deadline = traits.Float(desc="seconds since 1970 after which no block is begun; 0 for none")
    covariates = traits.List(mandatory=True, desc="row of the design of each person")
    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    nulls_file = File(exists=True, mandatory=True, desc="what all draws share")


class MapDrawsOutputSpec(TraitedSpec):
    """Outputs of `MapDraws`."""

    block_file = traits.Str(desc="the maps; not there if the time was up or no contrast counts")


class MapDraws(ConfiguredInterface):
    """Map some draws of a null, exactly as the observed foci were mapped."""

    input_spec = MapDrawsInputSpec
    output_spec = MapDrawsOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        path = Path(self.inputs.block_file)
        self._results["block_file"] = str(path)
        if block_complete(path, self.inputs.n_draws):
            return
        if time.time() > (self.inputs.deadline or np.inf) and self.inputs.first > 0:
            return
        data = read_nulls(Path(self.inputs.nulls_file))
        seeds = read_seed_matrix(self.inputs.seeds_file)
        contrasts = [c for c, counts in zip(seeds.contrasts, data.counted, strict=True) if counts]
        if not contrasts:
            return
        mapper = DrawMapper(
            data.grid,
            config.seeds.radius,
            config.seeds.sphere,
            data.people,
            mapping_rule(config),
            data.index,
            design_columns(self.inputs.covariates),
            contrast_weights(config.group, contrasts),
        )
        draws = make_draws(
            config,
            contrasts,
            data,
            self.inputs.null,
            range(self.inputs.first, self.inputs.first + self.inputs.n_draws),
        )
        maps = mapper.probability(list(draws), memory=1e9 * self.inputs.memory_gb)
        write_block(path, maps)


def make_draws(
    config: Config,
    contrasts: Sequence[Contrast],
    data: NullData,
    null: str,
    numbers: range,
) -> Iterator[Sequence[Contrast]]:
    """The contrasts of some draws; each has random numbers of its own."""
    if null == OBSERVED:
        yield from (contrasts for _ in numbers)
        return
    settings = config.specificity
    places = FocusPlaces(data.grid, data.places, data.rate)
    strata = strength_strata(data.strength, NULLS.strata)
    for number in numbers:
        rng = draw_generator(config.group.random_seed, FOCUS_NULLS.index(null), number)
        if null == "random":
            yield random_foci(
                contrasts,
                places,
                rng,
                keep_distances=settings.keep_distances,
                keep_hemisphere=settings.keep_hemisphere,
            )
        elif settings.strength_match == "strata":
            yield matched_foci(contrasts, places, strata, rng)
        else:
            yield nearest_foci(contrasts, places, data.strength, rng, share=NULLS.nearest_share)


def measure_draw(config: Config, run: StoredRun) -> float:
    """Seconds that mapping one contrast takes on one run, from a few random ones."""
    projected = run.load()
    rng = np.random.default_rng(0)
    positions = run.grid.positions(projected.index[rng.integers(projected.n_voxels, size=_TRIED)])
    contrasts = [
        Contrast(str(i), "", (), (Focus(x, y, z, "MNI152", "", "", "", None, ""),), None)
        for i, (x, y, z) in enumerate(positions.tolist())
    ]
    seeds = sphere_seeds(
        contrasts, run.grid, radius=config.seeds.radius, sphere=config.seeds.sphere
    )
    person = Person("", lambda: [projected], lambda: projected.index)
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        sum_over_people(
            seeds,
            [person],
            projected.index,
            min_coverage=config.seeds.min_coverage,
            smoothness=config.group.height_control == "fwe",
        )
        seconds.append(time.perf_counter() - started)
    return min(seconds) / _TRIED


def write_block(path: Path, maps: dict[str, NDArray[np.float64]]) -> None:
    """Write the maps of some draws, whole or not at all."""
    effects = np.array(list(maps), dtype=str)
    values = np.stack([maps[effect] for effect in maps])
    with replaced(path) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, effects=effects, probability=values)


def read_block(path: Path, effect: str) -> NDArray[np.float64]:
    """One effect's maps of the draws of a block, shape (draws, V)."""
    with np.load(path, allow_pickle=False) as stored:
        found: NDArray[np.float64] = stored["probability"][list(stored["effects"]).index(effect)]
        return found


def read_blocks(paths: Iterable[Path], effect: str) -> Iterator[NDArray[np.float64]]:
    """One effect's maps of the draws of some blocks, one block after the other."""
    return (read_block(path, effect) for path in paths)


def block_complete(path: Path, n_draws: int) -> bool:
    """Whether a block is there, whole."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return bool(stored["probability"].shape[1] == n_draws)
    except Exception:  # a damaged archive fails in ways of zip, zlib and NumPy
        return False
