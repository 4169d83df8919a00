"""A participant's report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from fcnm_bids.bids.names import parse_entities
from fcnm_bids.bids.outputs import report_name
from fcnm_bids.bids.write import write_text
from fcnm_bids.report.figures.participant import NOISE, map_figure, run_figure
from fcnm_bids.report.pages.about import about_sections
from fcnm_bids.report.pages.html import (
    Facts,
    Figure,
    Folded,
    Note,
    Prose,
    Section,
    render_page,
)
from fcnm_bids.report.pages.tables import frame_table
from fcnm_bids.report.results.group import read_sidecar
from fcnm_bids.report.results.logs import latest_run, subject_crashes
from fcnm_bids.report.results.participant import ParticipantOutputs
from fcnm_bids.report.results.text import as_text

_QC = {
    "run": "Run",
    "n_volumes": "Volumes",
    "n_dummy": "Removed at the start",
    "n_censored": "Censored for motion",
    "n_kept": "Kept",
    "minutes_kept": "Minutes kept",
    "dof": "Degrees of freedom",
    "mean_fd": "Mean FD (mm)",
    "n_voxels": "Voxels with signal",
}


def write_participant_page(root: Path, subject: str) -> Path:
    """Write ``sub-<label>.html`` from what an output folder holds.

    Parameters
    ----------
    root
        Output folder.
    subject
        Participant label.

    Returns
    -------
    path
        The report.
    """
    participant = ParticipantOutputs(root, subject)
    sections = [
        _summary(participant),
        _runs(participant),
        _coverage(participant),
        _maps(participant),
        *about_sections(root, latest_run(root, "participant"), subject_crashes(root, subject)),
    ]
    path = report_name(root, subject)
    write_text(path, render_page(f"sub-{subject}", "Participant report of fcnm_bids", sections))
    return path


def _summary(participant: ParticipantOutputs) -> Section:
    table = participant.table("qc")
    if table is None:
        missing = Note(
            "There is no table of runs: the participant's runs were not projected.", "error"
        )
        return Section("summary", "Summary", (missing,))
    used = table[table["included"] == "True"]
    left_out = table[table["included"] != "True"]
    entries = [("Runs in the analysis", f"{len(used)} of {len(table)}")]
    if len(used):
        numbers = used.apply(pd.to_numeric, errors="coerce")
        censored = numbers["n_censored"].sum() / max(numbers["n_volumes"].sum(), 1)
        entries += [
            ("Minutes kept", as_text(numbers["minutes_kept"].sum())),
            ("Degrees of freedom", as_text(numbers["dof"].sum())),
            ("Censored for motion", f"{100 * censored:.1f} %"),
            ("Mean FD (mm)", as_text(numbers["mean_fd"].mean())),
        ]
    blocks: list[Any] = [Facts(tuple(entries))]
    if len(left_out):
        headings = {"run": "Run", "reason": "Reason"}
        blocks.append(frame_table("Excluded runs", left_out, headings, as_is=("run", "reason")))
    return Section("summary", "Summary", tuple(blocks))


def _runs(participant: ParticipantOutputs) -> Section:
    table = participant.table("qc")
    blocks: list[Any] = []
    if table is not None:
        used = table[table["included"] == "True"]
        if used.empty:
            blocks.append(Note("No run of this participant was used.", "warning"))
        else:
            named = used.assign(run=used["run"].map(_short))
            blocks.append(frame_table("Runs in the analysis", named, _QC, as_is=("run",)))
    for volumes in participant.volumes():
        name = volumes.name.removesuffix("_desc-volumes_timeseries.tsv")
        motion, carpet = (run_figure(participant.root, volumes, d) for d in ("motion", "carpet"))
        if motion.is_file():
            caption = (
                f"{name}: framewise displacement (Power et al. 2012). Grey: volumes removed at "
                "the start; orange: volumes censored for motion."
            )
            alt = f"Framewise displacement over time in {name}; its mean is in the table."
            blocks.append(Figure(motion, alt, caption, participant.root, "wide"))
        if carpet.is_file():
            caption = (
                f"{name}: a sample of voxels over time, before denoising and after (without "
                "smoothing), sorted by how closely they follow the mean signal, in one grey scale. "
                "Volumes without a colour were not used."
            )
            alt = f"Carpet plots of {name} before and after denoising."
            blocks.append(Figure(carpet, alt, caption, participant.root, "wide"))
    return Section("runs", "Motion and denoising", tuple(blocks))


def _coverage(participant: ParticipantOutputs) -> Section:
    table = participant.table("coverage")
    if table is None:
        return Section("coverage", "Seed coverage", (Prose(("No seeds were mapped.",)),))
    blocks: list[Any] = []
    lost = table[table["included"] != "True"]
    limit = participant.config.seeds.min_coverage if participant.config else None
    if len(lost):
        asked = "" if limit is None else f" (at least {limit:.0%} is required)"
        text = f"Too little of the seed has signal in {lost['contrast'].nunique()} "
        f"contrasts{asked}."
        blocks.append(Note(text, "warning"))
    headings = {
        "contrast": "Contrast",
        "run": "Run",
        "coverage": "Share of the seed's voxels with signal",
        "included": "Mapped",
    }
    said = table.assign(
        included=table["included"].map({"True": "yes", "False": "no"}),
        run=table["run"].map(_short),
    )
    caption = "Coverage of each seed in each run"
    blocks.append(frame_table(caption, said, headings, as_is=("contrast", "run", "included")))
    return Section("coverage", "Seed coverage", tuple(blocks))


def _maps(participant: ParticipantOutputs) -> Section:
    blocks: list[Any] = []
    for source in participant.maps():
        path = map_figure(participant.root, source)
        if not path.is_file():
            continue
        name = str(read_sidecar(source).get("Contrast", parse_entities(source).get("seed")))
        caption = (
            f"{name}: Fisher z of the correlation with the seed; values within ±{NOISE:g} are not "
            "drawn. White border: the seed. Circles: its foci, each on the slice nearest to it."
        )
        alt = f"Slices of this participant's connectivity map of {name}."
        figure = Figure(path, alt, caption, participant.root, "wide")
        blocks.append(Folded(name, (figure,), open=not blocks, printed=False))
    if not blocks:
        there = "There are no figures of this participant's maps; --reports-only draws them."
        none = "No maps were written for this participant."
        blocks.append(Prose((there if participant.maps() else none,)))
    return Section("maps", "Connectivity maps", tuple(blocks))


def _short(run: str) -> str:
    """A run's name without what all runs share."""
    parts = run.rsplit("/", 1)[-1].split("_")
    kept = [
        p for p in parts if p.split("-")[0] not in ("sub", "space", "res", "desc", "bold.nii.gz")
    ]
    return " ".join(p for p in kept if "-" in p)
