"""The group level: one pass over the store, then every contrast and every effect by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nipype.pipeline import engine as pe
from nipype.pipeline.engine import Workflow

from fcnm_bids.bids.names import to_label, to_labels
from fcnm_bids.config import Config
from fcnm_bids.inputs.store import run_paths
from fcnm_bids.planning.plan import GroupPlan, by_reason
from fcnm_bids.reruns.result_cache import cache_folder, uncached_contrasts
from fcnm_bids.resources.machine import most_gb, node_threads
from fcnm_bids.resources.memory import (
    contrast_gb,
    contrasts_at_once,
    group_gb,
    multiverse_gb,
    outcome_gb,
    report_gb,
    robustness_gb,
    sample_gb,
    strategy_sizes,
    variants_gb,
)
from fcnm_bids.workflows.base import GroupWorkflowParts
from fcnm_bids.workflows.specificity import add_specificity_nodes


@dataclass(frozen=True, eq=False)
class _Contrast:
    """The nodes of a contrast: one that maps it, one that varies it; one and the same if kept."""

    mapped: pe.Node
    varied: pe.Node


def init_group_wf(
    plan: GroupPlan,
    config: Config,
    config_file: Path,
    contrasts: list[tuple[str, str]],
    *,
    forecasting: bool = False,
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
    forecasting
        Whether the nodes of one contrast stand for those of all, since nothing is run.
    """
    from fcnm_bids.interfaces.group import WriteParticipants
    from fcnm_bids.interfaces.report import ReportGroup, WriteManifest
    from fcnm_bids.interfaces.seeds import MakeSeeds

    level = GroupWorkflowParts(plan, config, config_file, contrasts, forecasting)
    workflow, n_voxels = level.workflow, plan.grid.n_voxels
    seeds = pe.Node(
        MakeSeeds(**level.shared, **level.grid, entities=level.entities),
        name="seeds",
        mem_gb=contrast_gb(n_voxels),
    )
    workflow.add_nodes([seeds])
    described = pe.Node(
        WriteParticipants(
            **level.shared,
            participants=level.participants,
            excluded=[(run.subject, run.name, run.reason) for run in plan.left_out],
        ),
        name="participants",
        run_without_submitting=True,
    )
    mapped = _connect_contrasts(level)
    validated = _connect_validation(level)
    networks: dict[str, tuple[pe.Node, list[pe.Node]]] = {}
    about: dict[str, list[pe.Node]] = {}
    for name, (effect, _) in level.networks.items():
        members = [own for own, (_, of) in zip(mapped, contrasts, strict=True) if of == effect]
        about[name] = _connect_network(level, name, members, validated)
        networks[name] = about[name][0], [own.mapped for own in members]
    compared = _connect_comparison(level, [node for node, _ in networks.values()])
    checked = {name: nodes[-1] for name, nodes in about.items()}
    measured, assessed = add_specificity_nodes(level, networks, checked)
    related = _connect_outcomes(level, [own.mapped for own in mapped], measured[0])
    related += _connect_samples(level, measured[0])
    related += _connect_multiverse(level)
    promising = [seeds, described, *(own.mapped for own in mapped)]
    promising += [*validated, *compared, *measured, *related]
    for name in level.networks:
        own = [*about[name], assessed[name]]
        promising += own
        if level.reported:
            promising.append(_connect_figures(level, name, [*own, *networks[name][1]]))
    manifest = pe.Node(
        WriteManifest(**level.shared, folder=str(Path(config.output_dir) / "group"), key=plan.key),
        name="manifest",
        run_without_submitting=True,
    )
    everything = level.gather(promising, "out_files", "gather", no_flatten=True)
    if level.reported:
        report = pe.Node(ReportGroup(**level.shared), name="report", mem_gb=report_gb(n_voxels))
        workflow.connect(everything, "out", report, "after")
        workflow.connect(report, "out_files", manifest, "out_files")
    else:
        workflow.connect(everything, "out", manifest, "out_files")
    return workflow


