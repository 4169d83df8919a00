"""The nodes of the group level that ask whether a network is specific."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from nipype.pipeline import engine as pe

from fcnm_bids.config import NULLS
from fcnm_bids.intermediates.draws import OBSERVED
from fcnm_bids.reruns.result_cache import cache_folder
from fcnm_bids.resources.machine import most_gb, node_threads
from fcnm_bids.resources.memory import contrast_gb, draws_gb, strength_gb
from fcnm_bids.specificity import LABEL_NULLS
from fcnm_bids.workflows.base import GroupWorkflowParts

Blocks = dict[str, list[tuple[str, int]]]
"""Files of the blocks of draws with their numbers of draws, by null."""


def add_specificity_nodes(
    level: GroupWorkflowParts,
    networks: Mapping[str, tuple[pe.Node, Sequence[pe.Node]]],
    checked: Mapping[str, pe.Node],
) -> tuple[list[pe.Node], dict[str, pe.Node]]:
    """Add the nodes; those returned promise files: of all networks, and of each by itself.

    Parameters
    ----------
    level
        The group level, which has a node ``seeds`` already.
    networks
        By name, the node of each and those of its contrasts.
    checked
        By name, the node that checks the robustness of each.
    """
    from fcnm_bids.interfaces.specificity import AssessSpecificity

    n_voxels = level.plan.grid.n_voxels
    by_effect = {level.networks[name][0]: iter(own) for name, (_, own) in networks.items()}
    contrasts = [next(by_effect[effect]) for _, effect in level.contrasts]
    strength = _connect_strength(level)
    labels = _connect_labels(level, contrasts[0])
    inputs = [(strength, "strength_file", "strength_file")]
    inputs += [(node, "rows_file", "rows_file") for node in labels]
    blocks: Blocks = {}
    if level.plan.specificity.focus_nulls:
        prepared = _connect_preparation(level, strength, contrasts)
        drawing, blocks = _connect_draws(level, prepared)
        drawn = level.gather(drawing, "block_file", "gather_draws")
        inputs += [(drawn, "out", "after"), (prepared, "nulls_file", "nulls_file")]
    assessing = {}
    for effect, (network, members) in networks.items():
        label = level.labels[effect]
        node = pe.Node(
            AssessSpecificity(
                **level.shared, effect=effect, blocks=blocks, entities=level.entities
            ),
            name=f"specificity_{label}",
            mem_gb=contrast_gb(n_voxels) + 8e-9 * n_voxels * (NULLS.draws_per_block + 10),
        )
        mapped = level.gather(members, "mapped_file", f"gather_specificity_of_{label}")
        level.seed(node)
        level.workflow.connect(
            [
                (network, node, [("effect_file", "effect_file")]),
                (mapped, node, [("out", "mapped_files")]),
                (checked[effect], node, [("halves", "halves")]),
                *((source, node, [(output, name)]) for source, output, name in inputs),
            ]
        )
        assessing[effect] = node
    return [strength, *labels], assessing


def _connect_strength(level: GroupWorkflowParts) -> pe.Node:
    """Add the node that measures the connectome's degree."""
    from fcnm_bids.interfaces.specificity import MeasureStrength

    plan, config = level.plan, level.config
    n_threads = min(config.resources.nprocs, NULLS.degree_threads)
    strength = pe.Node(
        MeasureStrength(
            **level.shared,
            participants=level.participants,
            mask_files=[str(path) for path in plan.mask_files],
            grey_files=[str(path) for path in plan.specificity.grey_files],
            entities=level.entities,
            cache_dir=str(cache_folder(config, plan.specificity.strength_key)),
        ),
        name="strength",
        mem_gb=strength_gb(plan.grid.n_voxels, plan.dof, n_threads),
        n_procs=n_threads,
    )
    level.seed(strength)
    return strength


def _connect_labels(level: GroupWorkflowParts, first_contrast: pe.Node) -> list[pe.Node]:
    """Add the node that exchanges labels, where that is asked for."""
    from fcnm_bids.interfaces.nulls import CompareLabels

    plan = level.plan
    if not {*LABEL_NULLS} & set(plan.specificity.nulls):
        return []
    labels = pe.Node(
        CompareLabels(
            **level.shared,
            participants=level.participants,
            covariates=plan.design.columns.tolist(),
            grey_files=[str(path) for path in plan.specificity.grey_files],
            entities=level.entities,
        ),
        name="labels",
        mem_gb=draws_gb(
            plan.grid.n_voxels,
            len(level.contrasts),
            plan.dof,
            n_covariates=len(plan.design.names),
        )[0],
        n_procs=node_threads(level.config),
    )
    level.seed(labels)
    level.workflow.connect(first_contrast, "mapped_file", labels, "index_file")
    return [labels]


def _connect_preparation(
    level: GroupWorkflowParts, strength: pe.Node, contrasts: Sequence[pe.Node]
) -> pe.Node:
    """Add the node that gathers what all draws share."""
    from fcnm_bids.interfaces.nulls import PrepareNulls

    prepared = pe.Node(
        PrepareNulls(
            **level.shared, participants=level.participants, store_dir=str(_kept(level) / "coarser")
        ),
        name="nulls",
        mem_gb=contrast_gb(level.plan.grid.n_voxels),
    )
    level.seed(prepared)
    mapped = level.gather(contrasts, "mapped_file", "gather_nulls")
    level.workflow.connect(
        [
            (strength, prepared, [("strength_file", "strength_file")]),
            (mapped, prepared, [("out", "mapped_files")]),
        ]
    )
    return prepared


def _connect_draws(level: GroupWorkflowParts, prepared: pe.Node) -> tuple[list[pe.Node], Blocks]:
    """Add a node for each block of draws of a null, and one for the observed foci."""
    from fcnm_bids.interfaces.nulls import MapNullDraws

    plan, config = level.plan, level.config
    drawing_gb, together_gb = draws_gb(
        plan.grid.n_voxels,
        len(level.contrasts),
        plan.dof,
        # no more than lets every processor work on draws
        most_gb(config) * node_threads(config) / config.resources.nprocs,
        n_covariates=len(plan.design.names),
    )
    whole, size = config.group.n_permutations, NULLS.draws_per_block
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
        node = pe.Node(
            MapNullDraws(
                **level.shared,
                covariates=plan.design.columns.tolist(),
                null=null,
                first=first,
                n_draws=n_draws,
                memory_gb=together_gb,
                block_file=block_file,
            ),
            name=f"draws_{null}_{first:06d}",
            mem_gb=drawing_gb,
            n_procs=node_threads(config),
        )
        level.seed(node)
        shared = [("nulls_file", "nulls_file"), ("deadline", "deadline")]
        level.workflow.connect([(prepared, node, shared)])
        nodes.append(node)
    return nodes, blocks


def _kept(level: GroupWorkflowParts) -> Path:
    """Return the folder in which draws are kept between runs of the program."""
    work = Path(level.config.running.work_dir)
    return work / "nulls" / level.plan.specificity.draws_key[:16]
