"""The same participants give the same maps in every layout, before the store rounds them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fcnm_bids.connectome.projected_run import ProjectedRun
from fcnm_bids.simulate import SimulationDesign, simulate_dataset
from fcnm_bids.simulate.layouts import write_layout

Project = Callable[..., dict[str, list[ProjectedRun]]]
PLAIN = ("--fd-threshold", "0", "--dummy-scans", "0", "--min-dof", "5")
TR = {"rest24": "2", "runs4mm": "1.159999966621399"}
LEADDBS = ("--tr", "2", "--space", "MNI152NLin6Asym")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    design = SimulationDesign(n_participants=2, voxel_size=10, n_volumes=170)
    return simulate_dataset(tmp_path_factory.mktemp("sim") / "data", design).fmriprep


def _maps(run: ProjectedRun, voxels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Fisher z of 20 seeds of 15 voxels each, shape (20, voxels)."""
    columns = run.remove(run.columns(np.searchsorted(run.index, voxels)))
    columns /= np.sqrt((columns**2).sum(axis=0))
    seeds = columns[:, np.random.default_rng(0).integers(0, voxels.size, (20, 15))].mean(axis=2)
    seeds /= np.sqrt((seeds**2).sum(axis=0))
    return np.arctanh(np.clip(seeds.T @ columns, -0.999, 0.999))


def _largest_difference(
    found: dict[str, list[ProjectedRun]], expected: dict[str, list[ProjectedRun]]
) -> float:
    """Return the largest difference of z between participants whose names have the same end."""
    labels = (sorted(own, key=lambda label: label[-2:]) for own in (found, expected))
    differences = []
    for (ours,), (theirs,) in ((found[a], expected[b]) for a, b in zip(*labels, strict=True)):
        assert ours.grid.shape == theirs.grid.shape
        np.testing.assert_array_equal(ours.grid.affine, theirs.grid.affine)
        voxels = np.intersect1d(ours.index, theirs.index)
        assert voxels.size > 0.9 * theirs.index.size
        differences.append(np.abs(_maps(ours, voxels) - _maps(theirs, voxels)).max())
    return float(max(differences))


@pytest.mark.parametrize(
    ("layout", "limit"),
    # the HCP writes six decimals of a degree and a millimetre, DPABI eight digits
    [("dparsf", 1e-6), ("dpabisurf", 1e-6), ("hcp", 1e-4)],
)
def test_images_to_be_denoised(
    layout: str, limit: float, tree: Path, tmp_path: Path, project: Project
) -> None:
    options = (*PLAIN, "-p", "24P")
    found = project(write_layout(layout, tree, tmp_path / layout), *options)
    assert _largest_difference(found, project(tree, *options)) < limit


@pytest.mark.parametrize(
    ("layout", "variant", "band", "declared", "options"),
    [
        ("dparsf", "ARCWF", (0.01, 0.1), True, ()),
        ("dpabisurf", "WCF", (0.01, 0.1), True, ()),
        ("gsp1000", "", (0.0001, 0.08), False, ()),
        ("leaddbs", "v7", (0.0001, 0.08), True, LEADDBS),
        ("leaddbs", "v7.3", (0.0001, 0.08), True, LEADDBS),
        ("xcpd", "", (0.01, 0.08), False, ()),
        ("halfpipe", "", (0.01, 0.1), True, ()),
        ("conn", "", (0.008, 0.09), True, ()),
    ],
)
def test_denoised_images(
    layout: str,
    variant: str,
    band: tuple[float, float],
    declared: bool,
    options: tuple[str, ...],
    tree: Path,
    tmp_path: Path,
    project: Project,
) -> None:
    low, high = (str(edge) for edge in band)
    root = write_layout(layout, tree, tmp_path / layout, variant=variant, band=band)
    stated = ("--applied-band", low, high) if declared else ()
    found = project(root, "--min-dof", "5", *stated, *options)
    expected = project(tree, *PLAIN, "--high-pass", low, "--low-pass", high, "--smoothing", "0")
    assert _largest_difference(found, expected) < 1e-6
    for label, (run,) in found.items():
        [theirs] = expected[min(expected, key=lambda name: name[-2:] != label[-2:])]
        assert run.n_components == theirs.n_components
        # 27 regressors were removed before, which nobody declared here
        assert (run.directions.shape[1], theirs.directions.shape[1]) == (0, 27)


@pytest.mark.parametrize(
    ("data_set", "participants", "removed"),
    [
        ("rest24", ("01", "12", "24"), ("white_matter", "csf", "global_signal")),
        ("runs4mm", ("happy",), ("white_matter", "csf", "global_signal", "trans_?", "rot_?")),
    ],
)
@pytest.mark.parametrize(
    "layout",
    ["dparsf", "dpabisurf", "hcp", "gsp1000", "leaddbs", "xcpd", "halfpipe", "conn"],
)
def test_real_runs(
    layout: str,
    data_set: str,
    participants: tuple[str, ...],
    removed: tuple[str, ...],
    shared_data: Path,
    tmp_path: Path,
    project: Project,
) -> None:
    """Runs of `FCNM_TEST_DATA` that are written anew in a layout."""
    real = tmp_path / data_set
    real.mkdir()
    shutil.copy(shared_data / data_set / "dataset_description.json", real)
    for label in participants:
        (real / f"sub-{label}").symlink_to(shared_data / data_set / f"sub-{label}")
    strategy = tmp_path / "strategy.json"
    if layout in ("dparsf", "dpabisurf", "hcp"):
        motion = [name for name in removed if name.endswith("?")]
        strategy.write_text(json.dumps({"confounds": motion}))
        chosen = "none" if not motion else str(strategy)
        options = expected_options = [*PLAIN, "-p", chosen, "--low-pass", "0"]
        root = write_layout(layout, real, tmp_path / layout)
    else:
        strategy.write_text(json.dumps({"confounds": list(removed)}))
        band = ("0.0001", "0.08")
        options = ["--min-dof", "5"]
        if layout == "leaddbs":
            options += [*LEADDBS[2:], "--tr", TR[data_set]]
        if layout in ("leaddbs", "halfpipe", "conn"):
            options += ["--applied-band", *band]
        expected_options = [*PLAIN, "-p", str(strategy), "--smoothing", "0"]
        expected_options += ["--high-pass", band[0], "--low-pass", band[1]]
        root = write_layout(layout, real, tmp_path / layout, band=(0.0001, 0.08))
    found, expected = project(root, *options), project(real, *expected_options)
    assert _largest_difference(found, expected) < (1e-4 if layout == "hcp" else 1e-6)