def _connect_contrasts(level: GroupWorkflowParts) -> list[_Contrast]:
    """Add the nodes of all contrasts, after one pass over the participants."""
    from fcnm_bids.interfaces.contrast import LoadCachedContrast, MapContrast
    from fcnm_bids.interfaces.robustness import MapContrastVariants

    plan, config = level.plan, level.config
    n_voxels, model = plan.grid.n_voxels, _describe_model(level)
    to_map = uncached_contrasts(plan.contrast_keys.values(), config)
    new = set(to_map)
    sums = _sums(level, to_map)
    if to_map:
        level.seed(sums)
    found = []
    connections: list[tuple[pe.Node, pe.Node, list[tuple[str, str]]]] = []
    alike: dict[bool, _Contrast] = {}
    for number, (name, _) in enumerate(level.contrasts):
        if level.forecasting and (same := alike.get(number in new)):
            found.append(same)
            continue
        own = f"{number:04d}_{to_label(name)[:40]}"
        cache_dir = str(cache_folder(config, plan.contrast_keys[name]))
        if number not in new:
            recalled = pe.Node(
                LoadCachedContrast(**level.shared, cache_dir=cache_dir),
                name=f"cached_{own}",
                run_without_submitting=True,
            )
            found.append(_Contrast(recalled, recalled))
            alike[False] = found[-1]
            continue
        mapped = pe.Node(
            MapContrast(
                **level.shared,
                number=number,
                model=model,
                entities=level.entities,
                cache_dir=cache_dir,
            ),
            name=f"contrast_{own}",
            mem_gb=contrast_gb(n_voxels),
        )
        varied = pe.Node(
            MapContrastVariants(**level.shared, number=number, cache_dir=cache_dir),
            name=f"variants_{own}",
            mem_gb=variants_gb(n_voxels, plan.n_masked),
        )
        connections += [
            (sums, mapped, [("moments_dir", "moments_dir")]),
            (sums, varied, [("moments_dir", "moments_dir")]),
            (mapped, varied, [("mapped_file", "mapped_file")]),
        ]
        found.append(_Contrast(mapped, varied))
        alike[True] = found[-1]
    # in one call: each compares with all nodes there are
    level.workflow.connect(connections)
    level.seed(*(node for _, node, (port, *_) in connections if port[0] == "moments_dir"))
    return found


def _sums(level: GroupWorkflowParts, to_map: list[int]) -> pe.Node:
    """The pass over the participants, or as many as memory needs."""
    from fcnm_bids.inputs.contrasts import other_radii
    from fcnm_bids.interfaces.group import SumOverParticipants

    plan, config = level.plan, level.config
    summing_gb = partial(
        group_gb,
        plan.n_masked,
        dof=plan.dof,
        smoothness=level.smoothness,
        n_covariates=len(plan.design.names),
        n_radii=len(other_radii(config)),
    )
    at_once = contrasts_at_once(len(to_map), summing_gb, most_gb(config))
    return pe.Node(
        SumOverParticipants(
            **level.shared,
            participants=level.participants,
            numbers=to_map,
            at_once=at_once,
            covariates=plan.design.columns.tolist(),
            mask_files=[str(path) for path in plan.mask_files],
        ),
        name="sums",
        mem_gb=summing_gb(at_once),
        n_procs=node_threads(config),
    )


def _describe_model(level: GroupWorkflowParts) -> dict[str, Any]:
    """Return the sidecar entries of contrasts on participants and design."""
    plan, group = level.plan, level.config.group
    return {
        "Covariates": list(plan.design.names),
        "CovariateCoding": list(plan.design.coding),
        "AnalysisMask": group.analysis_mask,
        "AnalysisMaskFiles": len(plan.mask_files),
        "MaximumMeanFramewiseDisplacement": group.max_mean_fd,
        "ParticipantsLeftOut": sorted(
            {f"sub-{run.subject}: {run.reason}" for run in plan.left_out}
        ),
        "Preset": group.preset,
    }


def _connect_validation(level: GroupWorkflowParts) -> list[pe.Node]:
    """Add the node that maps everything on the second connectome, where there is one."""
    from fcnm_bids.interfaces.robustness import MapValidation

    plan, config, second = level.plan, level.config, level.plan.validation
    if not second.participants:
        return []
    validated = pe.Node(
        MapValidation(
            **level.shared,
            participants=run_paths(second.participants),
            covariates=second.design.columns.tolist(),
            coding=list(second.design.coding),
            mask_files=[str(path) for path in plan.mask_files],
            entities=level.entities,
        ),
        name="validation",
        mem_gb=group_gb(
            plan.n_masked,
            len(level.contrasts),
            dof=plan.dof,
            smoothness=level.smoothness,
            n_covariates=len(second.design.names),
            blocks=False,
        ),
        n_procs=node_threads(config),
    )
    level.seed(validated)
    return [validated]


