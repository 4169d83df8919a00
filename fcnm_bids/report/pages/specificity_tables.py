"""The tables about a network's specificity, as the page shows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from fcnm_bids.report.pages.html import Folded, Note, Prose, Table
from fcnm_bids.report.pages.tables import WITHHELD, frame_table, without_empty
from fcnm_bids.report.results.group import read_sidecar
from fcnm_bids.report.results.specificity import SpecificityResult, capital, number_in
from fcnm_bids.report.results.text import as_text
from fcnm_bids.specificity import FOCUS_NULLS

TEST_HEADINGS = {
    "test": "Compared with",
    "n_draws": "Draws",
    "smallest_p": "Smallest possible p",
    "n_voxels": "Voxels of the network",
    "n_voxels_null": "Null: median",
    "n_voxels_null_upper": "Null: 95th percentile",
    "p_size": "p of the size",
    "share_surviving": "Share of the network that survives",
    "n_voxels_pfwe": "Voxels that survive, anywhere",
    "min_pfwe": "Smallest family-wise p, anywhere",
    "n_voxels_convergence": "Convergence: voxels that survive, anywhere",
    "min_pfwe_convergence": "Convergence: smallest family-wise p, anywhere",
    "statistic": "r with own effect minus r with the other",
    "p": "p of this difference",
    "n_splits": "Splits with a cluster in one half only",
}

COMPARED_HEADINGS = {
    "map": "Map",
    "measure": "Compared with its",
    "test": "Draws",
    "statistic": "Statistic",
    "value": "Observed",
    "median_null": "Draws: median",
    "p": "p",
    "p_fwe": "Family-wise p over the maps",
    "n_voxels": "Voxels",
}

DEGREE_HEADINGS = {
    "map": "Map",
    "r_positive": "r, positive strength",
    "r_signed": "r, signed strength",
    "r_eigenvector": "r, first eigenvector",
    "r_eigenvector2": "r, second",
    "r_eigenvector3": "r, third",
    "r2": "R² of all",
}

LABEL_HEADINGS = {
    "label": "Effect",
    "n_contrasts": "Contrasts",
    "n_studies": "Studies",
    "n_studies_paired": "Studies with both effects",
    "n_foci": "Foci",
    "foci_per_contrast": "Foci per contrast",
    "n_participants_median": "Median sample size",
}

_OF_TESTS = (
    "n_voxels_null",
    "n_voxels_null_upper",
    "share_surviving",
    "n_voxels_pfwe",
    "min_pfwe",
    "n_voxels_convergence",
    "min_pfwe_convergence",
    "p_size",
)
_OF_MAPS = (
    "median_null",
    "p",
    "p_fwe",
    "n_overlap_null",
    "difference_null",
    "p_difference",
    "p_difference_fwe",
)
"""Columns of the tables of tests, and of maps, that are hidden where the verdict is withheld."""

_UNTOLD = ("levels", "n_voxels_p", "withheld", "verdict")
"""Columns of the table of tests that stand elsewhere or on disk only."""

_MAPS = {
    "mean": "Mean over the contrasts of their mean Fisher z",
    "probability": "Probability map",
}
_MEASURES = {
    "probability": "probability map",
    "convergence": "convergence map",
    "difference": "difference from the other effect",
}
_OF_CONTRAST = "contrast "
_MOST_REGIONS = 30


def table_of_tests(found: SpecificityResult) -> Table | None:
    """The network against its nulls; tests without any number are left out."""
    if found.tests is None:
        return None
    tests = _withheld(found.tests, _OF_TESTS)
    frame = without_empty(tests.drop(columns=[name for name in _UNTOLD if name in tests]))
    cells = frame.drop(columns="test")
    frame = frame[~cells.isin(["", "n/a"]).all(axis=1)] if len(cells.columns) else cells
    if frame.empty:
        return None
    frame = frame.assign(test=[capital(found.named(test)) for test in frame["test"]])
    if "share_surviving" in frame:
        frame["share_surviving"] = [
            share if share == WITHHELD else percent(share) for share in frame["share_surviving"]
        ]
    others = {str(name): str(name) for name in frame if name not in TEST_HEADINGS}
    alpha = "alpha" if found.alpha is None else as_text(found.alpha)
    caption = f"The network against its nulls; what survives has a family-wise p ≤ {alpha}"
    return frame_table(caption, frame, {**TEST_HEADINGS, **others}, as_is=("test",))


def _withheld(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Mark what nothing can be concluded from in the rows whose verdict is withheld."""
    if "withheld" not in frame:
        return frame
    rows = frame["withheld"] == "True"
    found = [name for name in columns if name in frame]
    return frame.assign(**{name: frame[name].mask(rows, WITHHELD) for name in found})


