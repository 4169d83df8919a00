"""Contrast seeds from lesion or region masks."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from fcnm_bids.errors import FileError, SeedError
from fcnm_bids.grid import Grid
from fcnm_bids.readers.spelling import look_alikes
from fcnm_bids.readers.volume import read_volume_image, space_of_name
from fcnm_bids.seeds.cells import as_text, refuse
from fcnm_bids.seeds.foci import Contrast
from fcnm_bids.seeds.matrix import SeedMatrix
from fcnm_bids.seeds.volume_fraction import volume_fraction

_HALF = 0.5 - 1e-6
"""From this covered share of its volume on, a voxel belongs to a resampled binary mask."""

_BRAIN_ML = 1_800.0
"""Volume of a template's brain, about: FSL's MNI152 brain mask has 1.83 l."""

_LARGEST_SHARE = 1 / 3
"""Share of the brain above which a mask is rather the complement of a lesion."""

_MOST_LABELS = 1_000
_EXTENSIONS = (".nii.gz", ".nii")


@dataclass(frozen=True)
class MaskRecord:
    """One seed that was made of a mask, for the log.

    Parameters
    ----------
    name
        Of the contrast.
    file_ml, seed_ml
        Volume in the file and on the grid of the data, in ml: of the voxels that are not 0, or
        the sum of the weights times a voxel's volume.
    notes
        What is odd about it, though it is used.
    """

    name: str
    file_ml: float
    seed_ml: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Mask:
    name: str
    values: NDArray[np.float64]
    binary: bool


def mask_seeds(
    paths: Iterable[str | os.PathLike[str]],
    grid: Grid,
    *,
    effect: str,
    split_labels: bool = False,
) -> SeedMatrix:
    """One contrast for each NIfTI mask, named after its file.

    An image of two values is binary, whatever they are: the larger is inside. Others hold
    weights from 0 on. A mask that lies on the grid is copied exactly. Others are averaged over
    the volume of the grid's voxels (see `volume_fraction`); a binary mask stays binary: 1 where
    at least half of the voxel is inside, and where that is nowhere, in the voxel that holds most
    of the mask. NaN counts as 0.

    Parameters
    ----------
    paths
        Files ``.nii`` or ``.nii.gz``, three-dimensional, in the space of the grid.
    grid
        Where the seeds are needed.
    effect
        The effect of all masks.
    split_labels
        Make a contrast of each label of an image of whole numbers, called ``NAME label 2``.

    Returns
    -------
    SeedMatrix
        Contrasts without foci and without a sample size; their study is the name of their file.

    Raises
    ------
    SeedError
        For each file that cannot be used: damaged, four-dimensional, in another space by its
        name, with negative or infinite values, of several labels, empty on the grid, or of the
        same name as another.
    """
    return describe_mask_seeds(paths, grid, effect=effect, split_labels=split_labels)[0]


def describe_mask_seeds(
    paths: Iterable[str | os.PathLike[str]],
    grid: Grid,
    *,
    effect: str,
    split_labels: bool = False,
) -> tuple[SeedMatrix, tuple[MaskRecord, ...]]:
    """Make the seeds as `mask_seeds`, with a record of each for the log."""
    rows: list[sparse.csr_array] = []
    contrasts: list[Contrast] = []
    records: list[MaskRecord] = []
    problems: list[str] = []
    names: list[str] = []
    for path in map(Path, paths):
        try:
            study = mask_name(path)
            names.append(study)
            note = space_of_name(path, grid.space)
            for mask, own in _masks(path, grid.space, split_labels):
                seed, notes = _on_grid(mask, own, grid, path.name)
                rows.append(sparse.csr_array(grid.flatten(seed)[None, :]))
                contrasts.append(Contrast(mask.name, effect, (study,), (), None))
                records.append(_record(mask, own, seed, grid, [*([note] if note else []), *notes]))
        except (FileError, SeedError) as error:
            problems += error.problems
    problems += [
        f"{times} masks are called {as_text(name)}: rename them"
        for name, times in Counter(names).items()
        if times > 1
    ]
    problems += look_alikes([(name, "--masks") for name in dict.fromkeys(names)], "mask")
    refuse(problems)
    if not rows:
        raise SeedError("there are no masks")
    return SeedMatrix(sparse.vstack(rows, format="csr"), tuple(contrasts), grid), tuple(records)


def mask_name(path: Path) -> str:
    """The name of the contrast that a mask file stands for.

    Raises
    ------
    SeedError
        The file is not called as NIfTI files are.
    """
    for extension in _EXTENSIONS:
        if path.name.lower().endswith(extension) and len(path.name) > len(extension):
            return path.name[: -len(extension)]
    raise SeedError(f"{path.name}: a mask is a NIfTI file (.nii or .nii.gz)")


def mask_contrast_names(path: Path, space: str, *, split_labels: bool) -> tuple[str, ...]:
    """Names of the contrasts that a mask file gives; its values are read only to split labels.

    Raises
    ------
    SeedError, FileError
        The file cannot be used.
    """
    if not split_labels:
        return (mask_name(path),)
    return tuple(mask.name for mask, _ in _masks(path, space, split_labels))


def find_masks(folder: Path) -> tuple[list[Path], list[Path]]:
    """Find the masks of a folder and of the folders within.

    Links to folders are followed, each folder once. Hidden files and folders are passed over
    (macOS leaves ``._NAME`` beside each file). Of files with BIDS names, those whose suffix is of
    another kind (``T1w``) are no masks.

    Returns
    -------
    masks, others
        The masks, and the files that are not read, both in the order of their paths.
    """
    masks: list[Path] = []
    others: list[Path] = []
    seen: set[Path] = set()
    for place, folders, files in os.walk(folder, followlinks=True):
        if (real := Path(place).resolve()) in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                path = Path(place) / name
                (masks if _is_mask(name) else others).append(path)
    return sorted(masks), sorted(others)


def _is_mask(name: str) -> bool:
    lower = name.lower()
    extension = next((end for end in _EXTENSIONS if lower.endswith(end)), None)
    if extension is None:
        return False
    suffix = lower.removesuffix(extension).rsplit("_", 1)[-1]
    kinds = ("mask", "roi", "lesion", "probseg", "dseg", "label")
    return not lower.startswith("sub-") or "-" in suffix or suffix.endswith(kinds)


def _masks(path: Path, space: str, split_labels: bool) -> Iterator[tuple[_Mask, Grid]]:
    """Read a file and give its masks, as values from 0 on."""
    name = mask_name(path)
    image = read_volume_image(path, space)
    values = np.where(np.isnan(image.values), 0.0, image.values)
    if not np.isfinite(values).all():
        raise SeedError(f"{path.name}: the mask has infinite values; set them to 0")
    if values.min() < 0:
        raise SeedError(
            f"{path.name}: the mask has negative values (down to {values.min():g}), as spline "
            "interpolation leaves them; set them to 0, or resample with nearest-neighbour "
            "interpolation"
        )
    if not values.any():
        raise SeedError(f"{path.name}: the mask is empty; draw it again, or leave it out")
    # bounded: an image of weights has as many values as voxels
    levels = np.unique(values)
    if len(levels) <= 2:
        yield _Mask(name, (values == levels[-1]).astype(np.float64), True), image.grid
        return
    if values.max() <= 1 or not np.array_equal(levels, np.rint(levels)):
        yield _Mask(name, values, False), image.grid
        return
    labels = levels[levels > 0].astype(np.int64)
    if not split_labels or len(labels) > _MOST_LABELS:
        listed = ", ".join(map(str, labels[:6])) + (" ..." if len(labels) > 6 else "")
        raise SeedError(
            f"{path.name}: whole numbers above 1 are labels, not weights ({listed}); make a seed "
            "of each label with --split-mask-labels, or divide weights by their maximum"
        )
    for label in labels:
        inside = (values == label).astype(np.float64)
        yield _Mask(f"{name} label {label}", inside, True), image.grid


def _on_grid(
    mask: _Mask, own: Grid, grid: Grid, file: str
) -> tuple[NDArray[np.float64], list[str]]:
    if grid.difference(own) is None:
        return mask.values, []
    covered = volume_fraction(mask.values, own, grid)
    if not covered.any():
        raise SeedError(
            f"{file}: no part of the mask lies in the field of view of the images; is it in "
            f"{grid.space}?"
        )
    if not mask.binary:
        return covered, []
    seed = (covered >= _HALF).astype(np.float64)
    if seed.any():
        return seed, []
    seed.flat[covered.argmax()] = 1
    return seed, [
        "smaller than half a voxel; the voxel that contains most of it is used as the seed"
    ]


def _record(
    mask: _Mask, own: Grid, seed: NDArray[np.float64], grid: Grid, notes: Sequence[str]
) -> MaskRecord:
    file_ml = float(mask.values.sum()) * own.voxel_volume / 1000
    seed_ml = float(seed.sum()) * grid.voxel_volume / 1000
    if seed_ml > _LARGEST_SHARE * _BRAIN_ML:
        notes = [
            *notes,
            f"{seed_ml:.0f} ml, more than a third of the brain: check that it is 1 inside and 0 "
            "outside",
        ]
    return MaskRecord(mask.name, file_ml, seed_ml, tuple(notes))