def _connect_network(
    level: GroupWorkflowParts, name: str, members: Sequence[_Contrast], validated: Sequence[pe.Node]
) -> list[pe.Node]:
    """Add the nodes of one network: it, its places, and its robustness."""
    from fcnm_bids.interfaces.network import LocateNetwork, MapNetwork
    from fcnm_bids.interfaces.robustness import CheckRobustness

    n_voxels, label = level.plan.grid.n_voxels, level.labels[name]
    effect, sign = level.networks[name]
    network = pe.Node(
        MapNetwork(**level.shared, effect=name, entities=level.entities),
        name=f"network_{label}",
        mem_gb=contrast_gb(n_voxels) + 2e-9 * n_voxels * len(members),
    )
    located = pe.Node(
        LocateNetwork(
            **level.shared,
            **level.grid,
            label=label,
            sign=sign,
            contrasts=[
                level.contrast_labels[contrast]
                for contrast, own in level.contrasts
                if own == effect
            ],
            entities=level.entities,
        ),
        name=f"locate_{label}",
        mem_gb=contrast_gb(n_voxels),
    )
    checked = pe.Node(
        CheckRobustness(**level.shared, effect=name, entities=level.entities),
        name=f"robustness_{label}",
        mem_gb=robustness_gb(n_voxels, len(members)),
    )
    mapped = level.gather([own.mapped for own in members], "mapped_file", f"mapped_{label}")
    varied = level.gather([own.varied for own in members], "variants_file", f"variants_{label}")
    level.seed(network, checked)
    level.workflow.connect(
        [
            (mapped, network, [("out", "mapped_files")]),
            (network, located, [("out_files", "network")]),
            (mapped, checked, [("out", "mapped_files")]),
            (varied, checked, [("out", "variants_files")]),
            *((node, checked, [("validation_file", "validation_file")]) for node in validated),
        ]
    )
    return [network, located, checked]


def _connect_figures(level: GroupWorkflowParts, name: str, drawn: Sequence[pe.Node]) -> pe.Node:
    """Add the node that draws the figures of one network, after those whose files they show."""
    from fcnm_bids.interfaces.report import DrawNetwork

    label = level.labels[name]
    figures = pe.Node(
        DrawNetwork(**level.shared, effect=name),
        name=f"figures_{label}",
        mem_gb=report_gb(level.plan.grid.n_voxels),
    )
    before = level.gather(drawn, "out_files", f"gather_figures_of_{label}", no_flatten=True)
    level.workflow.connect(before, "out", figures, "after")
    return figures


def _connect_outcomes(
    level: GroupWorkflowParts, mapped: Sequence[pe.Node], strength: pe.Node
) -> list[pe.Node]:
    """Add the nodes that relate each outcome to the maps of its seeds, and draw it."""
    from fcnm_bids.interfaces.outcomes import RelateOutcome
    from fcnm_bids.interfaces.report import DrawOutcome

    nodes = []
    by_name = {name: node for (name, _), node in zip(level.contrasts, mapped, strict=True)}
    for outcome in level.plan.outcomes:
        label, n_permutations = outcome.label, level.config.group.n_permutations
        related = pe.Node(
            RelateOutcome(**level.shared, outcome=asdict(outcome), entities=level.entities),
            name=f"outcome_{label}",
            mem_gb=outcome_gb(level.plan.n_masked, len(outcome.seeds), n_permutations),
        )
        own = [by_name[name] for name in outcome.seeds]
        files = level.gather(own, "mapped_file", f"mapped_outcome_{label}")
        level.seed(related)
        level.workflow.connect(files, "out", related, "mapped_files")
        if "strength" in outcome.measured:
            level.workflow.connect(strength, "strength_file", related, "strength_file")
        nodes.append(related)
        if level.reported:
            drawn = pe.Node(
                DrawOutcome(**level.shared, label=label),
                name=f"drawing_outcome_{label}",
                mem_gb=report_gb(level.plan.grid.n_voxels),
            )
            files = level.gather([related], "out_files", f"gather_outcome_{label}", no_flatten=True)
            level.workflow.connect(files, "out", drawn, "after")
            nodes.append(drawn)
    return nodes


