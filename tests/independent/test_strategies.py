"""Strategies applied to a stored band, against least squares on the images.

Each strategy is applied to one store, without the image, and to the components before they are
rounded. The oracle reads the image with nibabel and fits, on all volumes and in float64, intercept,
trend, stop band, the directions of the uncounted volumes, and the confounds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from nilearn.signal import clean
from scipy.sparse import csr_array

from fcnm_bids.config import DenoisingSettings
from fcnm_bids.connectivity import correlate, participant_maps
from fcnm_bids.connectome import ProjectedRun, project_run
from fcnm_bids.denoise import (
    band_basis,
    complete_confounds,
    keep_volumes,
    load_strategy,
    nuisance_columns,
    read_confounds,
    strategy_names,
)
from fcnm_bids.errors import RunError
from fcnm_bids.inputs.runs.prepare import RunInput, prepare_run
from fcnm_bids.inputs.store import open_stored
from fcnm_bids.interfaces.participant import store_run
from fcnm_bids.seeds import Contrast, SeedMatrix
from fcnm_bids.specificity import participant_columns
from tests.kept_rows import stop_band_cosines

SPACE = "MNI152NLin6Asym"
SHAPE, N, TR = (9, 8, 7), 240, 2.0
BASE = DenoisingSettings(
    nuisance_regressors="none",
    smoothing=0.0,
    fd_threshold=0.0,
    dummy_scans="0",
    min_time=0,
    min_dof=3,
)
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
TISSUE = ("csf", "white_matter", "global_signal")
SEEDS = 12
CHOICES: dict[str, dict[str, Any]] = {
    "all volumes": {},
    "dummies": {"dummy_scans": "4"},
    "censored": {"fd_threshold": 0.5},
    "both": {"dummy_scans": "4", "fd_threshold": 0.5},
}


@dataclass(frozen=True)
class Oracle:
    """Residuals of a run's image, shape (volumes, voxels), and what left them."""

    residuals: np.ndarray
    m: int
    n_dropped: int
    kept: np.ndarray
    nuisance: np.ndarray

    def r(self, weights: csr_array) -> np.ndarray:
        series = self.residuals @ weights.toarray().T
        series /= np.linalg.norm(series, axis=0)
        return series.T @ (self.residuals / np.linalg.norm(self.residuals, axis=0))


def simulated(folder: Path, name: str, seed: int = 0) -> RunInput:
    """A run with motion, tissue signals and aCompCor in its voxels, and volumes to be dropped."""
    rng = np.random.default_rng(seed)
    moved = np.zeros(N)
    moved[[40, 41, 90, 150, 151, 200]] = 1
    table: dict[str, np.ndarray] = {
        column: rng.standard_normal(N).cumsum() * 0.03 + moved * rng.standard_normal(N)
        for column in MOTION
    }
    table |= {column: 900 + rng.standard_normal(N).cumsum() for column in TISSUE}
    table |= {f"a_comp_cor_{i:02d}": rng.standard_normal(N) for i in range(12)}
    table["framewise_displacement"] = np.r_[np.nan, 0.1 + 0.8 * moved[1:]]
    shape = (len(table), *SHAPE)
    parts = np.array([np.nan_to_num(c - np.nanmean(c)) for c in table.values()])
    parts /= parts.std(axis=1, keepdims=True)
    voxels = np.tensordot(rng.standard_normal(shape), parts, (0, 0)) * 8
    voxels += 3000 + 60 * rng.standard_normal((*SHAPE, N))
    voxels += 60 * rng.standard_normal((*SHAPE, 1)) * rng.standard_normal(N)
    voxels[..., 0] += 900
    nib.save(nib.Nifti1Image(voxels.astype("<i2"), np.diag([3.0, 3, 3, 1])), folder / f"{name}.nii")
    nib.save(
        nib.Nifti1Image(np.ones(SHAPE, "u1"), np.diag([3.0, 3, 3, 1])), folder / f"{name}-mask.nii"
    )
    lines = [
        "\t".join("n/a" if np.isnan(value) else repr(float(value)) for value in row)
        for row in np.column_stack(list(table.values()))
    ]
    (folder / f"{name}.tsv").write_text("\n".join(["\t".join(table), *lines]) + "\n")
    masks = {f"a_comp_cor_{i:02d}": {"Mask": "WM" if i < 6 else "CSF"} for i in range(12)}
    (folder / f"{name}-about.json").write_text(json.dumps(masks))
    (folder / f"{name}.json").write_text(json.dumps({"RepetitionTime": TR}))
    files = [f"{name}{end}" for end in (".nii", "-mask.nii", ".tsv", "-about.json", ".json")]
    paths = [str(folder / file) for file in files]
    return RunInput(name, *paths, SPACE, str(folder / "store" / f"{name}.h5"))


