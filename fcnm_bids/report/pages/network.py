"""One effect of the group report: its network, its contrasts, what is known about both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.bids.names import to_label
from fcnm_bids.inputs.multiverse import MULTIVERSE
from fcnm_bids.mapping import effect_and_sign
from fcnm_bids.report.figures.contrast import contrast_figure
from fcnm_bids.report.figures.network import network_figure
from fcnm_bids.report.figures.overview import overview_figure
from fcnm_bids.report.pages.empty import empty_blocks
from fcnm_bids.report.pages.html import (
    Figure,
    Folded,
    Note,
    Place,
    Places,
    Prose,
    Row,
    Section,
    Table,
)
from fcnm_bids.report.pages.multiverse import CURVE_CAPTION, multiverse_blocks
from fcnm_bids.report.pages.specificity import FIGURE_CAPTION, specificity_blocks
from fcnm_bids.report.pages.tables import (
    frame_places,
    frame_table,
    label_headings,
    without_empty,
)
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
    "mean_t": "Mean t at the peak",
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
    "mean_change": "Mean change in the share",
}

_MOST_ROWS = 25
_MOST_NAMED = 3
_MOST_REGIONS = 3
_NO_REGION = "no region"
_COUNT = re.compile(r"\d+")
_SHARE = re.compile(r"(?:^|; )([0-9.]+) % ([^;]+)")
_MOST_PEAKS = 5
_MOST_FOLDED = 12
_MOST_PICTURES = 24
"""Contrasts of a report above which their own slices are linked: the explorer has their maps."""

_WIDE = ("slices", "convergence")
"""Figures of a network that take the whole width."""


_TESTED = {"brain": "Brain", "gm": "Grey matter"}
"""Name of the tested region, by analysis mask."""


def _file(results: GroupOutputs, path: Path) -> str:
    """Return the place of a file as a page names it."""
    return path.relative_to(results.root).as_posix()


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
            Section(f"{anchor}-clusters", "Clusters", tuple(cluster_blocks(results, network)))
        )
        sections.append(
            Section(
                f"{anchor}-canonical", "Canonical networks", tuple(_canonical(results, network))
            )
        )
    if network is not None:
        blocks += _variants(network)
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
        if every := multiverse_blocks(results, network):
            sections.append(Section(f"{anchor}-multiverse", "Every specification", tuple(every)))
    contrasts = results.members(effect)
    sections.append(
        Section(
            f"{anchor}-contrasts",
            "Contrasts",
            (*_contrasts(results, contrasts, network, effect), *_seeds(results, network)),
        )
    )
    return Section(anchor, f"Network: {effect}", tuple(blocks), tuple(sections))


def is_empty(results: GroupOutputs, network: NetworkOutputs) -> bool:
    """Return whether a network has a cluster table without rows."""
    clusters = results.table(network, "clusters")
    return clusters is not None and clusters.empty


def _variants(network: NetworkOutputs) -> list[Any]:
    """Table the network at thresholds that were tried after its result was known."""
    n = int(network.sidecar.get("NumberOfContrasts", 0))
    rows = tuple(
        (
            share_text(said["Threshold"], n),
            as_text(said.get("Voxels")),
            as_text(said.get("Clusters")),
            as_text(said.get("DiceWithPrimary")),
            path.name,
        )
        for path, said in network.variants()
    )
    if not rows:
        return []
    headings = ("Threshold", "Voxels", "Clusters", "Dice with the network", "File")
    caption = (
        "The network at other thresholds (--rethreshold), chosen when its result was known: "
        "exploratory"
    )
    return [Table(caption, headings, rows, frozenset({1, 2, 3}))]


def figure_captions(results: GroupOutputs, network: NetworkOutputs) -> dict[str, str]:
    """Return what stands below each figure of a network, by its desc."""
    sidecar = network.sidecar
    n, threshold = sidecar.get("NumberOfContrasts", "?"), float(sidecar.get("Threshold", 0))
    volume = as_text(sidecar.get("MinimumClusterVolume", 0))
    empty = is_empty(results, network)
    border = "" if empty else " White border: the network."
    which = "No voxel belongs" if empty else "Strong colours and the white border belong"
    return {
        "slices": f"Share of the {n} contrasts whose mask holds each voxel, over the ICBM 2009a "
        f"template (left is left). {which} to the network, at or above {threshold:g} in clusters "
        f"of at least {volume} mm³.",
        "convergence": "Convergence: mean over contrasts of their mean Fisher z, unthresholded; "
        f"each voxel uses the contrasts that have no focus within 10 mm of it.{border}",
        "glass": "The outlined network on a glass brain, which shows the highest share along each "
        "line of sight.",
        "surface": "The probability map on the cortical surface (fsaverage5, inflated), pale "
        "below the network's threshold. White border: the network. Subcortical structures are "
        "not shown.",
        "histogram": "Number of voxels by the number of contrasts whose masks hold them. Dashed "
        "line: the network's threshold.",
        "contrasts": "Every contrast on the same slices and with the same scale of t over "
        "participants. Strong colours within the white border: significant voxels.",
        "robustness": "How similar the network remains when one choice is changed; a Dice of 1 "
        "means the same network. Split halves are compared with each other.",
        "specificity": FIGURE_CAPTION,
        MULTIVERSE: CURVE_CAPTION,
        "polar": "Share of each canonical network that the network covers.",
    }


def _alternatives(results: GroupOutputs, network: NetworkOutputs) -> dict[str, str]:
    """Return what those should know who cannot see the figures of a network."""
    where = describe_place(results.table(network, "clusters"))
    effect, threshold = network.effect, float(network.sidecar.get("Threshold", 0))
    return {
        "slices": f"Slices of the probability map of {effect}. {where}",
        "convergence": f"Slices of the convergence map of {effect}.",
        "glass": f"Glass brain with the network of {effect}. {where}",
        "surface": f"Inflated cortical surface with the probability map of {effect}. {where}",
        "histogram": f"Histogram of the probability map of {effect}; the network begins at "
        f"{threshold:g}.",
    }


def _pictures(
    results: GroupOutputs, network: NetworkOutputs, figures: tuple[str, ...]
) -> list[Any]:
    captions, alternatives = figure_captions(results, network), _alternatives(results, network)
    blocks: list[Any] = []
    for desc in figures:
        path = network_figure(results.root, network.label, desc)
        if path.is_file():
            size = "small" if desc == "histogram" else "wide" if desc in _WIDE else "half"
            blocks.append(Figure(path, alternatives[desc], captions[desc], results.root, size))
    halves = [number for number, block in enumerate(blocks) if block.size == "half"]
    if len(halves) == 2:
        first, second = halves
        blocks[first : second + 1] = [Row((blocks[first], blocks[second]))]
    return blocks


def cluster_blocks(results: GroupOutputs, network: NetworkOutputs, folder: int = 0) -> list[Any]:
    """Tables of clusters and peaks; `folder` is the number of the result folder in a page."""
    frame = results.table(network, "clusters")
    if frame is None:
        return [Note("The cluster table is missing.", "error")]
    n = int(network.sidecar.get("NumberOfContrasts", 0))
    places = frame_places(frame, network.label, ("peak_x", "peak_y", "peak_z"), folder)
    frame = without_empty(frame)
    listed = frame.copy()
    if "cluster_labels" in frame:
        frame["cluster_labels"] = frame["cluster_labels"].map(_first_regions)
    if "peak_probability" in frame:
        frame["peak_probability"] = [share_text(v, n) for v in frame["peak_probability"]]
    for column in ("com_x", "com_y", "com_z"):
        if column in frame:
            frame[column] = [f"{v:.1f}" for v in pd.to_numeric(frame[column], errors="coerce")]
    caption = "Clusters of the network; positions in mm"
    file = _file(results, network.tables()["clusters"])
    blocks: list[Any] = [
        frame_table(caption, frame, CLUSTER_HEADINGS, file=file, places=places),
        *_broken_down(listed, file),
    ]
    peaks = results.table(network, "peaks")
    if peaks is not None and (len(peaks) > len(frame) or label_headings(peaks)):
        path = network.tables()["peaks"]
        distance = as_text(read_sidecar(path).get("SmallestDistance", "?"))
        total, peaks = len(peaks), peaks.groupby("cluster", sort=False).head(_MOST_PEAKS)
        caption = f"Peaks within the clusters, at least {distance} mm apart"
        if len(peaks) < total:
            caption += f": {_MOST_PEAKS} a cluster at most, {len(peaks)} of {total}"
        if "probability" in peaks:
            peaks = peaks.assign(probability=[share_text(v, n) for v in peaks["probability"]])
        places = frame_places(peaks, network.label, ("x", "y", "z"), folder)
        peaks = without_empty(peaks)
        file = _file(results, path)
        headings = PEAK_HEADINGS | label_headings(peaks)
        blocks.append(frame_table(caption, peaks, headings, file=file, places=places))
    return blocks


def _broken_down(clusters: pd.DataFrame, file: str) -> list[Folded]:
    """The regions of each cluster that the table of clusters shows in part only."""
    found = []
    for _, row in clusters.drop_duplicates("cluster").iterrows():
        shares = _SHARE.findall(str(row.get("cluster_labels", "")))
        if sum(name != _NO_REGION for _, name in shares) <= _MOST_REGIONS:
            continue
        volume = float(row["volume_mm3"])
        frame = pd.DataFrame({"Region": [name for _, name in shares]})
        frame["Share of the cluster"] = [f"{share} %" for share, _ in shares]
        counts = [float(n) for n in _COUNT.findall(str(row.get("cluster_label_voxels", "")))]
        if len(counts) == len(shares):  # a result of an earlier version has no counts
            frame["mm³"] = [f"{n / sum(counts) * volume:.0f}" for n in counts]
        title = f"Regions of cluster {row['cluster']} ({volume / 1000:.1f} cm³)"
        table = frame_table(title, frame, as_is=("Region",), file=file)
        found.append(Folded(title, (table,), printed=False))
    return found


def _first_regions(listed: str) -> str:
    """The regions of a cluster with the largest shares, and what lies in none, which comes last."""
    entries = listed.split("; ")
    none = [entry for entry in entries if entry.endswith(f" % {_NO_REGION}")]
    regions = [entry for entry in entries if entry not in none]
    more = len(regions) - _MOST_REGIONS
    counted = [f"{more} more"] if more > 0 else []
    return "; ".join([*regions[:_MOST_REGIONS], *counted, *none])


def _canonical(results: GroupOutputs, network: NetworkOutputs) -> list[Any]:
    path = network.tables().get("canonical")
    said = read_sidecar(path or network.tables().get("clusters", network.mask))
    missing = said.get("Missing", [])
    blocks: list[Any] = [Note(f"{text[:1].upper()}{text[1:]}.", "warning") for text in missing]
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
    assert path is not None
    table = frame_table(caption, frame, headings, as_is=("name",), file=_file(results, path))
    polar = network_figure(results.root, network.label, "polar")
    if polar.is_file():
        covered = ", ".join(
            f"{n} {v}" for n, v in zip(frame["name"], frame["coverage"], strict=True)
        )
        alt = f"Wheel of the share of each canonical network that is covered: {covered}."
        shown = figure_captions(results, network)["polar"]
        blocks.append(Figure(polar, alt, shown, results.root, "small"))
    blocks.append(table)
    mask = _analysis_mask(network.sidecar)
    where = {"brain": "the whole brain", "gm": "grey matter"}.get(mask, f"the mask {mask}")
    what = "" if mask == "brain" else f"Canonical networks were restricted to {where}. "
    what += (
        "Covered: share of the canonical network that lies in the mapped network. Enrichment: this "
        f"share divided by the share of {where} that the mapped network covers; 1 means no "
        "preference."
    )
    without = (
        "p-values against the nulls are given under “Is it specific?”."
        if "canonicalnull" in network.tables()
        else "No p-values are given, because they need a null of foci, and none was run."
    )
    blocks.append(Prose((what,) if tested else (what, without)))
    return blocks


def _robustness(results: GroupOutputs, network: NetworkOutputs) -> list[Any]:
    blocks: list[Any] = []
    figures = results.root / "group" / "figures"
    empty = is_empty(results, network)
    for path in sorted(figures.glob(f"network-{network.label}_desc-robustness*.*")):
        if path.suffix in (".svg", ".png") and not empty:
            alt = f"Robustness of the network of {network.effect}; its numbers are in the table."
            caption = figure_captions(results, network)["robustness"]
            blocks.append(Figure(path, alt, caption, results.root, "wide"))
    for desc, path in network.tables().items():
        frame = read_tsv(path) if desc.lower().startswith("robustness") else None
        if frame is None:
            continue
        if {"check", "level"} <= set(frame):
            frame = network.without_primary(frame)
        if empty and {"check", "level", "n_voxels"} <= set(frame):
            blocks.append(_largest_variants(frame, _file(results, path)))
            continue
        vanished = _draws_without_network(frame)
        known = {str(name): ROBUSTNESS_HEADINGS.get(str(name), str(name)) for name in frame}
        caption = "Variants compared with the network"
        if len(frame) > _MOST_ROWS and {"check", "level", "dice"} <= set(frame):
            participants = results.participants
            frame = _by_check(frame, 0 if participants is None else len(participants))
            known = _BY_CHECK
            caption = (
                "Dice with the network (of two halves: with each other), by what was varied; the "
                "file lists every variant"
            )
        names = ("check", "level", "variant")
        blocks.append(frame_table(caption, frame, known, as_is=names, file=_file(results, path)))
        if vanished:
            text = (
                "A t test with so few participants has little power, so this alone is no evidence "
                "against the network."
            )
            blocks.append(Note(" ".join([*vanished, text])))
    if not blocks:
        blocks.append(Note("No robustness check has been run."))
    return blocks


_OF_PARTICIPANTS = ("participants", "split-half")
"""Checks whose levels are shares of the participants."""

_OF_MM = ("radius", "away from own foci")
"""Checks whose levels are in mm."""

_BY_CHECK = {
    "check": "What was varied",
    "level": "To",
    "n": "Variants",
    "median": "Median Dice",
    "lowest": "Lowest Dice",
    "largest": "Largest Dice",
}


def _by_check(frame: pd.DataFrame, n_participants: int) -> pd.DataFrame:
    """Dice over the variants of each check; levels apart where each has several variants."""
    rows = []
    for check, part in frame.groupby("check", sort=False):
        repeated = len(part) >= 2 * part["level"].nunique()
        groups = part.groupby("level", sort=False) if repeated else [("", part)]
        for level, group in groups:
            dice = pd.to_numeric(group["dice"], errors="coerce")
            if not repeated and dice.notna().any():
                level = _lowest(check, group["level"], dice)
            elif check in _OF_PARTICIPANTS and n_participants:
                n_drawn = round(float(str(level)) * n_participants)
                level = f"{float(str(level)):.0%} ({n_drawn} of {n_participants})"
            elif repeated:
                level = _level_text(check, level)
            n, lost = len(group), int(dice.isna().sum())
            counted = f"{n - lost} of {n}; {lost} without any network" if lost else str(n)
            named = "split-half (with each other)" if check == "split-half" else check
            row = (named, level, counted, dice.median(), dice.min(), dice.max())
            rows.append(dict(zip(_BY_CHECK, row, strict=True)))
    return pd.DataFrame(rows)


def _lowest(check: Any, levels: pd.Series, dice: pd.Series) -> str:
    """Name the variants with the lowest Dice, or give their number."""
    named = [_level_text(check, level) for level in levels[dice == dice.min()]]
    if len(levels) == 1:
        return named[0]
    listed = len(named) <= _MOST_NAMED
    return f"lowest at {', '.join(named)}" if listed else f"lowest at {len(named)} of {len(levels)}"


def _level_text(check: Any, level: Any) -> str:
    """Write what a variant was made with; nothing for draws."""
    text = "" if str(level) in ("n/a", "nan") else str(level)
    return f"{text} mm" if check in _OF_MM else text


def _largest_variants(frame: pd.DataFrame, file: str) -> Table:
    """Table the largest network among the variants of each check of an empty network."""
    voxels = pd.to_numeric(frame["n_voxels"], errors="coerce").fillna(0)
    rows = []
    for check in frame["check"].unique():
        own = voxels.where(frame["check"] == check)
        most = own.max()
        level = _level_text(check, frame["level"].iloc[int(own.argmax())]) if most else ""
        rows.append((str(check), str(own.count()), as_text(most), level))
    headings = ("What was varied", "Variants", "Voxels of the largest network", "With")
    caption = (
        "The network has no voxel that variants could agree with; whether one of them has a network"
    )
    return Table(caption, headings, tuple(rows), frozenset({1, 2}), file)


def _listed(parts: list[str]) -> str:
    *others, last = parts
    return f"{', in '.join(others)} and in {last}" if others else last


def _draws_without_network(frame: pd.DataFrame) -> list[str]:
    """Return sentences on the parts of the participants that had no network, for want of power."""
    if not {"check", "level", "n_voxels", "dice"} <= set(frame):
        return []
    found, sentences = [], []
    for level, part in frame[frame["check"] == "participants"].groupby("level", sort=False):
        empty = int((pd.to_numeric(part["n_voxels"], errors="coerce") == 0).sum())
        if empty:
            share = f"{100 * float(str(level)):g}%"
            found.append(f"{empty} of {len(part)} draws of {share} of the participants")
    if found:
        sentences.append(f"No network remains in {_listed(found)} (Dice 0 or n/a).")
    halves = pd.to_numeric(frame.loc[frame["check"] == "split-half", "dice"], errors="coerce")
    neither, apart = int(halves.isna().sum()), int((halves == 0).sum())
    if neither:
        sentences.append(
            f"In {neither} of {len(halves)} pairs of halves, there are no networks to compare "
            "(Dice n/a)."
        )
    if apart:
        sentences.append(
            f"In {apart} of {len(halves)} pairs of halves, only one half has a network, or the "
            "networks of the two halves share no voxel (Dice 0)."
        )
    return sentences


def _contrasts(
    results: GroupOutputs,
    contrasts: list[ContrastOutputs],
    network: NetworkOutputs | None,
    effect: str,
) -> list[Any]:
    made = {contrast.name for contrast in contrasts}
    own = effect_and_sign(effect, results.tail)[0]
    lost = [c.name for c in results.asked if c.effect == own and c.name not in made]
    blocks: list[Any] = [Note(f"{name}: its maps were not made.", "error") for name in lost]
    if not contrasts:
        return blocks
    if network is not None:
        path = overview_figure(results.root, network.label)
        if path.is_file():
            alt = f"t maps of the {len(contrasts)} contrasts of {effect} on the same slices."
            caption = figure_captions(results, network)["contrasts"]
            blocks.append(Figure(path, alt, caption, results.root))
    label = "" if network is None else network.label
    blocks.append(contrast_table(contrasts, effect, label))
    folded: list[Folded] = []
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
                    "t over participants of the Fisher z with the seed. Strong colours within the "
                    "white border: significant voxels. Slices go through the foci and peaks; "
                    "circles: foci, each on the nearest slice."
                    f"{_said_threshold(contrast)}",
                    results.root,
                    inside=len(results.contrasts) <= _MOST_PICTURES,
                )
            )
        inner += foci_blocks(contrast, label)
        folded.append(Folded(contrast.name, tuple(inner), printed=False))
    if len(folded) > _MOST_FOLDED:
        return [
            *blocks,
            Folded(f"Each of the {len(folded)} contrasts", tuple(folded), printed=False),
        ]
    return [*blocks, *folded]


def contrast_table(
    contrasts: list[ContrastOutputs], effect: str, network: str, folder: int = 0
) -> Table:
    """Table the contrasts of an effect, which lead to the explorer where it has a network.

    Parameters
    ----------
    contrasts
        At least one.
    effect
        Its name.
    network
        BIDS label of the network; empty where there is none.
    folder
        Number of the result folder in the page.
    """
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
    places = (Place(network, contrast=c.label, folder=folder) for c in contrasts if network)
    caption = f"The contrasts of {effect}"
    return Table(caption, headings, tuple(rows), numeric, places=tuple(places))


def _seeds(results: GroupOutputs, network: NetworkOutputs | None) -> list[Any]:
    """Volume, centre and coverage of the seeds."""
    frame = None if network is None else results.table(network, "seeds")
    if frame is None:
        return []
    assert network is not None
    file = _file(results, network.tables()["seeds"])
    caption = "Seeds on the grid of the data"
    table = frame_table(caption, frame, SEED_HEADINGS, as_is=("seed",), file=file)
    return [Folded("Volume, centre and coverage of the seeds", (table,), printed=False)]


def _said_threshold(contrast: ContrastOutputs) -> str:
    if contrast.threshold is None:
        return " There is no threshold, because nothing could be significant."
    return f" The mark on the colour bar is the threshold, t = {as_text(contrast.threshold)}."


def foci_blocks(contrast: ContrastOutputs, network: str, folder: int = 0) -> list[Any]:
    """List the foci of a contrast, and who has no map; arguments as for `contrast_table`."""
    absent = contrast.sidecar.get("ParticipantsWithoutCoverage", [])
    blocks: list[Any] = []
    if contrast.foci:
        entries = (
            (
                " ".join(f"{round(value, 1) + 0.0:g}" for value in focus),
                Place(network, tuple(focus), folder=folder),
            )
            for focus in contrast.foci
        )
        blocks.append(Places("Foci (x y z, mm, MNI)", tuple(entries)))
    if absent:
        text = (
            f"The seed has too little coverage for a map in {len(absent)} "
            f"{'participant' if len(absent) == 1 else 'participants'}: "
            f"{', '.join(map(str, absent))}"
        )
        blocks.append(Prose((text,)))
    return blocks
