"""What can be said before any computing: which runs are usable, and what a rerun has to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from fcnm_bids import __version__
from fcnm_bids.bids import (
    InputDataset,
    Manifest,
    RunFiles,
    digest,
    find_runs,
    parse_entities,
    recognise,
    stored_run_name,
    to_labels,
)
from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun, open_run
from fcnm_bids.errors import RequestError, RunError, StoreError
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces import (
    PreparedRun,
    RunInput,
    denoising_record,
    is_stored,
    mask_files,
    prepare_run,
    read_contrasts,
)
from fcnm_bids.seeds import Contrast


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
    """

    source: Path
    grid: Grid
    entities: Mapping[str, str]
    contrasts: tuple[Contrast, ...]
    people: tuple[PlannedPerson, ...]

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
    """

    store: Path
    grid: Grid
    entities: Mapping[str, str]
    contrasts: tuple[Contrast, ...]
    people: tuple[tuple[str, tuple[StoredRun, ...]], ...]
    left_out: tuple[LeftOut, ...]
    key: str
    done: bool


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
    source, work = Path(config.bids_dir).resolve(), Path(config.running.work_dir).resolve()
    if work == source or source in work.parents:
        problems.append(f"--work-dir {work} lies inside BIDS_DIR, where nothing is ever written")
    if Path(config.output_dir).resolve() == source:
        problems.append("OUTPUT_DIR is BIDS_DIR, where nothing is ever written")
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


def plan_participants(config: Config) -> ParticipantPlan:
    """Look at every run of the request without reading its voxels.

    Raises
    ------
    RequestError
        The request is wrong, or no usable run is left; one line per problem.
    """
    dataset = check_request(config)
    if dataset.kind == "connectome":
        raise RequestError(
            f"{config.bids_dir} is a connectome of projected runs, which the group level maps; "
            "the participant level needs fMRIPrep derivatives"
        )
    contrasts = _contrasts(config)
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
    _leave_out_other_grids(prepared, reasons)
    if not prepared:
        raise RequestError(["no usable run is left", *_grouped(reasons)])
    if config.running.stop_on_first_crash and reasons:
        raise RequestError(_grouped(reasons))
    entities = {
        name: str(value)
        for name, value in found[0].entities.items()
        if name in ("space", "res", "cohort", "task")
    }
    people = []
    for subject in dict.fromkeys(run.subject for run in found):
        own = [i for i, run in zip(inputs, found, strict=True) if run.subject == subject]
        people.append(_plan_person(subject, own, prepared, reasons, config, contrasts))
    grid = next(iter(prepared.values())).image.grid
    return ParticipantPlan(dataset.root, grid, entities, contrasts, tuple(people))


def plan_group(config: Config) -> GroupPlan:
    """Look at the store without reading its components.

    Raises
    ------
    RequestError
        The request is wrong, or the store cannot answer it; one line per problem.
    """
    check_request(config)
    contrasts = _contrasts(config)
    store = config.connectome_path
    runs, left_out = _stored_runs(store, config)
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
    grid = runs[0][1].grid
    entities = _entities(runs[0][1])
    labels = list(dict.fromkeys(subject for subject, _ in runs))
    if len(labels) < 2:
        raise RequestError(
            f"{store}: one person only (sub-{labels[0]}); a group needs at least two"
        )
    people = tuple(
        (label, tuple(run for subject, run in runs if subject == label)) for label in labels
    )
    key = digest(
        {
            "version": __version__,
            "people": {label: [run.key for run in own] for label, own in people},
            "group": asdict(config.group),
            **_seed_record(config, contrasts),
        }
    )
    root = Path(config.output_dir)
    done = Manifest(root / "group", root).complete(key)
    return GroupPlan(store, grid, entities, contrasts, people, tuple(left_out), key, done)


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
    with_maps = not config.connectome.connectome_only and config.connectome.subject_maps == "all"
    key = digest(
        {
            "version": __version__,
            "runs": {run.files.name: run.key for run in runs},
            "left_out": {run.name: run.reason for run in left_out},
            **(_seed_record(config, contrasts) if with_maps else {}),
        }
    )
    root = Path(config.output_dir)
    done = Manifest(root / f"sub-{subject}", root).complete(key)
    return PlannedPerson(
        subject, runs, left_out, key, done=done and all(run.stored for run in runs)
    )


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
    contrasts = read_contrasts(config.seeds)
    to_labels((contrast.name for contrast in contrasts), "contrast")
    to_labels((contrast.effect for contrast in contrasts), "effect")
    return contrasts


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


def _leave_out_other_grids(prepared: dict[str, PreparedRun], reasons: dict[str, str]) -> None:
    """Keep the runs on the grid that most of them share."""
    kinds: list[Grid] = []
    kind_of: dict[str, int] = {}
    for name, run in prepared.items():
        grid = run.image.grid
        same = (i for i, kind in enumerate(kinds) if kind.difference(grid) is None)
        kind_of[name] = next(same, len(kinds))
        if kind_of[name] == len(kinds):
            kinds.append(grid)
    if len(kinds) < 2:
        return
    common = Counter(kind_of.values()).most_common(1)[0][0]
    for name, kind in kind_of.items():
        if kind != common:
            difference = kinds[common].difference(kinds[kind])
            reasons[name] = f"not on the grid of the other runs: {difference}"
            del prepared[name]


def _stored_runs(store: Path, config: Config) -> tuple[list[tuple[str, StoredRun]], list[LeftOut]]:
    settings = denoising_record(config.denoising)
    wanted = set(config.selection.participant_label)
    from_store = config.bids_dir == str(store)
    runs: list[tuple[str, StoredRun]] = []
    left_out: list[LeftOut] = []
    for path in sorted(store.glob("sub-*/**/*_desc-projected_timeseries.h5")):
        if path.name.startswith("."):
            continue
        entities = parse_entities(path)
        subject = str(entities["subject"])
        chosen = config.selection
        asked = (
            (not wanted or subject in wanted)
            and (not chosen.session_id or entities.get("session") in chosen.session_id)
            and chosen.task_id in (None, entities.get("task"))
            and chosen.space in (None, entities.get("space"))
            and chosen.resolution in (None, entities.get("res"))
        )
        if not asked:
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
        difference = runs[0][1].grid.difference(run.grid) if runs else None
        if difference:
            left_out.append(LeftOut(subject, name, f"not on the grid of the others: {difference}"))
            continue
        runs.append((subject, run))
    missing = wanted - {subject for subject, _ in runs}
    if missing:
        raise RequestError(f"{store}: no projected run of {', '.join(sorted(missing))}")
    if from_store and len({str(run.attributes["settings"]) for _, run in runs}) > 1:
        raise RequestError(f"{store}: its runs were not all projected with the same settings")
    tasks = {parse_entities(run.path).get("task") for _, run in runs}
    if len(tasks) > 1:
        raise RequestError(
            f"{store}: runs of several tasks ({', '.join(sorted(map(str, tasks)))}); choose one "
            "with --task-id"
        )
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
