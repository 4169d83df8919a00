"""What can be said before any computing: which runs are usable, and what a rerun has to do."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fcnm_bids import __version__
from fcnm_bids.bids import (
    InputDataset,
    Manifest,
    RunFiles,
    bold_filters,
    digest,
    find_runs,
    holds_other_dataset,
    matches,
    parse_entities,
    recognise,
    stored_run_name,
    to_labels,
)
from fcnm_bids.config import Config, flag
from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.errors import RequestError, RunError, StoreError
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces import (
    PreparedRun,
    RunInput,
    check_masks,
    contrast_names,
    contrast_weights,
    denoising_record,
    find_analysis_mask,
    find_atlas,
    height_rule,
    is_stored,
    make_seeds,
    mask_files,
    prepare_run,
    read_analysis_mask,
    read_contrasts,
)
from fcnm_bids.seeds import Contrast
from fcnm_bids.stats import Design
from fcnm_bids.workflows.people import group_design, moved_too_much
from fcnm_bids.workflows.validation import plan_validation

_CHOICES = {"space": "--space", "res": "--resolution", "task": "--task-id"}
"""Entities of which one data set holds one value, and the options that choose it."""


@dataclass(frozen=True)
class LeftOut:
    """A run that is not used.

    Parameters
    ----------
    subject
        Participant label.
    name
        The image, relative to its data set.
    reason
        Why.
    """

    subject: str
    name: str
    reason: str


@dataclass(frozen=True)
class PlannedRun:
    """A run that will be projected, or already is.

    Parameters
    ----------
    files
        Its files.
    key
        Hash of what its projection depends on.
    stored
        Whether the store holds it already.
    dof, n_volumes, n_kept
        Residual degrees of freedom, volumes of the run, volumes kept.
    itemsize
        Bytes per number in the image.
    """

    files: RunInput
    key: str
    stored: bool
    dof: int
    n_volumes: int
    n_kept: int
    itemsize: int


@dataclass(frozen=True)
class PlannedPerson:
    """One person's part of the plan.

    Parameters
    ----------
    subject
        Participant label.
    runs
        Usable runs.
    left_out
        Runs that are not.
    key
        Hash of everything that the person's outputs depend on.
    done
        Whether all outputs are there for this key.
    """

    subject: str
    runs: tuple[PlannedRun, ...]
    left_out: tuple[LeftOut, ...]
    key: str
    done: bool


@dataclass(frozen=True, eq=False)
class ParticipantPlan:
    """What the participant level is about to do.

    Parameters
    ----------
    source
        Root of the preprocessed data set.
    grid
        The grid that all usable runs share.
    entities
        Entities space, res and task of the data.
    contrasts
        The contrasts of the coordinate table; empty for masks or without seeds.
    people
        Everybody asked for, in order.
    from_store
        Whether the data set is a store, so that there is nothing to project.
    """

    source: Path
    grid: Grid
    entities: Mapping[str, str]
    contrasts: tuple[Contrast, ...]
    people: tuple[PlannedPerson, ...]
    from_store: bool = False

    @property
    def left_out(self) -> list[LeftOut]:
        """All runs that are not used."""
        return [run for person in self.people for run in person.left_out]


@dataclass(frozen=True, eq=False)
class GroupPlan:
    """What the group level is about to do.

    Parameters
    ----------
    store
        Root of the projected-run store.
    grid, entities, contrasts
        As in `ParticipantPlan`.
    people
        Participant labels with their projected runs, in order.
    left_out
        Projected runs that are not used.
    key
        Hash of everything that the outputs depend on.
    done
        Whether all outputs are there for this key.
    notes
        What the results will lack, one line each.
    design
        Covariates of the group model, people in rows.
    mask_files
        Images that the analysis mask is made from; none for the whole brain.
    validation
        People of the second connectome; none without one.
    """

    store: Path
    grid: Grid
    entities: Mapping[str, str]
    contrasts: tuple[Contrast, ...]
    people: tuple[tuple[str, tuple[StoredRun, ...]], ...]
    left_out: tuple[LeftOut, ...]
    key: str
    done: bool
    notes: tuple[str, ...]
    design: Design
    mask_files: tuple[Path, ...]
    validation: tuple[tuple[str, tuple[StoredRun, ...]], ...]


def check_request(config: Config) -> InputDataset:
    """Check what needs no reading of data.

    Raises
    ------
    RequestError
        One line per problem.
    """
    problems: list[str] = []
    dataset = None
    try:
        dataset = recognise(Path(config.bids_dir))
    except RequestError as error:
        problems += error.problems
    problems += _misplaced(config, dataset)
    if config.analysis_level == "group":
        try:
            height_rule(config.group)
        except RequestError as error:
            problems += error.problems
    seeds = config.seeds
    if seeds.coordinates and seeds.masks:
        problems.append("--coordinates and --masks: give one of them")
    seeds_needed = config.analysis_level == "group" or not config.connectome.connectome_only
    if seeds_needed and not seeds.coordinates and not seeds.masks:
        problems.append(
            "--coordinates FILE (or --masks) is needed; --connectome-only stores the connectome "
            "without seeds"
        )
    if problems or dataset is None:
        raise RequestError(problems)
    return dataset


def _misplaced(config: Config, dataset: InputDataset | None) -> list[str]:
    """What is wrong with the folders that are written to."""
    source = Path(config.bids_dir).resolve()
    inputs = {source, dataset.root.resolve()} if dataset else {source}
    work, output = (Path(p).resolve() for p in (config.running.work_dir, config.output_dir))
    problems = []
    if work == source or source in work.parents:
        problems.append(f"--work-dir {work} lies inside BIDS_DIR, where nothing is ever written")
    if output in inputs:
        problems.append("OUTPUT_DIR is BIDS_DIR, where nothing is ever written")
    written = {"--work-dir": work, "OUTPUT_DIR": output}
    if dataset is not None and dataset.kind != "connectome":
        store = config.connectome_path.resolve()
        if store in (output, *inputs):
            problems.append(f"--connectome-dir {store}: name a folder of its own")
        if config.analysis_level == "participant":
            written["--connectome-dir"] = store
    for name, folder in written.items():
        there = next(p for p in (folder, *folder.parents) if p.exists())
        if not there.is_dir():
            problems.append(f"{name} {folder}: {there} is not a folder")
        elif not os.access(there, os.W_OK | os.X_OK):
            problems.append(f"{name} {folder}: {there} cannot be written to")
        elif folder not in inputs and holds_other_dataset(folder):
            problems.append(f"{name} {folder}: holds a data set that another program made")
    return problems


def plan_participants(config: Config) -> ParticipantPlan:
    """Look at every run of the request without reading its voxels.

    Raises
    ------
    RequestError
        The request is wrong, or no usable run is left; one line per problem.
    """
    dataset = check_request(config)
    contrasts = _contrasts(config)
    if dataset.kind == "connectome":
        return _plan_stored_participants(config, dataset.root, contrasts)
    denoising_record(config.denoising)  # a strategy that does not exist is found here
    found = find_runs(dataset.root, config.selection)
    inputs = [_run_input(run, dataset.root, config.connectome_path) for run in found]
    prepared: dict[str, PreparedRun] = {}
    reasons: dict[str, str] = {}
    for run in inputs:
        try:
            prepared[run.name] = prepare_run(run, config.denoising)
        except RunError as error:
            reasons[run.name] = str(error)
    astray = _other_grids({name: run.image.grid for name, run in prepared.items()})
    reasons |= astray
    prepared = {name: run for name, run in prepared.items() if name not in astray}
    if not prepared:
        raise RequestError(["no usable run is left", *_grouped(reasons)])
    if config.running.stop_on_first_crash and reasons:
        raise RequestError(_grouped(reasons))
    entities = {
        name: str(value)
        for name, value in found[0].entities.items()
        if name in ("space", "res", "cohort", "task")
    }
    grid = next(iter(prepared.values())).image.grid
    _try_masks(config, grid)
    people = []
    for subject in dict.fromkeys(run.subject for run in found):
        own = [i for i, run in zip(inputs, found, strict=True) if run.subject == subject]
        people.append(_plan_person(subject, own, prepared, reasons, config, contrasts))
    return ParticipantPlan(dataset.root, grid, entities, contrasts, tuple(people))


def adopt_store(config: Config, explicit: Mapping[str, Mapping[str, Any]]) -> Config:
    """Where ``BIDS_DIR`` is a store: read from it, with the settings it was made with.

    Raises
    ------
    RequestError
        Denoising options were given that differ from those that the store was made with.
    """
    dataset = recognise(Path(config.bids_dir))
    if dataset.kind != "connectome":
        return config
    config = config.update({"connectome": {"connectome_dir": str(dataset.root)}})
    damaged = []
    for path in sorted(dataset.root.glob("sub-*/**/*_desc-projected_timeseries.h5")):
        try:
            settings = dict(open_run(path).attributes["settings"])
        except StoreError as error:
            damaged.append(str(error))
            continue
        settings["nuisance_regressors"] = settings["nuisance_regressors"]["name"]
        given = explicit.get("denoising", {})
        if other := [flag(name) for name in given if given[name] != settings.get(name)]:
            raise RequestError(
                f"{config.bids_dir} holds projected runs that were made with other settings: "
                f"{', '.join(other)} cannot be chosen any more"
            )
        return config.update({"denoising": settings})
    raise RequestError([f"{dataset.root}: no projected run that can be used", *damaged[:10]])


def plan_group(config: Config) -> GroupPlan:
    """Look at the store without reading its components.

    Raises
    ------
    RequestError
        The request is wrong, or the store cannot answer it; one line per problem.
    """
    dataset = check_request(config)
    contrasts = _contrasts(config)
    store = config.connectome_path
    runs, left_out = _stored_runs(store, config, from_store=dataset.kind == "connectome")
    grid = runs[0][1].grid
    _try_masks(config, grid)
    entities = _entities(runs[0][1])
    labels = list(dict.fromkeys(subject for subject, _ in runs))
    if len(labels) < 2:
        raise RequestError(
            f"{store}: one person only (sub-{labels[0]}); a group needs at least two"
        )
    by_person = {label: [run for subject, run in runs if subject == label] for label in labels}
    moved = moved_too_much(by_person, config.group.max_mean_fd)
    left_out += [
        LeftOut(label, run.path.relative_to(store).as_posix(), reason)
        for label, reason in moved.items()
        for run in by_person.pop(label)
    ]
    if len(by_person) < 2:
        raise RequestError(
            ["fewer than two people are left", *_grouped({f"sub-{k}": v for k, v in moved.items()})]
        )
    people = tuple((label, tuple(own)) for label, own in by_person.items())
    problems: list[str] = []
    try:
        design = group_design(config, dataset.root, by_person)
    except RequestError as error:
        problems += error.problems
    try:
        settings = runs[0][1].attributes["settings"]
        validation = plan_validation(config.group.validation_dir, grid, settings)
    except RequestError as error:
        problems += error.problems
    try:
        choice = config.group.analysis_mask
        within = find_analysis_mask(choice, dataset.root, list(by_person), entities)
        if choice not in ("brain", "gm"):
            read_analysis_mask(choice, within, grid)
    except RequestError as error:
        problems += error.problems
    try:
        contrast_weights(config.group, contrasts)
    except RequestError as error:
        problems += error.problems
    if config.seeds.masks and config.group.weights != "none":
        problems.append(f"--weights {config.group.weights}: masks have no sample size")
    if problems:
        raise RequestError(problems)
    atlas = find_atlas(config.group.network_atlas, grid.space)
    key = digest(
        {
            "version": __version__,
            "people": {label: [run.key for run in own] for label, own in people},
            "group": asdict(
                replace(config.group, network_atlas=(), preset="none", validation_dir=None)
            ),
            "design": (design.names, design.columns.tolist()),
            "mask": [_fingerprint(path) for path in within],
            "validation": {who: [run.key for run in own] for who, own in validation.people},
            "atlas": [digest({"": path.read_bytes().hex()}) for path in atlas.paths],
            **_seed_record(config, contrasts),
        }
    )
    root = Path(config.output_dir)
    done = Manifest(root / "group", root).complete(key)
    return GroupPlan(
        store,
        grid,
        entities,
        contrasts,
        people,
        tuple(left_out),
        key,
        done,
        (*atlas.missing, *validation.notes),
        design,
        tuple(within),
        validation.people,
    )


def _plan_stored_participants(
    config: Config, store: Path, contrasts: tuple[Contrast, ...]
) -> ParticipantPlan:
    """Everybody of a store, whose runs only have to be mapped."""
    if config.connectome.connectome_only:
        raise RequestError("--connectome-only: BIDS_DIR is a connectome already")
    runs, left_out = _stored_runs(store, config, from_store=True)
    root = Path(config.output_dir)
    people = []
    for subject in dict.fromkeys([s for s, _ in runs] + [run.subject for run in left_out]):
        own = tuple(
            PlannedRun(
                files=RunInput(
                    name=run.attributes["source"],
                    bold="",
                    mask="",
                    confounds="",
                    confounds_metadata="",
                    metadata="",
                    space=run.grid.space,
                    stored=str(run.path.absolute()),
                ),
                key=run.key,
                stored=True,
                dof=run.dof,
                n_volumes=run.attributes["n_volumes"],
                n_kept=run.attributes["n_kept"],
                itemsize=2,
            )
            for label, run in runs
            if label == subject
        )
        missing = tuple(run for run in left_out if run.subject == subject)
        key = _person_key(own, missing, config, contrasts)
        done = Manifest(root / f"sub-{subject}", root).complete(key)
        people.append(PlannedPerson(subject, own, missing, key, done))
    first = runs[0][1]
    _try_masks(config, first.grid)
    return ParticipantPlan(
        store, first.grid, _entities(first), contrasts, tuple(people), from_store=True
    )


def _person_key(
    runs: Sequence[PlannedRun],
    left_out: Sequence[LeftOut],
    config: Config,
    contrasts: tuple[Contrast, ...],
) -> str:
    return digest(
        {
            "version": __version__,
            "runs": {run.files.name: run.key for run in runs},
            "left_out": {run.name: run.reason for run in left_out},
            **(_seed_record(config, contrasts) if config.makes_subject_maps else {}),
        }
    )


def _plan_person(
    subject: str,
    own: Sequence[RunInput],
    prepared: Mapping[str, PreparedRun],
    reasons: Mapping[str, str],
    config: Config,
    contrasts: tuple[Contrast, ...],
) -> PlannedPerson:
    runs = tuple(
        PlannedRun(
            files=run,
            key=prepared[run.name].key,
            stored=is_stored(run, prepared[run.name].key),
            dof=prepared[run.name].denoising.projection.dof,
            n_volumes=prepared[run.name].image.n_volumes,
            n_kept=int(prepared[run.name].denoising.volumes.kept.sum()),
            itemsize=prepared[run.name].image.dtype.itemsize,
        )
        for run in own
        if run.name in prepared
    )
    left_out = tuple(
        LeftOut(subject, run.name, reasons[run.name]) for run in own if run.name in reasons
    )
    key = _person_key(runs, left_out, config, contrasts)
    root = Path(config.output_dir)
    done = Manifest(root / f"sub-{subject}", root).complete(key)
    return PlannedPerson(
        subject,
        runs,
        left_out,
        key,
        done=done and all(run.stored or _never_stored(run) for run in runs),
    )


def _never_stored(run: PlannedRun) -> bool:
    """Whether a run is none that a complete manifest promised: it turned out damaged."""
    return not Path(run.files.stored).exists()


def _seed_record(config: Config, contrasts: tuple[Contrast, ...]) -> dict[str, Any]:
    """Everything about the seeds that outputs depend on, whatever their files are called."""
    seeds = config.seeds
    foci = [
        (c.name, c.effect, c.n, [(f.x, f.y, f.z, f.space, f.study) for f in c.foci])
        for c in contrasts
    ]
    masks = {path.name: digest({"": path.read_bytes().hex()}) for path in mask_files(seeds.masks)}
    return {
        "foci": foci,
        "masks": masks,
        "effect": seeds.effect if masks else None,
        "radius": seeds.radius,
        "sphere": seeds.sphere,
        "min_coverage": seeds.min_coverage,
    }


def _contrasts(config: Config) -> tuple[Contrast, ...]:
    if config.connectome.connectome_only and config.analysis_level == "participant":
        return ()
    check_masks(config.seeds)
    contrasts = read_contrasts(config.seeds)
    named = contrast_names(config.seeds)
    to_labels((name for name, _ in named), "contrast")
    to_labels((effect for _, effect in named), "effect")
    return contrasts


def _fingerprint(path: Path) -> tuple[str, int, str]:
    """Name, size and last bytes of a file: of a gzip file, the check sum of its content."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 8) if path.name.endswith(".gz") else 0)
        return path.name, size, hashlib.sha256(file.read()).hexdigest()


