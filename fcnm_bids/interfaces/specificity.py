"""The connectome's own degree maps, and where foci of a null may fall."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fcnm_bids.bids import replaced, sidecar_files, write_image
from fcnm_bids.config import NULLS, Config
from fcnm_bids.connectome import read_volume
from fcnm_bids.errors import RequestError, RunError
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.analysis_mask import read_analysis_mask
from fcnm_bids.interfaces.base import (
    AS_PREPROCESSED,
    ConfiguredInterface,
    File,
    PromisingOutputSpec,
    SeededInputSpec,
    traits,
)
from fcnm_bids.interfaces.kept import keep_strength, kept_strength, strength_file
from fcnm_bids.interfaces.stored_people import PeopleInputSpec, open_people
from fcnm_bids.mapping import Person, analysis_voxels
from fcnm_bids.seeds import read_seed_matrix
from fcnm_bids.specificity import Strength, choose_targets, measure_strength

LOGGER = logging.getLogger("fcnm_bids")

_MEANING = {
    "positive": "Positive strength: mean over people of the mean over targets of max(r, 0)",
    "signed": "Signed strength: mean over people of the mean r with all other voxels",
    "eigenvector": "First eigenvector of the mean over people of the matrix of r",
}


@dataclass(frozen=True, eq=False)
class StrengthFile:
    """What `MeasureStrength` leaves for the nodes after it.

    Parameters
    ----------
    strength
        The degree maps, over the analysis' voxels and the places of foci.
    places
        Voxel numbers in which foci of a null may fall; None without grey matter or a base rate.
    rate
        Base rate of foci there; None for alike.
    """

    strength: Strength
    places: NDArray[np.intp] | None
    rate: NDArray[np.float64] | None

    def on(self, index: NDArray[np.intp]) -> Strength:
        """The degree maps over fewer voxels."""
        own = np.searchsorted(self.strength.index, index)
        whole = self.strength
        return Strength(
            whole.positive[own],
            whole.signed[own],
            whole.eigenvector[own],
            whole.eigenvalue_share,
            whole.iterations,
            whole.change,
            index,
            whole.targets,
        )


class MeasureStrengthInputSpec(SeededInputSpec, PeopleInputSpec):
    """Inputs of `MeasureStrength`."""

    mask_files = traits.List(traits.Str(), desc="images that the analysis mask is made from")
    grey_files = traits.List(traits.Str(), desc="images of the grey matter")
    kept_dir = traits.Str(mandatory=True, desc="folder in which the result is kept for later runs")


class MeasureStrengthOutputSpec(PromisingOutputSpec):
    """Outputs of `MeasureStrength`."""

    strength_file = File(desc="degree maps and places of foci")


class MeasureStrength(ConfiguredInterface):
    """Measure both strengths and the first eigenvector over the store.

    Of many people a random sample is taken: the maps hardly change any more.
    """

    input_spec = MeasureStrengthInputSpec
    output_spec = MeasureStrengthOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        kept = Path(self.inputs.kept_dir)
        self._results["strength_file"] = str(strength_file(kept))
        promised = kept_strength(kept)
        if promised is not None:
            self._results["promised"] = promised
            return
        grid = read_seed_matrix(self.inputs.seeds_file).grid
        people = open_people(self.inputs.people)
        share = config.group.min_subjects
        mask_files = [Path(path) for path in self.inputs.mask_files]
        mask = read_analysis_mask(config.group.analysis_mask, mask_files, grid)
        everywhere = analysis_voxels(people, grid, min_subjects=share)
        index = everywhere if mask is None else everywhere[mask[everywhere]]
        grey = read_analysis_mask("gm", [Path(path) for path in self.inputs.grey_files], grid)
        rate_map = read_base_rate(config, grid)
        places: NDArray[np.intp] | None = None
        rate: NDArray[np.float64] | None = None
        if rate_map is not None:
            places = everywhere[rate_map[everywhere] > 0]
            rate = rate_map[places]
        elif grey is not None:
            places = everywhere[grey[everywhere]]
        matter = everywhere if grey is None else everywhere[grey[everywhere]]
        targets = choose_targets(matter, NULLS.degree_targets, config.group.random_seed)
        wanted = [index, targets, *([] if places is None else [places])]
        some = _sample(people, NULLS.degree_people, config.group.random_seed)
        strength = measure_strength(
            some,
            np.unique(np.concatenate(wanted)),
            targets,
            tolerance=NULLS.degree_tolerance,
            max_iterations=NULLS.degree_iterations,
            n_threads=min(config.resources.nprocs, NULLS.degree_threads),
            progress=lambda line: LOGGER.debug("%s", line),
        )
        if strength.change > NULLS.degree_tolerance:
            LOGGER.warning(
                "the connectome's first eigenvector had not settled after %d iterations (last "
                "change %.1e)",
                strength.iterations,
                strength.change,
            )
        names = self._names(config)
        images = []
        for stat, meaning in _MEANING.items():
            path = names.connectome_map(stat)
            write_image(
                path,
                getattr(strength, stat),
                grid,
                {
                    "Description": meaning,
                    **AS_PREPROCESSED,
                    "NumberOfPeople": len(some),
                    "Targets": len(strength.targets),
                    "TargetsIn": "analysis voxels" if grey is None else "grey matter",
                    "EigenvalueShare": strength.eigenvalue_share,
                    "Iterations": strength.iterations,
                    "LastChange": strength.change,
                },
                index=strength.index,
            )
            images.append(path)
        with replaced(strength_file(kept)) as temporary:
            write_strength(temporary, StrengthFile(strength, places, rate))
        keep_strength(kept, [*images, *sidecar_files(images)])
        self._promise(images)


def _sample(people: list[Person], most: int, seed: int) -> list[Person]:
    """Some of the people, in their order; all of them where they are not too many.

    The eigenvector takes a pass over the people in every iteration.
    """
    if len(people) <= most:
        return people
    chosen = np.random.default_rng(seed).choice(len(people), most, replace=False)
    return [people[number] for number in np.sort(chosen)]


def read_base_rate(config: Config, grid: Grid) -> NDArray[np.float64] | None:
    """The base rate of foci, shape (grid.n_voxels,); None where none was named.

    Raises
    ------
    RequestError
        It cannot be read, lies on another grid, or has a negative value or none above 0.
    """
    named = config.specificity.base_rate
    if named is None:
        return None
    try:
        rate = np.nan_to_num(read_volume(Path(named), grid)).astype(np.float64)
    except RunError as error:
        raise RequestError(f"--base-rate {named}: {error}") from error
    if rate.min() < 0 or rate.max() <= 0:
        raise RequestError(f"--base-rate {named}: rates are not negative, and some above 0")
    return rate


def write_strength(path: Path, content: StrengthFile) -> None:
    """Write degree maps and places."""
    strength = content.strength
    optional = {"places": content.places, "rate": content.rate}
    np.savez(
        path,
        allow_pickle=False,
        positive=strength.positive,
        signed=strength.signed,
        eigenvector=strength.eigenvector,
        eigenvalue_share=np.float64(strength.eigenvalue_share),
        iterations=np.int64(strength.iterations),
        change=np.float64(strength.change),
        index=strength.index,
        targets=strength.targets,
        **{name: values for name, values in optional.items() if values is not None},
    )


def read_strength(path: Path) -> StrengthFile:
    """What `write_strength` wrote."""
    with np.load(path, allow_pickle=False) as stored:
        strength = Strength(
            stored["positive"],
            stored["signed"],
            stored["eigenvector"],
            float(stored["eigenvalue_share"]),
            int(stored["iterations"]),
            float(stored["change"]),
            stored["index"],
            stored["targets"],
        )
        return StrengthFile(strength, stored.get("places", None), stored.get("rate", None))
