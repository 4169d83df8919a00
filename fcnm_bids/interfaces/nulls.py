"""Prepare and draw nulls; exchange labels."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids.write import atomic_path, write_json, write_table
from fcnm_bids.config import Config
from fcnm_bids.connectome import coarser_grid, coarser_run, read_coarser, write_coarser
from fcnm_bids.derivatives.specificity import (
    LABEL_COLUMNS,
    compared_rows,
    count_clusters,
    count_labels,
    label_row,
    write_labels,
)
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.analysis_mask import read_analysis_mask
from fcnm_bids.inputs.compared_maps import read_compared_maps
from fcnm_bids.inputs.contrasts import network_parts
from fcnm_bids.inputs.nulls import compared_contrasts, nulls_wanted
from fcnm_bids.inputs.rules import contrast_weights, mapping_rule, network_rule, null_options
from fcnm_bids.inputs.store import design_columns, open_participants, open_stored
from fcnm_bids.interfaces.base import ConfiguredInterface
from fcnm_bids.interfaces.group import Progress
from fcnm_bids.intermediates.arrays import write_arrays
from fcnm_bids.intermediates.draws import OBSERVED, block_complete, write_block
from fcnm_bids.intermediates.maps import read_index, read_mapped
from fcnm_bids.intermediates.null_inputs import NullData, null_participant, read_nulls
from fcnm_bids.intermediates.strength import read_strength
from fcnm_bids.mapping import (
    MappedContrast,
    analysis_voxels,
    map_network,
    near_own_seed,
    network_names,
)
from fcnm_bids.seeds import Contrast, SeedMatrix, read_seed_matrix, sphere_seeds
from fcnm_bids.specificity import (
    FOCUS_NULLS,
    DrawInputs,
    DrawMapper,
    FocusPlaces,
    LabelledContrasts,
    LabelTest,
    compare_difference,
    draw_generator,
    label_sentence,
    label_test,
    similarity_sentence,
    similarity_test,
    split_sentence,
    split_test,
    study_units,
    thinned,
)


class CompareLabels(ConfiguredInterface):
    """Exchange the labels of two effects, and split their contrasts without regard to label."""

    takes = ("seeds_file", "entities", "participants", "covariates", "index_file")
    may_take = ("grey_files",)
    gives = ("out_files", "rows_file")

    def _make(self, config: Config, folder: Path) -> None:
        seeds = read_seed_matrix(self.inputs.seeds_file)
        grid, contrasts = seeds.grid, seeds.contrasts
        settings, tail = config.specificity, config.group.tail
        nulls = nulls_wanted(config, contrasts)
        first, second, compared = compared_contrasts(config, contrasts)
        if settings.thin_foci:
            compared = tuple(thinned(compared, config.group.random_seed))
        about = {
            "LabelCoordinates": settings.label_coordinates,
            "FociThinnedTo": len(compared[0].foci) if settings.thin_foci else None,
            "RandomSeed": config.group.random_seed,
        }
        compared_seeds = sphere_seeds(
            compared, grid, radius=config.seeds.radius, sphere=config.seeds.sphere
        )
        mapped, index = self._mapped(folder, config, compared_seeds)
        matter = self._matter(grid, index)
        others = {name: own[index] for name, own in read_compared_maps(config, grid).items()}
        rows: dict[str, Any] = {}
        written: list[Path] = []
        similarity: dict[str, Any] = {}
        for named in zip(network_names([first], tail), network_names([second], tail), strict=True):
            parts = network_parts(config, compared, named[0])
            labelled = LabelledContrasts(
                np.stack([one.side(parts.sign) for one in mapped]),
                np.stack([one.counted for one in mapped]),
                np.array([contrast.effect == first for contrast in compared]),
                study_units(compared),
                contrast_weights(config.group, compared),
            )
            names = self._names(config)
            said = {"Labels": list(named), **about}
            table = names.network_table(parts.label, "labels", "metrics")
            counts = count_labels(compared, labelled, (first, second)).assign(label=named)
            write_table(table, counts, LABEL_COLUMNS, said)
            written.append(table)
            rows |= {network: {} for network in named}
            if "labels" in nulls:
                found = label_test(
                    labelled, n_draws=config.group.n_permutations, seed=config.group.random_seed
                )
                own = self._label_rows(config, grid, index, labelled, found, named)
                for network, row in zip(named, own, strict=True):
                    rows[network]["labels"] = row
                # correlations do not depend on the sign of connectivity
                similarity = similarity or self._similarity_row(
                    config, compared_seeds, index, matter, labelled, mapped, (first, second)
                )
                alike = compare_difference(
                    labelled,
                    others,
                    matter,
                    n_draws=config.group.n_permutations,
                    seed=config.group.random_seed,
                )
                for network, sign in zip(named, (1, -1), strict=True):
                    rows[network]["similarity"] = similarity
                    rows[network]["compared"] = compared_rows(
                        "labels", "difference", alike, withheld=False, sign=sign
                    )
                maps = partial(names.network_part, parts.label, "labels", "statmap")
                written += write_labels(maps, found, named, said, grid, index)
            if "split" in nulls:
                split = split_test(
                    labelled,
                    partial(count_clusters, config=config, grid=grid, index=index),
                    threshold=config.group.network_threshold,
                    n_draws=config.group.n_permutations,
                    seed=config.group.random_seed,
                )
                row = {
                    "n_draws": split.n_draws,
                    "n_splits": split.n_differing,
                    "verdict": split_sentence(*named, split),
                }
                for network in named:
                    rows[network]["split"] = row
        rows_file = folder / "rows.json"
        rows_file.write_text(json.dumps(rows), encoding="utf-8")
        self._results["rows_file"] = str(rows_file)
        self._expect(written)

    def _mapped(
        self, folder: Path, config: Config, seeds: SeedMatrix
    ) -> tuple[Sequence[MappedContrast], NDArray[np.intp]]:
        """Map the contrasts, through the map's own function."""
        index = read_index(self.inputs.index_file)
        mapped = map_network(
            seeds,
            open_participants(self.inputs.participants, config.denoising),
            mapping_rule(config),
            index,
            covariates=design_columns(self.inputs.covariates),
            spill=folder / "maps.npy",
        )
        return mapped.contrasts, index

    def _matter(self, grid: Grid, index: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Return the voxels with grey matter, shape (V,); all where there is no image of it."""
        files = [Path(path) for path in self.inputs.grey_files]
        grey = read_analysis_mask("gm", files, grid) if files else None
        return np.ones(index.size, dtype=bool) if grey is None else grey[index]

    def _similarity_row(
        self,
        config: Config,
        seeds: SeedMatrix,
        index: NDArray[np.intp],
        used: NDArray[np.bool_],
        labelled: LabelledContrasts,
        mapped: Sequence[MappedContrast],
        effects: tuple[str, str],
    ) -> dict[str, Any]:
        """Return the row of left-out studies of the table of specificity."""
        group = config.group
        found = similarity_test(
            labelled,
            np.stack([one.test.mean[used] for one in mapped]),
            near_own_seed(seeds, index)[:, used],
            n_draws=group.n_permutations,
            seed=group.random_seed,
        )
        return {
            "n_draws": found.n_labellings - 1,
            "smallest_p": 1 / found.n_labellings,
            "statistic": found.statistic if np.isfinite(found.statistic) else None,
            "p": found.p if np.isfinite(found.p) else None,
            "verdict": similarity_sentence(*effects, found, group.alpha),
        }

    def _label_rows(
        self,
        config: Config,
        grid: Grid,
        index: NDArray[np.intp],
        labelled: LabelledContrasts,
        found: LabelTest,
        named: tuple[str, str],
    ) -> list[dict[str, Any]]:
        """Return the rows of the table of specificity of both networks."""
        network_of = network_rule(config.group, grid, index)
        own = (
            network_of(labelled.probability(labelled.is_first)),
            network_of(labelled.probability(~labelled.is_first)),
        )
        alpha = config.group.alpha
        sentence = label_sentence(*named, found, own, alpha)
        return [label_row(found, alpha, sentence, *each) for each in zip(own, (1, -1), strict=True)]


class PrepareNulls(ConfiguredInterface):
    """Gather what draws need; with `--null-resolution`, on a coarser grid, in a store of its own.

    The coarser voxels are some of the data's own, unchanged, so that correlations with them are
    the data's own too.
    """

    takes = ("participants", "seeds_file", "strength_file", "mapped_files", "store_dir")
    gives = ("nulls_file", "deadline")

    def _make(self, config: Config, folder: Path) -> None:
        grid = read_seed_matrix(self.inputs.seeds_file).grid
        content = read_strength(Path(self.inputs.strength_file))
        mapped = read_mapped(self.inputs.mapped_files)
        index = mapped.index
        if content.places is None:
            raise RequestError("there is neither grey matter nor a base rate to draw foci from")
        participants = [(name, list(runs)) for name, runs in self.inputs.participants]
        places, rate = content.places, content.rate
        strength = content.strength.on(places).positive
        measured = np.isfinite(strength)
        places, strength = places[measured], strength[measured]
        rate = None if rate is None else rate[measured]
        if config.specificity.null_resolution is not None:
            coarse, numbers = coarser_grid(grid, config.specificity.null_resolution)
            participants = self._coarser(config, participants, coarse, numbers)
            opened = [null_participant(*named, config.denoising) for named in participants]
            everywhere = analysis_voxels(opened, coarse, min_subjects=config.group.min_subjects)
            index = everywhere[np.isin(numbers[everywhere], index)]
            kept = np.flatnonzero(np.isin(numbers, places))
            own = np.searchsorted(places, numbers[kept])
            places, strength = kept, strength[own]
            rate = None if rate is None else rate[own]
            grid = coarse
            if index.size == 0 or places.size == 0:
                raise RequestError(
                    f"--null-resolution {config.specificity.null_resolution:g}: no voxel is left"
                )
        nulls_file = folder / "nulls.npz"
        write_arrays(
            nulls_file,
            shape=grid.shape,
            affine=grid.affine,
            space=grid.space,
            index=index,
            counted=mapped.counted.any(axis=1),
            places=places,
            strength=strength,
            participants=json.dumps(participants),
            rate=rate,
        )
        self._results["nulls_file"] = str(nulls_file)
        limit = config.specificity.specificity_time
        self._results["deadline"] = 0.0 if limit is None else time.time() + limit

    def _coarser(
        self,
        config: Config,
        participants: list[tuple[str, list[tuple[str, str]]]],
        coarse: Grid,
        numbers: NDArray[np.intp],
    ) -> list[tuple[str, list[tuple[str, str]]]]:
        store = Path(self.inputs.store_dir)
        store.mkdir(parents=True, exist_ok=True)
        write_json(store / "about.json", {"Shape": coarse.shape, "Affine": coarse.affine})
        found = []
        for name, runs in participants:
            own = []
            for run, key in runs:
                path = store / f"{Path(run).name.removesuffix('.h5')}.npz"
                if not _readable(path, coarse):
                    with atomic_path(path) as temporary:
                        loaded = open_stored(Path(run), config.denoising, key).load()
                        write_coarser(temporary, coarser_run(loaded, coarse, numbers))
                own.append((str(path), key))
            found.append((name, own))
        return found


def _readable(path: Path, grid: Grid) -> bool:
    try:
        return grid.difference(read_coarser(path).grid) is None
    except StoreError:
        return False


class MapNullDraws(ConfiguredInterface):
    """Map some draws of a null, exactly as the observed foci were mapped."""

    takes = (
        "null",
        "first",
        "n_draws",
        "memory_gb",
        "block_file",
        "covariates",
        "seeds_file",
        "nulls_file",
    )
    may_take = ("deadline",)
    gives = ("block_file",)

    def _make(self, config: Config, folder: Path) -> None:
        path = Path(self.inputs.block_file)
        self._results["block_file"] = str(path)
        if block_complete(path, self.inputs.n_draws):
            return
        if time.time() > (self.inputs.deadline or np.inf) and self.inputs.first > 0:
            return
        data = read_nulls(Path(self.inputs.nulls_file), config.denoising)
        seeds = read_seed_matrix(self.inputs.seeds_file)
        contrasts = [c for c, counts in zip(seeds.contrasts, data.counted, strict=True) if counts]
        if not contrasts:
            return
        mapper = DrawMapper(
            data.grid,
            config.seeds.radius,
            config.seeds.sphere,
            data.participants,
            mapping_rule(config),
            data.index,
            design_columns(self.inputs.covariates),
            contrast_weights(config.group, contrasts),
            folder,
        )
        null, first = self.inputs.null, self.inputs.first
        numbers = range(first, first + self.inputs.n_draws)
        draws = list(make_draws(config, contrasts, data, null, numbers))

        def progress(slab: int, n_slabs: int) -> Progress:
            what = f"draws {first + 1} to {numbers.stop} of {null}"
            return Progress(len(data.participants), slab, n_slabs, what)

        memory = 1e9 * self.inputs.memory_gb
        write_block(path, mapper.maps(draws, memory=memory, progress=progress))


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
    places = FocusPlaces(data.grid, data.places, data.rate)
    draw = FOCUS_NULLS[null].prepare(DrawInputs(places, data.strength, null_options(config)))
    for number in numbers:
        place = list(FOCUS_NULLS).index(null)
        yield draw(contrasts, draw_generator(config.group.random_seed, place, number))
