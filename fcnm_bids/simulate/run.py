"""One run, written as fMRIPrep would leave it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from fcnm_bids.simulate.anatomy import networks_of
from fcnm_bids.simulate.bold import signal_model, volumes
from fcnm_bids.simulate.confounds import confounds_table
from fcnm_bids.simulate.design import SimulationDesign
from fcnm_bids.simulate.head import load_head, personal_mask
from fcnm_bids.simulate.images import header_bytes, open_gzip, write_json, write_volume
from fcnm_bids.simulate.motion import simulate_motion

_PARTICIPANT_STREAM, _RUN_STREAM = 2, 3
_TISSUE_VOXELS = 500
_NOTE = "Simulated by fcnm_bids.simulate: no scanner, no participant, not fMRIPrep's output"


@dataclass(frozen=True)
class SimulatedRun:
    """Files of one run."""

    bold: Path
    mask: Path
    confounds: Path


def image_entities(design: SimulationDesign) -> str:
    """The entities ``space`` and ``res`` of every image of the data set."""
    resolution = f"{design.voxel_size:g}".replace(".", "p")
    return f"space-{design.space}_res-{resolution}"


def simulate_run(
    folder: Path | str,
    design: SimulationDesign,
    *,
    participant: int = 0,
    session: str | None = None,
    run: int | None = None,
) -> SimulatedRun:
    """Write one run: BOLD, brain mask, confounds, and their sidecars.

    Volumes are written as they are made, so the memory needed does not grow with their number.
    The bytes depend on the design, participant, session and run alone, not on what else is written.

    Parameters
    ----------
    folder
        Root of the derivatives; ``sub-<label>/[ses-<label>/]func`` is made in it.
    design
        The data set that the run belongs to.
    participant
        Which participant, counted from 0.
    session, run
        Entities ``ses`` and ``run``; None leaves the entity out.
    """
    # sums over several threads differ in their last bit, and with them a voxel here and there
    with threadpool_limits(limits=1):
        return _write_run(Path(folder), design, participant, session, run)


def _write_run(
    folder: Path, design: SimulationDesign, participant: int, session: str | None, run: int | None
) -> SimulatedRun:
    head = load_head(design.space, design.voxel_size)
    grid = head.grid
    order = design.sessions.index(session) if session in design.sessions else 0
    rng = design.generator(_RUN_STREAM, participant, order, run or 0)
    personal = design.generator(_PARTICIPANT_STREAM, participant)
    networks = networks_of(design)
    n_networks = len(design.effects) + len(networks.others)
    gains = np.exp(personal.normal(scale=design.strength_variation, size=n_networks))
    mask = personal_mask(head, personal, design.mask_variation)
    n_non_steady = design.non_steady_state[participant % len(design.non_steady_state)]

    motion = simulate_motion(
        rng, design.n_volumes, mean_fd=design.mean_fd, spike_share=design.spike_share
    )
    model = signal_model(rng, design, head, motion, gains)

    # Fluid and white matter inside a network carry its signal: taken as nuisance they would take
    # the network out.
    avoid = networks.anywhere
    place = np.full(grid.n_voxels, -1)
    place[model.index] = np.arange(model.index.size)
    white_at = place[head.tissue_sample(head.white, avoid, _TISSUE_VOXELS)]
    fluid_at = place[head.tissue_sample(head.fluid, avoid, _TISSUE_VOXELS)]
    mask_at = place[np.flatnonzero(grid.flatten(mask))]

    sub = f"sub-{design.label_of(participant)}"
    ses = f"ses-{session}" if session else ""
    func = Path(folder) / sub / ses / "func"
    func.mkdir(parents=True, exist_ok=True)
    stem = "_".join(filter(None, [sub, ses, "task-rest", f"run-{run}" if run else ""]))
    image = f"{stem}_{image_entities(design)}"
    files = SimulatedRun(
        bold=func / f"{image}_desc-preproc_bold.nii.gz",
        mask=func / f"{image}_desc-brain_mask.nii.gz",
        confounds=func / f"{stem}_desc-confounds_timeseries.tsv",
    )

    n = design.n_volumes
    global_signal, dvars = np.empty(n), np.full(n, np.nan)
    white, fluid = np.empty((n, white_at.size)), np.empty((n, fluid_at.size))
    before = np.empty(0, dtype=np.float32)
    box = np.zeros(grid.n_voxels, dtype="<i2")
    with open_gzip(files.bold) as stream:
        stream.write(header_bytes(grid, "<i2", n_volumes=n, repetition_time=design.repetition_time))
        for row, values in enumerate(volumes(rng, design, head, model, n_non_steady)):
            box[model.index] = values
            stream.write(box.data)
            inside = values[mask_at].astype(np.float32)
            global_signal[row] = inside.mean(dtype=np.float64)
            white[row], fluid[row] = values[white_at], values[fluid_at]
            if row:
                dvars[row] = np.sqrt(np.mean((inside - before) ** 2, dtype=np.float64))
            before = inside

    table, metadata = confounds_table(
        global_signal=global_signal,
        white=white,
        fluid=fluid,
        dvars=dvars,
        motion=motion,
        n_non_steady=n_non_steady,
        repetition_time=design.repetition_time,
    )
    _write_table(files.confounds, table)
    write_json(files.confounds.with_suffix(".json"), metadata)
    write_volume(files.mask, mask, grid)
    write_json(
        files.mask.with_name(f"{image}_desc-brain_mask.json"),
        {"Type": "Brain", "Description": _NOTE},
    )
    write_json(
        files.bold.with_name(f"{image}_desc-preproc_bold.json"),
        {
            "RepetitionTime": design.repetition_time,
            "TaskName": "rest",
            "SkullStripped": False,
            "SliceTimingCorrected": False,
            "Description": _NOTE,
        },
    )
    return files


def _write_table(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(
        path, sep="\t", index=False, na_rep="n/a", float_format="%.10g", lineterminator="\n"
    )
