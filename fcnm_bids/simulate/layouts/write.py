"""Writers of the layouts that other programs and data sets have."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.io import savemat

from fcnm_bids.simulate.layouts.source import (
    SourceRun,
    copy_image,
    denoised,
    source_runs,
    write_columns,
    write_series,
)

_FRISTON24 = [
    f"{kind}_{axis}{form}"
    for kind in ("trans", "rot")
    for axis in "xyz"
    for form in ("", "_derivative1", "_power2", "_derivative1_power2")
]
CONFOUNDS = [*_FRISTON24, "white_matter", "csf", "global_signal"]
"""Confounds that were removed from denoised series, where the tree has them."""


def write_layout(
    name: str,
    fmriprep: Path,
    out: Path,
    *,
    variant: str = "",
    band: tuple[float, float] | None = None,
    fwhm: float = 0.0,
) -> Path:
    """Write the runs of an fMRIPrep tree in another layout.

    Parameters
    ----------
    name
        A key of `WRITERS`.
    fmriprep
        Tree of fMRIPrep's derivatives, as `simulate_dataset` writes it.
    out
        Folder to be made.
    variant
        Which of several stages of the same run: letters for dparsf and dpabisurf, ``clean`` for
        hcp, ``v7.3`` for leaddbs.
    band
        Applied to denoised layouts, in Hz; the layout's own by default.
    fwhm
        Smoothing in mm of denoised layouts.

    Returns
    -------
    Path
        What is given to the program as ``BIDS_DIR``.
    """
    return WRITERS[name](list(source_runs(fmriprep)), out, variant, band, fwhm)


Band = tuple[float, float] | None


def _cleaned(run: SourceRun, band: tuple[float, float], fwhm: float) -> NDArray[np.float64]:
    there = [name for name in CONFOUNDS if name in run.table]
    return denoised(run, there, band, fwhm)


def _image_stem(run: SourceRun, subject: str) -> str:
    run_part = f"_run-{run.entities['run']}" if run.entities.get("run") else ""
    resolution = f"_res-{run.entities['res']}" if run.entities.get("res") else ""
    return f"{subject}_task-rest{run_part}_space-{run.entities['space']}{resolution}"


def _dpabi_tables(out: Path, runs: Sequence[SourceRun], ids: Sequence[str], middle: str) -> None:
    """Write realignment parameters, displacement and ``TRInfo.tsv``."""
    times: dict[str, dict[str, Any]] = {}
    prefixes = ["" if s == 1 else f"S{s}_" for s in sorted({run.ordinal for run in runs})]
    for run, label in zip(runs, ids, strict=True):
        prefix = "" if run.ordinal == 1 else f"S{run.ordinal}_"
        folder = out / "RealignParameter" / label
        write_columns(folder / f"{prefix}rp_{middle}{label}.txt", run.motion, "{:16.7e}")
        displacement = folder / f"{prefix}FD_Power_{label}.txt"
        write_columns(displacement, run.displacement, "{:.16e}", "\t")
        grid = run.grid()
        row = times.setdefault(label, {"Subject ID": label})
        row[f"{prefix}TR"] = f"{run.repetition_time:g}"
        row[f"{prefix}Slice Number"] = grid.shape[2]
        row[f"{prefix}Time Points"] = len(run.table)
        row[f"{prefix}Voxel Size"] = " ".join(f"{size:g}" for size in grid.voxel_sizes)
    columns = ("TR", "Slice Number", "Time Points", "Voxel Size")
    named = ["Subject ID", *(f"{prefix}{name}" for name in columns for prefix in prefixes)]
    table = pd.DataFrame(list(times.values())).reindex(columns=named)
    table.to_csv(out / "TRInfo.tsv", sep="\t", index=False, lineterminator="\n")


def _dparsf(runs: list[SourceRun], out: Path, variant: str, band: Band, fwhm: float) -> Path:
    letters = variant or "ARW"
    ids = [f"Sub_{run.number:03d}" for run in runs]
    for run, label in zip(runs, ids, strict=True):
        prefix = "" if run.ordinal == 1 else f"S{run.ordinal}_"
        folder = out / f"{prefix}FunImg{letters}" / label
        if "F" in letters:
            series = _cleaned(run, band or (0.01, 0.1), fwhm)
            write_series(folder / "Filtered_4DVolume.nii", run, series)
        elif "C" in letters:
            series = _cleaned(run, (0.0, 0.0), fwhm)
            write_series(folder / "wCovRegressed_4DVolume.nii", run, series)
        else:
            copy_image(run.bold, folder / f"wra{label}.nii")
        mask = out / "Masks" / "AutoMasks" / f"w{prefix}AutoMask_{label}.nii"
        copy_image(run.mask, mask)
    _dpabi_tables(out, runs, ids, "a")
    return out


def _dpabisurf(runs: list[SourceRun], out: Path, variant: str, band: Band, fwhm: float) -> Path:
    letters = variant or "W"
    ids = [f"IS001-{1 + run.number % 2}-{run.number:04d}" for run in runs]
    for run, label in zip(runs, ids, strict=True):
        later = run.ordinal > 1
        prefix, entity = (f"S{run.ordinal}_", f"_ses-{run.ordinal}") if later else ("", "")
        stem = _image_stem(run, f"{label}{entity}")
        image = out / f"{prefix}FunVolu{letters}" / label / f"{stem}_desc-preproc_bold.nii"
        if "C" in letters:
            write_series(image, run, _cleaned(run, band or (0.01, 0.1), fwhm))
        else:
            copy_image(run.bold, image)
        copy_image(run.mask, out / "Masks" / "AutoMasks" / f"{stem}_desc-brain_mask.nii.gz")
        (out / f"{prefix}FunSurf{letters}" / label).mkdir(parents=True, exist_ok=True)
    _dpabi_tables(out, runs, ids, "")
    return out


def _hcp(runs: list[SourceRun], out: Path, variant: str, band: Band, fwhm: float) -> Path:
    for run in runs:
        number = run.ordinal
        name = f"rfMRI_REST{(number + 1) // 2}_{'LR' if number % 2 else 'RL'}"
        folder = out / f"{100000 + run.number}" / "MNINonLinear" / "Results" / name
        if variant:
            image = folder / f"{name}_{variant}.nii.gz"
            write_series(image, run, denoised(run, _FRISTON24, (0.0005, 0.0), fwhm))
        else:
            copy_image(run.bold, folder / f"{name}.nii.gz")
        copy_image(run.mask, folder / "brainmask_fs.2.nii.gz")
        degrees = run.motion * np.r_[np.ones(3), np.full(3, 180 / np.pi)]
        steps = np.diff(degrees, axis=0, prepend=degrees[:1])
        both = np.column_stack([degrees, steps])
        write_columns(folder / "Movement_Regressors.txt", both, "{:.6f}", "  ")
        relative = np.diff(run.motion, axis=0, prepend=run.motion[:1])
        write_columns(folder / "Movement_RelativeRMS.txt", _rms(relative), "{:.6f}")
        absolute = run.motion - run.motion[:1]
        write_columns(folder / "Movement_AbsoluteRMS.txt", _rms(absolute), "{:.6f}")
    return out


def _rms(change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Root mean square displacement in a sphere of 80 mm for small rotations (Jenkinson 1999)."""
    moved = (change[:, :3] ** 2).sum(axis=1)
    return np.sqrt(moved + 80**2 / 5 * 2 * (change[:, 3:] ** 2).sum(axis=1))


