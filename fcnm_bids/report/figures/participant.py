"""Figures of a participant's report."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fcnm_bids.bids.names import parse_entities
from fcnm_bids.bids.outputs import figure_name, stored_entities
from fcnm_bids.bids.write import written_together
from fcnm_bids.connectome import StoredRun
from fcnm_bids.report.figures.mosaic import draw_mosaic
from fcnm_bids.report.figures.palette import BLUE, SOFT
from fcnm_bids.report.figures.sheet import Sheet
from fcnm_bids.report.figures.template_slices import Outline, Overlay, Volume, choose_slices
from fcnm_bids.report.results.group import read_sidecar, read_tsv
from fcnm_bids.report.results.participant import ParticipantOutputs

_ROWS = 220

_Z_PERCENTILE = 98

NOISE = 0.1
"""Least absolute Fisher z that is drawn."""

_STEP = 1.5
"""Millimetres between the pixels of slices."""

_WIDTH = 662.0
_PIXELS = 1.5
"""Width of a run's figures in points, and pixels per point."""

_CARPET_END = 2.0
_BLANK = (245, 217, 191)
_PALE_GREY, _PALE_ORANGE = "#d7dadd", "#f0c7a5"


def run_figure(root: Path, volumes: Path, desc: str) -> Path:
    """Return the file of a figure of a run."""
    extension = ".png" if desc == "carpet" else ".svg"
    return figure_name(root, extension, **stored_entities(volumes), desc=desc, suffix="bold")


def map_figure(root: Path, path: Path) -> Path:
    """Return the file of the figure of a participant's map."""
    entities = parse_entities(path)
    kept = {name: str(entities[name]) for name in ("subject", "task", "seed")}
    return figure_name(root, ".png", **kept, desc="slices", suffix="statmap")


