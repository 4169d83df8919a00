"""The group level: one pass over the store, then every contrast and every effect by itself."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from nipype.interfaces.utility import Merge
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow as Workflow

from fcnm_bids.bids import to_label
from fcnm_bids.config import Config
from fcnm_bids.workflows.engine import most_gb
from fcnm_bids.workflows.kept import contrasts_to_map, kept_folder
from fcnm_bids.workflows.memory import (
    contrast_gb,
    contrasts_at_once,
    group_gb,
    report_gb,
    robustness_gb,
    variants_gb,
)
from fcnm_bids.workflows.plan import GroupPlan
from fcnm_bids.workflows.specificity import connect_specificity


def init_group_wf(
    plan: GroupPlan, config: Config, config_file: Path, contrasts: list[tuple[str, str]]
) -> Workflow:
    """Build the group level.

    Parameters
    ----------
    plan
        What the preflight found.
    config
        The request.
    config_file
        The request, saved.
    contrasts
        Name and effect of every row of the seed matrix.
    """
    from fcnm_bids.interfaces import (
        CheckRobustness,
        CompareEffects,
        DescribePeople,
        LocateNetwork,
        MakeSeeds,
        MapContrast,
        MapEffect,
        MapValidation,
        RecallContrast,
        ReportGroup,
        SumOverPeople,
        VaryContrast,
        WriteManifest,
        other_radii,
    )

    entities = dict(plan.entities)
    smoothness = config.group.height_control == "fwe"
    n_voxels = plan.grid.n_voxels
    to_map = contrasts_to_map(plan, config)
    shared = {"config_file": str(config_file)}
    workflow = Workflow(name="fcnm_group_wf")
    seeds = pe.Node(
        MakeSeeds(
            **shared,
            shape=list(plan.grid.shape),
            affine=plan.grid.affine.tolist(),
            entities=entities,
        ),
        name="seeds",
        mem_gb=contrast_gb(n_voxels),
    )
    summing_gb = partial(
        group_gb,
        plan.n_masked,
        dof=plan.dof,
        smoothness=smoothness,
        n_covariates=len(plan.design.names),
        n_radii=len(other_radii(config)),
    )
    at_once = contrasts_at_once(len(to_map), summing_gb, most_gb(config))
    people = [(label, [str(run.path) for run in runs]) for label, runs in plan.people]
    described = pe.Node(
        DescribePeople(
            **shared,
            people=people,
            excluded=[(run.subject, run.name, run.reason) for run in plan.left_out],
        ),
        name="people",
        run_without_submitting=True,
    )
    sums = pe.Node(
        SumOverPeople(
            **shared,
            people=people,
            numbers=to_map,
            at_once=at_once,
            covariates=plan.design.columns.tolist(),
            mask_files=[str(path) for path in plan.mask_files],
        ),
        name="sums",
        mem_gb=summing_gb(at_once),
        n_procs=min(config.resources.omp_nthreads, config.resources.nprocs),
    )
    effects = list(dict.fromkeys(effect for _, effect in contrasts))
    n_specific = 1 + len(effects) + bool({"labels", "split"} & set(plan.specificity.nulls))
    n_files = len(contrasts) + 3 * len(effects) + 4
    gather = pe.Node(
        Merge(n_files + n_specific, no_flatten=True),
        name="gather",
        run_without_submitting=True,
    )
    report = pe.Node(ReportGroup(**shared), name="report", mem_gb=report_gb(n_voxels))
    manifest = pe.Node(
        WriteManifest(**shared, folder=str(Path(config.output_dir) / "group"), key=plan.key),
        name="manifest",
        run_without_submitting=True,
    )
    workflow.connect(
        [
            (seeds, gather, [("promised", "in1")]),
            (described, gather, [("promised", "in2")]),
            (gather, report, [("out", "after")]),
            (report, manifest, [("promised", "promised")]),
        ]
    )
    model = {
        "Covariates": list(plan.design.names),
        "CovariateCoding": list(plan.design.coding),
        "AnalysisMask": config.group.analysis_mask,
        "AnalysisMaskFiles": len(plan.mask_files),
        "MaximumMeanFramewiseDisplacement": config.group.max_mean_fd,
        "PeopleLeftOut": sorted({f"sub-{run.subject}: {run.reason}" for run in plan.left_out}),
        "Preset": config.group.preset,
    }
    by_effect: dict[str, list[pe.Node]] = {effect: [] for effect in effects}
    varied: dict[str, list[pe.Node]] = {effect: [] for effect in effects}
    compared = pe.Node(
        CompareEffects(**shared, effects=effects, entities=entities),
        name="compare",
        mem_gb=contrast_gb(n_voxels),
    )
    validated = pe.Node(
        MapValidation(
            **shared,
            people=[
                (label, [str(run.path) for run in runs]) for label, runs in plan.validation.people
            ],
            covariates=plan.validation.design.columns.tolist(),
            coding=list(plan.validation.design.coding),
            mask_files=[str(path) for path in plan.mask_files],
            entities=entities,
        ),
        name="validation",
        mem_gb=group_gb(
            plan.n_masked,
            len(contrasts),
            dof=plan.dof,
            smoothness=smoothness,
            n_covariates=len(plan.validation.design.names),
            blocks=False,
        ),
        n_procs=min(config.resources.omp_nthreads, config.resources.nprocs),
    )
    if to_map:
        workflow.connect(seeds, "seeds_file", sums, "seeds_file")
    effect_files = pe.Node(Merge(len(effects)), name="effects", run_without_submitting=True)
    for number, (name, effect) in enumerate(contrasts):
        kept_dir = str(kept_folder(config, plan.contrast_keys[name]))
        if number not in to_map:
            recalled = pe.Node(
                RecallContrast(**shared, kept_dir=kept_dir),
                name=f"kept_{number:04d}_{to_label(name)[:40]}",
                run_without_submitting=True,
            )
            by_effect[effect].append(recalled)
            varied[effect].append(recalled)
            workflow.connect(recalled, "promised", gather, f"in{number + 3}")
            continue
        node = pe.Node(
            MapContrast(**shared, number=number, model=model, entities=entities, kept_dir=kept_dir),
            name=f"contrast_{number:04d}_{to_label(name)[:40]}",
            mem_gb=contrast_gb(n_voxels),
        )
        by_effect[effect].append(node)
        variants = pe.Node(
            VaryContrast(**shared, number=number, kept_dir=kept_dir),
            name=f"vary_{number:04d}_{to_label(name)[:40]}",
            mem_gb=variants_gb(n_voxels, plan.n_masked),
        )
        varied[effect].append(variants)
        workflow.connect(
            [
                (seeds, variants, [("seeds_file", "seeds_file")]),
                (sums, variants, [("moments_dir", "moments_dir")]),
                (node, variants, [("mapped_file", "mapped_file")]),
                (seeds, node, [("seeds_file", "seeds_file")]),
                (sums, node, [("moments_dir", "moments_dir")]),
                (node, gather, [("promised", f"in{number + 3}")]),
            ]
        )
    last = len(contrasts) + len(effects)
    networks: dict[str, tuple[pe.Node, list[pe.Node]]] = {}
    for number, effect in enumerate(effects):
        members = by_effect[effect]
        mapped = pe.Node(
            Merge(len(members)), name=f"mapped_{to_label(effect)}", run_without_submitting=True
        )
        network = pe.Node(
            MapEffect(**shared, effect=effect, entities=entities),
            name=f"network_{to_label(effect)}",
            mem_gb=contrast_gb(n_voxels) + 2e-9 * n_voxels * len(members),
        )
        networks[effect] = network, members
        variants_files = pe.Node(
            Merge(len(members)), name=f"variants_{to_label(effect)}", run_without_submitting=True
        )
        checked = pe.Node(
            CheckRobustness(**shared, effect=effect, entities=entities),
            name=f"robustness_{to_label(effect)}",
            mem_gb=robustness_gb(n_voxels, len(members)),
        )
        located = pe.Node(
            LocateNetwork(
                **shared,
                effect=effect,
                contrasts=[name for name, own in contrasts if own == effect],
                shape=list(plan.grid.shape),
                affine=plan.grid.affine.tolist(),
                entities=entities,
            ),
            name=f"locate_{to_label(effect)}",
            mem_gb=contrast_gb(n_voxels),
        )
        workflow.connect(
            [
                *(
                    (node, mapped, [("mapped_file", f"in{i + 1}")])
                    for i, node in enumerate(members)
                ),
                (mapped, network, [("out", "mapped_files")]),
                (seeds, network, [("seeds_file", "seeds_file")]),
                (network, gather, [("promised", f"in{len(contrasts) + number + 3}")]),
                (network, located, [("promised", "network")]),
                (located, gather, [("promised", f"in{last + number + 3}")]),
                *(
                    (node, variants_files, [("variants_file", f"in{i + 1}")])
                    for i, node in enumerate(varied[effect])
                ),
                (mapped, checked, [("out", "mapped_files")]),
                (variants_files, checked, [("out", "variants_files")]),
                (seeds, checked, [("seeds_file", "seeds_file")]),
                (checked, gather, [("promised", f"in{last + len(effects) + number + 3}")]),
                (network, effect_files, [("effect_file", f"in{number + 1}")]),
            ]
        )
        if plan.validation.people:
            workflow.connect(validated, "validation_file", checked, "validation_file")
    promising = connect_specificity(
        workflow,
        plan.specificity,
        config,
        shared=shared,
        common={
            "people": people,
            "covariates": plan.design.columns.tolist(),
            "dof": max(sum(run.dof for run in runs) for _, runs in plan.people),
        },
        grid=plan.grid,
        mask_files=plan.mask_files,
        entities=entities,
        networks=networks,
    )
    for number, node in enumerate(promising):
        workflow.connect(node, "promised", gather, f"in{n_files + number + 1}")
    if plan.validation.people:
        workflow.connect(
            [
                (seeds, validated, [("seeds_file", "seeds_file")]),
                (validated, gather, [("promised", f"in{last + 2 * len(effects) + 4}")]),
            ]
        )
    if len(effects) > 1:
        workflow.connect(
            [
                (effect_files, compared, [("out", "effect_files")]),
                (seeds, compared, [("seeds_file", "seeds_file")]),
                (compared, gather, [("promised", f"in{last + 2 * len(effects) + 3}")]),
            ]
        )
    return workflow
