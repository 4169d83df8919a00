"""Section of an empty network."""

from __future__ import annotations

from typing import Any

from fcnm_bids.report.pages.html import Code, Facts, Prose, Table
from fcnm_bids.report.results.empty import find_reach, find_shortfall
from fcnm_bids.report.results.group import ContrastOutputs, NetworkOutputs
from fcnm_bids.report.results.text import share_text

_LENIENT = (
    "--height-control fdr includes more voxels and controls a different error: the share of false "
    "voxels. "
)


def empty_blocks(network: NetworkOutputs, contrasts: list[ContrastOutputs]) -> list[Any]:
    """Describe how far the map is from a network, and what could be done.

    Parameters
    ----------
    network
        An empty network.
    contrasts
        Its contrasts.
    """
    found = find_shortfall(network)
    n = int(network.sidecar.get("NumberOfContrasts", 0))
    threshold = float(network.sidecar.get("Threshold", 0))
    highest = "–"
    if found.position is not None:
        place = ", ".join(f"{value:.0f}" for value in found.position)
        highest = f"{share_text(found.highest, n)} at ({place})"
    first = found.first_threshold
    facts = (
        ("Highest share of contrasts", highest),
        ("Asked for", f"{threshold:.0%}"),
        ("First cluster at", "no threshold" if first is None else share_text(first, n)),
    )
    total = found.steps[0][1]
    heights = _heights(contrasts)
    rows = tuple(
        (
            name + (heights if number == 1 else ""),
            f"{count:,}",
            f"{100 * count / total:.1f} %" if total else "–",
        )
        for number, (name, count) in enumerate(found.steps)
    )
    silent = [c for c in contrasts if not c.sidecar.get("VoxelsSignificant")]
    blocks: list[Any] = [
        Prose((f"The network of {network.effect} is empty.",)),
        Facts(facts),
        Table(
            "Voxels remaining after each step",
            ("Voxels", "Number", "Share"),
            rows,
            frozenset({1, 2}),
        ),
    ]
    if silent:
        number = f"{len(silent)} of {len(contrasts)}"
        more = f" and {len(silent) - 5} more" if len(silent) > 5 else ""
        listed = f"{', '.join(c.name for c in silent[:5])}{more}"
        blocks.append(Prose((f"Contrasts without a significant voxel: {number} ({listed}).",)))
        blocks += _reaches(silent)
    if contrasts and not silent:
        text = (
            "Every contrast has significant voxels, but the contrasts do not share enough of them. "
            "More participants enlarge the mask of each contrast, but do not make contrasts agree."
        )
        blocks.append(Prose((text,)))
    lenient = any(c.sidecar.get("HeightControl") == "fdr" for c in contrasts)
    blocks.append(
        Prose(
            (
                "The documentation's page on power estimates by simulation what more participants "
                "or longer runs would change. "
                + ("" if lenient else _LENIENT)
                + "A threshold chosen after the result has been seen is exploratory.",
            )
        )
    )
    if first is not None and first < threshold:
        options = f"--rethreshold {int(1000 * first) / 1000:g}"
    elif lenient:
        options = "--min-cluster-volume 0 --overwrite"
    else:
        options = "--height-control fdr --overwrite"
    blocks.append(Prose(("A command to try, with the folders of this analysis:",)))
    blocks.append(Code(f"fcnm-bids BIDS_DIR OUTPUT_DIR group {options}", "A command to try"))
    return blocks


def _heights(contrasts: list[ContrastOutputs]) -> str:
    """Return the thresholds of contrasts in t, in brackets; nothing where none is known."""
    found = sorted({f"{c.threshold:.2f}" for c in contrasts if c.threshold is not None}, key=float)
    if not found:
        return ""
    lowest, highest = found[0], found[-1]
    return f" (t at least {lowest}{'' if lowest == highest else f' to {highest}, by contrast'})"


def _reaches(contrasts: list[ContrastOutputs]) -> list[Any]:
    """Table how far contrasts without a significant voxel are from one."""
    found = [(c.name, reach) for c in contrasts if (reach := find_reach(c)) is not None]
    if not found:
        return []
    headings = ("Contrast", "Highest t", "Threshold t", "Participants", "Participants needed")
    rows = tuple(
        (name, f"{r.highest:.2f}", f"{r.threshold:.2f}", str(r.n_participants), f"{r.n_needed:,}")
        for name, r in found
    )
    caption = (
        "How far these contrasts are from a significant voxel, and the participants needed if the "
        "mean and spread of the strongest voxel stayed the same"
    )
    return [Table(caption, headings, rows, frozenset(range(1, 5)))]