def least_squares(run: RunInput, settings: DenoisingSettings) -> Oracle:
    image = nib.load(run.bold)
    inside = np.asarray(nib.load(run.mask).dataobj).ravel(order="F") > 0.5
    series = image.get_fdata(dtype=np.float64).reshape(-1, image.shape[3], order="F")[inside].T
    table = complete_confounds(read_confounds(Path(run.confounds)))
    about = Path(run.confounds_metadata)
    metadata = json.loads(about.read_text()) if about.is_file() else {}
    names = load_strategy(settings.nuisance_regressors).columns(table.names, metadata)
    nuisance = nuisance_columns(table, names)
    kept = keep_volumes(
        table, dummy_scans=int(settings.dummy_scans), fd_threshold=settings.fd_threshold
    ).kept
    tr = json.loads(Path(run.metadata).read_text())["RepetitionTime"]
    band = {"high_pass": settings.high_pass, "low_pass": settings.low_pass}
    n = len(series)
    fixed = [np.ones(n), np.linspace(-1, 1, n), stop_band_cosines(n, tr, **band)]
    basis = band_basis(n, tr, **band)
    vectors, size, _ = np.linalg.svd(basis[:, ~kept], full_matrices=False)
    columns = np.column_stack([*fixed, basis.T @ vectors[:, size > 1e-3]])
    varying = nuisance - nuisance[kept].mean(axis=0)
    design = np.column_stack([columns, varying])
    design /= np.linalg.norm(design, axis=0)
    left, sizes, _ = np.linalg.svd(design, full_matrices=False)
    space = left[:, sizes > 1e-11 * sizes[0]]
    series = series - series[0]
    return Oracle(
        series - space @ (space.T @ series),
        n - space.shape[1],
        int((size <= 1e-3).sum()),
        kept,
        nuisance,
    )


def nilearns(run: RunInput, settings: DenoisingSettings, found: Oracle) -> Oracle:
    """The same by nilearn, from the kept volumes alone."""
    image = nib.load(run.bold)
    inside = np.asarray(nib.load(run.mask).dataobj).ravel(order="F") > 0.5
    series = image.get_fdata(dtype=np.float64).reshape(-1, image.shape[3], order="F")[inside].T
    tr = json.loads(Path(run.metadata).read_text())["RepetitionTime"]
    n = len(series)
    stop = stop_band_cosines(n, tr, high_pass=settings.high_pass, low_pass=settings.low_pass)
    cleaned = clean(
        series,
        confounds=np.column_stack([np.arange(n), found.nuisance, stop]),
        sample_mask=np.flatnonzero(found.kept),
        detrend=False,
        filter=False,
        standardize=None,
    )
    return replace(found, residuals=cleaned - cleaned.mean(axis=0))


def seeds_of(n_voxels: int) -> csr_array:
    """Seeds of 20 random voxels."""
    rng = np.random.default_rng(1)
    chosen = np.concatenate([rng.choice(n_voxels, 20, replace=False) for _ in range(SEEDS)])
    starts = np.arange(0, 20 * SEEDS + 1, 20)
    return csr_array((np.full(20 * SEEDS, 0.05), chosen, starts), shape=(SEEDS, n_voxels))


def exact(run: RunInput, settings: DenoisingSettings) -> ProjectedRun:
    """A run under a strategy before it is rounded."""
    prepared = prepare_run(run, settings)
    denoising = prepared.denoising
    found = project_run(prepared.image, prepared.mask, denoising.basis, smoothing=0.0).run
    return replace(found, directions=denoising.directions.q)