def compared_blocks(found: SpecificityResult) -> list[Any]:
    """Compare other maps with the network's, against the same draws."""
    frame = found.table("comparedmaps")
    if frame is None or not {"test", "map", "measure"} <= set(frame):
        return []
    frame = _withheld(frame[[found.has(test) for test in frame["test"]]], _OF_MAPS)
    frame = frame.assign(
        test=[capital(found.named(test)) for test in frame["test"]],
        measure=[_MEASURES.get(measure, measure) for measure in frame["measure"]],
    )
    caption = (
        "Similarity of other maps to the network's maps, against the same draws. Voxels: the "
        "number compared, which may differ between the probability and the convergence map"
    )
    return [frame_table(caption, frame, COMPARED_HEADINGS, as_is=("map", "test", "measure"))]


def degree_blocks(found: SpecificityResult) -> list[Any]:
    """Describe how far the maps follow the connectome's strength; single contrasts folded away."""
    frame = found.table("degree")
    if frame is None or "map" not in frame:
        return [Note("The table of the connectome's degree is missing.", "error")]
    whole = frame.set_index("map", drop=False)
    whole = whole.loc[[name for name in _MAPS if name in whole.index]]
    whole = whole.assign(map=[_MAPS[name] for name in whole["map"]])
    caption = "Correlation of the map with the connectome's degree maps, across voxels"
    blocks: list[Any] = [frame_table(caption, whole, DEGREE_HEADINGS, as_is=("map",))]
    single = frame[frame["map"].str.startswith(_OF_CONTRAST)]
    if len(single):
        named = single.assign(map=single["map"].str.removeprefix(_OF_CONTRAST))
        headings = {**DEGREE_HEADINGS, "map": "Contrast"}
        table = frame_table("Mean Fisher z of each contrast", named, headings, as_is=("map",))
        blocks.append(Folded(f"Degree, contrast by contrast ({len(single)})", (table,)))
    said = found.about("degree")
    if {"Targets", "EigenvalueShares", "Iterations", "LastChange"} <= set(said):
        text = (
            f"Positive strength: mean of max(r, 0) with {said['Targets']:,} random voxels; signed "
            "strength: mean of r with all others; eigenvectors: those of the mean matrix of r, "
            f"which account for {percent(sum(said['EigenvalueShares']))} of its trace, found in "
            f"{said['Iterations']} iterations (last change {said['LastChange']:.1e})."
        )
        blocks.append(Prose((text,)))
    return blocks