def _connect_multiverse(level: GroupWorkflowParts) -> list[pe.Node]:
    """Add the node that maps the networks of every specification, where any is asked for."""
    from fcnm_bids.interfaces.multiverse import MapMultiverse

    plan, config, multiverse = level.plan, level.config, level.plan.multiverse
    if not multiverse.specifications:
        return []
    sizes = strategy_sizes(plan, config)
    needed = partial(
        multiverse_gb, plan.n_masked, sizes, dof=plan.dof, n_covariates=len(plan.design.names)
    )
    at_once = contrasts_at_once(max(own.n_seeds for own in sizes), needed, most_gb(config))
    mapped = pe.Node(
        MapMultiverse(
            **level.shared,
            **level.grid,
            entities=level.entities,
            specifications=[
                (own.name, dict(own.settings), *samples)
                for own, *samples in zip(
                    multiverse.specifications, multiverse.own, multiverse.common, strict=True
                )
            ],
            samples=[
                {
                    "participants": run_paths(sample.participants),
                    "covariates": sample.design.columns.tolist(),
                    "mask_files": [str(path) for path in sample.mask_files],
                    "n_left_out": len(sample.left_out),
                    "left_out": "; ".join(
                        by_reason({run.name: run.reason for run in sample.left_out})
                    ),
                }
                for sample in multiverse.samples
            ],
            notes=list(multiverse.notes),
            at_once=at_once,
        ),
        name="multiverse",
        mem_gb=needed(at_once),
        n_procs=node_threads(config),
    )
    level.workflow.add_nodes([mapped])
    return [mapped]


def _connect_samples(level: GroupWorkflowParts, strength: pe.Node) -> list[pe.Node]:
    """Add the nodes that take the contrasts of an effect as a sample, and draw it."""
    from fcnm_bids.interfaces.random_studies import SampleStudies
    from fcnm_bids.interfaces.report import DrawSample

    plan, nodes = level.plan, []
    labels = to_labels(dict.fromkeys(effect for _, effect in level.contrasts))
    for effect in plan.sampled:
        n_contrasts = sum(own == effect for _, own in level.contrasts)
        sampled = pe.Node(
            SampleStudies(
                **level.shared,
                participants=level.participants,
                effect=effect,
                label=labels[effect],
                outcomes=[asdict(outcome) for outcome in plan.outcomes],
                mask_files=[str(path) for path in plan.mask_files],
                entities=level.entities,
            ),
            name=f"sample_{labels[effect]}",
            mem_gb=sample_gb(
                plan.n_masked, n_contrasts, plan.dof, level.config.group.n_permutations
            ),
        )
        drawn = pe.Node(
            DrawSample(**level.shared, label=labels[effect]),
            name=f"drawing_sample_{labels[effect]}",
            mem_gb=report_gb(plan.grid.n_voxels),
        )
        level.seed(sampled)
        before = level.gather(
            [sampled], "out_files", f"gather_sample_{labels[effect]}", no_flatten=True
        )
        level.workflow.connect(before, "out", drawn, "after")
        if any("strength" in outcome.measured for outcome in plan.outcomes):
            level.workflow.connect(strength, "strength_file", sampled, "strength_file")
        nodes += [sampled, drawn]
    return nodes


def _connect_comparison(level: GroupWorkflowParts, networks: Sequence[pe.Node]) -> list[pe.Node]:
    """Add the node that compares the networks, where there are several."""
    from fcnm_bids.interfaces.network import CompareNetworks

    if len(networks) < 2:
        return []
    compared = pe.Node(
        CompareNetworks(**level.shared, effects=[*level.networks], entities=level.entities),
        name="compare",
        mem_gb=contrast_gb(level.plan.grid.n_voxels),
    )
    level.seed(compared)
    files = level.gather(networks, "effect_file", "effects")
    level.workflow.connect(files, "out", compared, "effect_files")
    return [compared]
