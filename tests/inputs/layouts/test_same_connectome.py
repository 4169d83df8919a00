"""The same participants give the same connectome in every layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from fcnm_bids.connectome import StoredRun, read_stored
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.plan import ParticipantPlan
from fcnm_bids.simulate.layouts import write_layout

Store = Callable[..., dict[str, list[StoredRun]]]
Plan = Callable[..., ParticipantPlan]
PLAIN = ("--fd-threshold", "0", "--dummy-scans", "0", "--min-dof", "5")


def _correlations(run: StoredRun) -> NDArray[np.float64]:
    """Correlations of 40 voxels with all voxels."""
    loaded = run.load()
    columns = loaded.columns(slice(None))
    columns /= np.sqrt((columns**2).sum(axis=0))
    return np.asarray(columns[:, :: max(1, loaded.n_voxels // 40)].T @ columns)


def _in_order(stored: dict[str, list[StoredRun]]) -> list[list[StoredRun]]:
    """Runs by the number that ends a participant's label: DIRECT's names begin with a group."""
    return [stored[label] for label in sorted(stored, key=lambda label: int(label[-2:]))]


def _worst(found: dict[str, list[StoredRun]], expected: dict[str, list[StoredRun]]) -> float:
    pairs = [
        (a, b)
        for ours, theirs in zip(_in_order(found), _in_order(expected), strict=True)
        for a, b in zip(ours, theirs, strict=True)
    ]
    assert len(pairs) == 4
    for a, b in pairs:
        np.testing.assert_array_equal(a.index(), b.index())
        assert a.grid.difference(b.grid) is None
    return max(float(np.abs(_correlations(a) - _correlations(b)).max()) for a, b in pairs)


@pytest.mark.parametrize("layout", ["dparsf", "dpabisurf", "hcp"])
def test_images_to_be_denoised_give_the_same_maps(
    layout: str, sessions: Path, tmp_path: Path, store: Store
) -> None:
    options = (*PLAIN, "-p", "24P")
    found = store(write_layout(layout, sessions, tmp_path / layout), *options)
    expected = store(sessions, *options)
    for ours, theirs in zip(_in_order(found), _in_order(expected), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            first, second = (read_stored(run.path, "basis") for run in (a, b))
            difference = np.abs(first.T @ first - second.T @ second).max()
            # the HCP writes six decimals of a degree
            assert difference < (1e-6 if layout != "hcp" else 1e-4)
    # the store rounds a series to 1/32767 of its largest component
    assert _worst(found, expected) < 2e-4


@pytest.mark.parametrize(
    ("layout", "variant", "band", "options"),
    [
        ("dparsf", "ARCWF", (0.01, 0.1), ("--applied-band", "0.01", "0.1")),
        ("dpabisurf", "WCF", (0.01, 0.1), ("--applied-band", "0.01", "0.1")),
        ("gsp1000", "", (0.0001, 0.08), ()),
        (
            "leaddbs",
            "v7",
            (0.0001, 0.08),
            ("--applied-band", "0.0001", "0.08", "--tr", "2", "--space", "MNI152NLin6Asym"),
        ),
        (
            "leaddbs",
            "v7.3",
            (0.0001, 0.08),
            ("--applied-band", "0.0001", "0.08", "--tr", "2", "--space", "MNI152NLin6Asym"),
        ),
    ],
)
def test_denoised_images_give_the_maps_of_the_same_denoising(
    layout: str,
    variant: str,
    band: tuple[float, float],
    options: tuple[str, ...],
    sessions: Path,
    tmp_path: Path,
    store: Store,
) -> None:
    root = write_layout(layout, sessions, tmp_path / layout, variant=variant, band=band)
    found = store(root, "--min-dof", "5", *options)
    low, high = (str(edge) for edge in band)
    expected = store(sessions, *PLAIN, "--high-pass", low, "--low-pass", high, "--smoothing", "0")
    for ours, theirs in zip(_in_order(found), _in_order(expected), strict=True):
        for a, b in zip(ours, theirs, strict=True):
            # 27 regressors were removed before, which nobody declared here
            assert a.dof == b.dof + 27
            common, at, there = np.intersect1d(a.index(), b.index(), return_indices=True)
            assert common.size > 0.9 * b.index().size
            x, y = (run.load().columns(slice(None)) for run in (a, b))
            x, y = (c / np.sqrt((c**2).sum(axis=0)) for c in (x[:, at], y[:, there]))
            difference = np.abs(x[:, ::60].T @ x - y[:, ::60].T @ y)
            # the store rounds a series to 1/32767 of its largest component
            assert difference.max() < 2e-4


def test_regressors_that_were_removed_before_are_degrees_of_freedom_less(
    sessions: Path, tmp_path: Path, store: Store
) -> None:
    root = write_layout("gsp1000", sessions, tmp_path / "gsp")
    found = store(root, "--min-dof", "5", "--applied-regressors", "20")
    runs = [run for own in found.values() for run in own]
    assert {run.dof for run in runs} == {runs[0].load().values.shape[0] - 20}
    assert runs[0].load().dof == runs[0].dof
    with pytest.raises(RequestError, match="--min-dof asks for 30"):
        store(root, "--applied-regressors", "20", "--overwrite")


def test_tissue_signals_come_from_the_image(
    sessions: Path, tmp_path: Path, store: Store, tissue: Path
) -> None:
    root = write_layout("dparsf", sessions, tmp_path / "dparsf")
    found = store(root, *PLAIN)
    expected = store(sessions, *PLAIN)
    assert {run.dof for own in found.values() for run in own} == {
        run.dof for own in expected.values() for run in own
    }
    run = next(iter(found.values()))[0]
    assert run.attributes["confounds"][-3:] == ["white_matter", "csf", "global_signal"]
    assert run.attributes["tissue_masks"][0].endswith("label-WM_probseg.nii.gz")
    assert run.attributes["original_id"] == "Sub_001"
    # other voxels of the tissues than those of the simulated fMRIPrep
    assert 1e-6 < _worst(found, expected) < 0.5


def test_without_the_templates_tissues_the_request_is_refused(
    sessions: Path, tmp_path: Path, plan: Plan, tissue: Path
) -> None:
    root = write_layout("dparsf", sessions, tmp_path / "dparsf")
    next(tissue.glob("*WM*")).unlink()
    with pytest.raises(RequestError, match="label-WM_probseg"):
        plan(root)


def test_a_filter_that_nobody_declared_is_found(sessions: Path, tmp_path: Path, plan: Plan) -> None:
    root = write_layout("xcpd", sessions, tmp_path / "xcpd", band=(0.01, 0.1))
    for sidecar in root.rglob("*_desc-denoised_bold.json"):
        sidecar.write_text('{"RepetitionTime": 2.0}')
    with pytest.raises(RequestError, match=r"spectrum ends at 0\.1\d* Hz.*--applied-band"):
        plan(root, "--min-dof", "5")
    assert plan(root, "--min-dof", "5", "--applied-band", "0.01", "0.1").runs


def test_a_layout_that_tells_of_a_filter_but_not_of_its_band_is_refused(
    sessions: Path, tmp_path: Path, plan: Plan
) -> None:
    with pytest.raises(RequestError, match="--applied-band LO HI"):
        plan(write_layout("conn", sessions, tmp_path / "conn"))


def test_xcpd_tells_band_and_regressors(sessions: Path, tmp_path: Path, store: Store) -> None:
    found = store(write_layout("xcpd", sessions, tmp_path / "xcpd"), "--min-dof", "5")
    run = next(iter(found.values()))[0]
    rows = run.load().values.shape[0]
    assert rows == int(2 * 150 * 2 * 0.08) - int(2 * 150 * 2 * 0.01) - 1
    assert run.dof < rows - 20


@pytest.mark.parametrize(
    ("layout", "variant", "option"),
    [
        ("gsp1000", "", ("--smoothing", "6")),
        ("gsp1000", "", ("-p", "24P")),
        ("dparsf", "ARWS", ("--smoothing", "6")),
    ],
)
def test_what_was_done_is_not_done_again(
    layout: str,
    variant: str,
    option: tuple[str, str],
    sessions: Path,
    tmp_path: Path,
    plan: Plan,
) -> None:
    root = write_layout(layout, sessions, tmp_path / layout, variant=variant)
    with pytest.raises(RequestError, match="already"):
        plan(root, *option)