def _try_masks(config: Config, grid: Grid) -> None:
    """Read the masks once, so that one of no use is known before anything is computed."""
    if config.seeds.masks and (config.analysis_level == "group" or config.makes_subject_maps):
        make_seeds(config.seeds, grid)


def _run_input(run: RunFiles, root: Path, store: Path) -> RunInput:
    def absolute(path: Path | None) -> str:
        return str(path.absolute()) if path else ""

    return RunInput(
        name=run.bold.relative_to(root).as_posix(),
        bold=absolute(run.bold),
        mask=absolute(run.mask),
        confounds=absolute(run.confounds),
        confounds_metadata=absolute(run.confounds_metadata),
        metadata=absolute(run.metadata),
        space=str(run.entities["space"]),
        stored=str((store / stored_run_name(run)).absolute()),
    )


def _other_grids(grids: Mapping[str, Grid]) -> dict[str, str]:
    """The names whose grid is not the one that most share, and how it differs."""
    kinds: list[Grid] = []
    kind_of: dict[str, int] = {}
    for name, grid in grids.items():
        same = (i for i, kind in enumerate(kinds) if kind.difference(grid) is None)
        kind_of[name] = next(same, len(kinds))
        if kind_of[name] == len(kinds):
            kinds.append(grid)
    common = Counter(kind_of.values()).most_common(1)[0][0] if kinds else 0
    return {
        name: f"not on the grid of the other runs: {kinds[common].difference(kinds[kind])}"
        for name, kind in kind_of.items()
        if kind != common
    }


