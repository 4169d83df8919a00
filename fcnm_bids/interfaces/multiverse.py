"""Map the networks of every specification in one pass over the store."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fcnm_bids.config import Config
from fcnm_bids.denoise import load_strategy
from fcnm_bids.derivatives.multiverse import write_multiverse
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.analysis_mask import group_voxels
from fcnm_bids.inputs.atlas import network_atlas
from fcnm_bids.inputs.contrasts import make_seeds, network_labels
from fcnm_bids.inputs.multiverse import Specification
from fcnm_bids.inputs.rules import contrast_weights, height_rule, network_rule
from fcnm_bids.inputs.store import design_columns, open_stored
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.interfaces.group import Progress
from fcnm_bids.intermediates.variants import pack_masks
from fcnm_bids.mapping import (
    Sample,
    Strategy,
    effect_and_sign,
    map_contrast,
    probability_map,
    signs,
    stored_participant,
    sum_over_strategies,
)
from fcnm_bids.robustness import BoxNetwork, specification_measures
from fcnm_bids.robustness.specifications import COMMON
from fcnm_bids.seeds import Contrast, SeedMatrix
from fcnm_bids.stats import HeightRule, Moments

LOGGER = logging.getLogger("fcnm_bids")

Packed = dict[tuple[int, str, HeightRule, int], NDArray[np.uint8]]
"""Masks by sample, seeds, height rule and number of the contrast, as `pack_masks` packs them."""


class MapMultiverse(ConfiguredInterface):
    """Map the networks of all specifications and compare them with the primary ones."""

    takes = ("entities", "shape", "affine", "specifications", "samples", "at_once")
    may_take = ("notes",)

    def _make(self, config: Config, folder: Path) -> None:
        grid = self.grid
        mapped = map_specifications(
            config,
            grid,
            self.inputs.specifications,
            self.inputs.samples,
            at_once=self.inputs.at_once,
            folder=folder,
        )
        _, atlas, _ = network_atlas(config.group.network_atlas, grid)
        names, written = self._names(config), []
        for network, label in network_labels(config, mapped.contrasts).items():
            rows, primary = [], dict[str, BoxNetwork]()
            held, tested = np.zeros(grid.n_voxels), np.zeros(grid.n_voxels, dtype=bool)
            for case in mapped.cases:
                row = case.described | {
                    name: self.inputs.samples[case.own][name] for name in ("n_left_out", "left_out")
                }
                for prefix, number in {"": case.own, COMMON: case.common}.items():
                    if number < 0:
                        row |= {f"{prefix}n_participants": 0, f"{prefix}dice": np.nan}
                        continue
                    found = mapped.network(network, case, number)
                    first = primary.setdefault(prefix, found)
                    participants = mapped.samples[number].participants
                    measures = {
                        "n_participants": len(participants),
                        "n_runs": sum(map(len, participants.values())),
                        **specification_measures(found, first, grid.voxel_volume, atlas),
                    }
                    row |= {f"{prefix}{name}": value for name, value in measures.items()}
                    if not prefix:
                        held += found.network
                        tested |= np.isfinite(found.probability)
                rows.append(row)
            share = np.where(tested, held / len(rows), np.nan)
            said = {
                "Effect": network,
                "SpecificationsFile": Path(str(config.group.multiverse)).name,
                "SpecificationsDropped": list(self.inputs.notes),
                "Atlas": atlas.name if atlas else None,
            }
            written += write_multiverse(names, label, rows, share, grid, said)
        self._expect(written)


@dataclass(frozen=True, eq=False)
class _Case:
    """A specification, the numbers of its samples, and the request that it makes."""

    config: Config
    name: str
    settings: Mapping[str, Any]
    own: int
    common: int

    @cached_property
    def request(self) -> Config:
        return Specification(self.name, self.settings).request(self.config)

    @cached_property
    def strategy(self) -> str:
        return str(Specification(self.name, self.settings).of("denoising"))

    @cached_property
    def seeds(self) -> str:
        return str(Specification(self.name, self.settings).of("seeds"))

    @cached_property
    def rule(self) -> HeightRule:
        return height_rule(self.request.group)

    @property
    def samples(self) -> tuple[int, ...]:
        return tuple(dict.fromkeys(own for own in (self.own, self.common) if own >= 0))

    @property
    def described(self) -> dict[str, Any]:
        """Columns of the table on the specification itself."""
        removed = load_strategy(self.request.denoising.nuisance_regressors).patterns
        return {
            "specification": self.name,
            **self.settings,
            "nuisance_regressors": Path(self.settings["nuisance_regressors"]).stem,
            "global_signal": any(own.startswith("global_signal") for own in removed),
        }


@dataclass(frozen=True, eq=False)
class _OpenSample:
    """Runs, design and voxels of a sample."""

    participants: Mapping[str, Sequence[Any]]
    covariates: NDArray[np.float64]
    index: NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class MappedSpecifications:
    """The contrasts of all specifications, mapped.

    Parameters
    ----------
    cases
        The specifications, the primary one first.
    seeds
        Seeds of the specifications.
    samples
        Participants of the specifications, by number.
    packed
        Masks of the contrasts.
    """

    cases: Sequence[_Case]
    seeds: Mapping[str, SeedMatrix]
    samples: Mapping[int, _OpenSample]
    packed: Packed

    @property
    def contrasts(self) -> tuple[Contrast, ...]:
        """The contrasts of the primary specification."""
        return self.seeds[self.cases[0].seeds].contrasts

    def network(self, name: str, case: _Case, sample: int) -> BoxNetwork:
        """Assemble a network from the masks of its contrasts over a sample."""
        seeds, group, index = self.seeds[case.seeds], case.request.group, self.samples[sample].index
        effect, sign = effect_and_sign(name, group.tail)
        members = [n for n, own in enumerate(seeds.contrasts) if own.effect == effect]
        bits = np.stack([self.packed[sample, case.seeds, case.rule, n] for n in members])
        masks = np.unpackbits(bits, axis=2, count=index.size).astype(bool)
        weights = contrast_weights(group, [seeds.contrasts[n] for n in members])
        side = signs(group.tail).index(sign)
        probability, kept = probability_map(masks[:, side], masks[:, -1], weights)
        box, inside = np.full(seeds.grid.n_voxels, np.nan), np.zeros(seeds.grid.n_voxels, bool)
        box[index] = probability
        inside[index] = network_rule(group, seeds.grid, index)(probability)
        return BoxNetwork(box, inside, int(kept.sum()))


def map_specifications(
    config: Config,
    grid: Grid,
    specifications: Sequence[Sequence[Any]],
    samples: Sequence[Mapping[str, Any]],
    *,
    at_once: int,
    folder: Path,
) -> MappedSpecifications:
    """Map the contrasts of all specifications, reading each run once a pass.

    Parameters
    ----------
    config, grid
        The request, the grid of the data.
    specifications, samples, at_once
        As the inputs of `MapMultiverse`.
    folder
        For maps of participants, where a height control needs them.
    """
    cases = [_Case(config, *planned) for planned in specifications]
    requests = {case.seeds: case.request for case in cases}
    seeds = {key: make_seeds(request.seeds, grid) for key, request in requests.items()}
    opened = _open_samples(cases, samples, grid)
    packed = _map_contrasts(cases, seeds, opened, at_once, folder, config)
    return MappedSpecifications(cases, seeds, opened, packed)


def _open_samples(
    cases: Sequence[_Case], samples: Sequence[Mapping[str, Any]], grid: Grid
) -> dict[int, _OpenSample]:
    """Open the runs of every sample under its strategy."""
    opened: dict[int, _OpenSample] = {}
    indices: dict[str, NDArray[np.intp]] = {}
    for case in cases:
        for number in case.samples:
            if number in opened:
                continue
            sample = samples[number]
            runs = {
                label: [open_stored(Path(path), case.request.denoising, key) for path, key in own]
                for label, own in sample["participants"]
            }
            # signal is a matter of the files, whatever the strategy
            files = {label: [path for path, _ in own] for label, own in sample["participants"]}
            same = str((files, sample["mask_files"]))
            if same not in indices:
                every = [stored_participant(label, own) for label, own in runs.items()]
                indices[same] = group_voxels(every, grid, case.config.group, sample["mask_files"])
            covariates = design_columns(sample["covariates"])
            opened[number] = _OpenSample(runs, covariates, indices[same])
    return opened


def _map_contrasts(
    cases: Sequence[_Case],
    seeds: Mapping[str, SeedMatrix],
    samples: Mapping[int, _OpenSample],
    at_once: int,
    folder: Path,
    config: Config,
) -> Packed:
    """Sum all seeds under all strategies, and threshold each by every rule that it comes with."""
    packed: Packed = {}
    strategies = [_StrategyCases(own, seeds) for own in _by_strategy(cases)]
    n_passes = -(-max(len(own.rows) for own in strategies) // at_once)
    for number in range(n_passes):
        part = slice(number * at_once, (number + 1) * at_once)
        opened = [own for own in strategies if own.rows[part]]
        summed = [own.open(part, seeds, samples, folder) for own in opened]
        n_participants = len({label for own in summed for label in own.participants})
        sum_over_strategies(
            summed,
            min_coverage=config.seeds.min_coverage,
            progress=Progress(n_participants),
        )
        for own, sums in zip(opened, summed, strict=True):
            for sample, found in zip(own.samples, sums.samples, strict=True):
                for row, (key, contrast) in enumerate(own.rows[part]):
                    moments, maps = found.moments.contrast(row), found.group_maps(row)
                    for rule in own.rules[key]:
                        mapped = map_contrast(moments, rule, maps=maps)
                        packed[sample, key, rule, contrast] = pack_masks(mapped, rule.tail)
                found.moments.release()
        del summed, sums, found  # or two passes' sums would be in memory together
    return packed


def _by_strategy(cases: Sequence[_Case]) -> Iterator[list[_Case]]:
    for strategy in dict.fromkeys(case.strategy for case in cases):
        yield [case for case in cases if case.strategy == strategy]


class _StrategyCases:
    """Specifications of one strategy: their samples, rules by seeds, and rows of seeds to map."""

    def __init__(self, cases: Sequence[_Case], seeds: Mapping[str, SeedMatrix]) -> None:
        self.samples = tuple(dict.fromkeys(own for case in cases for own in case.samples))
        self.rules: dict[str, dict[HeightRule, None]] = {}
        for case in cases:
            self.rules.setdefault(case.seeds, {})[case.rule] = None
        self.rows = [(key, n) for key in self.rules for n in range(len(seeds[key].contrasts))]

    def open(
        self,
        part: slice,
        seeds: Mapping[str, SeedMatrix],
        samples: Mapping[int, _OpenSample],
        folder: Path,
    ) -> Strategy:
        """Prepare the sums of some rows."""
        rows = self.rows[part]
        matrix = SeedMatrix(
            sparse.vstack([seeds[key].weights[[n]] for key, n in rows], format="csr"),
            tuple(seeds[key].contrasts[n] for key, n in rows),
            next(iter(seeds.values())).grid,
        )
        needs = [rule.needs for rules in self.rules.values() for rule in rules]
        summed = []
        for number in self.samples:
            sample, maps = samples[number], None
            if any(own.needs_maps for own in needs):
                shape = len(rows), len(sample.participants), sample.index.size
                path = folder / f"maps_{number}.npy"
                maps = np.lib.format.open_memmap(path, "w+", np.float32, shape)
            moments = Moments(
                len(rows),
                sample.index,
                matrix.grid.shape,
                smoothness=any(own.needs_smoothness for own in needs),
                n_covariates=sample.covariates.shape[1],
            )
            summed.append(
                Sample(sample.participants, sample.covariates, sample.index, moments, maps)
            )
        return Strategy(matrix, summed)