def compared(run: RunInput, settings: DenoisingSettings) -> tuple[float, float, float, Oracle]:
    """Largest difference of r before rounding, median and largest after, and the oracle."""
    oracle = least_squares(run, settings)
    unrounded = exact(run, settings)
    stored = open_stored(Path(run.stored), settings)
    loaded = stored.load()
    inside = np.flatnonzero(np.asarray(nib.load(run.mask).dataobj).ravel(order="F") > 0.5)
    np.testing.assert_array_equal(loaded.index, unrounded.index)
    assert stored.dof == loaded.dof == unrounded.dof == oracle.m
    assert stored.denoising().directions.n_dropped == oracle.n_dropped
    own = np.searchsorted(inside, loaded.index)
    oracle = replace(oracle, residuals=oracle.residuals[:, own])
    weights = seeds_of(loaded.n_voxels)
    expected = oracle.r(weights)
    before = np.abs(correlate(unrounded, weights) - expected).max()
    after = np.abs(correlate(loaded, weights) - expected)
    return float(before), float(np.median(after)), float(after.max()), oracle


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[RunInput]:
    folder = tmp_path_factory.mktemp("runs")
    made = [simulated(folder, name, seed) for seed, name in enumerate(("one", "two"))]
    for run in made:
        store_run(run, BASE, folder)
    return made


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("strategy", strategy_names())
def test_a_strategy_from_the_store_is_that_of_the_image(
    runs: list[RunInput], strategy: str, choice: str
) -> None:
    settings = replace(BASE, nuisance_regressors=strategy, **CHOICES[choice])
    before, median, largest, oracle = compared(runs[0], settings)
    assert before < 1e-6
    assert median <= 2e-5
    assert largest <= 3e-4
    if oracle.n_dropped == 0:
        weights = seeds_of(oracle.residuals.shape[1])
        other = nilearns(runs[0], settings, oracle).r(weights)
        np.testing.assert_allclose(other, oracle.r(weights), atol=1e-9)


@pytest.fixture(scope="module")
def compact(tmp_path_factory: pytest.TempPathFactory) -> RunInput:
    folder = tmp_path_factory.mktemp("compact")
    run = simulated(folder, "one")
    store_run(run, replace(BASE, store_precision="int8"), folder)
    return run


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("strategy", strategy_names())
def test_a_strategy_from_a_compact_store_is_that_of_the_image_but_for_rounding(
    compact: RunInput, strategy: str, choice: str
) -> None:
    """Rounding of a share e of a series changes its r by about e / sqrt(m)."""
    settings = replace(BASE, nuisance_regressors=strategy, **CHOICES[choice])
    oracle = least_squares(compact, settings)
    loaded = open_stored(Path(compact.stored), settings).load()
    assert loaded.values.dtype == np.int8
    assert loaded.dof == oracle.m
    assert loaded.n_voxels == oracle.residuals.shape[1]
    weights = seeds_of(loaded.n_voxels)
    difference = correlate(loaded, weights) - oracle.r(weights)
    one = loaded.rounding / np.sqrt(loaded.dof)
    assert np.sqrt((difference**2).mean()) < one
    assert np.abs(difference).max() < 6 * one
    assert np.abs(difference).max() < 0.08
    assert abs(difference.mean()) < 0.1 * one


def test_several_runs_are_weighted_by_what_the_strategy_leaves(runs: list[RunInput]) -> None:
    settings = replace(BASE, nuisance_regressors="27P", fd_threshold=0.5)
    oracles = [least_squares(run, settings) for run in runs]
    loaded = [open_stored(Path(run.stored), settings).load() for run in runs]
    weights = seeds_of(loaded[0].n_voxels)
    contrasts = tuple(Contrast(str(i), "", (), (), None) for i in range(SEEDS))
    maps = participant_maps(loaded, SeedMatrix(weights, contrasts, loaded[0].grid), min_coverage=0)
    expected = sum((o.m - 2) * np.arctanh(o.r(weights)) for o in oracles)
    expected = expected / sum(o.m - 2 for o in oracles)
    assert np.abs(np.tanh(maps.z) - np.tanh(expected)).max() < 3e-4
    assert np.median(np.abs(np.tanh(maps.z) - np.tanh(expected))) < 2e-5


