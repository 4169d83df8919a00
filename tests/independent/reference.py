"""Seed-to-voxel connectivity computed a second time, by independent code, to judge the program.

Nothing of ``fcnm_bids`` is used: denoising is :func:`nilearn.signal.clean` with every nuisance
column written out, smoothing is :func:`nilearn.image.smooth_img`, the group statistic is
:func:`scipy.stats.ttest_1samp`, and spheres are found by asking every voxel centre. As a script it
reads a data set and a coordinate table and compares its maps with those of a finished run::

    python tests/independent/reference.py DATASET COORDINATES --columns 24P,white_matter,csf \
        --fwhm 6 --fd-threshold 0.5 --radius 4 --compare OUTPUT_DIR

The exit status is 1 when a map disagrees. It is slow and memory-hungry on purpose.
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from nilearn.glm.first_level.design_matrix import create_cosine_drift
from nilearn.image import smooth_img
from nilearn.signal import clean
from reference_comparison import ContrastMaps, compare_contrast
from reference_inputs import (
    ambiguous_foci,
    expand_columns,
    files_of,
    kept_volumes,
    read_confounds,
    reference_spheres,
)
from scipy import stats

LARGEST_R = 1 - 1e-7


@dataclass(frozen=True)
class CleanedRun:
    """Denoised (and smoothed) in-mask series of one run.

    Attributes
    ----------
    series : ndarray, shape (n_kept, n_mask), float64, columns in the order of ``mask.nonzero()``.
    mask, usable : boolean volumes; usable voxels are in the mask, finite and not constant in time.
    m : residual dimension: kept volumes minus the rank of everything removed, intercept included.
    dropped : cosine directions not removed, being ill-conditioned on the kept volumes.
    """

    series: np.ndarray
    mask: np.ndarray
    usable: np.ndarray
    m: int
    dropped: int


def stop_band_cosines(n: int, tr: float, high_pass: float, low_pass: float) -> np.ndarray:
    """Discrete cosines of ``n`` volumes outside the pass band (Hz; 0 leaves a side open)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # asking for all orders "saturates the design matrix"
        every = create_cosine_drift(0.5 / tr, np.arange(n) * tr)[:, :-1]
    order = np.arange(1, every.shape[1] + 1)
    stop = np.zeros(order.size, bool)
    if high_pass:
        stop |= order <= np.floor(2 * n * tr * high_pass + 1e-9)
    if low_pass:
        stop |= order > np.floor(2 * n * tr * low_pass + 1e-9)
    return every[:, stop]


def _well_conditioned(
    confounds: np.ndarray, cosines: np.ndarray, keep: np.ndarray, tolerance: float
) -> tuple[np.ndarray, int]:
    """Cosines, or, if some are nearly gone on the kept rows, the directions that are not."""
    known = np.column_stack([np.ones(len(keep)), confounds])[keep]
    known = known / np.maximum(np.linalg.norm(known, axis=0), np.finfo(float).tiny)
    left, weight, _ = np.linalg.svd(known, full_matrices=False)
    known = left[:, weight > 1e-10 * weight[0]]
    rest = cosines[keep] - known @ (known.T @ cosines[keep])
    left, weight, _ = np.linalg.svd(rest, full_matrices=False)
    good = weight > tolerance * weight[:1]
    if good.sum() == cosines.shape[1]:
        return cosines, 0
    directions = np.zeros((len(keep), int(good.sum())))
    directions[keep] = left[:, good]
    return directions, cosines.shape[1] - int(good.sum())


def clean_run(
    bold_path: Path | str,
    mask_path: Path | str,
    confounds_path: Path | str,
    columns: Sequence[str],
    tr: float,
    high_pass: float,
    low_pass: float,
    keep: np.ndarray | None,
    fwhm: float | None,
    cosine_tolerance: float = 1e-3,
    grid_edge: str = "reflect",
) -> CleanedRun:
    """Denoise one run in one least-squares step and smooth it inside its mask.

    Trend and stop-band cosines enter :func:`nilearn.signal.clean` as confound columns on the full
    time axis. ``grid_edge`` says what lies beyond the image: ``reflect`` is nilearn's own choice,
    ``zero`` pads the image with zeros first; they differ where the mask touches the image border.
    """
    image = nib.load(bold_path)
    mask = np.asarray(nib.load(mask_path).dataobj) > 0
    bold = np.asarray(image.dataobj)[mask].T.astype(np.float64)
    n = len(bold)
    keep = np.ones(n, bool) if keep is None else np.asarray(keep, bool)
    finite = np.isfinite(bold).all(axis=0)
    bold[:, ~finite] = 0
    usable = finite & (np.ptp(bold[keep], axis=0) > 0)

    slow = np.column_stack([np.linspace(-1, 1, n), read_confounds(confounds_path, columns)])
    cosines = stop_band_cosines(n, tr, high_pass, low_pass)
    cosines, dropped = _well_conditioned(slow, cosines, keep, cosine_tolerance)
    options = {
        "confounds": np.column_stack([slow, cosines]),
        "sample_mask": np.flatnonzero(keep),
        "detrend": False,
        "standardize": None,
        "filter": False,
        "ensure_finite": False,
    }
    projector = clean(np.eye(n), **options)[:, keep]  # its trace is what nilearn really leaves
    m = int(np.round(np.trace(projector))) - 1
    spread = options["confounds"][keep]
    spread = (spread - spread.mean(0)) / np.where(np.ptp(spread, axis=0) > 0, spread.std(0), 1)
    if m != keep.sum() - 1 - np.linalg.matrix_rank(spread, tol=1e-8 * np.sqrt(keep.sum())):
        raise ValueError(f"{bold_path}: nilearn removes another rank than the confounds have")
    series = clean(bold, **options)
    usable &= series.std(axis=0) > 1e-9 * np.abs(bold).max(axis=0)
    if fwhm:
        series = _smooth_inside(series, mask, image.affine, fwhm, grid_edge)
    where = np.zeros(mask.shape, bool)
    where[mask] = usable
    return CleanedRun(series, mask, where, m, dropped)


