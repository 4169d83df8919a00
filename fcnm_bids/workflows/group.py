"""The group level: one pass over the store, then every contrast and every effect by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

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
    sum_slabs,
    variants_gb,
)
from fcnm_bids.stats import height_control
from fcnm_bids.workflows.base import GroupWorkflowParts, NetworkNodes, Output
from fcnm_bids.workflows.specificity import add_specificity_nodes


class _Contrast(NamedTuple):
    """The files of a contrast for the nodes of its network, and the node that expects outputs."""

    mapped: Output
    varied: Output

    @property
    def node(self) -> pe.Node:
        return self.mapped.node


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

    level = GroupWorkflowParts(plan, config, config_file, contrasts, forecasting=forecasting)
    n_voxels = plan.grid.n_voxels
    seeds = level.node("seeds", MakeSeeds, mem_gb=contrast_gb(n_voxels))
    level.shared["seeds_file"] = Output(seeds, "seeds_file")
    described = level.node(
        "participants",
        WriteParticipants,
        excluded=[(run.subject, run.name, run.reason) for run in plan.left_out],
    )
    mapped = _add_contrasts(level)
    validated = _add_validation(level)
    networks: dict[str, NetworkNodes] = {}
    for name, (effect, _) in level.networks.items():
        members = [own for own, (_, of) in zip(mapped, contrasts, strict=True) if of == effect]
        networks[name] = _add_network(level, name, members, validated)
    compared = _add_comparison(level, networks)
    strength, labels, assessed = add_specificity_nodes(level, networks)
    related = _add_outcomes(level, mapped, Output(strength, "strength_file"))
    related += _add_samples(level, Output(strength, "strength_file"))
    multiverse = _add_multiverse(level)
    expecting = [seeds, described, *(own.node for own in mapped)]
    expecting += filter(None, (validated, compared, strength, labels, *related, multiverse))
    for name, nodes in networks.items():
        own = [nodes.network, nodes.located, nodes.checked, assessed[name]]
        expecting += own
        if level.reported:
            drawn = [*own, *(output.node for output in nodes.mapped)]
            expecting.append(_add_figures(level, name, drawn))
    files = level.files_of("gather", expecting)
    if level.reported:
        report = level.node("report", ReportGroup, mem_gb=report_gb(n_voxels), after=files)
        files = Output(report, "out_files")
    folder = str(Path(config.output_dir) / "group")
    level.node("manifest", WriteManifest, folder=folder, key=plan.key, out_files=files)
    return level.workflow()


def _add_contrasts(level: GroupWorkflowParts) -> list[_Contrast]:
    """Add the nodes of all contrasts, after one pass over the participants."""
    from fcnm_bids.interfaces.contrast import LoadCachedContrast, MapContrast
    from fcnm_bids.interfaces.robustness import MapContrastVariants

    plan, config = level.plan, level.config
    n_voxels, model = plan.grid.n_voxels, _describe_model(level)
    to_map = uncached_contrasts(plan.contrast_keys.values(), config)
    new = set(to_map)
    moments = _add_sums(level, to_map) if to_map else None
    found = []
    alike: dict[bool, _Contrast] = {}
    for number, (name, _) in enumerate(level.contrasts):
        if level.forecasting and (same := alike.get(number in new)):
            found.append(same)
            continue
        own = f"{number:04d}_{to_label(name)[:40]}"
        cache_dir = str(cache_folder(config, plan.contrast_keys[name]))
        if number not in new:
            cached = level.node(f"cached_{own}", LoadCachedContrast, cache_dir=cache_dir)
            mapped, varied = Output(cached, "mapped_file"), Output(cached, "variants_file")
        else:
            inputs = dict[str, Any](moments_dirs=moments, number=number, cache_dir=cache_dir)
            node = level.node(
                f"contrast_{own}", MapContrast, mem_gb=contrast_gb(n_voxels), model=model, **inputs
            )
            mapped = Output(node, "mapped_file")
            node = level.node(
                f"variants_{own}",
                MapContrastVariants,
                mem_gb=variants_gb(n_voxels, plan.n_masked),
                mapped_file=mapped,
                **inputs,
            )
            varied = Output(node, "variants_file")
        found.append(_Contrast(mapped, varied))
        alike[number in new] = found[-1]
    return found


def _add_sums(level: GroupWorkflowParts, to_map: list[int]) -> Output:
    """Add the pass over the participants, in slabs of voxels; return their folders."""
    from fcnm_bids.inputs.contrasts import other_radii
    from fcnm_bids.interfaces.group import SumOverParticipants

    plan, config = level.plan, level.config
    n_radii = len(other_radii(config))
    summing_gb = partial(
        group_gb,
        plan.n_masked,
        len(to_map),
        dof=plan.dof,
        itemsize=plan.itemsize,
        smoothness=level.smoothness,
        n_covariates=len(plan.design.names),
        n_radii=n_radii,
    )
    workers = config.resources.nprocs // node_threads(config)
    # flips take everybody's maps from one file as long as memory allows
    flips = height_control(config.group.height_control).needs_maps
    n_slabs = sum_slabs(
        plan.n_masked,
        len(to_map) * (1 + n_radii),
        lambda slabs: summing_gb(n_slabs=slabs),
        most_gb(config),
        1 if flips else workers,
    )
    return level.gather(
        "sums",
        [
            Output(
                level.node(
                    f"sums_{number:04d}",
                    SumOverParticipants,
                    mem_gb=summing_gb(n_slabs=n_slabs),
                    n_procs=node_threads(config),
                    numbers=to_map,
                    slab=[number, n_slabs],
                ),
                "moments_dir",
            )
            for number in range(n_slabs)
        ],
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


def _add_validation(level: GroupWorkflowParts) -> pe.Node | None:
    """Add the node that maps everything on the second connectome, where there is one."""
    from fcnm_bids.interfaces.robustness import MapValidation

    plan, config, second = level.plan, level.config, level.plan.validation
    if not second.participants:
        return None
    return level.node(
        "validation",
        MapValidation,
        mem_gb=group_gb(
            plan.n_masked,
            len(level.contrasts),
            dof=plan.dof,
            itemsize=plan.itemsize,
            smoothness=level.smoothness,
            n_covariates=len(second.design.names),
            blocks=False,
        ),
        n_procs=node_threads(config),
        participants=run_paths(second.participants),
        covariates=second.design.columns.tolist(),
        coding=list(second.design.coding),
    )


def _add_network(
    level: GroupWorkflowParts, name: str, members: Sequence[_Contrast], validated: pe.Node | None
) -> NetworkNodes:
    """Add the nodes of one network: it, its places, and its robustness."""
    from fcnm_bids.interfaces.network import LocateNetwork, MapNetwork
    from fcnm_bids.interfaces.robustness import CheckRobustness

    n_voxels, label = level.plan.grid.n_voxels, level.labels[name]
    effect, sign = level.networks[name]
    mapped = level.gather(f"mapped_{label}", [own.mapped for own in members])
    varied = level.gather(f"variants_{label}", [own.varied for own in members])
    network = level.node(
        f"network_{label}",
        MapNetwork,
        mem_gb=contrast_gb(n_voxels) + 2e-9 * n_voxels * len(members),
        effect=name,
        mapped_files=mapped,
    )
    located = level.node(
        f"locate_{label}",
        LocateNetwork,
        mem_gb=contrast_gb(n_voxels),
        label=label,
        sign=sign,
        contrasts=[
            level.contrast_labels[contrast] for contrast, own in level.contrasts if own == effect
        ],
        network=Output(network, "out_files"),
    )
    checked = level.node(
        f"robustness_{label}",
        CheckRobustness,
        mem_gb=robustness_gb(n_voxels, len(members)),
        effect=name,
        mapped_files=mapped,
        variants_files=varied,
        validation_file=Output(validated, "validation_file") if validated else None,
    )
    return NetworkNodes([own.mapped for own in members], network, located, checked)


def _add_figures(level: GroupWorkflowParts, name: str, drawn: Sequence[pe.Node]) -> pe.Node:
    """Add the node that draws the figures of one network, after those whose files they show."""
    from fcnm_bids.interfaces.report import DrawNetwork

    return level.node(
        f"figures_{level.labels[name]}",
        DrawNetwork,
        mem_gb=report_gb(level.plan.grid.n_voxels),
        effect=name,
        after=level.files_of(f"gather_figures_of_{level.labels[name]}", drawn),
    )


def _add_outcomes(
    level: GroupWorkflowParts, mapped: Sequence[_Contrast], strength: Output
) -> list[pe.Node]:
    """Add the nodes that relate each outcome to the maps of its seeds, and draw it."""
    from fcnm_bids.interfaces.outcomes import RelateOutcome
    from fcnm_bids.interfaces.report import DrawOutcome

    nodes = []
    by_name = {name: own.mapped for (name, _), own in zip(level.contrasts, mapped, strict=True)}
    for outcome in level.plan.outcomes:
        label, n_permutations = outcome.label, level.config.group.n_permutations
        files = [by_name[name] for name in outcome.seeds]
        related = level.node(
            f"outcome_{label}",
            RelateOutcome,
            mem_gb=outcome_gb(level.plan.n_masked, len(outcome.seeds), n_permutations),
            outcome=asdict(outcome),
            mapped_files=level.gather(f"mapped_outcome_{label}", files),
            strength_file=strength if "strength" in outcome.measured else None,
        )
        nodes.append(related)
        if level.reported:
            drawn = level.node(
                f"drawing_outcome_{label}",
                DrawOutcome,
                mem_gb=report_gb(level.plan.grid.n_voxels),
                label=label,
                after=level.files_of(f"gather_outcome_{label}", [related]),
            )
            nodes.append(drawn)
    return nodes


def _add_multiverse(level: GroupWorkflowParts) -> pe.Node | None:
    """Add the node that maps the networks of every specification, where any is asked for."""
    from fcnm_bids.interfaces.multiverse import MapMultiverse

    plan, config, multiverse = level.plan, level.config, level.plan.multiverse
    if not multiverse.specifications:
        return None
    sizes = strategy_sizes(plan, config)
    needed = partial(
        multiverse_gb,
        plan.n_masked,
        sizes,
        dof=plan.dof,
        itemsize=plan.itemsize,
        n_covariates=len(plan.design.names),
    )
    at_once = contrasts_at_once(max(own.n_seeds for own in sizes), needed, most_gb(config))
    specified = zip(multiverse.specifications, multiverse.own, multiverse.common, strict=True)
    return level.node(
        "multiverse",
        MapMultiverse,
        mem_gb=needed(at_once),
        n_procs=node_threads(config),
        specifications=[(own.name, dict(own.settings), *samples) for own, *samples in specified],
        samples=[
            {
                "participants": run_paths(sample.participants),
                "covariates": sample.design.columns.tolist(),
                "mask_files": [str(path) for path in sample.mask_files],
                "n_left_out": len(sample.left_out),
                "left_out": "; ".join(by_reason({run.name: run.reason for run in sample.left_out})),
            }
            for sample in multiverse.samples
        ],
        notes=list(multiverse.notes),
        at_once=at_once,
    )


def _add_samples(level: GroupWorkflowParts, strength: Output) -> list[pe.Node]:
    """Add the nodes that take the contrasts of an effect as a sample, and draw it."""
    from fcnm_bids.interfaces.random_studies import SampleStudies
    from fcnm_bids.interfaces.report import DrawSample

    plan, nodes = level.plan, []
    labels = to_labels(dict.fromkeys(effect for _, effect in level.contrasts))
    measured = any("strength" in outcome.measured for outcome in plan.outcomes)
    for effect in plan.sampled:
        label, n_contrasts = labels[effect], sum(own == effect for _, own in level.contrasts)
        sampled = level.node(
            f"sample_{label}",
            SampleStudies,
            mem_gb=sample_gb(
                plan.n_masked,
                n_contrasts,
                plan.dof,
                level.config.group.n_permutations,
                itemsize=plan.itemsize,
            ),
            effect=effect,
            label=label,
            outcomes=[asdict(outcome) for outcome in plan.outcomes],
            strength_file=strength if measured else None,
        )
        nodes.append(sampled)
        if level.reported:
            drawn = level.node(
                f"drawing_sample_{label}",
                DrawSample,
                mem_gb=report_gb(plan.grid.n_voxels),
                label=label,
                after=level.files_of(f"gather_sample_{label}", [sampled]),
            )
            nodes.append(drawn)
    return nodes


def _add_comparison(
    level: GroupWorkflowParts, networks: Mapping[str, NetworkNodes]
) -> pe.Node | None:
    """Add the node that compares the networks, where there are several."""
    from fcnm_bids.interfaces.network import CompareNetworks

    if len(networks) < 2:
        return None
    files = [Output(nodes.network, "effect_file") for nodes in networks.values()]
    return level.node(
        "compare",
        CompareNetworks,
        mem_gb=contrast_gb(level.plan.grid.n_voxels),
        effects=[*networks],
        effect_files=level.gather("effects", files),
    )
