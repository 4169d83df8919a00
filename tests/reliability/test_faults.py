"""Disks, folders, memory and settings that fail while the real command line runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from fcnm_bids.reruns.manifest import Manifest
from tests.cli.desk import Desk, read_table
from tests.reliability.conftest import Job
from tests.reliability.outputs import contents

pytestmark = [pytest.mark.faults, pytest.mark.slow]

Participants = Callable[..., Path]


def in_namespace(*commands: str) -> tuple[str, ...]:
    """What stands before a command so that it runs where these commands have changed mounts."""
    script = " && ".join([*commands, 'exec "$@"'])
    before = ("unshare", "--mount", "sh", "-c", script, "sh")
    probe = subprocess.run([*before[:-2], ":"], capture_output=True, check=False)
    if shutil.which("unshare") is None or probe.returncode:
        pytest.skip("mounts cannot be changed here (needs root): not tested with real file systems")
    return before


def temporary_files(root: Path) -> list[Path]:
    return [p for p in root.rglob(".*") if p.name not in (".lock", ".bidsignore")]


def test_a_disk_that_takes_no_more_ends_in_a_message_and_a_rerun_goes_on(
    job: Job, done: Job
) -> None:
    limited = ("prlimit", "--fsize=600000", "--")
    ended = job.desk.run(*job.participant, before=limited)
    assert ended.code == 1
    assert "File too large" in ended.out
    assert "not everything was made (sub-01, sub-02, sub-03)" in ended.out
    assert not list(job.output.rglob("*.h5"))
    assert temporary_files(job.output) == []
    assert len(list(job.output.glob("logs/*/crash-*"))) == 3
    ended = job.run()
    assert ended.code == 0, ended.out + ended.err
    assert contents(job.output, but="html") == contents(done.output, but="html")


def test_a_full_disk_from_the_first_byte_on(job: Job, tmp_path: Path) -> None:
    job.output.mkdir()
    before = in_namespace(f"mount -t tmpfs -o size=8k tmpfs '{job.output}'")
    ended = job.desk.run(*job.participant, before=before)
    assert ended.code == 2
    [problem] = ended.problems
    assert problem.startswith(f"{job.output}, {job.output / 'connectome'}: about ")
    assert problem.endswith(
        "will be needed, only 0 MB is free; free some space, or name other folders"
    )


def test_a_disk_that_is_full_in_the_middle(job: Job, done: Job) -> None:
    job.output.mkdir()
    # as room for files, of which the forecast knows nothing
    before = in_namespace(f"mount -t tmpfs -o size=1g,nr_inodes=30 tmpfs '{job.output}'")
    ended = job.desk.run(*job.participant, before=before)
    assert ended.code == 1
    assert "No space left on device" in ended.out + ended.err
    assert "a disk is full (" in ended.out
    assert "Traceback" not in ended.err
    ended = job.run()
    assert ended.code == 0, ended.out + ended.err
    assert contents(job.output, but="html") == contents(done.output, but="html")


def test_an_output_folder_that_cannot_be_written_to(job: Job) -> None:
    job.output.mkdir()
    before = in_namespace(
        f"mount --bind '{job.output}' '{job.output}'",
        f"mount -o remount,ro,bind '{job.output}'",
    )
    ended = job.desk.run(*job.participant, before=before)
    assert ended.code == 2
    assert ended.problems[0].startswith("OUTPUT_DIR ")
    remedy = "cannot be written to; name another folder, or change its permissions"
    assert all(problem.endswith(remedy) for problem in ended.problems)


def test_input_and_home_that_cannot_be_written_to(job: Job, done: Job) -> None:
    root = job.truth.fmriprep
    before = in_namespace(f"mount --bind '{root}' '{root}'", f"mount -o remount,ro,bind '{root}'")
    ended = job.desk.run(*job.participant, before=before, HOME="/proc/nowhere")
    assert ended.code == 0, ended.out + ended.err
    assert contents(job.output, but="html") == contents(done.output, but="html")


def test_no_network(job: Job) -> None:
    before = in_namespace(":")
    ended = job.desk.run(*job.participant, before=(before[0], "--net", *before[1:]))
    assert ended.code == 0, ended.out + ended.err


def test_nothing_is_done_again_when_the_clock_is_set_back(finished: Job) -> None:
    for path in finished.output.rglob("*"):
        os.utime(path, (4e9, 4e9))
    before = contents(finished.output)
    ended = finished.run()
    assert ended.code == 0, ended.err
    assert "everything is there already; nothing to do" in ended.out
    [missing] = finished.output.glob("sub-01/func/*seed-Simulated01decrease_*statmap.nii.gz")
    missing.unlink()
    assert finished.run().code == 0
    assert contents(finished.output, but="html") == {
        name: value for name, value in before.items() if not name.endswith(".html")
    }


def test_a_map_of_an_older_setting_is_replaced_and_none_stays(finished: Job, done: Job) -> None:
    ended = finished.run("participant", "--overwrite", "--radius", "8", "--unit", "study")
    assert ended.code == 0, ended.out + ended.err
    maps = sorted(finished.output.glob("sub-*/func/*_stat-fisherz_statmap.json"))
    assert {json.loads(path.read_text())["SphereRadius"] for path in maps} == {8}
    ended = finished.run("participant")
    assert ended.code == 2
    assert ended.problems[1:] == [
        "--radius 4.0 now, 8.0 before",
        "--unit contrast now, study before",
    ]
    assert finished.run("participant", "--overwrite").code == 0
    assert contents(finished.output, but="html") == contents(done.output, but="html")


def test_a_participant_half_copied_from_elsewhere_is_made_whole(finished: Job, done: Job) -> None:
    """The manifest is there, files that it lists are not."""
    shutil.rmtree(finished.output / "sub-02" / "func")
    assert not Manifest(finished.output / "sub-02", finished.output).complete("any")
    ended = finished.run()
    assert ended.code == 0, ended.err
    assert "2 of 3 participants complete" in ended.out
    assert contents(finished.output, but="html") == contents(done.output, but="html")


def test_a_participant_who_vanished_between_the_levels(finished: Job) -> None:
    shutil.rmtree(finished.output / "connectome" / "sub-02")
    ended = finished.run("group")
    assert ended.code == 0, ended.out + ended.err
    assert "2 participants, 2 projected runs" in ended.out
    reason = (
        "the participant level stored it, but it no longer exists; run the participant level again"
    )
    assert reason in ended.out
    assert list(read_table(finished.output / "participants.tsv")["participant_id"]) == [
        "sub-01",
        "sub-03",
    ]
    left_out = read_table(finished.output / "group" / "desc-excluded_runs.tsv")
    assert list(left_out["participant_id"]) == ["sub-02"]
    assert list(left_out["reason"]) == [reason]


def test_four_millimetres_within_two_gigabytes(desk: Desk, tmp_path: Path) -> None:
    from fcnm_bids.simulate import SimulationDesign, simulate_dataset

    truth = simulate_dataset(
        tmp_path / "participants", SimulationDesign(n_participants=2, voxel_size=4.0, n_volumes=240)
    )
    job = Job(desk, truth, tmp_path / "out")
    limited = ("prlimit", f"--as={2 * 10**9}", "--")
    for words in (job.participant, job.group):
        ended = desk.run(*words, "--mem", "2G", before=limited)
        assert ended.code == 0, ended.out + ended.err


def test_a_damaged_image_among_sound_ones_leaves_its_run_out(
    desk: Desk, participants: Participants, tmp_path: Path
) -> None:
    """The check sum at its end is wrong, which only reading all of it can tell."""
    root = participants()
    [bold] = root.glob("sub-02/func/*_bold.nii.gz")
    content = bytearray(bold.read_bytes())
    content[-8] ^= 1
    bold.write_bytes(content)
    request = (root, tmp_path / "out", "participant", "--connectome-only")
    ended = desk.run(*request)
    assert ended.code == 0, ended.out + ended.err
    [table] = (tmp_path / "out").glob("sub-02/func/*_desc-qc_metrics.tsv")
    [row] = read_table(table).to_dict("records")
    assert row["included"] == "False"
    assert "damaged or cut short" in row["reason"]
    assert len(list((tmp_path / "out").rglob("*.h5"))) == 2
    assert "nothing to do" in desk.run(*request).out


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (("--analysis-mask", "brian"), "--analysis-mask"),
        (("--height-control", "fdw"), "height control 'fdw'"),
        (("--covariates", "agee"), "--covariates agee"),
        (("--validation-dir", "nowhere"), "--validation-dir"),
        (("--network-atlas", "nowhere.nii.gz"), "nowhere.nii.gz"),
    ],
)
def test_options_of_the_group_level_are_checked_at_the_participant_level(
    job: Job, option: tuple[str, ...], told: str
) -> None:
    ended = job.run("participant", *option)
    assert ended.code == 2
    assert told in ended.err
    assert not (job.output / "connectome").exists()
