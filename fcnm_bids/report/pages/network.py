"""One effect of the group report: its network, its contrasts, what is known about both."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.bids.names import to_label
from fcnm_bids.mapping import effect_and_sign
from fcnm_bids.report.figures.contrast import contrast_figure
from fcnm_bids.report.figures.network import network_figure
from fcnm_bids.report.pages.empty import empty_blocks
from fcnm_bids.report.pages.html import Figure, Folded, Note, Prose, Row, Section, Table
from fcnm_bids.report.pages.specificity import specificity_blocks
from fcnm_bids.report.pages.tables import frame_table
from fcnm_bids.report.results.group import (
    ContrastOutputs,
    GroupOutputs,
    NetworkOutputs,
    describe_place,
    read_sidecar,
    read_tsv,
)
from fcnm_bids.report.results.text import as_text, share_text

CLUSTER_HEADINGS = {
    "cluster": "Cluster",
    "volume_mm3": "mm³",
    "peak_x": "x",
    "peak_y": "y",
    "peak_z": "z",
    "peak_probability": "Share of contrasts",
    "mean_t": "Mean t in the cluster",
    "peak_label": "At the peak",
    "cluster_labels": "In the cluster",
    "com_x": "Centre x",
    "com_y": "y",
    "com_z": "z",
}

PEAK_HEADINGS = {
    "cluster": "Cluster",
    "peak": "Peak",
    "x": "x",
    "y": "y",
    "z": "z",
    "probability": "Share of contrasts",
    "mean_t": "t at the peak",
    "region": "Region",
}

SEED_HEADINGS = {
    "seed": "Seed",
    "n_voxels": "Voxels",
    "volume_mm3": "mm³",
    "centre_x": "Centre x",
    "centre_y": "y",
    "centre_z": "z",
    "coverage": "Share on analysed voxels",
}

ROBUSTNESS_HEADINGS = {
    "check": "What was varied",
    "level": "To",
    "draw": "Draw",
    "n_contrasts": "Contrasts",
    "n_voxels": "Voxels",
    "volume_mm3": "mm³",
    "dice": "Dice",
    "correlation": "r of the probability maps",
    "mean_change": "Mean change of the share",
}

_MOST_ROWS = 25
_MOST_REGIONS = 6
_MOST_PEAKS = 5
_WIDE = ("slices", "convergence")
"""Figures of a network that take the whole width."""


_TESTED = {"brain": "Brain", "gm": "Grey matter"}
"""Name of the tested region, by analysis mask."""


def _analysis_mask(sidecar: Mapping[str, Any]) -> str:
    """The analysis mask: brain, gm or the name of a file."""
    return Path(str(sidecar.get("AnalysisMask", "brain"))).name


def network_section(results: GroupOutputs, effect: str) -> Section:
    """Everything about one effect."""
    anchor = f"effect-{to_label(effect).lower()}"
    network = next((n for n in results.networks if n.effect == effect), None)
    sections = []
    blocks: list[Any] = []
    if network is None:
        blocks.append(Note("The network was not made; see Errors.", "error"))
    elif is_empty(results, network):
        blocks += empty_blocks(network, results.members(effect))
        blocks += _pictures(results, network, (*_WIDE, "histogram"))
    else:
        blocks += _pictures(results, network, (*_WIDE, "glass", "surface", "histogram"))
        sections.append(
            Section(f"{anchor}-clusters", "Clusters", tuple(_clusters(results, network)))
        )
        sections.append(
            Section(
                f"{anchor}-canonical", "Canonical networks", tuple(_canonical(results, network))
            )
        )
    if network is not None:
        sections.append(
            Section(
                f"{anchor}-specificity",
                "Is it specific?",
                tuple(specificity_blocks(results, network)),
            )
        )
        sections.append(
            Section(f"{anchor}-robustness", "Robustness", tuple(_robustness(results, network)))
        )
    contrasts = results.members(effect)
    sections.append(
        Section(
            f"{anchor}-contrasts",
            "Contrasts",
            (*_contrasts(results, contrasts, effect), *_seeds(results, network)),
        )
    )
    return Section(anchor, f"Network: {effect}", tuple(blocks), tuple(sections))


def is_empty(results: GroupOutputs, network: NetworkOutputs) -> bool:
    """Return whether a network has a cluster table without rows."""
    clusters = results.table(network, "clusters")
    return clusters is not None and clusters.empty


def _pictures(
    results: GroupOutputs, network: NetworkOutputs, figures: tuple[str, ...]
) -> list[Any]:
    sidecar = network.sidecar
    n, threshold = sidecar.get("NumberOfContrasts", "?"), float(sidecar.get("Threshold", 0))
    where = describe_place(results.table(network, "clusters"))
    described = {
        "slices": (
            f"Share of the {n} contrasts whose map holds each voxel, over the ICBM 2009a template "
            f"(left is left). Strong colours and the white border: the network, at or above "
            f"{threshold:g} in clusters of at least "
            f"{as_text(sidecar.get('MinimumClusterVolume', 0))} mm³.",
            f"Slices of the probability map of {network.effect}. {where}",
        ),
        "convergence": (
            "Convergence: mean over the contrasts of their mean Fisher z, unthresholded, at each "
            "voxel of those without a focus of their own within 10 mm. White border: the network.",
            f"Slices of the convergence map of {network.effect}.",
        ),
        "glass": (
            "The network on a glass brain: the highest share along the line of sight.",
            f"Glass brain with the network of {network.effect}. {where}",
        ),
        "surface": (
            "The probability map on the cortical surface (fsaverage5, inflated), pale below the "
            "network's threshold. What lies below the cortex does not show here.",
            f"Inflated cortical surface with the probability map of {network.effect}. {where}",
        ),
        "histogram": (
            "How many voxels lie in the maps of how many contrasts. The dashed line is the "
            "network's threshold.",
            f"Histogram of the probability map of {network.effect}, network from "
            f"{threshold:g} upwards.",
        ),
    }
    blocks: list[Any] = []
    for desc in figures:
        caption, alt = described[desc]
        path = network_figure(results.root, network.label, desc)
        if path.is_file():
            size = "small" if desc == "histogram" else "wide" if desc in _WIDE else "half"
            blocks.append(Figure(path, alt, caption, results.root, size))
    halves = [number for number, block in enumerate(blocks) if block.size == "half"]
    if len(halves) == 2:
        first, second = halves
        blocks[first : second + 1] = [Row((blocks[first], blocks[second]))]
    return blocks


def _clusters(results: GroupOutputs, network: NetworkOutputs) -> list[Any]:
    frame = results.table(network, "clusters")
    if frame is None:
        return [Note("The cluster table is not there.", "error")]
    n = int(network.sidecar.get("NumberOfContrasts", 0))
    if "cluster_labels" in frame:
        frame["cluster_labels"] = frame["cluster_labels"].map(_first_regions)
    if "peak_probability" in frame:
        frame["peak_probability"] = [share_text(v, n) for v in frame["peak_probability"]]
    for column in ("com_x", "com_y", "com_z"):
        if column in frame:
            frame[column] = [f"{v:.1f}" for v in pd.to_numeric(frame[column], errors="coerce")]
    blocks = [frame_table("Clusters of the network; positions in mm", frame, CLUSTER_HEADINGS)]
    peaks = results.table(network, "peaks")
    if peaks is not None and len(peaks) > len(frame):
        path = network.tables()["peaks"]
        distance = as_text(read_sidecar(path).get("SmallestDistance", "?"))
        total, peaks = len(peaks), peaks.groupby("cluster", sort=False).head(_MOST_PEAKS)
        caption = f"Peaks within the clusters, at least {distance} mm apart"
        if len(peaks) < total:
            caption += f": {_MOST_PEAKS} a cluster at most, {len(peaks)} of {total} in {path.name}"
        if "probability" in peaks:
            peaks = peaks.assign(probability=[share_text(v, n) for v in peaks["probability"]])
        blocks.append(frame_table(caption, peaks, PEAK_HEADINGS))
    return blocks


def _first_regions(listed: str) -> str:
    """The regions of a cluster with the largest shares; the table on disk has them all."""
    regions = listed.split("; ")
    more = len(regions) - _MOST_REGIONS
    return listed if more <= 0 else f"{'; '.join(regions[:_MOST_REGIONS])}; {more} more"


def _canonical(results: GroupOutputs, network: NetworkOutputs) -> list[Any]:
    path = network.tables().get("canonical")
    said = read_sidecar(path or network.tables().get("clusters", network.mask))
    blocks: list[Any] = [Note(f"Here is {text}.", "warning") for text in said.get("Missing", [])]
    frame = None if path is None else read_tsv(path)
    if frame is None:
        return blocks or [Note("The overlap with canonical networks was not computed.", "warning")]
    for column in ("coverage", "share"):
        shares = pd.to_numeric(frame[column], errors="coerce")
        frame[column] = [f"{100 * v:.1f} %" if v == v else "n/a" for v in shares]
    headings = {
        "name": "Canonical network",
        "coverage": "Covered",
        "share": "Share of the network",
        "enrichment": "Enrichment",
        "dice": "Dice",
        "n_overlap": "Voxels",
    }
    tested = [str(name) for name in frame if str(name) == "p" or str(name).startswith("p_")]
    headings |= {name: name.replace("_", ", ") for name in tested}
    caption = f"Overlap with canonical networks ({said.get('Atlas') or 'atlas unknown'})"
    table = frame_table(caption, frame, headings, as_is=("name",))
    polar = network_figure(results.root, network.label, "polar")
    if polar.is_file():
        covered = ", ".join(
            f"{n} {v}" for n, v in zip(frame["name"], frame["coverage"], strict=True)
        )
        alt = f"Wheel of the share of each canonical network that is covered: {covered}."
        caption = "Share of each canonical network that the network covers."
        blocks.append(Figure(polar, alt, caption, results.root, "small"))
    blocks.append(table)
    mask = _analysis_mask(network.sidecar)
    where = {"brain": "the whole brain", "gm": "grey matter"}.get(mask, f"the mask {mask}")
    what = "" if mask == "brain" else f"Canonical networks were cut to {where}. "
    what += (
        "Covered: share of the canonical network that lies in the mapped one. Enrichment: how "
        f"many times that is the share of {where} that the mapped network takes; 1 is "
        "what a network without preference has."
    )
    without = (
        "p-values against the nulls stand under “Is it specific?”."
        if "canonicalnull" in network.tables()
        else "No p-values are given: the random-foci null, the only one they could come from, was "
        "not run."
    )
    blocks.append(Prose((what,) if tested else (what, without)))
    return blocks


def _robustness(results: GroupOutputs, network: NetworkOutputs) -> list[Any]:
    blocks: list[Any] = []
    figures = results.root / "group" / "figures"
    for path in sorted(figures.glob(f"network-{network.label}_desc-robustness*.*")):
        if path.suffix in (".svg", ".png"):
            alt = f"Robustness of the network of {network.effect}; its numbers stand in the table."
            caption = (
                "How much the network stays the same when one thing is done differently; Dice of 1 "
                "is the same network."
            )
            blocks.append(Figure(path, alt, caption, results.root, "wide"))
    for desc, path in network.tables().items():
        frame = read_tsv(path) if desc.lower().startswith("robustness") else None
        if frame is None:
            continue
        known = {str(name): ROBUSTNESS_HEADINGS.get(str(name), str(name)) for name in frame}
        caption = f"Variants of the network, compared with it ({path.name})"
        if len(frame) > _MOST_ROWS and {"check", "level", "dice"} <= set(frame):
            frame = _by_check(frame)
            known = _BY_CHECK
            caption = f"Dice with the network, by what was varied; each variant is in {path.name}"
        blocks.append(frame_table(caption, frame, known, as_is=("check", "level", "variant")))
    if not blocks:
        blocks.append(Note("No check of robustness has been run."))
    return blocks


_BY_CHECK = {
    "check": "What was varied",
    "level": "To",
    "n": "Variants",
    "median": "Median Dice",
    "lowest": "Lowest Dice",
    "largest": "Largest Dice",
}


def _by_check(frame: pd.DataFrame) -> pd.DataFrame:
    """Dice over the variants of each check; levels apart where each has several variants."""
    rows = []
    for check, part in frame.groupby("check", sort=False):
        repeated = len(part) >= 2 * part["level"].nunique()
        groups = part.groupby("level", sort=False) if repeated else [("", part)]
        for level, group in groups:
            dice = pd.to_numeric(group["dice"], errors="coerce")
            if not repeated and dice.notna().any():
                level = f"lowest at {group['level'].iloc[int(dice.argmin())]}"
            row = (check, level, len(group), dice.median(), dice.min(), dice.max())
            rows.append(dict(zip(_BY_CHECK, row, strict=True)))
    return pd.DataFrame(rows)


def _contrasts(results: GroupOutputs, contrasts: list[ContrastOutputs], effect: str) -> list[Any]:
    made = {contrast.name for contrast in contrasts}
    own = effect_and_sign(effect, results.tail)[0]
    lost = [c.name for c in results.asked if c.effect == own and c.name not in made]
    blocks: list[Any] = [Note(f"{name}: its maps were not made.", "error") for name in lost]
    if not contrasts:
        return blocks
    rows = []
    for contrast in contrasts:
        said = contrast.sidecar
        tested = said.get("VoxelsTested") or 0
        significant = said.get("VoxelsSignificant") or 0
        participants, absent = (
            said.get("NumberOfParticipants"),
            said.get("ParticipantsWithoutCoverage", []),
        )
        rows.append(
            (
                contrast.name,
                as_text(said.get("SampleSize")),
                str(len(contrast.foci) or "mask"),
                f"{participants - len(absent)} of {participants}"
                if participants is not None
                else "–",
                as_text(said.get("DegreesOfFreedom")),
                as_text(said.get("Threshold")),
                f"{100 * significant / tested:.1f} %" if tested else "–",
            )
        )
    headings = (
        "Contrast",
        "Sample size",
        "Foci",
        "Participants covered",
        "Degrees of freedom (fewest)",
        "Threshold t",
        f"{_TESTED.get(_analysis_mask(contrasts[0].sidecar), 'Tested voxels')} in the mask",
    )
    numeric = frozenset(range(1, len(headings)))
    blocks.append(Table(f"The contrasts of {effect}", headings, tuple(rows), numeric))
    for contrast in contrasts:
        path = contrast_figure(results.root, contrast.label)
        inner: list[Any] = []
        if path.is_file():
            n_significant = contrast.sidecar.get("VoxelsSignificant", 0)
            inner.append(
                Figure(
                    path,
                    f"Slices of the t map of {contrast.name}; {n_significant} voxels are "
                    "significant.",
                    "t over participants of the Fisher z with the seed. Strong colours and the "
                    "white "
                    "border: significant voxels. Circles: foci, on the nearest of these slices."
                    f"{_said_threshold(contrast)}",
                    results.root,
                )
            )
        inner += _foci(contrast)
        opened = len(contrasts) <= 12
        blocks.append(Folded(contrast.name, tuple(inner), open=opened, printed=False))
    return blocks


def _seeds(results: GroupOutputs, network: NetworkOutputs | None) -> list[Any]:
    """Volume, centre and coverage of the seeds."""
    frame = None if network is None else results.table(network, "seeds")
    if frame is None:
        return []
    table = frame_table("Seeds on the grid of the data", frame, SEED_HEADINGS, as_is=("seed",))
    return [Folded("Volume, centre and coverage of the seeds", (table,))]


def _said_threshold(contrast: ContrastOutputs) -> str:
    if contrast.threshold is None:
        return " No threshold: nothing could be significant."
    return f" The bar's mark: the threshold, t = {as_text(contrast.threshold)}."


def _foci(contrast: ContrastOutputs) -> list[Any]:
    absent = contrast.sidecar.get("ParticipantsWithoutCoverage", [])
    text = []
    if contrast.foci:
        listed = "; ".join(
            " ".join(f"{round(value, 1) + 0.0:g}" for value in focus) for focus in contrast.foci
        )
        text.append(f"Foci (x y z, mm, MNI): {listed}")
    if absent:
        text.append(
            f"No map for want of coverage in {len(absent)} "
            f"{'participant' if len(absent) == 1 else 'participants'}: "
            f"{', '.join(map(str, absent))}"
        )
    return [Prose(tuple(text))] if text else []
