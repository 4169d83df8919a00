"""The same participants give the same connectome in every layout."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from fcnm_bids.connectome import StoredRun
from fcnm_bids.errors import RequestError
from fcnm_bids.grid import Grid
from fcnm_bids.planning.plan import ParticipantPlan
from fcnm_bids.simulate.images import header_bytes
from fcnm_bids.simulate.layouts import write_layout

Store = Callable[..., dict[str, list[StoredRun]]]
Plan = Callable[..., ParticipantPlan]
PLAIN = ("--fd-threshold", "0", "--dummy-scans", "0", "--min-dof", "5")


def _correlations(run: StoredRun) -> NDArray[np.float64]:
    """Correlations of 40 voxels with all voxels."""
    loaded = run.load()
    columns = loaded.remove(loaded.columns(slice(None)))
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
            first, second = (run.denoising().directions.q for run in (a, b))
            difference = np.abs(first @ first.T - second @ second.T).max()
            # the HCP writes six decimals of a degree
            assert difference < (1e-6 if layout != "hcp" else 1e-4)
    # the store rounds a series to 1/32767 of its largest component
    assert _worst(found, expected) < 2e-4


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


def test_the_voxels_that_leaddbs_lists_are_its_mask(
    sessions: Path, tmp_path: Path, plan: Plan
) -> None:
    root = write_layout("leaddbs", sessions, tmp_path / "leaddbs")
    stated = ("--space", "MNI152NLin6Asym", "--tr", "2", "--applied-band", "0.0001", "0.08")
    assert not any("no brain mask" in note for note in plan(root, *stated, "--min-dof", "5").notes)
    conn = write_layout("conn", sessions, tmp_path / "conn")
    noted = plan(conn, "--applied-band", "0.008", "0.09", "--min-dof", "5").notes
    assert any("no brain mask" in note for note in noted)


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


def test_filtered_noise_has_the_degrees_of_freedom_of_the_declared_band(
    tmp_path: Path, store: Store
) -> None:
    """200 seeds; the mean of z^2 (m - 2) is 1 where m is right."""
    grid = Grid((12, 12, 12), np.diag([8.0, 8, 8, 1]), "MNI152NLin6Asym")
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((120, grid.n_voxels))
    spectrum = np.fft.rfft(noise, axis=0)
    frequency = np.fft.rfftfreq(120, 3.0)
    spectrum[(frequency < 0.0001) | (frequency > 0.08)] = 0
    name = "sub-0001/func/sub-0001_bld001_rest_skip4_bp_0.0001_0.08_resid_sm7_finalmask.nii.gz"
    root = tmp_path / "gsp"
    (root / name).parent.mkdir(parents=True)
    with gzip.open(root / name, "wb") as stream:
        stream.write(header_bytes(grid, "<f4", n_volumes=120, repetition_time=3.0))
        stream.write(np.fft.irfft(spectrum, 120, axis=0).astype("<f4").tobytes())
    ratios = []
    for options in ((), ("--applied-band", "0", "0.1666", "--overwrite")):
        [[run]] = store(root, *options).values()
        columns = run.load().columns(slice(None))
        columns /= np.sqrt((columns**2).sum(axis=0))
        seeds = columns[:, :200]
        z = np.arctanh(seeds.T @ columns[:, 200:])
        ratios.append(np.mean(z**2) * (run.dof - 2))
    assert ratios[0] == pytest.approx(1, abs=0.05)
    assert ratios[1] > 1.3


def test_without_trinfo_the_header_gives_the_repetition_time(
    sessions: Path, tmp_path: Path, plan: Plan
) -> None:
    root = write_layout("dparsf", sessions, tmp_path / "dparsf")
    table = root / "TRInfo.tsv"
    table.write_text(table.read_text().replace("Sub_001\t2\t2", "Sub_001\t2.5\t3"))
    dofs = [[run.dof for run in who.runs] for who in plan(root, *PLAIN, "-p", "24P").participants]
    table.unlink()
    without = plan(root, *PLAIN, "-p", "24P")
    assert any("image's header" in note for note in without.notes)
    # a longer repetition time widens the share of the cosines that lie in the band
    assert [run.dof for run in without.participants[1].runs] == dofs[1]
    first = [run.dof for run in without.participants[0].runs]
    assert dofs[0][0] > first[0]
    assert dofs[0][1] > dofs[0][0]
    stated = plan(root, *PLAIN, "-p", "24P", "--tr", "2.5")
    assert stated.participants[0].runs[0].dof == dofs[0][0]


def test_participants_of_another_voxel_size_are_left_out_with_the_reason(
    sessions: Path, tmp_path: Path, plan: Plan
) -> None:
    root = write_layout("dparsf", sessions, tmp_path / "dparsf")
    for image in root.glob("FunImgARW/Sub_002/*.nii"):
        whole = nib.load(image)
        affine = whole.affine @ np.diag([0.5, 0.5, 0.5, 1])
        smaller = nib.Nifti1Image(np.asarray(whole.dataobj), affine)
        smaller.header.set_zooms((4, 4, 4, 2))
        image.unlink()
        nib.save(smaller, image)
    (root / "Masks" / "AutoMasks" / "wAutoMask_Sub_002.nii").unlink()
    planned = plan(root, *PLAIN, "-p", "24P")
    reasons = [(run.subject, run.reason) for who in planned.participants for run in who.left_out]
    assert [who for who, _ in reasons] == ["Sub002"]
    assert "grid" in reasons[0][1] or "voxel" in reasons[0][1]