def _smooth_inside(
    series: np.ndarray, mask: np.ndarray, affine: np.ndarray, fwhm: float, grid_edge: str
) -> np.ndarray:
    voxel = np.sqrt((affine[:3, :3] ** 2).sum(axis=0))
    pad = int(np.ceil(4 * fwhm / voxel.min())) if grid_edge == "zero" else 0
    padded = np.pad(mask, pad)
    smoothed = np.empty_like(series)
    for start in range(0, len(series), 25):  # a few volumes at a time bounds the memory
        block = slice(start, start + 25)
        volumes = np.zeros((*padded.shape, len(series[block])))
        volumes[padded] = series[block].T
        image = smooth_img(nib.Nifti1Image(volumes, affine), fwhm)
        smoothed[block] = image.get_fdata()[padded].T
    return smoothed


def correlate(run: CleanedRun, seeds: Sequence[np.ndarray]) -> np.ndarray:
    """Pearson r of each seed's mean series with every voxel, shape (n_seeds, x, y, z); else NaN."""
    maps = np.full((len(seeds), *run.mask.shape), np.nan)
    columns = run.usable[run.mask]
    voxels = run.series[:, columns] - run.series[:, columns].mean(axis=0)
    lengths = np.sqrt((voxels**2).sum(axis=0))
    for seed, volume in zip(seeds, maps, strict=True):
        members = np.asarray(seed, bool)[run.usable]
        if members.any():
            mean = voxels[:, members].mean(axis=1)
            volume[run.usable] = mean @ voxels / (np.sqrt(mean @ mean) * lengths)
    return maps


def reference_run(
    bold_path: Path | str,
    mask_path: Path | str,
    confounds_path: Path | str,
    columns: Sequence[str],
    tr: float,
    high_pass: float,
    low_pass: float,
    keep: np.ndarray | None,
    fwhm: float | None,
    seeds: Sequence[np.ndarray],
) -> np.ndarray:
    """Correlation maps of one run, (n_seeds, x, y, z) float64, NaN where there is no signal."""
    return correlate(
        clean_run(
            bold_path, mask_path, confounds_path, columns, tr, high_pass, low_pass, keep, fwhm
        ),
        seeds,
    )


def reference_t(z_maps: Sequence[np.ndarray]) -> np.ndarray:
    """One-sample t over participants; a voxel uses the participants in whom it is finite."""
    z = np.stack(z_maps)
    t = np.full(z.shape[1:], np.nan)
    n = np.isfinite(z).sum(axis=0)
    complete, partial = n == len(z), (n > 1) & (n < len(z))
    t[complete] = stats.ttest_1samp(z[:, complete], 0.0).statistic
    if partial.any():  # apart, because leaving participants out makes SciPy slow
        t[partial] = stats.ttest_1samp(z[:, partial], 0.0, nan_policy="omit").statistic
    return t


def fisher_z(r: np.ndarray) -> np.ndarray:
    return np.arctanh(np.clip(r, -LARGEST_R, LARGEST_R))


