"""Damage that is found before anything is computed, and how fast many runs are looked at."""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import struct
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fcnm_bids.config import Config
from fcnm_bids.errors import RequestError
from fcnm_bids.planning.participant import plan_participant_level
from fcnm_bids.planning.plan import ParticipantPlan
from fcnm_bids.simulate import Truth

pytestmark = pytest.mark.faults

Participants = Callable[..., Path]


def plan(root: Path, output: Path, **sections: dict[str, object]) -> ParticipantPlan:
    config = Config(str(root), str(output), "participant").update(
        {
            "connectome": {"connectome_only": True},
            "running": {"work_dir": str(output.parent / "work")},
            "resources": {"nprocs": 2},
        }
    )
    return plan_participant_level(config.update(sections))


def reason(root: Path, output: Path) -> str:
    """Why the first participant's run is left out, when nobody else's is."""
    found = plan(root, output)
    [run] = found.left_out
    assert run.subject == "01"
    assert [len(participant.runs) for participant in found.participants] == [0, 1]
    return run.reason


def the(root: Path, pattern: str) -> Path:
    [path] = root.rglob(pattern)
    return path


def unzipped(path: Path) -> bytearray:
    return bytearray(gzip.decompress(path.read_bytes()))


@pytest.mark.parametrize("share", [0.02, 0.5, 0.999])
def test_an_image_cut_short_is_found_without_reading_the_others(
    participants: Participants, tmp_path: Path, share: float
) -> None:
    root = participants("01", "02")
    bold = the(root, "sub-01_*_bold.nii.gz")
    bold.write_bytes(bold.read_bytes()[: int(share * bold.stat().st_size)])
    assert "cut short" in reason(root, tmp_path / "out")


