"""The group level: one pass over the store, then every contrast and every effect by itself."""

from __future__ import annotations

from pathlib import Path

from nipype.interfaces.utility import Merge
from nipype.pipeline import engine as pe
from niworkflows.engine.workflows import LiterateWorkflow as Workflow

from fcnm_bids.bids import to_label
from fcnm_bids.config import Config
from fcnm_bids.workflows.memory import contrast_gb, group_gb
from fcnm_bids.workflows.preflight import GroupPlan


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
        DescribePeople,
        MakeSeeds,
        MapContrast,
        MapEffect,
        SumOverPeople,
        WriteManifest,
    )

    entities = dict(plan.entities)
    smoothness = config.group.height_control == "fwe"
    n_voxels = plan.grid.n_voxels
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
    people = [(label, [str(run.path) for run in runs]) for label, runs in plan.people]
    described = pe.Node(
        DescribePeople(**shared, people=people), name="people", run_without_submitting=True
    )
    sums = pe.Node(
        SumOverPeople(**shared, people=people),
        name="sums",
        mem_gb=group_gb(n_voxels, len(contrasts), smoothness=smoothness),
        n_procs=min(config.resources.omp_nthreads, config.resources.nprocs),
    )
    effects = list(dict.fromkeys(effect for _, effect in contrasts))
    gather = pe.Node(
        Merge(len(contrasts) + len(effects) + 2, no_flatten=True),
        name="gather",
        run_without_submitting=True,
    )
    manifest = pe.Node(
        WriteManifest(**shared, folder=str(Path(config.output_dir) / "group"), key=plan.key),
        name="manifest",
        run_without_submitting=True,
    )
    workflow.connect(
        [
            (seeds, sums, [("seeds_file", "seeds_file")]),
            (seeds, gather, [("promised", "in1")]),
            (described, gather, [("promised", "in2")]),
            (gather, manifest, [("out", "promised")]),
        ]
    )
    by_effect: dict[str, list[pe.Node]] = {effect: [] for effect in effects}
    for number, (name, effect) in enumerate(contrasts):
        node = pe.Node(
            MapContrast(**shared, number=number, entities=entities),
            name=f"contrast_{number:04d}_{to_label(name)[:40]}",
            mem_gb=contrast_gb(n_voxels),
        )
        by_effect[effect].append(node)
        workflow.connect(
            [
                (seeds, node, [("seeds_file", "seeds_file")]),
                (sums, node, [("moments_dir", "moments_dir")]),
                (node, gather, [("promised", f"in{number + 3}")]),
            ]
        )
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
        workflow.connect(
            [
                *(
                    (node, mapped, [("mapped_file", f"in{i + 1}")])
                    for i, node in enumerate(members)
                ),
                (mapped, network, [("out", "mapped_files")]),
                (seeds, network, [("seeds_file", "seeds_file")]),
                (network, gather, [("promised", f"in{len(contrasts) + number + 3}")]),
            ]
        )
    return workflow
