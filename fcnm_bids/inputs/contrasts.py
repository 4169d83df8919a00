"""From a coordinate table or masks to the seed matrix and its images."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from fcnm_bids.bids import OutputNames, replaced, to_labels, write_image
from fcnm_bids.config import Config, SeedSettings
from fcnm_bids.errors import SeedError
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces.base import (
    AS_PREPROCESSED,
    ConfiguredInputSpec,
    ConfiguredInterface,
    File,
    PromisingOutputSpec,
    traits,
)
from fcnm_bids.seeds import (
    Contrast,
    SeedMatrix,
    foci_between_centres,
    foci_outside,
    group_foci,
    mask_name,
    mask_seeds,
    read_foci,
    sphere_seeds,
    to_mni,
    write_foci,
    write_seed_matrix,
)

LOGGER = logging.getLogger("fcnm_bids")

MASK_EFFECT = "network"
"""The effect of masks where none is named."""


class MakeSeedsInputSpec(ConfiguredInputSpec):
    """Inputs of `MakeSeeds`."""

    shape = traits.List(traits.Int(), mandatory=True, desc="shape of the grid")
    affine = traits.List(traits.List(traits.Float()), mandatory=True, desc="affine of the grid")
    entities = traits.Dict(mandatory=True, desc="entities space, res and task of the data")


class MakeSeedsOutputSpec(PromisingOutputSpec):
    """Outputs of `MakeSeeds`."""

    seeds_file = File(desc="the seed matrix")


class MakeSeeds(ConfiguredInterface):
    """Draw the contrast seeds on the grid of the data."""

    input_spec = MakeSeedsInputSpec
    output_spec = MakeSeedsOutputSpec

    def _make(self, config: Config, folder: Path) -> None:
        space = self.inputs.entities["space"]
        grid = Grid(tuple(self.inputs.shape), np.array(self.inputs.affine), space)
        seeds = make_seeds(config.seeds, grid)
        foci_file = _write_used_foci(seeds, config)
        _warn_of_foci(seeds, config.seeds)
        seeds_file = folder / "seeds.npz"
        write_seed_matrix(seeds, seeds_file)
        names = self._names(config)
        labels = contrast_labels(seeds.contrasts)
        images = []
        for number, contrast in enumerate(seeds.contrasts):
            row = seeds.weights[[number]].toarray().ravel()
            path = seed_image(names, labels[contrast.name], seeds, number)
            write_image(
                path,
                row.astype(bool) if is_binary(seeds, number) else row,
                grid,
                {
                    "Description": "Seed of one contrast",
                    **AS_PREPROCESSED,
                    **describe_contrast(contrast, config.seeds),
                },
            )
            images.append(path)
        self._results["seeds_file"] = str(seeds_file)
        self._promise(images, foci_file)


def _warn_of_foci(seeds: SeedMatrix, settings: SeedSettings) -> None:
    """Say which foci lie outside of the image, and how many are finer than its voxels."""
    outside = foci_outside(seeds.contrasts, seeds.grid)
    if outside:
        LOGGER.warning(
            "%d of %d foci lie outside of the image; their spheres count as far as they reach "
            "into it: %s",
            len(outside),
            sum(len(contrast.foci) for contrast in seeds.contrasts),
            ", ".join(f"{f.study} ({f.x:g}, {f.y:g}, {f.z:g})" for f in outside[:5])
            + (" ..." if len(outside) > 5 else ""),
        )
    if settings.sphere != "mm":
        return
    alone = foci_between_centres(seeds.contrasts, seeds.grid, radius=settings.radius)
    if alone:
        LOGGER.warning(
            "%d of %d foci have no voxel centre within %g mm: the voxel that holds a focus is its "
            "sphere there, and smaller radii make no difference",
            len(alone),
            sum(len(contrast.foci) for contrast in seeds.contrasts),
            settings.radius,
        )


def read_contrasts(settings: SeedSettings) -> tuple[Contrast, ...]:
    """The contrasts of the coordinate table, their foci in MNI space; none for masks.

    Raises
    ------
    SeedError
        The table cannot be used; one line a problem.
    """
    if settings.coordinates is None:
        return ()
    foci = read_foci(Path(settings.coordinates), effect=settings.effect)
    return group_foci(to_mni(foci, settings.talairach), settings.unit)


def make_seeds(settings: SeedSettings, grid: Grid) -> SeedMatrix:
    """The seed matrix that the settings ask for."""
    if settings.masks:
        return mask_seeds(mask_files(settings.masks), grid, effect=settings.effect or MASK_EFFECT)
    contrasts = read_contrasts(settings)
    return sphere_seeds(contrasts, grid, radius=settings.radius, sphere=settings.sphere)


def contrast_names(settings: SeedSettings) -> list[tuple[str, str]]:
    """Name and effect of every row that `make_seeds` will give the seed matrix."""
    if settings.masks:
        effect = settings.effect or MASK_EFFECT
        return [(mask_name(path), effect) for path in mask_files(settings.masks)]
    return [(contrast.name, contrast.effect) for contrast in read_contrasts(settings)]


def contrast_labels(contrasts: Iterable[Contrast]) -> dict[str, str]:
    """Labels of contrasts, by their names."""
    return to_labels((contrast.name for contrast in contrasts), "contrast")


def effect_labels(contrasts: Iterable[Contrast]) -> dict[str, str]:
    """Labels of the contrasts' effects, by the effects' names."""
    return to_labels((contrast.effect for contrast in contrasts), "effect")


def members(contrasts: Iterable[Contrast], effect: str) -> list[Contrast]:
    """The contrasts of an effect."""
    return [contrast for contrast in contrasts if contrast.effect == effect]


def mask_files(named: tuple[str, ...]) -> list[Path]:
    """The masks, those of a folder in the order of their names."""
    found: list[Path] = []
    for name in named:
        path = Path(name)
        if path.is_dir():
            found += sorted(p for p in path.iterdir() if p.name.endswith((".nii", ".nii.gz")))
        else:
            found.append(path)
    return found


def check_masks(settings: SeedSettings) -> None:
    """See that masks are there and are called as images are, without reading them.

    Raises
    ------
    SeedError
        One line a problem.
    """
    problems: list[str] = []
    for path in mask_files(settings.masks):
        try:
            mask_name(path)
        except SeedError as error:
            problems += error.problems
        if not path.is_file():
            problems.append(f"--masks {path}: there is no such file")
    if not problems:
        times = Counter(mask_name(path) for path in mask_files(settings.masks))
        problems += [
            f"--masks: {count} are called {name}; rename them"
            for name, count in times.items()
            if count > 1
        ]
    if settings.masks and not problems and not mask_files(settings.masks):
        problems.append(f"--masks {' '.join(settings.masks)}: no NIfTI file (.nii or .nii.gz)")
    if problems:
        raise SeedError(problems)


def is_binary(seeds: SeedMatrix, number: int) -> bool:
    """Whether the weights of a seed are all 1."""
    return bool((seeds.weights[[number]].data == 1).all())


def seed_image(names: OutputNames, label: str, seeds: SeedMatrix, number: int) -> Path:
    """The image of a seed: a mask, or a map of weights."""
    return names.seed(label, "mask" if is_binary(seeds, number) else "probseg")


def describe_contrast(contrast: Contrast, settings: SeedSettings) -> dict[str, Any]:
    """What the sidecars say about a seed."""
    described: dict[str, Any] = {
        "Contrast": contrast.name,
        "Effect": contrast.effect,
        "Studies": list(contrast.studies),
        "SampleSize": contrast.n,
    }
    if contrast.foci:
        described["Foci"] = [[focus.x, focus.y, focus.z] for focus in contrast.foci]
        described["FociUnits"] = "mm"
        described["SphereRadius"] = settings.radius
        described["SphereConvention"] = settings.sphere
    return described


def _write_used_foci(seeds: SeedMatrix, config: Config) -> list[Path]:
    """Write the foci as they were used, once per table."""
    foci = [focus for contrast in seeds.contrasts for focus in contrast.foci]
    path = Path(config.output_dir) / "foci.tsv"
    if not foci:
        return []
    if config.seeds.coordinates and Path(config.seeds.coordinates).resolve() != path.resolve():
        with replaced(path) as temporary:
            write_foci(foci, temporary)
    return [path]
