"""The figures of the group report, as files."""

from __future__ import annotations

import logging
from pathlib import Path

from fcnm_bids.mapping import effect_and_sign, network_names
from fcnm_bids.report.figures.contrast import draw_contrast
from fcnm_bids.report.figures.network import draw_network, network_figures
from fcnm_bids.report.figures.outcomes import draw_outcome_figures
from fcnm_bids.report.figures.overview import draw_overview, overview_figure
from fcnm_bids.report.results.group import GroupOutputs

LOGGER = logging.getLogger("fcnm_bids")


def draw_group_figures(root: Path, *, contrasts: bool = True) -> list[Path]:
    """Draw all figures of the group report from the files in an output folder.

    Parameters
    ----------
    root
        Output folder.
    contrasts
        Whether contrasts are drawn, too.

    Returns
    -------
    files
        The figures drawn. A figure whose source is not there is left out.
    """
    results = GroupOutputs(root)
    of_effects = [
        draw_effect_figures(root, effect, contrasts=contrasts) for effect in results.effects
    ]
    of_outcomes = [draw_outcome_figures(root, outcome.label) for outcome in results.outcomes]
    return [path for paths in (*of_effects, *of_outcomes) for path in paths]


def draw_effect_figures(root: Path, effect: str, *, contrasts: bool = True) -> list[Path]:
    """Draw the figures of one network, and of its contrasts where it is its effect's first.

    Parameters
    ----------
    root
        Output folder.
    effect
        Name of the network.
    contrasts
        Whether its contrasts are drawn, too.

    Returns
    -------
    files
        As for `draw_group_figures`.
    """
    results = GroupOutputs(root)
    files: list[Path] = []
    for network in results.networks:
        if network.effect == effect:
            files += draw_network(network, network_figures(root, network.label))
    own = effect_and_sign(effect, results.tail)[0]
    if contrasts and effect == network_names([own], results.tail)[0]:  # contrasts are drawn once
        there = [c for c in results.members(effect) if c.map("t").is_file()]
        files += [draw_contrast(root, contrast) for contrast in there]
        mapped = next((n for n in results.networks if n.effect == effect), None)
        if mapped is not None and there:
            files.append(overview_figure(root, mapped.label))
            draw_overview(files[-1], mapped, there)
    return files