def _gsp1000(runs: list[SourceRun], out: Path, variant: str, band: Band, fwhm: float) -> Path:
    for run in runs:
        subject = f"sub-{run.number:04d}"
        name = (
            f"{subject}_bld{run.ordinal:03d}_rest_skip4_stc_mc_bp_0.0001_0.08_resid_FS1mm_MNI1mm_"
            "MNI2mm_sm7_finalmask.nii.gz"
        )
        series = _cleaned(run, band or (0.0001, 0.08), fwhm)
        write_series(out / subject / "func" / name, run, series)
    return out


def _leaddbs(runs: list[SourceRun], out: Path, variant: str, band: Band, fwhm: float) -> Path:
    volumes = out / "vol"
    volumes.mkdir(parents=True)
    grid = runs[0].grid()
    common = set(runs[0].inside()).intersection(*(run.inside() for run in runs))
    index = np.array(sorted(common), dtype=np.intp)
    files: dict[int, list[str]] = {}
    for run in runs:
        name = f"sub-{run.number:04d}_run_{run.ordinal}.mat"
        files.setdefault(run.number, [f"sub-{run.number:04d}"]).append(name)
        series = _cleaned(run, band or (0.0001, 0.08), fwhm)
        values = series[:, np.isin(run.inside(), index)].T.astype(np.float32)
        if variant == "v7.3":
            with h5py.File(volumes / name, "w", userblock_size=512) as file:
                file["gmtc"] = values.T  # MATLAB's columns are HDF5's rows
        else:
            savemat(volumes / name, {"gmtc": values}, do_compression=True)
    one_based = grid.affine.copy()
    one_based[:3, 3] -= grid.affine[:3, :3].sum(axis=1)
    names = np.empty((1, len(files)), dtype=object)
    names[0] = [np.array([row], dtype=object) for row in files.values()]
    space = {"dim": np.array(grid.shape, float), "mat": one_based, "fname": "222.nii"}
    vol = {"outidx": (index + 1.0)[:, None], "space": space, "subIDs": names}
    description = {"name": "Simulated", "type": "fMRI_timecourses", "formatversion": 1.1}
    savemat(out / "dataset_info.mat", {"dataset": {**description, "vol": vol}})
    subsets = [{"name": "Full set", "subs": list(range(1, len(files) + 1))}]
    (out / "dataset_info.json").write_text(json.dumps({**description, "subsets": subsets}))
    return out


