"""Plan the group level before any computing."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from fcnm_bids._version import __version__
from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.inputs.atlas import check_atlas
from fcnm_bids.inputs.contrasts import contrast_names
from fcnm_bids.inputs.multiverse import read_specifications
from fcnm_bids.inputs.rules import contrast_weights
from fcnm_bids.inputs.scores import plan_outcomes
from fcnm_bids.kernels.library import load as load_kernels
from fcnm_bids.planning.design import group_design
from fcnm_bids.planning.exclusion import exclude_by_motion, stored_entities, stored_runs
from fcnm_bids.planning.group_options import check_analysis_mask, sampled_effects
from fcnm_bids.planning.multiverse import plan_multiverse
from fcnm_bids.planning.plan import GroupPlan, PlannedSample
from fcnm_bids.planning.request import (
    check_output_names,
    check_request,
    check_seed_masks,
    collect_problems,
    focus_notes,
    request_contrasts,
)
from fcnm_bids.planning.second_connectome import plan_validation
from fcnm_bids.planning.specificity import plan_specificity
from fcnm_bids.reruns.keys import contrast_keys, digest, fingerprint, seed_record
from fcnm_bids.reruns.manifest import Manifest
from fcnm_bids.setting import affecting, effective


def plan_group_level(config: Config) -> GroupPlan:
    """Plan the group level from the headers of stored runs.

    Raises
    ------
    RequestError
        The request is wrong, or the store cannot answer it; one line per problem. The compiled
        library cannot be loaded.
    """
    load_kernels()
    dataset = check_request(config)
    contrasts = request_contrasts(config)
    store = config.connectome_path
    from_store = dataset.kind == "connectome"
    runs, left_out = stored_runs(
        store, config, from_store=from_store, source=None if from_store else dataset.root
    )
    grid = runs[0][1].grid
    check_seed_masks(config, grid)
    entities = stored_entities(runs[0][1])
    by_participant, moved = exclude_by_motion(runs, config, left_out)
    left_out += moved
    participants = tuple((label, tuple(own)) for label, own in by_participant.items())
    problems: list[str] = []
    with collect_problems(problems):
        design = group_design(config, dataset.root, by_participant)
    with collect_problems(problems):
        settings = runs[0][1].attributes["settings"]
        validation = plan_validation(
            config.group.validation_dir,
            grid,
            settings,
            covariates=config.group.covariates,
            max_mean_fd=config.group.max_mean_fd,
        )
    with collect_problems(problems):
        mask = config.group.analysis_mask
        within = check_analysis_mask(mask, dataset.root, grid, entities, list(by_participant))
    with collect_problems(problems):
        contrast_weights(config.group, contrasts)
    with collect_problems(problems):
        named = contrast_names(config.seeds)
        outcomes, lacking = plan_outcomes(config.outcomes, named, masks=bool(config.seeds.masks))
    with collect_problems(problems):
        sampled, unsampled = sampled_effects(
            config, contrast_names(config.seeds), len(by_participant)
        )
    if config.seeds.masks and config.group.weights != "none":
        problems.append(
            f"--weights {config.group.weights}: masks have no sample size; leave it out"
        )
    problems += check_output_names(config, entities, ())
    with collect_problems(problems):
        specifications = read_specifications(config) if config.group.multiverse else ()
    if problems:
        raise RequestError(problems)
    primary = PlannedSample(participants, design, tuple(within), tuple(left_out))
    multiverse = plan_multiverse(specifications, config, dataset, primary)
    model = {
        "design": (design.names, design.columns.tolist()),
        "mask": [fingerprint(path) for path in within],
    }
    specificity = plan_specificity(
        config, dataset.root, participants, contrasts, model, grid, entities
    )
    atlas = check_atlas(config.group.network_atlas, grid, fetch=not config.running.dry_run)
    common = {
        "version": __version__,
        "participants": {label: [run.key for run in own] for label, own in participants},
        **model,
    }
    related = affecting(config.outcomes, "network")
    key = digest(
        {
            **common,
            "group": effective(config.group, "network"),
            "specificity": specificity.key,
            "validation": {who: [run.key for run in own] for who, own in validation.participants},
            "validation_design": (validation.design.names, validation.design.columns.tolist()),
            **({"sides": "apart"} if config.group.tail == "two-sided" else {}),
            "atlas": [digest({"": path.read_bytes().hex()}) for path in atlas.paths],
            **({"outcomes": [outcomes, related]} if outcomes or sampled else {}),
            **({"multiverse": multiverse.key} if specifications else {}),
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
        participants,
        tuple(left_out),
        key,
        contrast_keys(config, contrasts, {**common, "left_out": [asdict(r) for r in left_out]}),
        done,
        (
            *focus_notes(config, contrasts, grid),
            *atlas.missing,
            *validation.notes,
            *specificity.notes,
            *lacking,
            *unsampled,
            *multiverse.notes,
        ),
        design,
        tuple(within),
        validation,
        specificity,
        outcomes,
        sampled,
        multiverse,
    )
