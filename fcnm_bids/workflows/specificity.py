"""The part of the group level that asks whether a network is specific."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from nipype.interfaces.utility import Merge
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow as Workflow

from fcnm_bids._version import __version__
from fcnm_bids.bids import digest, to_label
from fcnm_bids.config import NULLS, Config
from fcnm_bids.connectome import StoredRun
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.interfaces import (
    FOCUS_NULLS,
    OBSERVED,
    compared_contrasts,
    find_analysis_mask,
    measure_draw,
    nulls_wanted,
    read_base_rate,
)
from fcnm_bids.seeds import Contrast
from fcnm_bids.workflows.engine import most_gb
from fcnm_bids.workflows.kept import kept_folder
from fcnm_bids.workflows.memory import contrast_gb, draws_gb, strength_gb
from fcnm_bids.workflows.plan import SpecificityPlan
from fcnm_bids.workflows.request import fingerprint, seed_record


def plan_specificity(
    config: Config,
    root: Path,
    people: Sequence[tuple[str, Sequence[StoredRun]]],
    contrasts: tuple[Contrast, ...],
    model: Mapping[str, Any],
    grid: Grid,
    entities: Mapping[str, str],
) -> SpecificityPlan:
    """Look at what the nulls need.

    Parameters
    ----------
    root
        Root of the preprocessed data set.
    people
        Participant labels with their projected runs.
    contrasts
        Those of the coordinate table.
    model
        Design and analysis mask, as the key of the group level has them.
    grid, entities
        Of the data.

    Raises
    ------
    RequestError
        A null was asked for that cannot be had; one line per problem.
    """
    settings = config.specificity
    nulls = nulls_wanted(config, contrasts)
    rate = read_base_rate(config, grid)
    notes: tuple[str, ...] = ()
    grey: list[Path] = []
    try:
        grey = find_analysis_mask("gm", root, [label for label, _ in people], dict(entities))
    except RequestError as error:
        if {*FOCUS_NULLS} & set(nulls) and rate is None:
            raise RequestError(
                "--specificity: foci of a null fall in grey matter, of which there is no image "
                f"here ({error.problems[0].removeprefix('--analysis-mask gm: ')}); or give a mask "
                "or map with --base-rate FILE"
            ) from error
        notes = ("degree: no grey matter here; strengths are taken over all analysis voxels",)
    compared: list[Any] = []
    if {"labels", "split"} & set(nulls):
        first, second, chosen = compared_contrasts(config, contrasts)
        foci = [(c.name, c.effect, c.n, [(f.x, f.y, f.z) for f in c.foci]) for c in chosen]
        compared = [first, second, foci]
    measured = {
        "version": __version__,
        "people": {label: [run.key for run in own] for label, own in people},
        "grey": [fingerprint(path) for path in grey],
        "base_rate": fingerprint(Path(settings.base_rate)) if settings.base_rate else None,
    }
    drawn = {
        **measured,
        "group": {
            name: getattr(config.group, name)
            for name in (
                "height_control",
                "alpha",
                "tail",
                "min_effect",
                "contrast_min_cluster",
                "min_subjects",
                "weights",
                "random_seed",
            )
        },
        "how": (
            settings.keep_distances,
            settings.keep_hemisphere,
            settings.strength_match,
            settings.null_resolution,
        ),
        **model,
        **seed_record(config, contrasts),
    }
    asked = {**asdict(settings), "specificity": nulls, "base_rate": None, "label_coordinates": None}
    del asked["specificity_time"]  # how many draws there were is in the table
    return SpecificityPlan(
        nulls,
        tuple(grey),
        digest({"drawn": drawn, "asked": asked, "compared": compared}),
        digest(drawn),
        digest(
            {
                **measured,
                "analysis_mask": (config.group.analysis_mask, model["mask"]),
                "min_subjects": config.group.min_subjects,
                "random_seed": config.group.random_seed,
            }
        ),
        notes,
    )


def describe_cost(
    plan: SpecificityPlan,
    config: Config,
    people: Sequence[tuple[str, Sequence[StoredRun]]],
    n_contrasts: int,
) -> str | None:
    """What the draws will take, from a few of them on one run; None where there are none."""
    if not plan.focus_nulls:
        return None
    runs = [run for _, own in people for run in own]
    seconds = measure_draw(config, runs[0]) * len(runs) * n_contrasts
    n_draws = config.group.n_permutations * len(plan.focus_nulls)
    whole = seconds * n_draws / config.resources.nprocs
    limit = config.specificity.specificity_time
    text = (
        f"specificity: {n_draws:,} draws of {n_contrasts} contrasts over {len(people)} people, "
        f"{seconds:.2g} s a draw: about {_minutes(whole)} with {config.resources.nprocs} processes"
    )
    if limit is not None:
        text += f"; none is begun after {_minutes(limit)}"
    return text


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def connect_specificity(
    workflow: Workflow,
    plan: SpecificityPlan,
    config: Config,
    *,
    shared: Mapping[str, Any],
    common: Mapping[str, Any],
    grid: Grid,
    mask_files: Sequence[Path],
    entities: Mapping[str, str],
    networks: Mapping[str, tuple[pe.Node, Sequence[pe.Node]]],
) -> list[pe.Node]:
    """Add the nodes; those returned promise files.

    Parameters
    ----------
    shared, common
        Inputs of all interfaces, and of those that read people.
    networks
        By effect, the node of its network and those of its contrasts.
    """
    from fcnm_bids.interfaces import (
        AssessSpecificity,
        CompareLabels,
        MapDraws,
        MeasureStrength,
        PrepareNulls,
    )

    n_voxels, nprocs = grid.n_voxels, config.resources.nprocs
    threads = min(config.resources.omp_nthreads, nprocs)
    seeds = workflow.get_node("seeds")
    n_contrasts = sum(len(members) for _, members in networks.values())
    strength = pe.Node(
        MeasureStrength(
            **shared,
            people=common["people"],
            mask_files=[str(path) for path in mask_files],
            grey_files=[str(path) for path in plan.grey_files],
            entities=dict(entities),
            kept_dir=str(kept_folder(config, plan.strength_key)),
        ),
        name="strength",
        mem_gb=strength_gb(n_voxels, common["dof"], min(nprocs, NULLS.degree_threads)),
        n_procs=min(nprocs, NULLS.degree_threads),
    )
    workflow.connect(seeds, "seeds_file", strength, "seeds_file")
    people = {name: common[name] for name in ("people", "covariates")}
    (_, (first_contrast, *_)), *_ = networks.values()
    promising = [strength]
    prepared = pe.Node(
        PrepareNulls(
            **shared, people=common["people"], store_dir=str(_kept(config, plan) / "coarser")
        ),
        name="nulls",
        mem_gb=contrast_gb(n_voxels),
    )
    drawing_gb, together_gb = draws_gb(n_voxels, n_contrasts, common["dof"], most_gb(config))
    blocks: dict[str, list[tuple[str, int]]] = {}
    drawing: list[pe.Node] = []
    limit = config.specificity.specificity_time
    deadline = {} if limit is None else {"deadline": time.time() + limit}
    for null in (*plan.focus_nulls, *([OBSERVED] if plan.focus_nulls else [])):
        blocks[null] = []
        n_draws = 1 if null == OBSERVED else config.group.n_permutations
        for first in range(0, n_draws, NULLS.draws_per_block):
            size = min(NULLS.draws_per_block, n_draws - first)
            block_file = block_path(config, plan, null, first)
            blocks[null].append((str(block_file), size))
            node = pe.Node(
                MapDraws(
                    **shared,
                    **deadline,
                    covariates=common["covariates"],
                    null=null,
                    first=first,
                    n_draws=size,
                    memory_gb=together_gb,
                    block_file=str(block_file),
                ),
                name=f"draws_{null}_{first:06d}",
                mem_gb=drawing_gb,
                n_procs=threads,
            )
            workflow.connect(
                [
                    (seeds, node, [("seeds_file", "seeds_file")]),
                    (prepared, node, [("nulls_file", "nulls_file")]),
                ]
            )
            drawing.append(node)
    if drawing:
        workflow.connect(
            [
                (seeds, prepared, [("seeds_file", "seeds_file")]),
                (strength, prepared, [("strength_file", "strength_file")]),
                (first_contrast, prepared, [("mapped_file", "index_file")]),
            ]
        )
    drawn = _merged(workflow, drawing, "block_file", "draws")
    labels = None
    if {"labels", "split"} & set(plan.nulls):
        labels = pe.Node(
            CompareLabels(**shared, **people, entities=dict(entities)),
            name="labels",
            mem_gb=draws_gb(n_voxels, n_contrasts, common["dof"])[0],
            n_procs=threads,
        )
        workflow.connect(
            [
                (seeds, labels, [("seeds_file", "seeds_file")]),
                (first_contrast, labels, [("mapped_file", "index_file")]),
            ]
        )
        promising.append(labels)
    for effect, (network, members) in networks.items():
        node = pe.Node(
            AssessSpecificity(**shared, effect=effect, blocks=blocks, entities=dict(entities)),
            name=f"specificity_{to_label(effect)}",
            mem_gb=contrast_gb(n_voxels) + 8e-9 * n_voxels * (NULLS.draws_per_block + 10),
        )
        mapped = _merged(workflow, members, "mapped_file", f"specificity_of_{to_label(effect)}")
        workflow.connect(
            [
                (seeds, node, [("seeds_file", "seeds_file")]),
                (strength, node, [("strength_file", "strength_file")]),
                (network, node, [("effect_file", "effect_file")]),
                (mapped, node, [("out", "mapped_files")]),
            ]
        )
        if drawn is not None:
            workflow.connect(
                [
                    (drawn, node, [("out", "after")]),
                    (prepared, node, [("nulls_file", "nulls_file")]),
                ]
            )
        if labels is not None:
            workflow.connect(labels, "rows_file", node, "rows_file")
        promising.append(node)
    return promising


def block_path(config: Config, plan: SpecificityPlan, null: str, first: int) -> Path:
    """Where the maps of a block of draws are kept between runs of the program."""
    return _kept(config, plan) / f"{null}-{first:06d}.npz"


def _kept(config: Config, plan: SpecificityPlan) -> Path:
    return Path(config.running.work_dir) / "nulls" / plan.draws_key[:16]


def _merged(workflow: Workflow, nodes: Sequence[pe.Node], output: str, name: str) -> pe.Node | None:
    """A node that gathers one output of several; None of none."""
    if not nodes:
        return None
    gather = pe.Node(Merge(len(nodes)), name=f"gather_{name}", run_without_submitting=True)
    workflow.connect([(node, gather, [(output, f"in{i + 1}")]) for i, node in enumerate(nodes)])
    return gather
