"""What all draws of all nulls share: voxels, people, places of foci and their strength."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from nipype.interfaces.base import TraitedSpec
from numpy.typing import NDArray

from fcnm_bids.bids import replaced, write_json
from fcnm_bids.config import Config
from fcnm_bids.connectome import (
    ProjectedRun,
    coarser_grid,
    coarser_run,
    open_run,
    read_coarser,
    write_coarser,
)
from fcnm_bids.errors import RequestError, StoreError
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.base import ConfiguredInterface, File, traits
from fcnm_bids.interfaces.mapped_file import read_mapped
from fcnm_bids.interfaces.stored_people import PeopleInputSpec
from fcnm_bids.interfaces.strength import read_strength
from fcnm_bids.mapping import Person, analysis_voxels
from fcnm_bids.seeds import read_seed_matrix


@dataclass(frozen=True, eq=False)
class NullData:
    """What draws are made on.

    Parameters
    ----------
    grid
        The grid of the draws: that of the data, or a coarser one.
    index
        Voxel numbers of the analysis on it.
    counted
        Shape (contrasts,), which contrasts are in the count of their network: the others, which
        too few people cover, are in that of no draw either.
    places
        Voxel numbers in which foci may fall.
    strength
        Positive strength of each place.
    rate
        Base rate of foci at each place; None for alike.
    people
        Everybody's runs.
    """

    grid: Grid
    index: NDArray[np.intp]
    counted: NDArray[np.bool_]
    places: NDArray[np.intp]
    strength: NDArray[np.float64]
    rate: NDArray[np.float64] | None
    people: tuple[Person, ...]


class PrepareNullsInputSpec(PeopleInputSpec):
    """Inputs of `PrepareNulls`."""

    seeds_file = File(exists=True, mandatory=True, desc="the seed matrix")
    strength_file = File(exists=True, mandatory=True, desc="degree maps and places of foci")
    mapped_files = traits.List(File(exists=True), mandatory=True, desc="one file per contrast")
    store_dir = traits.Str(mandatory=True, desc="where coarser runs go")


class PrepareNullsOutputSpec(TraitedSpec):
    """Outputs of `PrepareNulls`."""

    nulls_file = File(desc="what all draws share")
    deadline = traits.Float(desc="seconds since 1970 after which no draws are begun; 0 for none")


class PrepareNulls(ConfiguredInterface):
    """Gather what draws need; with `--null-resolution`, on a coarser grid, in a store of its own.

    The coarser voxels are some of the data's own, unchanged, so that correlations with them are
    the data's own too.
    """

    input_spec = PrepareNullsInputSpec
    output_spec = PrepareNullsOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        grid = read_seed_matrix(self.inputs.seeds_file).grid
        content = read_strength(Path(self.inputs.strength_file))
        mapped = read_mapped(self.inputs.mapped_files)
        index = mapped.index
        if content.places is None:
            raise RequestError("there is neither grey matter nor a base rate to draw foci from")
        people = [(name, list(runs)) for name, runs in self.inputs.people]
        places, rate = content.places, content.rate
        strength = content.on(places).positive
        measured = np.isfinite(strength)
        places, strength = places[measured], strength[measured]
        rate = None if rate is None else rate[measured]
        if config.specificity.null_resolution is not None:
            coarse, numbers = coarser_grid(grid, config.specificity.null_resolution)
            people = self._coarser(people, coarse, numbers)
            opened = [_person(name, runs) for name, runs in people]
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
        np.savez(
            nulls_file,
            allow_pickle=False,
            shape=np.array(grid.shape),
            affine=grid.affine,
            space=np.array(grid.space),
            index=index,
            counted=mapped.counted.any(axis=1),
            places=places,
            strength=strength,
            people=np.array(json.dumps(people)),
            **({} if rate is None else {"rate": rate}),
        )
        self._results["nulls_file"] = str(nulls_file)
        limit = config.specificity.specificity_time
        self._results["deadline"] = 0.0 if limit is None else time.time() + limit

    def _coarser(
        self, people: list[tuple[str, list[str]]], coarse: Grid, numbers: NDArray[np.intp]
    ) -> list[tuple[str, list[str]]]:
        store = Path(self.inputs.store_dir)
        store.mkdir(parents=True, exist_ok=True)
        write_json(store / "about.json", {"Shape": coarse.shape, "Affine": coarse.affine})
        found = []
        for name, runs in people:
            own = []
            for run in runs:
                path = store / f"{Path(run).name.removesuffix('.h5')}.npz"
                if not _readable(path, coarse):
                    with replaced(path) as temporary:
                        loaded = open_run(Path(run)).load()
                        write_coarser(temporary, coarser_run(loaded, coarse, numbers))
                own.append(str(path))
            found.append((name, own))
        return found


def read_nulls(path: Path) -> NullData:
    """What `PrepareNulls` gathered."""
    with np.load(path, allow_pickle=False) as stored:
        nx, ny, nz = (int(n) for n in stored["shape"])
        people = [_person(name, runs) for name, runs in json.loads(str(stored["people"]))]
        return NullData(
            Grid((nx, ny, nz), stored["affine"], str(stored["space"])),
            stored["index"],
            stored["counted"],
            stored["places"],
            stored["strength"],
            stored.get("rate", None),
            tuple(people),
        )


def _person(name: str, paths: list[str]) -> Person:
    def runs() -> list[ProjectedRun]:
        return [
            read_coarser(Path(p)) if p.endswith(".npz") else open_run(Path(p)).load() for p in paths
        ]

    def voxels() -> NDArray[np.intp]:
        return np.unique(np.concatenate([run.index for run in runs()]))

    return Person(name, runs, voxels)


def _readable(path: Path, grid: Grid) -> bool:
    try:
        return grid.difference(read_coarser(path).grid) is None
    except StoreError:
        return False
