"""Figures of a participant's report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids.names import parse_entities
from fcnm_bids.bids.outputs import figure_name, stored_entities
from fcnm_bids.connectome import StoredRun, read_stored
from fcnm_bids.report.figures.palette import BLUE, GREY, ORANGE, SOFT
from fcnm_bids.report.figures.slices import AXIAL, Overlay, Volume, draw_mosaic
from fcnm_bids.report.figures.style import drawn
from fcnm_bids.report.results.group import read_sidecar, read_tsv
from fcnm_bids.report.results.participant import ParticipantOutputs

_ROWS = 220

_Z_PERCENTILE = 98


def run_figure(root: Path, volumes: Path, desc: str) -> Path:
    """Return the file of a figure of a run."""
    extension = ".png" if desc == "carpet" else ".svg"
    return figure_name(root, extension, **stored_entities(volumes), desc=desc, suffix="bold")


def map_figure(root: Path, path: Path) -> Path:
    """Return the file of the figure of a participant's map."""
    entities = parse_entities(path)
    kept = {name: str(entities[name]) for name in ("subject", "task", "seed")}
    return figure_name(root, ".png", **kept, desc="slices", suffix="statmap")


def draw_participant_figures(root: Path, subject: str) -> list[Path]:
    """Draw all figures of a participant's report from the files in an output folder.

    Parameters
    ----------
    root
        Output folder.
    subject
        Participant label.

    Returns
    -------
    files
        The figures drawn. A figure whose source is not there is left out.
    """
    participant = ParticipantOutputs(root, subject)
    files = []
    threshold = participant.config.denoising.fd_threshold if participant.config else 0.0
    for volumes in participant.volumes():
        table = read_tsv(volumes)
        if table is None:
            continue
        path = run_figure(root, volumes, "motion")
        repetition_time = float(read_sidecar(volumes).get("RepetitionTime", 1.0))
        draw_motion(path, table, repetition_time, threshold)
        files.append(path)
        run = participant.stored_run(volumes)
        if run is not None:
            path = run_figure(root, volumes, "carpet")
            draw_carpet(path, run)
            files.append(path)
    for source in participant.maps():
        path = map_figure(root, source)
        z = Volume.read(source)
        seed = _seed_mask(root, source)
        limit = z.limit(_Z_PERCENTILE)
        draw_mosaic(
            path,
            Overlay(z, seed, "diverging", -limit, limit, 0.1 * limit, outside=0.92),
            "Fisher z",
            rows=((2, AXIAL),),
            marks=read_sidecar(source).get("Foci", []),
            step=1.5,
            width=9.2,
            dpi=90,
        )
        files.append(path)
    return files


def draw_motion(path: Path, table: pd.DataFrame, repetition_time: float, threshold: float) -> None:
    """Framewise displacement over time, with the volumes that were dropped.

    Parameters
    ----------
    path
        SVG or PNG file.
    table
        Columns framewise_displacement (mm) and use (kept, dummy or censored).
    repetition_time
        Seconds between volumes.
    threshold
        Displacement above which volumes were dropped; 0 for none.
    """
    displacement = pd.to_numeric(table["framewise_displacement"], errors="coerce").to_numpy()
    seconds = np.arange(len(table)) * repetition_time
    use = table["use"].to_numpy()
    with drawn(path, 9.2, 1.9) as figure:
        axes = figure.add_axes((0.07, 0.27, 0.8, 0.62))
        top = 1.15 * max(float(np.nanmax(displacement, initial=0.0)), threshold, 0.2)
        for kind, color in (("dummy", GREY), ("censored", ORANGE)):
            for start in seconds[use == kind]:
                axes.axvspan(
                    start - repetition_time / 2,
                    start + repetition_time / 2,
                    color=color,
                    alpha=0.35,
                    lw=0,
                )
        axes.plot(seconds, displacement, color=BLUE, linewidth=0.9)
        if threshold > 0:
            axes.axhline(threshold, color=SOFT, linewidth=0.9, linestyle="--")
            axes.text(
                1.005,
                threshold / top,
                f"threshold {threshold:g} mm",
                transform=axes.transAxes,
                fontsize=7.5,
                va="center",
            )
        axes.set(xlim=(0, max(seconds[-1], repetition_time)), ylim=(0, top))
        axes.set_xlabel("time in s")
        axes.set_ylabel("FD in mm")


def draw_carpet(path: Path, run: StoredRun) -> None:
    """A sample of voxels over time, as they were and as denoising leaves them.

    Both pictures use one grey scale: signal change from the mean in the units of the raw
    signal's standard deviation over all voxels. Dropped volumes are blank below.

    Parameters
    ----------
    path
        SVG or PNG file.
    run
        The stored run.
    """
    raw = read_stored(run.path, "carpet").astype(np.float64)
    kept = read_stored(run.path, "kept").astype(bool)
    basis = read_stored(run.path, "basis")
    denoised = np.full(raw.shape, np.nan)
    denoised[kept] = basis.T @ (basis @ raw[kept])
    before = raw - raw[kept].mean(axis=0)
    order = np.argsort(-(before[kept] * before[kept].mean(axis=1, keepdims=True)).sum(axis=0))
    scale = float(before[kept].std()) or 1.0
    repetition_time = float(run.attributes.get("repetition_time", 1.0))
    end = raw.shape[0] * repetition_time
    with drawn(path, 9.2, 4.2, dpi=110) as figure:
        for number, (values, title) in enumerate(((before, "before"), (denoised, "after"))):
            axes = figure.add_axes((0.07, 0.53 - 0.44 * number, 0.86, 0.4))
            picture = _thinned(values[:, order].T / scale)
            shown = axes.imshow(
                np.ma.masked_invalid(picture),
                cmap="gray",
                vmin=-2,
                vmax=2,
                aspect="auto",
                extent=(0, end, raw.shape[1], 0),
                interpolation="nearest",
            )
            axes.set_facecolor("#f5d9bf")
            axes.set_ylabel(f"{title}\nvoxels", fontsize=8)
            axes.set_yticks([])
            if number == 0:
                axes.set_xticks([])
        axes.set_xlabel("time in s")
        bar = figure.colorbar(shown, cax=figure.add_axes((0.945, 0.3, 0.012, 0.4)))
        bar.set_label("SD of the raw signal", fontsize=7)
        bar.ax.tick_params(labelsize=7)


def _thinned(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Means over neighbouring voxels, so that no more rows are drawn than are seen."""
    block = -(-values.shape[0] // _ROWS)
    parts = [values[i : i + block].mean(axis=0) for i in range(0, values.shape[0], block)]
    return np.stack(parts)


def _seed_mask(root: Path, source: Path) -> Volume | None:
    label = parse_entities(source).get("seed")
    found = sorted((root / "seeds").glob(f"seed-{label}_space-*.nii.gz"))
    if not found:
        return None
    seed = Volume.read(found[0])
    return Volume((seed.values > 0).astype(np.float32), seed.affine)