@written_together()
def draw_participant_figures(root: Path, subject: str, *, maps: bool = True) -> list[Path]:
    """Draw all figures of a participant's report from the files in an output folder.

    Parameters
    ----------
    root
        Output folder.
    subject
        Participant label.
    maps
        Whether maps are drawn, too.

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
    for source in participant.maps() if maps else ():
        path = map_figure(root, source)
        z = Volume.read(source)
        foci = read_sidecar(source).get("Foci", [])
        positions = choose_slices([focus[2] for focus in foci], ())
        seed = _seed_outline(root, source, positions)
        limit = z.limit(_Z_PERCENTILE, NOISE)
        draw_mosaic(
            path,
            Overlay(z, seed, "diverging", -limit, limit, NOISE, outside=0.92),
            "Fisher z",
            rows=((2, positions),),
            marks=foci,
            step=_STEP,
            width=9.2,
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
    top = 1.15 * max(float(np.nanmax(displacement, initial=0.0)), threshold, 0.2)
    end = max(seconds[-1], repetition_time)
    sheet = Sheet(_WIDTH, 137.0, _PIXELS)
    left, right, upper, lower = 0.07 * _WIDTH, 0.87 * _WIDTH, 15.0, 100.0

    def place(second: float, value: float) -> tuple[float, float]:
        return (
            left + (right - left) * float(np.clip(second / end, 0, 1)),
            lower + (upper - lower) * value / top,
        )

    for kind, color in (("dummy", _PALE_GREY), ("censored", _PALE_ORANGE)):
        for first, last in _stretches(use == kind):
            x, _ = place(repetition_time * (first - 0.5), 0)
            width = place(repetition_time * (last + 0.5), 0)[0] - x
            sheet.box(x, upper, width, lower - upper, color)
    for first, last in _stretches(np.isfinite(displacement)):
        points = [place(seconds[n], displacement[n]) for n in range(first, last + 1)]
        sheet.line(points, width=0.9, color=BLUE)
    if threshold > 0:
        level = place(0, threshold)[1]
        sheet.line([(left, level), (right, level)], width=0.9, color=SOFT, dashed=True)
        sheet.text(right + 4, level, f"threshold {threshold:g} mm", size=7.5)
    sheet.line([(left, upper), (left, lower), (right, lower)], width=0.8, color=SOFT)
    sheet.ticks(0, end, lambda second: place(second, 0), across=True, most=8)
    for value in (0.0, top / 1.15):
        sheet.text(left - 4, place(0, value)[1], f"{value:.2g}", size=7, anchor="end")
    sheet.text((left + right) / 2, lower + 24, "time in s", size=8, anchor="middle")
    sheet.text(left - 32, (upper + lower) / 2, "FD in mm", size=8, upright=True)
    sheet.save(path)


def _stretches(marked: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the first and the last position of every stretch of marked ones."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], marked, [False]])))
    return [(int(a), int(b) - 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]


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
    raw = run.carpet()
    denoising = run.denoising()
    kept = denoising.volumes.kept
    denoised = denoising.clean(raw)
    before = raw - raw[kept].mean(axis=0)
    order = np.argsort(-(before[kept] * before[kept].mean(axis=1, keepdims=True)).sum(axis=0))
    scale = float(before[kept].std()) or 1.0
    repetition_time = float(run.attributes.get("repetition_time", 1.0))
    end = raw.shape[0] * repetition_time
    sheet = Sheet(_WIDTH, 302.0, _PIXELS)
    left, width, height, first = 0.07 * _WIDTH, 0.86 * _WIDTH, 121.0, 21.0
    for number, (values, title) in enumerate(((before, "before"), (denoised, "after"))):
        top = first + 133 * number
        sheet.picture(left, top, width, height, _grey(_thinned(values[:, order].T / scale)))
        sheet.text(left - 24, top + height / 2, title, size=8, upright=True)
        sheet.text(left - 12, top + height / 2, "voxels", size=8, upright=True)
    bottom = top + height
    sheet.ticks(0, end, lambda second: (left + width * second / end, bottom), across=True, most=8)
    sheet.text(left + width / 2, bottom + 19, "time in s", size=8, anchor="middle")
    bar = left + width + 10, first + 66.0, 8.6, height
    sheet.picture(*bar, _grey(np.linspace(_CARPET_END, -_CARPET_END, 256)[:, None]))
    sheet.ticks(
        -_CARPET_END,
        _CARPET_END,
        lambda sd: (bar[0] + bar[2], bar[1] + bar[3] * (0.5 - sd / (2 * _CARPET_END))),
        across=False,
    )
    sheet.text(_WIDTH - 6, bar[1] + height / 2, "SD of the raw signal", size=7, upright=True)
    sheet.save(path)


def _grey(values: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return a picture of values between the ends of the carpet's scale; pale where unknown."""
    scaled = np.clip((values + _CARPET_END) / (2 * _CARPET_END), 0, 1)
    known = np.isfinite(scaled)
    picture = np.empty((*values.shape, 3), dtype=np.uint8)
    picture[known] = np.rint(255 * scaled[known])[:, None]
    picture[~known] = _BLANK
    return picture


def _thinned(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Means over neighbouring voxels, so that no more rows are drawn than are seen."""
    block = -(-values.shape[0] // _ROWS)
    parts = [values[i : i + block].mean(axis=0) for i in range(0, values.shape[0], block)]
    return np.stack(parts)


def _seed_outline(root: Path, source: Path, positions: tuple[int, ...]) -> Outline | None:
    label = parse_entities(source).get("seed")
    found = sorted((root / "seeds").glob(f"seed-{label}_space-*.nii.gz"))
    return _outline(found[0], found[0].stat().st_mtime_ns, positions) if found else None


@lru_cache(maxsize=64)
def _outline(path: Path, modified: int, positions: tuple[int, ...]) -> Outline:
    """Return a seed on slices, which are the same for each participant."""
    seed = Volume.read(path)
    mask = Volume((seed.values > 0).astype(np.float32), seed.affine)
    return Outline.of(mask, 2, positions, _STEP)
