"""One run's files, read and checked without its voxels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from fcnm_bids.config import DenoisingSettings
from fcnm_bids.errors import RequestError, RunError
from fcnm_bids.inputs.runs.prepare import (
    STRATEGY,
    RunInput,
    denoising_record,
    prepare_run,
    readable_image,
    run_provenance,
    what_projects,
)

SHAPE, N, TR = (4, 3, 2), 90, 2.0
PLAIN = DenoisingSettings(
    nuisance_regressors="24P", fd_threshold=0, min_time=60, min_dof=5, dummy_scans="0"
)
DENOISED = replace(PLAIN, denoised=True, nuisance_regressors="none", high_pass=0, low_pass=0)
MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")


def image(path: Path, values: np.ndarray, tr: float = TR) -> str:
    made = nib.Nifti1Image(values, np.diag([3.0, 3, 3, 1]))
    made.header.set_xyzt_units("mm", "sec")
    if values.ndim == 4:
        made.header.set_zooms((3, 3, 3, tr))
    made.to_filename(path)
    return str(path)


@pytest.fixture
def run(tmp_path: Path) -> RunInput:
    """A run of noise with motion parameters."""
    rng = np.random.default_rng(0)
    bold = rng.integers(500, 1500, (*SHAPE, N)).astype("<i2")
    bold[0] = 0
    mask = np.ones(SHAPE, np.uint8)
    mask[3] = 0
    table = rng.standard_normal((N, 6)).cumsum(axis=0) / 100
    rows = ["\t".join(MOTION), *("\t".join(f"{v:.9g}" for v in row) for row in table)]
    (tmp_path / "confounds.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "bold.json").write_text(json.dumps({"RepetitionTime": TR}))
    return RunInput(
        name="sub-01/func/bold.nii",
        bold=image(tmp_path / "bold.nii", bold),
        mask=image(tmp_path / "mask.nii", mask),
        confounds=str(tmp_path / "confounds.tsv"),
        confounds_metadata="",
        metadata=str(tmp_path / "bold.json"),
        space="MNI152NLin6Asym",
        stored=str(tmp_path / "stored.h5"),
    )


def refused(run: RunInput, settings: DenoisingSettings = PLAIN) -> str:
    with pytest.raises(RunError) as caught:
        prepare_run(run, settings)
    return str(caught.value)


def test_a_run_is_described_without_its_voxels(run: RunInput) -> None:
    prepared = prepare_run(run, PLAIN)
    assert (prepared.repetition_time, prepared.notes, prepared.upper_edge) == (TR, (), None)
    assert prepared.mask.sum() == 3 * 3 * 2
    assert prepared.image.n_volumes == N
    # what is left of the band: cosines k / (2 N TR), less 24 motion columns
    order = np.arange(1, N)
    frequency = order / (2 * N * TR)
    band = np.count_nonzero((frequency > PLAIN.high_pass) & (frequency <= PLAIN.low_pass))
    assert prepared.denoising.dof == pytest.approx(band - 24, abs=1)
    assert run.paths == [Path(p) for p in (run.bold, run.mask, run.confounds, run.metadata)]
    assert RunInput(**run.to_dict()) == run


@pytest.mark.parametrize(
    ("missing", "told"), [("mask", "no brain mask"), ("confounds", "no confound table")]
)
def test_files_that_are_needed_are_named(run: RunInput, missing: str, told: str) -> None:
    assert told in refused(replace(run, **{missing: ""}))
    assert prepare_run(replace(run, **{missing: ""}), DENOISED).image.n_volumes == N


@pytest.mark.parametrize(
    ("missing", "there"),
    [
        ("mask", "sub-01_task-rest_space-MNI152NLin6Asym_desc-brain_mask.nii.gz"),
        ("confounds", "sub-01_task-rest_run-01_desc-confounds_timeseries.tsv"),
    ],
)
def test_a_file_of_other_entities_is_named(
    run: RunInput, tmp_path: Path, missing: str, there: str
) -> None:
    (tmp_path / there).touch()
    told = refused(replace(run, **{missing: ""}))
    assert told.endswith(f"(with other entities, there is {there.removeprefix('sub-01_')})")


@pytest.mark.parametrize(
    ("reader", "missing", "told"),
    [
        ("dpabi", "confounds", "no motion parameters (RealignParameter/<subject>/rp_*.txt)"),
        ("hcp", "confounds", "no motion parameters (Movement_Regressors.txt)"),
        ("leaddbs", "metadata", "no dataset_info.mat"),
    ],
)
def test_files_that_a_layout_needs_are_named_as_there(
    run: RunInput, reader: str, missing: str, told: str
) -> None:
    assert told in refused(replace(run, reader=reader, **{missing: ""}))


def test_without_trinfo_its_name_is_in_the_note(run: RunInput) -> None:
    settings = replace(DENOISED, applied_band=(0.01, 0.1))
    [note] = prepare_run(replace(run, reader="dpabi", metadata=""), settings).notes
    assert note.startswith("no RepetitionTime in TRInfo.tsv; the")
    header_alone = replace(run, layout="gsp1000", metadata="")
    assert prepare_run(header_alone, settings).notes == ()


def test_without_a_mask_the_first_volume_of_a_denoised_run_is_it(run: RunInput) -> None:
    prepared = prepare_run(replace(run, mask=""), DENOISED)
    assert prepared.mask.sum() == 3 * 3 * 2  # its first plane is 0
    [note] = prepared.notes
    assert "no brain mask" in note
    assert prepared.upper_edge == 0
    assert prepare_run(run, replace(DENOISED, applied_band=(0.01, 0.1))).upper_edge == 0.1


def test_an_empty_mask_is_refused(run: RunInput) -> None:
    image(Path(run.mask), np.zeros(SHAPE, np.uint8))
    assert refused(run) == "mask.nii is empty"


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        (2000, "looks like milliseconds"),
        (0, "not a number of seconds"),
        (-1, "not a number of seconds"),
        (True, "not a number of seconds"),
        (float("inf"), "not a number of seconds"),
        (float("nan"), "not a number of seconds"),
        ("2", "not a number of seconds"),
    ],
)
def test_repetition_times_that_are_none(run: RunInput, stated: Any, told: str) -> None:
    Path(run.metadata).write_text(json.dumps({"RepetitionTime": stated}))
    assert told in refused(run)


def test_the_headers_repetition_time_stands_in_unless_programs_write_it(run: RunInput) -> None:
    bare = replace(run, metadata="")
    prepared = prepare_run(bare, PLAIN)
    assert prepared.repetition_time == TR
    assert "the 2 s of the image's header are used (--tr S overrides them)" in prepared.notes[0]
    series = np.asarray(nib.load(run.bold).dataobj).copy()  # in memory: the file is written again
    image(Path(run.bold), series, tr=1.0)
    assert "the header states 1 s, which some programs write when they do not" in refused(bare)
    option = prepare_run(bare, replace(PLAIN, tr=2.5))
    assert option.repetition_time == 2.5
    assert "RepetitionTime is 2.0 in its JSON file, but --tr is 2.5" in refused(
        run, replace(PLAIN, tr=2.5)
    )


def test_a_header_that_contradicts_the_sidecar_is_noted(run: RunInput) -> None:
    Path(run.metadata).write_text(json.dumps({"RepetitionTime": 2.5}))
    prepared = prepare_run(run, PLAIN)
    assert prepared.repetition_time == 2.5
    assert prepared.notes == (
        "RepetitionTime is 2.5 s, but the image's header states 2 s; 2.5 s is used",
    )


def test_a_sidecar_that_is_no_object_is_the_reason(run: RunInput) -> None:
    Path(run.metadata).write_text("[1]")
    assert "bold.json" in refused(run)


def test_content_that_git_annex_has_elsewhere_is_named(run: RunInput) -> None:
    Path(run.confounds).write_text("/annex/objects/MD5E-s1--0.tsv\n")
    Path(run.mask).unlink()
    Path(run.mask).symlink_to("../.git/annex/objects/gone")
    told = refused(run)
    assert told == "not fetched; run datalad get sub-01/func/mask.nii sub-01/func/confounds.tsv"


def test_the_key_follows_content_and_what_projects_alone(run: RunInput, tmp_path: Path) -> None:
    packed = nib.load(run.bold)
    nib.save(packed, f"{run.bold}.gz")
    run = replace(run, bold=f"{run.bold}.gz")
    key = prepare_run(run, PLAIN).key
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    files = {}
    for name in ("bold", "mask", "confounds", "metadata"):
        path = Path(getattr(run, name))
        (moved / path.name).write_bytes(path.read_bytes())
        files[name] = str(moved / path.name)
    assert prepare_run(replace(run, **files), PLAIN).key == key
    assert prepare_run(run, replace(PLAIN, min_time=30, min_dof=3)).key == key
    other = {"nuisance_regressors": "none", "dummy_scans": "2"}
    assert prepare_run(run, replace(PLAIN, **other)).key == key
    others = [
        prepare_run(run, replace(PLAIN, smoothing=5.0)).key,
        prepare_run(run, replace(PLAIN, low_pass=0.12)).key,
        prepare_run(replace(run, space="other"), PLAIN).key,
        prepare_run(run, replace(PLAIN, applied_regressors=3)).key,
    ]
    Path(run.metadata).write_text(json.dumps({"RepetitionTime": 2.01}))
    others.append(prepare_run(run, PLAIN).key)
    Path(run.metadata).write_text(json.dumps({"RepetitionTime": TR}))
    with Path(run.confounds).open("a") as file:
        file.write("\n")
    others.append(prepare_run(run, PLAIN).key)
    assert len({key, *others}) == 7


def test_records_hold_the_strategy_and_projections_do_not(tmp_path: Path) -> None:
    strategy = tmp_path / "mine.json"
    strategy.write_text(json.dumps({"confounds": ["trans_x"], "description": "x"}))
    records = []
    for name in ("mine.json", "other.json"):
        (tmp_path / name).write_bytes(strategy.read_bytes())
        settings = replace(PLAIN, nuisance_regressors=str(tmp_path / name))
        records.append(denoising_record(settings))
    assert records[0] == json.loads(json.dumps(records[0]))
    assert records[0] != records[1]
    first, second = map(what_projects, records)
    assert first == second
    assert records[0]["nuisance_regressors"]["confounds"] == ["trans_x"]
    assert not set(STRATEGY) & set(first)
    assert set(STRATEGY) <= set(records[0])


def test_a_strategy_whose_file_is_gone_is_that_of_the_store(tmp_path: Path) -> None:
    strategy = tmp_path / "mine.json"
    strategy.write_text(json.dumps({"confounds": ["trans_x"]}))
    stored = denoising_record(replace(PLAIN, nuisance_regressors=str(strategy)))
    assert denoising_record(replace(PLAIN, nuisance_regressors="mine"), stored) == stored
    with pytest.raises(RequestError, match="neither a strategy"):
        denoising_record(replace(PLAIN, nuisance_regressors="other"), stored)


def test_a_filter_that_nobody_declared_shows_in_the_spectrum(run: RunInput) -> None:
    rng = np.random.default_rng(1)
    white = rng.standard_normal((400, 30))
    spectrum = np.fft.rfft(white, axis=0)
    spectrum[np.fft.rfftfreq(400, TR) > 0.1] = 0
    filtered = np.fft.irfft(spectrum, 400, axis=0)
    prepared = prepare_run(run, DENOISED)
    prepared.check_band(white)
    with pytest.raises(RunError, match=r"spectrum ends at 0\.\d+ Hz .*--applied-band 0\.01"):
        prepared.check_band(filtered)
    assert not prepare_run(run, replace(DENOISED, applied_band=(0.01, 0.1))).check_band(filtered)
    wide = prepare_run(run, replace(DENOISED, applied_band=(0.01, 0.2))).check_band(filtered)
    assert "the applied band is stated to end at 0.2 Hz" in wide
    assert not prepare_run(run, PLAIN).check_band(filtered)
    above = replace(DENOISED, applied_band=(0.01, 0.3))
    assert "above the Nyquist frequency of 0.25 Hz" in refused(run, above)


def test_provenance_names_what_a_layout_gave(run: RunInput, tmp_path: Path) -> None:
    prepared = prepare_run(run, PLAIN)
    state = prepared.origin["bold_state"]
    known = {"mask_file": "mask.nii", "repetition_time_from": "JSON file", "bold_state": state}
    assert run_provenance(run, prepared) == known
    other = replace(
        run,
        original_id="IS001",
        white_matter="/x/wm.nii",
        csf="/x/csf.nii",
        reader="dpabi",
    )
    filtered = replace(run, layout="dparsf", variant="ARWCF")
    prepared = prepare_run(filtered, replace(DENOISED, applied_band=(0.01, 0.1)))
    found = run_provenance(other, prepared)
    assert (found["layout"], found["variant"]) == ("dparsf", "ARWCF")
    assert (found["applied_band"], "motion" in found) == ([0.01, 0.1], False)
    prepared = prepare_run(run, replace(PLAIN, applied_regressors=3))
    assert run_provenance(other, prepared) == {
        "applied_regressors": 3,
        "original_id": "IS001",
        "motion": "confounds.tsv",
        "tissue_masks": ["wm.nii", "csf.nii"],
        **known,
    }
    with readable_image(run, prepared.image, tmp_path) as same:
        assert same is prepared.image