def test_an_uncompressed_image_cut_short_says_how_much_is_there(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01", "02")
    bold = the(root, "sub-01_*_bold.nii.gz")
    whole = unzipped(bold)
    bold.with_suffix("").write_bytes(whole[: len(whole) // 2])
    bold.unlink()
    assert "is cut short: it holds 59 of 120 volumes" in reason(root, tmp_path / "out")


def test_an_image_in_several_gzip_parts_is_whole(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01", "02")
    bold = the(root, "sub-01_*_bold.nii.gz")
    whole = bytes(unzipped(bold))
    bold.write_bytes(gzip.compress(whole[:100_000], 1) + gzip.compress(whole[100_000:], 1))
    assert plan(root, tmp_path / "out").left_out == []


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_header_that_claims_a_billion_voxels_is_an_error_and_no_allocation(
    participants: Participants, tmp_path: Path, suffix: str
) -> None:
    root = participants("01", "02")
    bold = the(root, "sub-01_*_bold.nii.gz")
    content = unzipped(bold)
    content[40:50] = struct.pack("<5h", 4, 1000, 1000, 1000, 120)
    bold.unlink()
    packed = bytes(content) if suffix == ".nii" else gzip.compress(bytes(content), 1)
    bold.with_name(bold.name.replace(".nii.gz", suffix)).write_bytes(packed)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "larger than any brain image" in reason(root, tmp_path / "out")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000


def test_a_header_that_claims_more_volumes_is_found(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01", "02")
    bold = the(root, "sub-01_*_bold.nii.gz")
    content = unzipped(bold)
    content[48:50] = struct.pack("<h", 30_000)
    bold.write_bytes(gzip.compress(bytes(content), 1))
    assert "is cut short: it holds 120 of 30000 volumes" in reason(root, tmp_path / "out")


def test_a_damaged_mask_is_found(participants: Participants, tmp_path: Path) -> None:
    root = participants("01", "02")
    mask = the(root, "sub-01_*_mask.nii.gz")
    mask.write_bytes(mask.read_bytes()[:200])
    assert "mask.nii.gz cannot be read" in reason(root, tmp_path / "out")


def test_an_empty_mask_is_found(participants: Participants, tmp_path: Path) -> None:
    root = participants("01", "02")
    mask = the(root, "sub-01_*_mask.nii.gz")
    content = unzipped(mask)
    content[352:] = bytes(len(content) - 352)
    mask.write_bytes(gzip.compress(bytes(content)))
    assert "mask.nii.gz is empty" in reason(root, tmp_path / "out")


def test_a_mask_on_another_grid_is_found(participants: Participants, tmp_path: Path) -> None:
    root = participants("01", "02")
    mask = the(root, "sub-01_*_mask.nii.gz")
    content = unzipped(mask)
    x = struct.unpack_from("<f", content, 292)[0]
    struct.pack_into("<f", content, 292, x + 3)  # srow_x, its last number
    mask.write_bytes(gzip.compress(bytes(content)))
    assert "is not on the grid of its run" in reason(root, tmp_path / "out")


@pytest.mark.parametrize("kind", ["bold.nii.gz", "mask.nii.gz", "timeseries.tsv", "bold.json"])
def test_content_that_datalad_has_not_fetched_is_named_with_the_command(
    participants: Participants, tmp_path: Path, kind: str
) -> None:
    root = participants("01", "02")
    path = the(root, f"sub-01_*_{kind}")
    path.unlink()
    path.symlink_to(f"../../../.git/annex/objects/Xx/9z/MD5E-s99--abc/MD5E-s99--abc.{kind}")
    said = reason(root, tmp_path / "out")
    assert said == f"not fetched; run datalad get {path.relative_to(root)}"


def test_an_annex_pointer_in_place_of_a_file_is_named_too(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01", "02")
    path = the(root, "sub-01_*_bold.nii.gz")
    path.write_text("/annex/objects/MD5E-s22222--0123456789abcdef.nii.gz\n")
    assert "datalad get sub-01/func/" in reason(root, tmp_path / "out")


def test_fetched_links_work(participants: Participants, tmp_path: Path) -> None:
    root = participants("01", "02")
    objects = tmp_path / "objects"
    objects.mkdir()
    for path in [p for p in root.rglob("sub-01_*") if p.is_file()]:
        shutil.move(path, objects / path.name)
        path.symlink_to(objects / path.name)
    assert plan(root, tmp_path / "out").left_out == []


def test_a_data_set_without_its_description_is_read(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants("01", "02")
    (root / "dataset_description.json").unlink()
    assert len(plan(root, tmp_path / "out").participants) == 2


def test_every_problem_of_every_run_is_told_at_once(
    participants: Participants, tmp_path: Path
) -> None:
    root = participants()
    the(root, "sub-01_*_mask.nii.gz").unlink()
    the(root, "sub-02_*_timeseries.tsv").write_text("trans_x\n1\n")
    bold = the(root, "sub-03_*_bold.nii.gz")
    bold.write_bytes(bold.read_bytes()[:5000])
    with pytest.raises(RequestError) as refused:
        plan(root, tmp_path / "out")
    first, *lines = refused.value.problems
    assert first == "no usable run is left"
    assert [label in line for label, line in zip(("01", "02", "03"), lines, strict=True)] == [
        True
    ] * 3


@pytest.mark.parametrize(("option", "value"), [("min_time", 100.0), ("min_dof", 20)])
def test_minima_decide_about_runs_and_not_about_what_is_stored(
    participants: Participants, tmp_path: Path, option: str, value: float
) -> None:
    root = participants("01", "02")
    [one, other] = [
        [run.key for participant in found.participants for run in participant.runs]
        for found in (
            plan(root, tmp_path / "out"),
            plan(root, tmp_path / "out", denoising={option: value}),
        )
    ]
    assert one == other


@pytest.mark.slow
def test_four_hundred_runs_are_looked_at_within_a_minute(three: Truth, tmp_path: Path) -> None:
    """Files are linked: what counts is that each is opened and checked."""
    root = tmp_path / "many"
    files = [p for p in (three.fmriprep / "sub-01" / "func").iterdir() if p.is_file()]
    for number in range(1, 201):
        func = root / f"sub-{number:03d}" / "func"
        func.mkdir(parents=True)
        for path in files:
            for run in (1, 2):
                name = path.name.replace(
                    "sub-01_task-rest", f"sub-{number:03d}_task-rest_run-{run}"
                )
                os.link(path, func / name)
    # of the processor, so that whatever else the machine does plays no part
    started = time.process_time()
    found = plan(root, tmp_path / "out")
    seconds = time.process_time() - started
    assert sum(len(participant.runs) for participant in found.participants) == 400
    assert seconds < 60


def test_the_clock_does_not_matter(participants: Participants, tmp_path: Path) -> None:
    root = participants("01", "02")
    before = [participant.key for participant in plan(root, tmp_path / "out").participants]
    for path in root.rglob("*"):
        os.utime(path, (4e9, 4e9))
    assert [participant.key for participant in plan(root, tmp_path / "out").participants] == before
    table = the(root, "sub-01_*_timeseries.tsv")
    lines = table.read_text().splitlines()
    values = lines[50].split("\t")
    values[0] = str(float(values[0]) + 1)
    table.write_text("\n".join([*lines[:50], "\t".join(values), *lines[51:]]) + "\n")
    os.utime(table, (1e9, 1e9))
    after = [participant.key for participant in plan(root, tmp_path / "out").participants]
    assert [a == b for a, b in zip(before, after, strict=True)] == [False, True]


def test_json_is_data(participants: Participants, tmp_path: Path) -> None:
    """A sidecar that nests without end, or names objects to be made, is a reason and no more."""
    root = participants("01", "02")
    sidecar = the(root, "sub-01_*_bold.json")
    sidecar.write_text("[" * 100_000)
    assert "nested too deeply" in reason(root, tmp_path / "out")
    sidecar.write_text(json.dumps({"RepetitionTime": {"__class__": "os.system"}}))
    assert "RepetitionTime is" in reason(root, tmp_path / "out")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_numbers_that_are_none_in_the_confounds_are_told(
    participants: Participants, tmp_path: Path, value: float
) -> None:
    root = participants("01", "02")
    table = the(root, "sub-01_*_timeseries.tsv")
    header, *rows = table.read_text().splitlines()
    column = header.split("\t").index("csf")
    cells = rows[60].split("\t")
    cells[column] = "n/a" if np.isnan(value) else "inf"
    rows[60] = "\t".join(cells)
    table.write_text("\n".join([header, *rows]) + "\n")
    assert "csf (row 62)" in reason(root, tmp_path / "out")
