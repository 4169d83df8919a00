"""Both levels on a real Slurm: as an array of jobs, and node by node."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fcnm_bids.simulate import SimulationDesign, Truth, simulate_dataset
from tests.cli.desk import RUN, Desk
from tests.same_maps import compare

ARRAY = RUN.parent / "singularity" / "slurm_array.sh"
PARTICIPANTS = 6
GROUP = ("--height-control", "t=3")  # six are too few for a family-wise threshold

pytestmark = [pytest.mark.slow, pytest.mark.slurm, pytest.mark.usefixtures("slurm")]


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Truth:
    """Six participants with one run each and one contrast of each effect."""
    design = SimulationDesign(
        n_participants=PARTICIPANTS,
        n_runs=(1,),
        voxel_size=8.0,
        n_volumes=120,
        repetition_time=3.0,
        n_studies=1,
        n_shared_studies=1,
    )
    return simulate_dataset(tmp_path_factory.mktemp("six") / "data", design)


@pytest.fixture(scope="module")
def plain(six: Truth, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process at a time makes of them."""
    desk = Desk(tmp_path_factory.mktemp("plain"))
    output = desk.folder / "out"
    for words in (("participant", "--coordinates", six.coordinates), ("group", *GROUP)):
        ended = desk.run(six.fmriprep, output, *words)
        assert ended.code == 0, ended.out + ended.err
    return output