def combine_runs(r_maps: Sequence[np.ndarray], dimensions: Sequence[int]) -> np.ndarray:
    """Mean Fisher z over runs, weighted by m - 2; a voxel uses the runs that have it."""
    z = np.stack([fisher_z(r) for r in r_maps])
    weight = np.stack(
        [np.where(np.isfinite(r), m - 2, 0) for r, m in zip(z, dimensions, strict=True)]
    )
    total = weight.sum(axis=0)
    return np.where(total > 0, np.nansum(z * weight, axis=0) / np.maximum(total, 1), np.nan)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dataset", type=Path)
    parser.add_argument("coordinates", type=Path, help="TSV: contrast, x, y, z, space (MNI only)")
    parser.add_argument("--columns", required=True, help="names with commas; 24P: 24 motion terms")
    parser.add_argument("--fwhm", type=float, default=0)
    parser.add_argument("--fd-threshold", type=float, default=0)
    parser.add_argument("--radius", type=float, required=True)
    parser.add_argument("--high-pass", type=float, default=0.01)
    parser.add_argument("--low-pass", type=float, default=0.1)
    parser.add_argument("--min-dof", type=int, default=30)
    parser.add_argument("--min-time", type=float, default=240, help="seconds kept, per run")
    parser.add_argument("--min-coverage", type=float, default=0.5)
    parser.add_argument("--min-subjects", type=float, default=0.9)
    parser.add_argument("--cosine-tolerance", type=float, default=1e-3)
    parser.add_argument("--grid-edge", choices=["reflect", "zero"], default="zero")
    parser.add_argument("--compare", type=Path, metavar="OUTPUT_DIR")
    return parser.parse_args(arguments)


def _read_contrasts(options: argparse.Namespace, grid: nib.Nifti1Image) -> list[ContrastMaps]:
    foci = pd.read_csv(options.coordinates, sep="\t")
    if not foci["space"].str.startswith("MNI152").all():
        raise SystemExit(f"{options.coordinates}: only MNI152 coordinates")
    contrasts = []
    for name, rows in foci.groupby("contrast", sort=False):
        where = rows[["x", "y", "z"]].to_numpy(float), grid.shape[:3], grid.affine, options.radius
        for focus in ambiguous_foci(*where):
            print(f"{name}: focus {focus} is out of reach of every centre and on a voxel face")
        seed = reference_spheres(*where).any(axis=0)
        contrasts.append(ContrastMaps(str(name), seed, grid.affine))
    return contrasts


def _clean_participant(
    bolds: Sequence[Path], grid: nib.Nifti1Image, options: argparse.Namespace
) -> list[CleanedRun]:
    """Runs of one participant that are long enough, with a line of print for every run."""
    runs = []
    for bold in bolds:
        image = nib.load(bold)
        if image.shape[:3] != grid.shape[:3] or not np.allclose(image.affine, grid.affine, 0, 1e-4):
            raise SystemExit(f"{bold.name}: another grid than the other runs")
        mask, confounds, tr = files_of(bold)
        keep = kept_volumes(confounds, options.fd_threshold)
        run = clean_run(
            bold,
            mask,
            confounds,
            expand_columns(options.columns),
            tr,
            options.high_pass,
            options.low_pass,
            keep,
            options.fwhm,
            options.cosine_tolerance,
            options.grid_edge,
        )
        used = keep.sum() * tr >= options.min_time and run.m >= options.min_dof
        runs += [run] if used else []
        print(
            f"{bold.name}: {keep.sum()}/{keep.size} volumes, m = {run.m}, "
            f"{(run.mask & ~run.usable).sum()} of {run.mask.sum()} mask voxels silent, "
            f"{run.dropped} ill-conditioned cosines{'' if used else ', LEFT OUT'}",
            flush=True,
        )
    return runs


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    bolds = sorted(options.dataset.glob("sub-*/**/func/*_desc-preproc_bold.nii.gz"))
    if not bolds:
        raise SystemExit(f"{options.dataset}: no *_desc-preproc_bold.nii.gz")
    grid = nib.load(bolds[0])
    contrasts = _read_contrasts(options, grid)
    seeds = [contrast.seed for contrast in contrasts]
    begin = time.perf_counter()
    for participant in sorted({bold.name.split("_")[0] for bold in bolds}):
        own = [bold for bold in bolds if bold.name.startswith(participant + "_")]
        runs = _clean_participant(own, grid, options)
        if not runs:
            continue
        r = np.stack([correlate(run, seeds) for run in runs])
        for run, maps in zip(runs, r, strict=True):
            share = [run.usable[seed].mean() if seed.any() else 0.0 for seed in seeds]
            maps[np.array(share) < options.min_coverage] = np.nan
        z = combine_runs(list(r), [run.m for run in runs])
        clipped = (np.abs(r) > 1 - 1e-6).any(axis=0)
        silent = np.any([run.mask & ~run.usable for run in runs], axis=0)
        for contrast, own_z, own_clipped in zip(contrasts, z, clipped, strict=True):
            contrast.add(participant, own_z, own_clipped, silent)
    print(f"{len(bolds)} runs in {time.perf_counter() - begin:.1f} s")
    if options.compare is None:
        return 0
    agreed = [
        compare_contrast(contrast, reference_t, options.compare, options.min_subjects)
        for contrast in contrasts
    ]
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main())
