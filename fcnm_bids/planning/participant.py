"""What can be said before any computing: which runs are usable, and what a rerun has to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fcnm_bids import __version__
from fcnm_bids.bids import Manifest, digest, search_runs
from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.errors import RequestError
from fcnm_bids.interfaces import (
    RunInput,
    contrast_names,
    contrast_weights,
    denoising_record,
    find_atlas,
)
from fcnm_bids.seeds import Contrast
from fcnm_bids.workflows.foresight import check_analysis_mask, check_group_options
from fcnm_bids.workflows.people import group_design, moved_too_much
from fcnm_bids.workflows.plan import (
    GroupPlan,
    LeftOut,
    ParticipantPlan,
    PlannedPerson,
    PlannedRun,
    by_reason,
)
from fcnm_bids.workflows.request import (
    check_request,
    contrast_records,
    fingerprint,
    noted,
    request_contrasts,
    seed_record,
    try_masks,
)
from fcnm_bids.workflows.runs import look_at_runs, notes_on, run_input
from fcnm_bids.workflows.specificity import plan_specificity
from fcnm_bids.workflows.stored import stored_entities, stored_runs
from fcnm_bids.workflows.validation import plan_validation


def plan_participants(config: Config) -> ParticipantPlan:
    """Look at every run of the request without reading its voxels.

    Raises
    ------
    RequestError
        The request is wrong, or no usable run is left; one line per problem.
    """
    dataset = check_request(config)
    contrasts = request_contrasts(config)
    if dataset.kind == "connectome":
        return _plan_stored_participants(config, dataset.root, contrasts)
    denoising_record(config.denoising)  # a strategy that does not exist is found here
    denoised = config.denoising.denoised
    search = search_runs(dataset.root, config.selection, denoised=denoised)
    found = search.runs
    inputs = [run_input(run, dataset.root, config.connectome_path) for run in found]
    if denoised:  # a table of confounds need not have a row for each volume that was left
        inputs = [replace(run, confounds="", confounds_metadata="") for run in inputs]
    aside = {
        run.name: files.left_out
        for run, files in zip(inputs, found, strict=True)
        if files.left_out is not None
    }
    usable, reasons = look_at_runs([run for run in inputs if run.name not in aside], config)
    reasons |= aside
    if not usable:
        raise RequestError(["no usable run is left", *by_reason(reasons)])
    if config.running.stop_on_first_crash and reasons:
        raise RequestError(by_reason(reasons))
    entities = {
        name: str(value)
        for name, value in next(run for run in found if run.left_out is None).entities.items()
        if name in ("space", "res", "cohort", "task")
    }
    grid = next(iter(usable.values())).grid
    try_masks(config, grid)
    subjects = list(dict.fromkeys(run.subject for run in found))
    check_group_options(config, dataset.root, grid, entities, subjects, contrasts)
    people = []
    for subject in subjects:
        own = [i for i, run in zip(inputs, found, strict=True) if run.subject == subject]
        people.append(_plan_person(subject, own, usable, reasons, config, contrasts))
    return ParticipantPlan(
        dataset.root,
        grid,
        entities,
        contrasts,
        tuple(people),
        _number_of_seeds(config),
        notes=notes_on(search.absent, usable),
    )


def plan_group(config: Config) -> GroupPlan:
    """Look at the store without reading its components.

    Raises
    ------
    RequestError
        The request is wrong, or the store cannot answer it; one line per problem.
    """
    dataset = check_request(config)
    contrasts = request_contrasts(config)
    store = config.connectome_path
    from_store = dataset.kind == "connectome"
    runs, left_out = stored_runs(
        store, config, from_store=from_store, source=None if from_store else dataset.root
    )
    grid = runs[0][1].grid
    try_masks(config, grid)
    entities = stored_entities(runs[0][1])
    by_person, moved = _still_enough(runs, config, left_out)
    left_out += moved
    people = tuple((label, tuple(own)) for label, own in by_person.items())
    problems: list[str] = []
    with noted(problems):
        design = group_design(config, dataset.root, by_person)
    with noted(problems):
        settings = runs[0][1].attributes["settings"]
        validation = plan_validation(
            config.group.validation_dir,
            grid,
            settings,
            covariates=config.group.covariates,
            max_mean_fd=config.group.max_mean_fd,
        )
    with noted(problems):
        mask = config.group.analysis_mask
        within = check_analysis_mask(mask, dataset.root, grid, entities, list(by_person))
    with noted(problems):
        contrast_weights(config.group, contrasts)
    if config.seeds.masks and config.group.weights != "none":
        problems.append(f"--weights {config.group.weights}: masks have no sample size")
    if problems:
        raise RequestError(problems)
    model = {
        "design": (design.names, design.columns.tolist()),
        "mask": [fingerprint(path) for path in within],
    }
    specificity = plan_specificity(config, dataset.root, people, contrasts, model, grid, entities)
    atlas = find_atlas(config.group.network_atlas, grid.space)
    common = {
        "version": __version__,
        "people": {label: [run.key for run in own] for label, own in people},
        **model,
    }
    key = digest(
        {
            **common,
            "group": asdict(
                replace(config.group, network_atlas=(), preset="none", validation_dir=None)
            ),
            "specificity": specificity.key,
            "validation": {who: [run.key for run in own] for who, own in validation.people},
            "validation_design": (validation.design.names, validation.design.columns.tolist()),
            "atlas": [digest({"": path.read_bytes().hex()}) for path in atlas.paths],
            **seed_record(config, contrasts),
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
        _contrast_keys(config, contrasts, {**common, "left_out": [asdict(r) for r in left_out]}),
        done,
        (*atlas.missing, *validation.notes, *specificity.notes),
        design,
        tuple(within),
        validation,
        specificity,
    )


def _still_enough(
    runs: Sequence[tuple[str, StoredRun]], config: Config, left_out: Sequence[LeftOut]
) -> tuple[dict[str, list[StoredRun]], list[LeftOut]]:
    """The runs of people who moved little enough, at least two of them, and all other runs."""
    store = config.connectome_path
    by_person: dict[str, list[StoredRun]] = {}
    for label, run in runs:
        by_person.setdefault(label, []).append(run)
    if len(by_person) < 2:
        raise RequestError(
            [
                f"{store}: one person only (sub-{next(iter(by_person))}); a group needs at least "
                "two",
                *by_reason({run.name: run.reason for run in left_out}),
            ]
        )
    moved = moved_too_much(by_person, config.group.max_mean_fd)
    too_much = [
        LeftOut(label, run.path.relative_to(store).as_posix(), reason)
        for label, reason in moved.items()
        for run in by_person.pop(label)
    ]
    if len(by_person) < 2:
        reasons = {f"sub-{label}": reason for label, reason in moved.items()}
        raise RequestError(["fewer than two people are left", *by_reason(reasons)])
    return by_person, too_much


def _contrast_keys(
    config: Config, contrasts: tuple[Contrast, ...], common: Mapping[str, Any]
) -> dict[str, str]:
    """Hash of everything that each contrast's own outputs depend on, by its name."""
    of_networks = ("network_threshold", "min_cluster_volume", "network_atlas", "weights")
    group = {
        name: value
        for name, value in asdict(config.group).items()
        if name not in (*of_networks, "validation_dir")
    }
    # sidecars say where the seeds lie, and whether the store lies in the same folder
    places = (config.output_dir, config.connectome_path)
    shared = {**common, "group": group, "places": [str(Path(path).resolve()) for path in places]}
    records = contrast_records(config, contrasts)
    return {name: digest({**shared, **record}) for name, record in records.items()}


