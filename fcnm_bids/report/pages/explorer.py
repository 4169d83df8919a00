"""Page of the explorer alone, of one or several result folders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fcnm_bids.bids.write import write_text
from fcnm_bids.report.explorer.content import explorer_content
from fcnm_bids.report.pages.group import EXPLORER_HELP
from fcnm_bids.report.pages.html import Explorer, Folded, Prose, Section, Table, render_page
from fcnm_bids.report.pages.network import cluster_blocks, contrast_table, foci_blocks
from fcnm_bids.report.results.group import GroupOutputs, NetworkOutputs


def write_explorer(roots: Sequence[Path], path: Path) -> None:
    """Write result folders as one page that needs no other file and no network.

    Parameters
    ----------
    roots
        Output folders with a group level.
    path
        HTML file.

    Raises
    ------
    RequestError
        A folder has no network.
    """
    content = explorer_content(roots)
    names = [folder["name"] for folder in content["folders"]]
    sections = [Section("explore", "Explorer", (Prose((EXPLORER_HELP,)), Explorer(content)))]
    for folder, (root, name) in enumerate(zip(roots, names, strict=True)):
        results = GroupOutputs(root)
        prefix = f"{name}: " if len(roots) > 1 else ""
        sections += [_tables(results, n, folder, prefix) for n in results.networks]
    write_text(path, render_page("Explorer", ", ".join(names), sections))


def _tables(results: GroupOutputs, network: NetworkOutputs, folder: int, prefix: str) -> Section:
    """Tables whose rows lead to places in the explorer."""
    blocks = [_without_files(block) for block in cluster_blocks(results, network, folder)]
    contrasts = results.members(network.effect)
    if contrasts:
        blocks.append(contrast_table(contrasts, network.effect, network.label, folder))
        blocks += [
            Folded(c.name, tuple(foci_blocks(c, network.label, folder)))
            for c in contrasts
            if c.foci
        ]
    anchor = f"folder{folder + 1}-{network.label.lower()}"
    return Section(anchor, f"{prefix}{network.effect}", tuple(blocks))


def _without_files(block: Any) -> Any:
    """Leave out links to files: the page may be anywhere."""
    if isinstance(block, Folded):
        return replace(block, blocks=tuple(_without_files(inner) for inner in block.blocks))
    return replace(block, file="") if isinstance(block, Table) else block
