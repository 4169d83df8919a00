"""Section on specificity: the degree audit and the nulls, from the tables on disk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fcnm_bids.report.figures.network import network_figure
from fcnm_bids.report.pages.html import Figure, Findings, Note, Prose
from fcnm_bids.report.pages.specificity_tables import (
    compared_blocks,
    degree_blocks,
    label_blocks,
    merged_levels,
    region_blocks,
    table_of_tests,
)
from fcnm_bids.report.results.group import GroupOutputs, NetworkOutputs, read_sidecar
from fcnm_bids.report.results.specificity import TESTS, SpecificityResult, capital
from fcnm_bids.report.results.text import as_text
from fcnm_bids.specificity import ALL_NULLS, FOCUS_NULLS, LABEL_NULLS

_UNLOOKED = (
    "No null model was run. This network may therefore show only where the connectome is well "
    "connected in general (van den Heuvel et al. 2026, Nature Neuroscience)."
)

FIGURE_CAPTION = (
    "For each null, the sizes of its draws' networks (left) and the largest studentised value of "
    "any voxel in each draw (right). Orange: the observed foci; blue: draws that reach them; grey: "
    "draws that do not. A network that lies among its draws is not shown to differ from the null, "
    "nor to be explained by it. Below: the observed map minus the mean of all maps, the observed "
    "one included, in units of their standard deviation (for shares of contrasts, the square of "
    "one contrast's share is added to the variance, except for labels). Unthresholded: above (red, "
    "yellow) or below (blue) that mean. White border: the network."
)
_OF_LABELS = " For labels, the map is the difference between the maps of the two effects."

_MOST_LEVELS = 16


def specificity_blocks(results: GroupOutputs, network: NetworkOutputs) -> list[Any]:
    """Facts on the specificity of one network.

    Parameters
    ----------
    results
        What the output folder holds.
    network
        The network.
    """
    found = SpecificityResult(network)
    blocks = _verdicts(found)
    if not any(found.row(test) for test in TESTS):
        blocks.append(Note(_UNLOOKED, "warning"))
    table = table_of_tests(found)
    if table is not None:
        blocks.append(table)
    blocks += _reach(results, found)
    path = network_figure(results.root, network.label, "specificity")
    if path.is_file() and any(found.has(test) for test in (*FOCUS_NULLS, "labels")):
        alt = (
            f"The network of {network.effect} against its nulls: sizes and largest studentised "
            "values of the draws, which the table above summarises, and slices of the "
            "studentised map."
        )
        labels = found.has("labels") and found.image("labels", "z") is not None
        caption = FIGURE_CAPTION + (_OF_LABELS if labels else "")
        blocks.append(Figure(path, alt, caption, results.root))
    blocks += degree_blocks(found)
    blocks += region_blocks(found)
    blocks += compared_blocks(found)
    if found.has("labels") or found.has("split"):
        # the table lies with the first of the two effects
        for other in map(SpecificityResult, results.networks):
            if network.effect in other.about("labels").get("Labels", []):
                blocks += label_blocks(other)
    blocks += _places(results, found)
    return blocks + _unasked(results, found)


def _verdicts(found: SpecificityResult) -> list[Any]:
    if found.tests is None or "verdict" not in found.tests:
        return []
    entries = [
        (capital(f"against {found.named(test)}" if test != "degree" else found.named(test)), text)
        for test, text in zip(found.tests["test"], found.tests["verdict"], strict=True)
        if text not in ("", "n/a")
    ]
    return [Findings(tuple(entries))] if entries else []


def _reach(results: GroupOutputs, found: SpecificityResult) -> list[Any]:
    """Describe the possible values, and whether there were draws enough."""
    blocks: list[Any] = []
    levels = merged_levels(found, tuple(FOCUS_NULLS), _MOST_LEVELS)
    if levels is not None:
        blocks.append(Prose((f"The maps of draws and data have only these shares: {levels}.",)))
    coarse = {found.resolution(null) for null in FOCUS_NULLS if found.has(null)} - {None}
    if coarse:
        listed = ", ".join(f"{as_text(size)} mm" for size in coarse)
        text = f"Draws and data were compared in the voxels of a coarser grid ({listed})."
        blocks.append(Prose((text,)))
    config = results.record.config if results.record else None
    for test in TESTS:
        name = capital(found.named(test))
        smallest, draws = found.number(test, "smallest_p"), found.number(test, "n_draws")
        if smallest is not None and found.alpha is not None and smallest > found.alpha:
            needed = math.ceil(1 / found.alpha - 1e-9) - 1
            remedy = (
                f"at least {needed} are needed (--n-permutations)"
                if test in FOCUS_NULLS or _more_relabellings(results, found)
                else "more studies are needed"
            )
            drawn = "relabellings" if test == "labels" else "draws"
            text = (
                f"{name}: {as_text(draws)} {drawn} give no p below {as_text(smallest)}, so "
                f"they cannot reach {as_text(found.alpha)}; {remedy}."
            )
            blocks.append(Note(text, "warning"))
        asked = config.group.n_permutations if config and test in FOCUS_NULLS else 0
        if config and draws is not None and draws < asked:
            limited = config.specificity.specificity_time is not None
            why = "the time that --specificity-time allows was used up" if limited else "see Errors"
            text = f"{name}: {as_text(draws)} of {as_text(asked)} draws were made; {why}."
            blocks.append(Note(text, "warning"))
    return blocks


def _more_relabellings(results: GroupOutputs, found: SpecificityResult) -> bool:
    """Return True if there are more relabellings than were drawn, and enough of them."""
    for other in map(SpecificityResult, results.networks):
        image = other.image("labels", "z")
        if image is None or found.network.effect not in other.about("labels").get("Labels", []):
            continue
        said = read_sidecar(image)
        enough = (found.alpha or 0) * int(said.get("LabellingsPossible") or 0) >= 1
        return enough and said.get("LabellingsExact") is False
    return False


def _places(results: GroupOutputs, found: SpecificityResult) -> list[Any]:
    """List the files of the maps."""
    listed = []
    for desc, stats in (
        *((test, null.stats) for test, null in ALL_NULLS.items()),
        ("degreeremoved", ("effect",)),
    ):
        there = [stat for stat in stats if found.image(desc, stat) is not None]
        if there and (desc not in TESTS or found.has(desc)):
            note = "; no conclusion" if found.withheld(desc) else ""
            listed.append(f"desc-{desc} (stat {', '.join(there)}{note})")
    if not listed:
        return []
    folder = found.network.mask.parent.relative_to(results.root).as_posix()
    text = f"Maps, in {folder}/ as network-{found.network.label}_*: {'; '.join(listed)}."
    return [Prose((text,))]


def _offer(test: str) -> str:
    return f"{ALL_NULLS[test].asked} (--specificity {test})"


def _unasked(results: GroupOutputs, found: SpecificityResult) -> list[Any]:
    """List the comparisons that were not made, and the options that ask for them."""
    absent = [test for test in TESTS if not found.row(test)]
    wanted: Sequence[str] = results.record.config.specificity.specificity if results.record else ()
    compared = [
        str(label)
        for network in results.networks
        for label in SpecificityResult(network).about("labels").get("Labels", [])
    ]
    elsewhere = bool(compared) and found.network.effect not in compared
    lost = [t for t in absent if t in wanted and not (elsewhere and t not in FOCUS_NULLS)]
    blocks: list[Any] = []
    if lost:
        blocks.append(Note(f"Requested, but missing: {', '.join(lost)}; see Errors.", "error"))
    rest = [test for test in absent if test not in lost]
    if not rest:
        return blocks
    text = f"Not compared with: {'; '.join(map(_offer, rest))}."
    if {*LABEL_NULLS} & set(rest):
        text += (
            f" Labels were compared only for {' and '.join(compared)}."
            if elsewhere
            else " Two effects, A and B, are compared with --label-test A:B; B may come from a "
            "second table (--label-coordinates FILE)."
        )
    return [*blocks, Note(text)]