def test_every_product_of_voxels_is_that_of_the_image(runs: list[RunInput]) -> None:
    """Which strengths and eigenvectors are made from."""
    settings = replace(BASE, nuisance_regressors="36P", fd_threshold=0.5)
    residuals = least_squares(runs[0], settings).residuals
    residuals /= np.linalg.norm(residuals, axis=0)
    loaded = open_stored(Path(runs[0].stored), settings).load()
    columns = participant_columns([loaded], loaded.index).astype(np.float64)
    difference = np.abs(columns.T @ columns - residuals.T @ residuals)
    assert np.median(difference) <= 2e-5
    assert difference.max() <= 3e-4


def test_a_voxel_that_is_all_confound_has_no_map_under_that_strategy(tmp_path: Path) -> None:
    run = simulated(tmp_path, "run")
    csf = read_confounds(Path(run.confounds))["csf"]
    image = nib.load(run.bold)
    values = image.get_fdata()
    values[2, 3, 4] = 40 * (csf - csf.mean())
    nib.save(nib.Nifti1Image(values.astype("<f4"), image.affine), run.bold)
    store_run(run, BASE, tmp_path)
    voxel = 2 + 9 * (3 + 8 * 4)
    plain = open_stored(Path(run.stored), BASE).load()
    without = open_stored(Path(run.stored), replace(BASE, nuisance_regressors="27P")).load()
    assert voxel in plain.index
    assert set(plain.index) - set(without.index) == {voxel}
    assert np.isfinite(without.rounding)


def test_a_strategy_that_a_run_cannot_have_fails_that_strategy_only(runs: list[RunInput]) -> None:
    path = Path(runs[0].stored)
    own = path.parent / "own.json"
    own.write_text(json.dumps({"confounds": ["not_there"]}))
    with pytest.raises(RunError, match=r"needs confounds .* not_there"):
        open_stored(path, replace(BASE, nuisance_regressors=str(own))).load()
    assert open_stored(path, replace(BASE, nuisance_regressors="24P")).load().dof > 30


REAL: Mapping[str, tuple[str, str]] = {
    "sub-01": ("rest24", "rest_space-MNI152NLin6Asym_res-10"),
    "sub-17": ("rest24", "rest_space-MNI152NLin6Asym_res-10"),
    "sub-happy": ("runs4mm", "rest_space-MNI152NLin2009cAsym_res-4"),
    "sub-rapidtide": ("runs4mm", "rest_space-MNI152NLin2009cAsym_res-4"),
}
OWN = ["csf", "white_matter", "global_signal", "*_derivative1", "a_comp_cor_0[0-3]"]


@pytest.mark.parametrize("participant", REAL)
def test_strategies_of_real_runs(shared_data: Path, tmp_path: Path, participant: str) -> None:
    dataset, rest = REAL[participant]
    folder = shared_data / dataset / participant / "func"
    stem = str(folder / f"{participant}_task-{rest}_desc")
    run = RunInput(
        participant,
        f"{stem}-preproc_bold.nii.gz",
        f"{stem}-brain_mask.nii.gz",
        str(folder / f"{participant}_task-rest_desc-confounds_timeseries.tsv"),
        "",
        f"{stem}-preproc_bold.json",
        SPACE,
        str(tmp_path / "run.h5"),
    )
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"confounds": OWN}))
    base = replace(BASE, low_pass=0.0)
    store_run(run, base, tmp_path)
    choices: list[dict[str, Any]] = [{"nuisance_regressors": str(own)}]
    if participant == "sub-happy":
        choices += [{"nuisance_regressors": name} for name in ("24P", "27P", "36P")]
        choices += [{"nuisance_regressors": "27P", "fd_threshold": 0.2}]
    for choice in [*choices, {**choices[-1], "dummy_scans": "5"}]:
        before, median, largest, _ = compared(run, replace(base, **choice))
        assert before < 1e-6, choice
        assert median <= 2e-5, choice
        assert largest <= 3e-4, choice
