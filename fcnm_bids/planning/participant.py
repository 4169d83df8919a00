"""Plan the participant level before any computing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fcnm_bids.bids.outputs import place_in_store
from fcnm_bids.config import Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.errors import RequestError, RunError
from fcnm_bids.inputs.contrasts import contrast_names
from fcnm_bids.inputs.layouts.tissue import sampled_series
from fcnm_bids.inputs.runs.find import search_runs
from fcnm_bids.inputs.runs.prepare import (
    RunInput,
    denoising_record,
    prepare_run,
    stored_itemsize,
)
from fcnm_bids.kernels.library import load as load_kernels
from fcnm_bids.planning.exclusion import stored_entities, stored_runs
from fcnm_bids.planning.group_options import check_group_options
from fcnm_bids.planning.plan import (
    ExcludedRun,
    ParticipantPlan,
    PlannedParticipant,
    PlannedRun,
    by_reason,
)
from fcnm_bids.planning.request import (
    check_output_names,
    check_request,
    check_seed_masks,
    focus_notes,
    request_contrasts,
)
from fcnm_bids.planning.runs import check_runs, run_input, run_notes, with_template_tissue
from fcnm_bids.reruns.keys import participant_key, seed_digest
from fcnm_bids.reruns.manifest import Manifest
from fcnm_bids.seeds import Contrast


def plan_participant_level(config: Config) -> ParticipantPlan:
    """Plan the participant level from the headers and confounds of runs.

    Raises
    ------
    RequestError
        The request is wrong, or no usable run is left; one line per problem. The compiled library
        cannot be loaded.
    """
    load_kernels()
    dataset = check_request(config)
    contrasts = request_contrasts(config)
    if dataset.kind == "connectome":
        return _plan_stored_participants(config, dataset.root, contrasts)
    root = Path(config.output_dir)
    denoising_record(config.denoising)  # a strategy that does not exist is found here
    search = search_runs(dataset.root, config.selection, layout=dataset.layout)
    found = search.runs
    inputs = [run_input(run, dataset.root, config.connectome_path, dataset.spec) for run in found]
    inputs = with_template_tissue(inputs, config.denoising)
    aside = {
        run.name: files.left_out
        for run, files in zip(inputs, found, strict=True)
        if files.left_out is not None
    }
    usable, reasons = check_runs(
        [run for run in inputs if run.name not in aside],
        config,
        unkeyed={
            run.name
            for run, files in zip(inputs, found, strict=True)
            if config.running.dry_run and not Manifest(root / f"sub-{files.subject}", root).exists
        },
    )
    reasons |= aside
    if not usable:
        raise RequestError(["no usable run is left", *by_reason(reasons)])
    if config.running.stop_on_first_crash and reasons:
        raise RequestError(by_reason(reasons))
    of_image = next(run for run in found if run.left_out is None).entities
    entities = place_in_store(of_image, config.denoising.store_voxel_size)
    first = next(iter(usable.values()))
    grid = first.grid
    _check_band(first, config)
    check_seed_masks(config, grid)
    subjects = list(dict.fromkeys(run.subject for run in found))
    check_group_options(config, dataset.root, grid, entities, subjects, contrasts)
    if problems := check_output_names(config, entities, subjects):
        raise RequestError(problems)
    by_subject: dict[str, list[RunInput]] = {subject: [] for subject in subjects}
    for files, run in zip(inputs, found, strict=True):
        by_subject[run.subject].append(files)
    seeds = seed_digest(config, contrasts)
    participants = []
    for subject, own in by_subject.items():
        runs = [usable[run.name] for run in own if run.name in usable]
        left_out = [
            ExcludedRun(subject, run.name, reasons[run.name], run.stored)
            for run in own
            if run.name in reasons
        ]
        participants.append(_planned(subject, runs, left_out, root, seeds))
    return ParticipantPlan(
        dataset.root,
        grid,
        entities,
        contrasts,
        tuple(participants),
        _number_of_seeds(config),
        notes=run_notes(search.absent, usable) + focus_notes(config, contrasts, grid),
    )


def _check_band(run: PlannedRun, config: Config) -> None:
    """Refuse denoised runs of which the first was filtered to a band that nobody declared."""
    if config.denoising.denoised and not run.stored:
        try:
            prepared = prepare_run(run.files, config.denoising)
            if prepared.upper_edge == 0:
                prepared.check_band(sampled_series(prepared.image, prepared.mask))
        except RunError as error:
            raise RequestError(f"{run.files.name}: {error}") from error


def _plan_stored_participants(
    config: Config, store: Path, contrasts: tuple[Contrast, ...]
) -> ParticipantPlan:
    """Everybody of a store, whose runs only have to be mapped."""
    if config.connectome.connectome_only:
        raise RequestError("--connectome-only: BIDS_DIR is already a connectome; leave it out")
    runs, left_out = stored_runs(store, config, from_store=True)
    root = Path(config.output_dir)
    participants = []
    seeds = seed_digest(config, contrasts)
    missing_of: dict[str, list[ExcludedRun]] = {}
    for gone in left_out:
        missing_of.setdefault(gone.subject, []).append(gone)
    runs_of: dict[str, list[StoredRun]] = {label: [] for label in (*dict(runs), *missing_of)}
    for label, run in runs:
        runs_of[label].append(run)
    for subject, stored in runs_of.items():
        own = [
            PlannedRun(
                files=RunInput(
                    name=run.attributes["source"],
                    space=run.grid.space,
                    stored=str(run.path.absolute()),
                ),
                key=run.key,
                grid=run.grid,
                stored=True,
                dof=run.dof,
                n_components=run.n_components,
                n_volumes=run.attributes["n_volumes"],
                n_kept=run.attributes["n_kept"],
                itemsize=2,
                n_masked=run.attributes["n_voxels"],
                stored_itemsize=stored_itemsize(config.denoising),
            )
            for run in stored
        ]
        participants.append(_planned(subject, own, missing_of.get(subject, ()), root, seeds))
    first = runs[0][1]
    check_seed_masks(config, first.grid)
    subjects = [participant.subject for participant in participants]
    if problems := check_output_names(config, stored_entities(first), subjects):
        raise RequestError(problems)
    return ParticipantPlan(
        store,
        first.grid,
        stored_entities(first),
        contrasts,
        tuple(participants),
        _number_of_seeds(config),
        from_store=True,
        notes=focus_notes(config, contrasts, first.grid),
    )


def _planned(
    subject: str,
    runs: Sequence[PlannedRun],
    left_out: Sequence[ExcludedRun],
    root: Path,
    seeds: Mapping[str, str],
) -> PlannedParticipant:
    """Return a participant's part of the plan: its key, and whether all outputs are there."""
    keys = {run.files.name: run.key for run in runs}
    key = participant_key(keys, {run.name: run.reason for run in left_out}, seeds)
    done = Manifest(root / f"sub-{subject}", root).complete(key)
    # a run that a complete manifest lists, and that the store has and cannot use, is damaged
    whole = all(run.stored or not Path(run.files.stored).exists() for run in runs)
    return PlannedParticipant(subject, tuple(runs), tuple(left_out), key, done and whole)


def _number_of_seeds(config: Config) -> int:
    return len(contrast_names(config.seeds)) if config.makes_subject_maps else 0