def region_blocks(found: SpecificityResult) -> list[Any]:
    """Compare the network and its map with canonical networks, against every null."""
    frame = found.table("canonicalnull")
    if frame is None or not {"test", "name", "n_overlap", "n_overlap_null", "p"} <= set(frame):
        return []
    frame = _withheld(frame[[found.has(test) for test in frame["test"]]], _OF_MAPS)
    n = frame["name"].nunique()
    if not n:
        return []
    caption = "Voxels of the network in each canonical network, against the nulls"
    headings = {"n_overlap": "Voxels of the network"}
    text = (
        "p: share of all maps, the observed one included, whose network holds at least as many "
        f"voxels of the canonical network, not corrected for the number of networks ({n})."
    )
    blocks: list[Any] = [
        _by_null(caption, frame, headings, {"n_overlap_null": "{}: mean", "p": "p, {}"}),
        Prose((text,)),
    ]
    if {"difference", "difference_null", "p_difference", "p_difference_fwe"} <= set(frame):
        caption = "Mean probability inside each canonical network minus outside, against the nulls"
        headings = {"difference": "Difference"}
        each = {
            "difference_null": "{}: median",
            "p_difference": "p, {}",
            "p_difference_fwe": "family-wise p, {}",
        }
        text = (
            "Means are over the voxels where foci may fall. p is two-sided, by rank among all "
            "maps; "
            "the family-wise p is over the canonical networks."
        )
        blocks += [_by_null(caption, frame, headings, each), Prose((text,))]
    if n > _MOST_REGIONS:
        return [Folded(f"All {n} canonical networks", tuple(blocks))]
    return blocks


def _by_null(
    caption: str, frame: pd.DataFrame, once: Mapping[str, str], each: Mapping[str, str]
) -> Table:
    """Put the rows of all nulls on a canonical network side by side.

    Parameters
    ----------
    caption, frame
        What the table shows, and its rows by ``test`` and ``name``.
    once
        Headings of columns that all nulls share.
    each
        Those of columns of every null, with {} for its title.
    """
    merged = frame.drop_duplicates("name")[["name", *once]]
    headings = {"name": "Canonical network", **once}
    for test in dict.fromkeys(frame["test"]):
        short = FOCUS_NULLS[test].title if test in FOCUS_NULLS else test
        renamed = {column: f"{column} {test}" for column in each}
        own = frame[frame["test"] == test][["name", *each]].rename(columns=renamed)
        merged = merged.merge(own, on="name", how="left")
        headings |= {
            renamed[column]: capital(text.format(short))
            if text.startswith("{}")
            else text.format(short)
            for column, text in each.items()
        }
    return frame_table(caption, merged.fillna(""), headings, as_is=("name",))


def label_blocks(found: SpecificityResult) -> list[Any]:
    """Describe the labels that a network's table of labels compares."""
    frame, said = found.table("labels"), found.about("labels")
    if frame is None:
        return []
    compared = " and ".join(map(str, said.get("Labels", [])))
    caption = f"What the labels {compared} stand for".replace("  ", " ")
    others = {str(name): str(name) for name in frame if name not in LABEL_HEADINGS}
    table = frame_table(caption, frame, {**LABEL_HEADINGS, **others}, as_is=("label",))
    text = []
    if said.get("FociThinnedTo") is not None:
        text.append(f"Every contrast was thinned to {said['FociThinnedTo']} foci, at random.")
    image = found.image("labels", "z")
    drawn = {} if image is None else read_sidecar(image)
    if {"Labellings", "LabellingsPossible"} <= set(drawn):
        n_compared, possible = drawn["Labellings"], drawn["LabellingsPossible"]
        text.append(
            f"All {possible:,} ways to exchange the labels were compared, the observed one "
            "included."
            if drawn.get("LabellingsExact")
            else f"{n_compared:,} of {possible:,} ways to exchange the labels were compared: the "
            "observed one and others drawn at random."
        )
    return [table, Prose(tuple(text))] if text else [table]


def percent(share: Any) -> str:
    """A share as the page shows it."""
    value = number_in(share)
    return "n/a" if value is None else f"{100 * value:.1f} %"


def merged_levels(found: SpecificityResult, nulls: tuple[str, ...], most: int) -> str | None:
    """The values that the maps take, where they are few; None where there is nothing to say."""
    by_null = {null: found.about(f"{null}draws").get("Levels", []) for null in nulls}
    listed = {
        null: ", ".join(as_text(level) for level in levels)
        for null, levels in by_null.items()
        if found.has(null) and 0 < len(levels) <= most
    }
    if not listed:
        return None
    texts = list(dict.fromkeys(listed.values()))
    if len(texts) == 1:
        return texts[0]
    return "; ".join(f"{text} ({found.named(null)})" for null, text in listed.items())
