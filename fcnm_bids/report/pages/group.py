"""The group report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.bids.outputs import report_name
from fcnm_bids.bids.write import write_text
from fcnm_bids.denoise import median_dof
from fcnm_bids.report.pages.about import about_sections
from fcnm_bids.report.pages.html import (
    Explorer,
    Facts,
    Findings,
    Folded,
    Note,
    Prose,
    Section,
    render_page,
)
from fcnm_bids.report.pages.network import network_section
from fcnm_bids.report.pages.outcomes import outcome_sections, sample_sections
from fcnm_bids.report.pages.tables import frame_table
from fcnm_bids.report.results.group import GroupOutputs, NetworkOutputs, network_volume
from fcnm_bids.report.results.specificity import SpecificityResult, capital
from fcnm_bids.report.results.text import as_text
from fcnm_bids.specificity import ALL_NULLS, ORDER
from fcnm_bids.specificity.interpretation import share_text
from fcnm_bids.specificity.verdict import Halves, robustness_text

EXPLORER_HELP = (
    "Click a slice or the surface, or use the arrow keys and page up and down, to see which "
    "contrasts include a voxel. Underlined names and positions in the tables of this page lead "
    "here. The anatomy is the ICBM 2009a template and serves for orientation only."
)

_MOST_WARNINGS = 3
"""Notes on contrasts above which they are folded."""

_PARTICIPANTS = {
    "participant_id": "Participant",
    "n_runs": "Runs",
    "minutes_kept": "Minutes kept",
    "dof": "Degrees of freedom",
    "mean_fd": "Mean FD (mm)",
}


def write_group_page(root: Path) -> Path:
    """Write ``group.html`` from what an output folder holds.

    Parameters
    ----------
    root
        Output folder.

    Returns
    -------
    path
        The report.
    """
    results = GroupOutputs(root)
    sections = [
        _summary(results),
        *_explorer(results),
        *(network_section(results, effect) for effect in results.effects),
        *outcome_sections(results),
        *sample_sections(results),
        _participants(results),
        *about_sections(root, results.record),
    ]
    names = ", ".join(results.effects) or "nothing mapped yet"
    path = report_name(root, None)
    write_text(path, render_page("Functional connectivity network mapping", names, sections))
    return path


def _summary(results: GroupOutputs) -> Section:
    blocks: list[Any] = []
    n_foci = sum(len(c.foci) for c in results.asked)
    studies = {study for contrast in results.asked for study in contrast.studies}
    participants = results.participants
    entries = [
        ("Participants", str(len(participants)) if participants is not None else "–"),
        ("Contrasts", str(len(results.asked) or len(results.contrasts))),
    ]
    if n_foci:  # masks have neither
        entries += [("Studies", str(len(studies))), ("Foci", str(n_foci))]
    networks = {network.effect: network for network in results.networks}
    found = [(effect, networks[effect]) for effect in results.effects if effect in networks]
    if found:
        blocks.append(
            Findings(tuple((effect, _finding(results, network)) for effect, network in found))
        )
    blocks.append(Facts(tuple(entries)))
    for effect in results.effects:
        if effect not in networks:
            blocks.append(Note(f"{effect}: there is no network; see Errors.", "error"))
    warnings: list[Any] = [
        Note(text, "warning")
        for contrast in results.contrasts
        for text in contrast.sidecar.get("Warnings", [])
    ]
    if len(warnings) > _MOST_WARNINGS:
        warnings = [Folded(f"{len(warnings)} notes on single contrasts", tuple(warnings))]
    return Section("summary", "Summary", (*blocks, *warnings))


def _finding(results: GroupOutputs, network: NetworkOutputs) -> str:
    """Describe a network and the evidence for it: its size, its nulls, and its studies."""
    clusters = results.table(network, "clusters")
    n_clusters = 0 if clusters is None else clusters["cluster"].nunique()
    threshold = float(network.sidecar.get("Threshold", 0))
    n_contrasts = network.sidecar.get("NumberOfContrasts", "?")
    share = f"at least {threshold:.0%} of its {n_contrasts} contrasts"
    if clusters is None or not n_clusters:
        return (
            f"No network: there is no cluster of voxels that are each connected with {share}. Its "
            "section shows how far the maps are from one."
        )
    volume = network_volume(clusters) / 1000
    sentences = [
        f"Every voxel of the network is connected with {share}. The network has {n_clusters} "
        f"cluster{'s' if n_clusters > 1 else ''}, {volume:.1f} cm³ in all."
    ]
    said, tests = network.verdict, SpecificityResult(network)
    judged = [test for test in ORDER if test in ALL_NULLS and test in said]
    open_ones = [ALL_NULLS[test].asked for test in judged if not tests.row(test)]
    for test in judged:
        survives = said[test].get("ShareSurviving")
        if survives is not None:
            sentences.append(
                f"{capital(share_text(survives))} of the network survives the comparison with "
                f"{tests.named(test)}."
            )
        elif tests.row(test):
            sentences.append(f"The comparison with {tests.named(test)} gives no verdict.")
    if open_ones:
        sentences.append(f"Not compared with {'; '.join(open_ones)}.")
    lowest, pairs = said.get("LowestDiceWithoutAStudy"), said.get("PairsOfHalves", 0)
    if lowest is not None or pairs:
        studies, remaining = said.get("StudiesOfLowestDice", []), said.get("VoxelsWithoutThem", [])
        without = tuple(zip(studies, remaining, strict=False))
        compared = said.get("PairsOfHalvesCompared", pairs)
        halves = Halves(said.get("MedianDiceOfHalves"), pairs, compared)
        sentences.append(f"Robustness: {robustness_text(lowest, without, halves)}.")
    return " ".join(sentences)


def _explorer(results: GroupOutputs) -> list[Section]:
    from fcnm_bids.report.explorer.content import explorer_content

    if not results.networks:
        return []
    explorer = Explorer(explorer_content([results.root]))
    return [Section("explore", "Explorer", (Prose((EXPLORER_HELP,)), explorer), printed=False)]


def _participants(results: GroupOutputs) -> Section:
    blocks: list[Any] = []
    participants = results.participants
    if participants is None or participants.empty:
        blocks.append(Note("participants.tsv is missing.", "error"))
    else:
        numbers = participants.drop(columns="participant_id", errors="ignore").apply(
            pd.to_numeric, errors="coerce"
        )
        entries = [("Participants", str(len(participants)))]
        for column, name in (
            ("minutes_kept", "Minutes kept per participant"),
            ("dof", "Degrees of freedom per participant"),
            ("mean_fd", "Mean FD (mm)"),
        ):
            if column in numbers and numbers[column].notna().any():
                values = numbers[column].dropna()
                middle = (
                    median_dof(values.tolist()) if column == "dof" else as_text(values.median())
                )
                reach = f"{as_text(values.min())}–{as_text(values.max())}"
                entries.append((name, f"{middle} ({reach})"))
        blocks.append(Facts(tuple(entries)))
        blocks.append(Prose(("Medians, with the smallest and largest values.",)))
        others = [str(name) for name in participants if name not in _PARTICIPANTS]
        headings = {**_PARTICIPANTS, **dict(zip(others, others, strict=True))}
        table = frame_table(
            "Participants in the analysis",
            participants,
            headings,
            as_is=("participant_id",),
            file="participants.tsv",
        )
        blocks.append(Folded(f"All {len(participants)} participants", (table,), printed=False))
    excluded = results.excluded
    if excluded.empty:
        blocks.append(Prose(("No participant and no run was excluded.",)))
    else:
        blocks.append(
            frame_table(
                "Excluded runs",
                excluded,
                {"participant_id": "Participant", "run": "Run", "reason": "Reason"},
                as_is=("participant_id", "run", "reason"),
            )
        )
    return Section("participants", "Participants and runs", tuple(blocks))