def waiting() -> dict[str, str]:
    """Numbers and names of the jobs of this user that have not ended."""
    command = ["squeue", "--me", "--noheader", "--format=%A %j"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return dict(line.split(maxsplit=1) for line in listed.splitlines())


def wait_for(*jobs: str, seconds: float = 240) -> None:
    """Wait until jobs have ended; cancel them if they do not."""
    end = time.monotonic() + seconds
    while waiting().keys() & set(jobs):
        if time.monotonic() > end:
            subprocess.run(["scancel", *jobs], check=True)
            pytest.fail(f"jobs {', '.join(jobs)} did not end in {seconds:.0f} s")
        time.sleep(0.5)


def submit(folder: Path, six: Truth, *, hold: bool = False) -> tuple[str, str]:
    """Submit both levels as the array script does; their jobs."""
    resources = "--cpus-per-task=1 --mem=3G --time=10"
    said = subprocess.run(
        ["bash", str(ARRAY), str(six.fmriprep), "out", "--coordinates", str(six.coordinates)],
        cwd=folder,
        env={
            **os.environ,
            "FCNM_RUN": f"{sys.executable} {RUN}",
            "FCNM_PARTICIPANT_SBATCH": f"{resources}{' --hold' if hold else ''}",
            "FCNM_GROUP_SBATCH": resources,
            "FCNM_GROUP": " ".join(GROUP),
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    array, group = re.findall(r"job (\d+)", said)
    return array, group


def logs(folder: Path) -> str:
    return "".join(path.read_text() for path in sorted((folder / "out-work" / "log").iterdir()))


@pytest.mark.faults
def test_an_array_with_a_cancelled_task_is_finished_by_submitting_it_again(
    tmp_path: Path, six: Truth, plain: Path
) -> None:
    array, group = submit(tmp_path, six, hold=True)
    subprocess.run(["scancel", f"{array}_3"], check=True)
    subprocess.run(["scontrol", "release", array], check=True)
    wait_for(array, group)
    out = tmp_path / "out"
    assert len(list(out.glob("sub-*/manifest.tsv"))) == PARTICIPANTS - 1, logs(tmp_path)
    assert not (out / "group.html").exists()  # the group job must not have run on five

    wait_for(*submit(tmp_path, six))
    assert (out / "group.html").is_file(), logs(tmp_path)
    assert logs(tmp_path).count("everything is there already") == PARTICIPANTS - 1
    assert f"{PARTICIPANTS} participants, {PARTICIPANTS} projected runs" in logs(tmp_path)
    assert compare(plain, out).in_masks > 0


def test_a_workflow_of_jobs_survives_scancel_and_ends_in_the_same_maps(
    desk: Desk, six: Truth, plain: Path
) -> None:
    plugin = desk.folder / "slurm.yml"
    plugin.write_text("plugin: SLURM\nplugin_args: {poll_interval: 1}\n")
    output = desk.folder / "out"
    participant = (six.fmriprep, output, "participant", "--coordinates", six.coordinates)
    plugged = ("--nipype-plugin-file", plugin)

    process = desk.start(*participant, *plugged)

    victim: list[str] = []
    while not victim and process.poll() is None:
        victim = [job for job, name in waiting().items() if name.startswith("project.sub_02")]
    subprocess.run(["scancel", *victim], check=True)
    ended = desk.wait(process)
    assert ended.code == 1, ended.out + ended.err
    assert "sub_02_wf.project: SlurmError: job " in ended.out
    assert "ended as CANCELLED" in ended.out
    assert "not everything was made (sub-02)" in ended.out
    assert f"{PARTICIPANTS} of {PARTICIPANTS} runs projected" in ended.out
    assert len(list(output.glob("sub-*/manifest.tsv"))) == PARTICIPANTS - 1

    for words in (participant, (six.fmriprep, output, "group", *GROUP)):
        ended = desk.run(*words, *plugged)
        assert ended.code == 0, ended.out + ended.err
    assert "networks mapped" in ended.out
    assert compare(plain, output).in_masks > 0


def test_draws_spread_over_jobs_give_the_bytes_of_one_process(
    desk: Desk, six: Truth, plain: Path
) -> None:
    nulls = ("--specificity", "random", "strength", "--n-permutations", 503)
    options = ("group", *GROUP, *nulls, "--overwrite")

    def specific(output: Path) -> dict[str, bytes]:
        found = (path for kind in ("network", "space") for path in output.glob(f"group/{kind}-*"))
        return {path.name: path.read_bytes() for path in found if path.is_file()}

    alone = Path(shutil.copytree(plain, desk.folder / "alone"))
    ended = desk.run(six.fmriprep, alone, *options)
    assert ended.code == 0, ended.out + ended.err
    shutil.rmtree(desk.work)  # what was drawn is kept there

    plugin = desk.folder / "slurm.yml"
    plugin.write_text("plugin: SLURM\nplugin_args: {poll_interval: 1}\n")
    jobs = Path(shutil.copytree(plain, desk.folder / "jobs"))
    process = desk.start(six.fmriprep, jobs, *options, "--nipype-plugin-file", plugin)
    blocks: set[str] = set()
    while process.poll() is None:
        blocks |= {name for name in waiting().values() if name.startswith("draws_")}
        time.sleep(0.2)
    ended = desk.wait(process)
    assert ended.code == 0, ended.out + ended.err
    assert len(blocks) == 7  # three blocks of each null, and the observed foci

    expected, found = specific(alone), specific(jobs)
    assert {"random", "strength"} <= {word for name in expected for word in re.split("[-_]", name)}
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


@pytest.mark.faults
def test_what_sbatch_says_of_its_arguments_reaches_the_user(desk: Desk, six: Truth) -> None:
    plugin = desk.folder / "slurm.yml"
    plugin.write_text("plugin: SLURM\nplugin_args: {sbatch_args: --partition=nowhere}\n")
    ended = desk.run(
        *(six.fmriprep, desk.folder / "out", "participant", "--coordinates", six.coordinates),
        *("--use-plugin", plugin),
    )
    assert ended.code == 1
    assert "invalid partition specified: nowhere" in ended.out
    assert "Traceback" not in ended.out + ended.err


@pytest.mark.faults
def test_who_is_ended_takes_the_jobs_along(desk: Desk, six: Truth) -> None:
    plugin = desk.folder / "slurm.yml"
    plugin.write_text("plugin: SLURM\nplugin_args: {sbatch_args: --hold}\n")
    process = desk.start(
        *(six.fmriprep, desk.folder / "out", "participant", "--coordinates", six.coordinates),
        *("--nipype-plugin-file", plugin),
    )

    def ours() -> list[str]:
        return [name for name in waiting().values() if name.startswith(("project.", "seeds."))]

    while not ours() and process.poll() is None:
        time.sleep(0.2)
    process.terminate()
    ended = desk.wait(process)
    assert ended.code == 143
    assert "interrupted; run the same command again" in ended.err
    assert not ours()