def _plan_stored_participants(
    config: Config, store: Path, contrasts: tuple[Contrast, ...]
) -> ParticipantPlan:
    """Everybody of a store, whose runs only have to be mapped."""
    if config.connectome.connectome_only:
        raise RequestError("--connectome-only: BIDS_DIR is a connectome already")
    runs, left_out = stored_runs(store, config, from_store=True)
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
                grid=run.grid,
                stored=True,
                dof=run.dof,
                n_volumes=run.attributes["n_volumes"],
                n_kept=run.attributes["n_kept"],
                itemsize=2,
                n_masked=run.attributes["n_voxels"],
            )
            for label, run in runs
            if label == subject
        )
        missing = tuple(run for run in left_out if run.subject == subject)
        key = _person_key(own, missing, config, contrasts)
        done = Manifest(root / f"sub-{subject}", root).complete(key)
        people.append(PlannedPerson(subject, own, missing, key, done))
    first = runs[0][1]
    try_masks(config, first.grid)
    return ParticipantPlan(
        store,
        first.grid,
        stored_entities(first),
        contrasts,
        tuple(people),
        _number_of_seeds(config),
        from_store=True,
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
            **(seed_record(config, contrasts) if config.makes_subject_maps else {}),
        }
    )


def _plan_person(
    subject: str,
    own: Sequence[RunInput],
    usable: Mapping[str, PlannedRun],
    reasons: Mapping[str, str],
    config: Config,
    contrasts: tuple[Contrast, ...],
) -> PlannedPerson:
    runs = tuple(usable[run.name] for run in own if run.name in usable)
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


def _number_of_seeds(config: Config) -> int:
    return len(contrast_names(config.seeds)) if config.makes_subject_maps else 0


def _never_stored(run: PlannedRun) -> bool:
    """Whether a run is none that a complete manifest promised: it turned out damaged."""
    return not Path(run.files.stored).exists()
