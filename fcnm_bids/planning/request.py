"""Checks of a request that need no run: folders, options, seeds."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from fcnm_bids.bids.names import check_names, to_labels
from fcnm_bids.bids.outputs import OutputNames
from fcnm_bids.bids.write import TEMPORARY_BYTES
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.inputs.contrasts import (
    check_masks,
    contrast_names,
    describe_masks,
    read_contrasts,
    unread_mask_files,
)
from fcnm_bids.inputs.dataset import InputDataset, holds_other_dataset, identify_dataset
from fcnm_bids.inputs.plugin_file import read_plugin
from fcnm_bids.inputs.rules import height_rule
from fcnm_bids.inputs.store import stored_files
from fcnm_bids.mapping import network_names
from fcnm_bids.seeds import Contrast, foci_outside, voxels_of_spheres
from fcnm_bids.seeds.masks import MaskRecord

LOGGER = logging.getLogger("fcnm_bids")

_LISTED, _FOCI = 12, 5


@contextmanager
def collect_problems(problems: list[str]) -> Iterator[None]:
    """Add what is wrong with a part of the request to `problems`, and go on behind it."""
    try:
        yield
    except RequestError as error:
        problems += error.problems


def check_request(config: Config) -> InputDataset:
    """Check what needs no reading of data.

    Raises
    ------
    RequestError
        One line per problem.
    """
    problems: list[str] = []
    dataset = None
    with collect_problems(problems):
        dataset = identify_dataset(config.source_path, config.selection.input_type)
    problems += check_folders(config, dataset)
    with collect_problems(problems):
        height_rule(config.group)
    with collect_problems(problems):
        read_plugin(config.resources.nipype_plugin_file)
    seeds = config.seeds
    if seeds.coordinates and seeds.masks:
        problems.append("--coordinates and --masks: give only one of them")
    seeds_needed = config.analysis_level == "group" or not config.connectome.connectome_only
    if (
        config.analysis_level == "participant"
        and config.denoising.store_precision == "int8"
        and config.makes_subject_maps
    ):
        problems.append(
            "--store-precision int8: such a store serves the group level only, because its "
            "rounding changes r of a single run; add --subject-maps none or --connectome-only, or "
            "make the store with int16"
        )
    if dataset is not None:
        problems += _unknown_participants(config, dataset)
    if seeds_needed and not seeds.coordinates and not seeds.masks:
        needed = (
            "--coordinates FILE (or --masks) is needed; --connectome-only stores the connectome "
            "without seeds"
        )
        if config.analysis_level == "group" and not stored_files(config.connectome_path):
            needed = (
                f"{config.connectome_path}: no projected run; run the participant level first "
                "(with the same OUTPUT_DIR or --connectome-dir), with --coordinates FILE or --masks"
            )
        problems.append(needed)
    if problems or dataset is None:
        raise RequestError(problems)
    return dataset


def _unknown_participants(config: Config, dataset: InputDataset) -> list[str]:
    """Participants who are asked for and have no folder in the data set."""
    wanted = config.selection.participant_label
    if (
        not wanted
        or not dataset.spec.files
        or (config.analysis_level == "group" and dataset.kind != "connectome")
    ):
        return []
    there = sorted(path.name.removeprefix("sub-") for path in dataset.root.glob("sub-*/"))
    unknown = [label for label in wanted if label not in there]
    if not unknown or not there:
        return []
    listed = ", ".join(there) if len(there) <= _LISTED else f"{there[0]} … {there[-1]}"
    return [
        f"--participant-label {' '.join(unknown)}: no such participants in {dataset.root}; there "
        f"are {listed} (labels are separated by spaces)"
    ]


def check_folders(config: Config, dataset: InputDataset | None) -> list[str]:
    """Return problems of the folders that are written to."""
    source = Path(config.bids_dir).resolve()
    inputs = {source, dataset.root.resolve()} if dataset else {source}
    work, output = (Path(p).resolve() for p in (config.running.work_dir, config.output_dir))
    problems = []
    if work == source or source in work.parents:
        problems.append(
            f"--work-dir {work} lies inside BIDS_DIR, where nothing is ever written; name a "
            "folder elsewhere"
        )
    if output in inputs:
        problems.append(
            "OUTPUT_DIR is BIDS_DIR, where nothing is ever written; name another folder"
        )
    for root in inputs & {*output.parents}:
        if output.relative_to(root).parts[0].startswith("sub-"):
            problems.append(
                f"OUTPUT_DIR {output} lies in a participant's folder; name another folder"
            )
    if work in (output, config.connectome_path.resolve()):
        taken = "OUTPUT_DIR" if work == output else "the folder of the store"
        problems.append(f"--work-dir {work} is {taken}; name a separate folder")
    written = {"--work-dir": work, "OUTPUT_DIR": output}
    if dataset is not None and dataset.kind != "connectome":
        store = config.connectome_path.resolve()
        if store in (output, *inputs):
            taken = "OUTPUT_DIR" if store == output else "an input folder"
            problems.append(f"--connectome-dir {store} is {taken}; name a separate folder")
        if config.analysis_level == "participant":
            written["--connectome-dir"] = store
    for name, folder in written.items():
        there = next(p for p in (folder, *folder.parents) if p.exists())
        if not there.is_dir():
            problems.append(f"{name} {folder}: {there} is not a folder; name another")
        elif not os.access(there, os.W_OK | os.X_OK):
            problems.append(
                f"{name} {folder}: {there} cannot be written to; name another folder, or change "
                "its permissions"
            )
        elif folder not in inputs and holds_other_dataset(folder):
            problems.append(
                f"{name} {folder}: contains a data set that another program made; name an empty "
                "folder"
            )
    return problems


def request_contrasts(config: Config) -> tuple[Contrast, ...]:
    """The contrasts of the coordinate table; none for masks, or where no seed is needed.

    Raises
    ------
    RequestError
        Table or masks cannot be used, or a name holds a character that nobody sees.
    """
    if config.connectome.connectome_only and config.analysis_level == "participant":
        return ()
    check_masks(config.seeds)
    contrasts = read_contrasts(config.seeds)
    named = contrast_names(config.seeds)
    problems = check_names((name for name, _ in named), "contrast")
    problems += check_names((effect for _, effect in named), "effect")
    if problems:
        raise RequestError(problems)
    return contrasts


def check_output_names(
    config: Config, entities: Mapping[str, str], subjects: Sequence[str]
) -> list[str]:
    """Return what is wrong with the names that outputs will have.

    Parameters
    ----------
    config
        The request.
    entities
        Entities of the data: space, res, cohort, task.
    subjects
        Participants whose outputs are written; none at group level.
    """
    root = Path(config.output_dir)
    there = next(path for path in (root, *root.resolve().parents) if path.exists())
    named = contrast_names(config.seeds) if config.makes_subject_maps or not subjects else []
    networks = network_names((effect for _, effect in named), config.group.tail)
    effects = to_labels(networks) if not subjects else {}
    names = OutputNames.of(root, entities).longest(
        to_labels(name for name, _ in named).values(), effects.values(), subjects
    )
    limit = os.pathconf(there, "PC_NAME_MAX")
    problems = [
        f"OUTPUT_DIR {root}: {path.name} would have {length} bytes ({TEMPORARY_BYTES} more while "
        f"it is written), and the file system allows {limit}; shorten the names of contrasts and "
        "effects"
        for path in names
        if (length := len(path.name.encode())) + TEMPORARY_BYTES > limit
    ]
    alike = [label for label, n in Counter(map(str.lower, subjects)).items() if n > 1]
    if alike and _ignores_case(there):
        problems.append(
            f"OUTPUT_DIR {root}: its file system does not distinguish upper and lower case, and "
            f"several participants are called sub-{alike[0]}; name a folder on another file system"
        )
    return problems


def _ignores_case(folder: Path) -> bool:
    """Return True if a folder is found under its name in the other case."""
    other = Path(str(folder.resolve()).swapcase())
    return other != folder.resolve() and other.exists() and other.samefile(folder)


def check_seed_masks(config: Config, grid: Grid) -> None:
    """Read the masks once, so that one of no use is known before anything is computed."""
    if config.seeds.masks and (config.analysis_level == "group" or config.makes_subject_maps):
        log_masks(describe_masks(config.seeds, grid)[1], unread_mask_files(config.seeds))


def focus_notes(config: Config, contrasts: Sequence[Contrast], grid: Grid) -> tuple[str, ...]:
    """Return notes on foci that the grid of the data cannot hold as they are.

    Parameters
    ----------
    config
        The request.
    contrasts
        The contrasts of the coordinate table.
    grid
        The grid of the store.
    """
    n_foci = sum(len(contrast.foci) for contrast in contrasts)
    notes = []
    if outside := foci_outside(contrasts, grid):
        listed = ", ".join(f"{f.study} ({f.x:g}, {f.y:g}, {f.z:g})" for f in outside[:_FOCI])
        notes.append(
            f"{len(outside)} of {n_foci} foci lie outside the image; their spheres count as far "
            "as they reach into it; check the signs and the space of their coordinates: "
            f"{listed}{' ...' if len(outside) > _FOCI else ''}"
        )
    radius = config.seeds.radius
    sizes = voxels_of_spheres(contrasts, grid, radius=radius, sphere=config.seeds.sphere)
    if single := np.count_nonzero(sizes == 1):
        voxel = " x ".join(f"{size:.3g}" for size in grid.voxel_sizes)
        averaged = config.denoising.store_voxel_size is not None
        notes.append(
            f"around {single} of {n_foci} foci, the sphere of {radius:g} mm is a single voxel "
            f"({voxel} mm), so that smaller radii make no difference; give a larger --radius"
            + (", or make the store with a smaller --store-voxel-size" if averaged else "")
        )
    return tuple(notes)


def _millilitres(volume: float) -> str:
    return f"{volume:.0f}" if volume >= 100 else f"{volume:.3g}"


def log_masks(records: Sequence[MaskRecord], unread: Sequence[Path]) -> None:
    """Log how many masks there are, their volumes, what is odd about them, and files not read."""
    for record in records:
        for note in record.notes:
            LOGGER.warning("%s: %s", record.name, note)
    LOGGER.info(
        "%d mask%s, %s ml in the files, %s ml on the grid of the data",
        len(records),
        "" if len(records) == 1 else "s",
        *(
            " to ".join(dict.fromkeys(_millilitres(ml) for ml in (min(volumes), max(volumes))))
            for volumes in ([r.file_ml for r in records], [r.seed_ml for r in records])
        ),
    )
    if unread:
        LOGGER.warning(
            "%d files in the folders of --masks are not read: %s",
            len(unread),
            ", ".join(path.name for path in unread[:_LISTED])
            + (" ..." if len(unread) > _LISTED else ""),
        )
