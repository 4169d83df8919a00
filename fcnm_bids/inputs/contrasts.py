"""From settings to contrasts, their labels and the seed matrix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from scipy import sparse

from fcnm_bids.bids.names import to_labels
from fcnm_bids.config import Config, SeedSettings
from fcnm_bids.errors import SeedError
from fcnm_bids.grid import Grid
from fcnm_bids.mapping import effect_and_sign, network_names
from fcnm_bids.seeds import (
    Contrast,
    SeedMatrix,
    group_foci,
    mask_name,
    read_foci,
    sphere_seeds,
    to_mni,
)
from fcnm_bids.seeds.masks import MaskRecord, describe_mask_seeds, find_masks, mask_contrast_names

MASK_EFFECT = "network"
"""The effect of masks where none is named."""

CONTROL_EFFECT = "control"
"""The effect of the masks of controls."""


def read_contrasts(settings: SeedSettings) -> tuple[Contrast, ...]:
    """The contrasts of the coordinate table, their foci in MNI space; none for masks.

    Raises
    ------
    SeedError
        The table cannot be used; one line a problem.
    """
    if settings.coordinates is None:
        return ()
    path = Path(settings.coordinates)
    written = path.stat() if path.is_file() else None
    return _read_contrasts(
        path,
        written and (written.st_ino, written.st_size, written.st_mtime_ns),
        settings.effect,
        settings.talairach,
        settings.unit,
    )


@lru_cache(maxsize=2)  # a plan asks several times
def _read_contrasts(
    path: Path, written: tuple[int, ...] | None, effect: str | None, talairach: Any, unit: Any
) -> tuple[Contrast, ...]:
    del written  # a table that was written again is read again
    return group_foci(to_mni(read_foci(path, effect=effect), talairach), unit)


def make_seeds(settings: SeedSettings, grid: Grid) -> SeedMatrix:
    """The seed matrix that the settings ask for."""
    if settings.masks:
        return describe_masks(settings, grid)[0]
    contrasts = read_contrasts(settings)
    return sphere_seeds(contrasts, grid, radius=settings.radius, sphere=settings.sphere)


def describe_masks(settings: SeedSettings, grid: Grid) -> tuple[SeedMatrix, tuple[MaskRecord, ...]]:
    """Make the seeds of the masks, with a record of each.

    Raises
    ------
    SeedError
        One line for each mask that cannot be used.
    """
    seeds, records = describe_mask_seeds(
        mask_files(settings.masks + settings.control_masks),
        grid,
        effect=settings.effect or MASK_EFFECT,
        split_labels=settings.split_mask_labels,
    )
    effects = dict(contrast_names(settings))
    contrasts = tuple(replace(own, effect=effects[own.name]) for own in seeds.contrasts)
    return replace(seeds, contrasts=contrasts), records


def mask_contrasts(settings: SeedSettings) -> dict[str, Path]:
    """Return the names of the contrasts of the masks, each with its file."""
    return {
        name: path
        for path in mask_files(settings.masks + settings.control_masks)
        for name in mask_contrast_names(path, "", split_labels=settings.split_mask_labels)
    }


def contrast_names(settings: SeedSettings) -> list[tuple[str, str]]:
    """Name and effect of every row that `make_seeds` will give the seed matrix."""
    if settings.masks:
        controls = set(mask_files(settings.control_masks))
        effects = dict.fromkeys(controls, CONTROL_EFFECT)
        usual = settings.effect or MASK_EFFECT
        return [(name, effects.get(p, usual)) for name, p in mask_contrasts(settings).items()]
    return [(contrast.name, contrast.effect) for contrast in read_contrasts(settings)]


def contrast_labels(contrasts: Iterable[Contrast]) -> dict[str, str]:
    """Labels of contrasts, by their names."""
    return to_labels(contrast.name for contrast in contrasts)


def network_labels(config: Config, contrasts: Iterable[Contrast]) -> dict[str, str]:
    """Return the labels of the contrasts' networks, by the networks' names."""
    effects = (contrast.effect for contrast in contrasts)
    return to_labels(network_names(effects, config.group.tail))


@dataclass(frozen=True)
class NetworkParts:
    """Label, sign and contrasts of a network.

    Parameters
    ----------
    label
        Its BIDS label.
    sign
        Its sign of connectivity, 1 or -1.
    rows
        Numbers of its contrasts in the seed matrix.
    contrasts
        The contrasts.
    """

    label: str
    sign: int
    rows: tuple[int, ...]
    contrasts: tuple[Contrast, ...]


def network_parts(config: Config, contrasts: Sequence[Contrast], network: str) -> NetworkParts:
    """Return label, sign and contrasts of a network.

    Parameters
    ----------
    config
        The request.
    contrasts
        All contrasts of the request.
    network
        Name of the network.
    """
    effect, sign = effect_and_sign(network, config.group.tail)
    rows = tuple(row for row, contrast in enumerate(contrasts) if contrast.effect == effect)
    label = network_labels(config, contrasts)[network]
    return NetworkParts(label, sign, rows, tuple(contrasts[row] for row in rows))


def mask_files(named: tuple[str, ...]) -> list[Path]:
    """The masks, those of a folder in the order of their names."""
    found: list[Path] = []
    for name in named:
        path = Path(name)
        if path.is_dir():
            found += find_masks(path)[0]
        else:
            found.append(path)
    return found


def unread_mask_files(settings: SeedSettings) -> list[Path]:
    """Return the files of the folders of masks that are not read."""
    named = settings.masks + settings.control_masks
    folders = [Path(name) for name in named if Path(name).is_dir()]
    return [path for folder in folders for path in find_masks(folder)[1]]


def check_masks(settings: SeedSettings) -> None:
    """Check that masks exist and are named as images, without reading them.

    Raises
    ------
    SeedError
        One line a problem.
    """
    problems: list[str] = []
    options = {"--masks": settings.masks, "--control-masks": settings.control_masks}
    for option, named in options.items():
        files = mask_files(named)
        for path in files:
            try:
                mask_name(path)
            except SeedError as error:
                problems += error.problems
            if not path.exists():
                problems.append(f"{option} {path}: there is no such file")
        if named and not files:
            problems.append(f"{option} {' '.join(named)}: no NIfTI file (.nii or .nii.gz)")
    if settings.control_masks and (settings.effect or MASK_EFFECT) == CONTROL_EFFECT:
        problems.append(
            f"--effect {CONTROL_EFFECT}: this is the effect of --control-masks; name another"
        )
    if not problems:
        files = mask_files(settings.masks + settings.control_masks)
        times = Counter(mask_name(path) for path in files)
        problems += [
            f"--masks: {count} are called {name}; rename them"
            for name, count in times.items()
            if count > 1
        ]
    if problems:
        raise SeedError(problems)


def other_radii(config: Config) -> list[float]:
    """Radii of the robustness checks beside the analysis' own; none for masks."""
    if config.seeds.masks:
        return []
    return [r for r in dict.fromkeys(config.group.radii) if r != config.seeds.radius]


def with_other_radii(seeds: SeedMatrix, config: Config, numbers: Sequence[int]) -> SeedMatrix:
    """The seeds of those numbers, and behind them the same ones of each other radius."""
    parts = [seeds]
    for radius in other_radii(config):
        other = make_seeds(replace(config.seeds, radius=radius), seeds.grid)
        if [c.name for c in other.contrasts] != [c.name for c in seeds.contrasts]:
            raise ValueError("the seeds of another radius stand for other contrasts")
        parts.append(other)
    return SeedMatrix(
        sparse.vstack([part.weights[numbers] for part in parts], format="csr"),
        tuple(part.contrasts[number] for part in parts for number in numbers),
        seeds.grid,
    )