def _xcpd(runs: list[SourceRun], out: Path, variant: str, band: Band, fwhm: float) -> Path:
    low, high = band or (0.01, 0.08)
    out.mkdir(parents=True, exist_ok=True)
    description = {
        "Name": "Simulated",
        "BIDSVersion": "1.9.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "xcp_d", "Version": "0.10.6"}],
    }
    (out / "dataset_description.json").write_text(json.dumps(description))
    for run in runs:
        subject = f"sub-{run.entities['subject']}"
        session = f"ses-{run.entities['session']}" if run.entities.get("session") else ""
        func = out / subject / session / "func"
        stem = _image_stem(run, "_".join(filter(None, (subject, session))))
        image = func / f"{stem}_desc-denoised_bold.nii.gz"
        there = [name for name in CONFOUNDS if name in run.table]
        write_series(image, run, _cleaned(run, (low, high), fwhm))
        copy_image(run.mask, func / f"{stem}_desc-brain_mask.nii.gz")
        cutoffs = {"Low-pass cutoff (Hz)": high, "High-pass cutoff (Hz)": low, "Filter order": 2}
        sidecar = {
            "RepetitionTime": run.repetition_time,
            "SoftwareFilters": {"Bandpass filter": cutoffs},
        }
        (func / f"{stem}_desc-denoised_bold.json").write_text(json.dumps(sidecar))
        ramp = np.arange(len(run.table))
        design = run.table[there].bfill().assign(linear_trend=ramp, intercept=1)
        tables = {
            "design": design,
            "motion": pd.DataFrame({"framewise_displacement": run.displacement}),
            "outliers": pd.DataFrame({"framewise_displacement": np.zeros(len(run.table), int)}),
        }
        for suffix, table in tables.items():
            path = func / f"{stem.split('_space-')[0]}_{suffix}.tsv"
            table.to_csv(path, sep="\t", index=False, lineterminator="\n")
    return out


def _halfpipe(runs: list[SourceRun], out: Path, variant: str, band: Band, fwhm: float) -> Path:
    for run in runs:
        subject = f"sub-{run.entities['subject']}"
        func = out / "derivatives" / "halfpipe" / subject / "func"
        stem = f"{subject}_task-rest_setting-{variant or 'fc'}"
        write_series(func / f"{stem}_bold.nii.gz", run, _cleaned(run, band or (0.01, 0.1), fwhm))
        copy_image(run.mask, func / f"{stem}_desc-brain_mask.nii.gz")
        setting = {"RepetitionTime": run.repetition_time, "TaskName": "rest"}
        (func / f"{stem}_bold.json").write_text(json.dumps(setting))
        scaled = pd.DataFrame({"framewise_displacement": run.displacement}) * 1000
        scaled.to_csv(func / f"{stem}_desc-confounds_regressors.tsv", sep="\t", index=False)
    return out


def _conn(runs: list[SourceRun], out: Path, variant: str, band: Band, fwhm: float) -> Path:
    folder = out / "results" / "preprocessing"
    for run in {run.number: run for run in reversed(runs)}.values():
        name = f"niftiDATA_Subject{run.number:03d}_Condition000.nii"
        write_series(folder / name, run, _cleaned(run, band or (0.008, 0.09), fwhm))
    return out


Writer = Callable[[list[SourceRun], Path, str, Band, float], Path]
WRITERS: Mapping[str, Writer] = {
    "dparsf": _dparsf,
    "dpabisurf": _dpabisurf,
    "hcp": _hcp,
    "gsp1000": _gsp1000,
    "leaddbs": _leaddbs,
    "xcpd": _xcpd,
    "halfpipe": _halfpipe,
    "conn": _conn,
}
"""A writer of each layout, by its name in ``--input-type``."""