def _stored_runs(
    store: Path, config: Config, *, from_store: bool
) -> tuple[list[tuple[str, StoredRun]], list[LeftOut]]:
    """The usable runs of a store, at least one, with their participant labels."""
    settings = {} if from_store else denoising_record(config.denoising)
    wanted = set(config.selection.participant_label)
    filters = {
        name: value
        for name, value in bold_filters(config.selection).items()
        # those of the image, which a projected run has its own of
        if name not in ("datatype", "desc", "suffix", "extension")
    }
    runs: list[tuple[str, StoredRun]] = []
    left_out: list[LeftOut] = []
    values: dict[str, set[str]] = {entity: set() for entity in _CHOICES}
    for path in sorted(store.glob("sub-*/**/*_desc-projected_timeseries.h5")):
        if path.name.startswith("."):
            continue
        entities = parse_entities(path)
        subject = str(entities["subject"])
        if (wanted and subject not in wanted) or not matches(entities, filters):
            continue
        name = path.relative_to(store).as_posix()
        try:
            run = open_run(path)
        except StoreError as error:
            left_out.append(LeftOut(subject, name, str(error)))
            continue
        if not from_store and run.attributes["settings"] != settings:
            left_out.append(LeftOut(subject, name, "projected with other denoising settings"))
            continue
        runs.append((subject, run))
        for entity in _CHOICES:
            values[entity].add(str(entities.get(entity, "none")))
    several = [
        f"{store}: its runs differ in {entity} ({', '.join(sorted(values[entity]))}); choose one "
        f"with {option}"
        for entity, option in _CHOICES.items()
        if len(values[entity]) > 1
    ]
    if several:
        raise RequestError(several)
    astray = _other_grids({str(run.path): run.grid for _, run in runs})
    left_out += [
        LeftOut(subject, run.path.relative_to(store).as_posix(), astray[str(run.path)])
        for subject, run in runs
        if str(run.path) in astray
    ]
    runs = [(subject, run) for subject, run in runs if str(run.path) not in astray]
    if not runs:
        raise RequestError(
            [
                f"{store}: no projected run"
                + (" that can be used" if left_out else "")
                + "; run the participant level first (with the same OUTPUT_DIR or "
                "--connectome-dir)",
                *_grouped({run.name: run.reason for run in left_out}),
            ]
        )
    missing = wanted - {subject for subject, _ in runs}
    if missing:
        raise RequestError(f"{store}: no projected run of {', '.join(sorted(missing))}")
    if from_store and len({str(run.attributes["settings"]) for _, run in runs}) > 1:
        raise RequestError(f"{store}: its runs were not all projected with the same settings")
    return runs, left_out


def _entities(run: StoredRun) -> dict[str, str]:
    entities = parse_entities(run.path)
    return {
        name: str(entities[name]) for name in ("space", "res", "cohort", "task") if name in entities
    }


def _grouped(reasons: Mapping[str, str]) -> list[str]:
    """One line per reason, with the runs that it holds for."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in reasons.items():
        by_reason.setdefault(reason, []).append(name)
    lines = []
    for reason, names in by_reason.items():
        shown = ", ".join(Path(name).name for name in names[:3])
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(f"{reason} [{shown}{more}]")
    return lines
