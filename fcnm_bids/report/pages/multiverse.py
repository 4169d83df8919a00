"""The section of the report on every specification of a network."""

from __future__ import annotations

from typing import Any

from fcnm_bids.inputs.multiverse import MULTIVERSE, VARIED
from fcnm_bids.report.figures.network import network_figure
from fcnm_bids.report.pages.html import Figure, Note, Prose
from fcnm_bids.report.pages.tables import frame_table
from fcnm_bids.report.results.group import GroupOutputs, NetworkOutputs

CURVE_CAPTION = (
    "Specification curve: Dice of every specification with the network, in descending order, above "
    "its choices. Dashed: the Dice at and above which the network counts as found again."
)

_HEADINGS = {
    "specification": "Specification",
    "n_participants": "Participants",
    "n_runs": "Runs",
    "n_left_out": "Excluded runs",
    "volume_mm3": "mm³",
    "dice": "Dice",
    "correlation": "r of the probability maps",
    "common_dice": "Dice, common participants",
}


def multiverse_blocks(results: GroupOutputs, network: NetworkOutputs) -> list[Any]:
    """Sentences, figure and table of the specifications; none where there is one only."""
    table, said = network.multiverse, network.multiverse_sidecar
    if table is None:
        return []
    sentences = tuple(map(str, said.get("Sentences", [])))
    blocks: list[Any] = [Prose((" ".join(sentences),))]
    blocks += [Note(text, "warning") for text in said.get("SpecificationsDropped", [])]
    figure = network_figure(results.root, network.label, MULTIVERSE)
    if figure.is_file():
        alt = f"Specification curve of {network.effect}. {sentences[0] if sentences else ''}"
        blocks.append(Figure(figure, alt, CURVE_CAPTION, results.root, "wide"))
    varied = {own: own.replace("_", " ") for own in VARIED if table[own].nunique() > 1}
    headings = {"specification": _HEADINGS["specification"], **varied, **_HEADINGS}
    file = network.tables()[MULTIVERSE].relative_to(results.root).as_posix()
    caption = "Every specification; the file also has the shares in canonical networks"
    shown = table[[own for own in headings if own in table]]
    blocks.append(
        frame_table(caption, shown, headings, as_is=("specification", *varied), file=file)
    )
    return blocks
