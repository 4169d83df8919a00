"""The nodes of the group level that ask whether a network is specific."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nipype.pipeline import engine as pe

from fcnm_bids.config import NULLS
from fcnm_bids.intermediates.draws import OBSERVED
from fcnm_bids.reruns.result_cache import cache_folder
from fcnm_bids.resources.machine import most_gb, node_threads
from fcnm_bids.resources.memory import contrast_gb, draws_gb, labels_gb, specificity_gb, strength_gb
from fcnm_bids.specificity import LABEL_NULLS
from fcnm_bids.stats import height_control
from fcnm_bids.workflows.base import GroupWorkflowParts, NetworkNodes, Output

Blocks = dict[str, list[tuple[str, int]]]
"""Files of the blocks of draws with their numbers of draws, by null."""


def add_specificity_nodes(
    level: GroupWorkflowParts, networks: Mapping[str, NetworkNodes]
) -> tuple[pe.Node, pe.Node | None, dict[str, pe.Node]]:
    """Add the nodes; return that of strength, that of labels if any, and one of each network.

    Parameters
    ----------
    level
        The group level, whose nodes share the seed matrix.
    networks
        The nodes of each network, by its name.
    """
    from fcnm_bids.interfaces.specificity import AssessSpecificity

    n_voxels = level.plan.grid.n_voxels
    by_effect = {level.networks[name][0]: iter(own.mapped) for name, own in networks.items()}
    contrasts = [next(by_effect[effect]) for _, effect in level.contrasts]
    strength = _add_strength(level)
    labels = _add_labels(level, contrasts[0])
    inputs: dict[str, Any] = {"strength_file": Output(strength, "strength_file")}
    if labels:
        inputs["rows_file"] = Output(labels, "rows_file")
    blocks: Blocks = {}
    if level.plan.specificity.focus_nulls:
        prepared = _add_preparation(level, inputs["strength_file"], contrasts)
        drawn, blocks = _add_draws(level, prepared)
        after = level.gather("gather_draws", [Output(node, "block_file") for node in drawn])
        inputs |= {"after": after, "nulls_file": Output(prepared, "nulls_file")}
    assessing = {}
    for name, nodes in networks.items():
        label = level.labels[name]
        assessing[name] = level.node(
            f"specificity_{label}",
            AssessSpecificity,
            mem_gb=specificity_gb(n_voxels),
            effect=name,
            effect_file=Output(nodes.network, "effect_file"),
            mapped_files=level.gather(f"gather_specificity_of_{label}", nodes.mapped),
            halves=Output(nodes.checked, "halves"),
            blocks=blocks,
            **inputs,
        )
    return strength, labels, assessing


def _add_strength(level: GroupWorkflowParts) -> pe.Node:
    """Add the node that measures the connectome's degree."""
    from fcnm_bids.interfaces.specificity import MeasureStrength

    plan, config = level.plan, level.config
    n_threads = min(config.resources.nprocs, NULLS.degree_threads)
    return level.node(
        "strength",
        MeasureStrength,
        mem_gb=strength_gb(plan.grid.n_voxels, plan.dof, n_threads),
        n_procs=n_threads,
        cache_dir=str(cache_folder(config, plan.specificity.strength_key)),
    )


def _add_labels(level: GroupWorkflowParts, first_contrast: Output) -> pe.Node | None:
    """Add the node that exchanges labels, where that is asked for."""
    from fcnm_bids.interfaces.nulls import CompareLabels

    plan = level.plan
    if not {*LABEL_NULLS} & set(plan.specificity.nulls):
        return None
    needed_gb = labels_gb(
        plan.n_masked,
        len(level.contrasts),
        dof=plan.dof,
        itemsize=plan.itemsize,
        n_covariates=len(plan.design.names),
    )
    return level.node(
        "labels",
        CompareLabels,
        mem_gb=needed_gb,
        n_procs=node_threads(level.config),
        index_file=first_contrast,
    )


def _add_preparation(
    level: GroupWorkflowParts, strength: Output, contrasts: Sequence[Output]
) -> pe.Node:
    """Add the node that gathers what all draws share."""
    from fcnm_bids.interfaces.nulls import PrepareNulls

    return level.node(
        "nulls",
        PrepareNulls,
        mem_gb=contrast_gb(level.plan.grid.n_voxels),
        store_dir=str(_kept(level) / "coarser"),
        strength_file=strength,
        mapped_files=level.gather("gather_nulls", contrasts),
    )


def _add_draws(level: GroupWorkflowParts, prepared: pe.Node) -> tuple[list[pe.Node], Blocks]:
    """Add a node for each block of draws of a null, and one for the observed foci."""
    from fcnm_bids.interfaces.nulls import MapNullDraws

    plan, config = level.plan, level.config
    whole, size = config.group.n_permutations, NULLS.draws_per_block
    drawing_gb, together_gb = draws_gb(
        plan.grid.n_voxels,
        len(level.contrasts),
        plan.dof,
        # no more than lets every processor work on draws
        most_gb(config) * node_threads(config) / config.resources.nprocs,
        itemsize=plan.itemsize,
        n_draws=size,
        n_networks=len(level.networks),
        control=height_control(config.group.height_control),
        n_participants=len(plan.participants),
        n_covariates=len(plan.design.names),
    )
    wanted = [(OBSERVED, 0, 1)]
    # in turn, so that a limit of time leaves each null as many draws
    wanted += [
        (null, first, min(size, whole - first))
        for first in range(0, whole, size)
        for null in plan.specificity.focus_nulls
    ]
    blocks: Blocks = {}
    nodes = []
    for null, first, n_draws in wanted:
        block_file = str(_kept(level) / f"{null}-{first:06d}.npz")
        blocks.setdefault(null, []).append((block_file, n_draws))
        node = level.node(
            f"draws_{null}_{first:06d}",
            MapNullDraws,
            mem_gb=drawing_gb,
            n_procs=node_threads(config),
            null=null,
            first=first,
            n_draws=n_draws,
            memory_gb=together_gb,
            block_file=block_file,
            nulls_file=Output(prepared, "nulls_file"),
            deadline=Output(prepared, "deadline"),
        )
        nodes.append(node)
    return nodes, blocks


def _kept(level: GroupWorkflowParts) -> Path:
    """Return the folder in which draws are kept between runs of the program."""
    work = Path(level.config.running.work_dir)
    return work / "nulls" / level.plan.specificity.draws_key[:16]
