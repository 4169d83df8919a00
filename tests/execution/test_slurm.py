"""Nodes as jobs: on a made-up Slurm that answers at once, and on a real one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fcnm_bids.config import Config
from fcnm_bids.execution.workflow import configure
from tests.execution.nodes import cancel, devour, die, fail, node, run, write_down

SBATCH = """#!/bin/bash
# takes a job, runs it at once, and remembers how it ended
printf '%s\\n' "$*" >> {folder}/submitted
if [ -e {folder}/busy ]; then
  rm {folder}/busy; echo 'sbatch: error: Socket timed out' >&2; exit 1
fi
case "$*" in *--partition=nowhere*)
  echo 'sbatch: error: invalid partition specified: nowhere' >&2; exit 1;; esac
job=$(wc -l < {folder}/submitted)
for word; do case $word in --output=*) output=${{word#--output=}};; esac; done
bash "${{@: -1}}" > "${{output/\\%j/$job}}" 2>&1 && state=COMPLETED || state=FAILED
echo "$job|$state|None" >> {folder}/ended
echo "$job;cluster"
"""
SQUEUE = """#!/bin/sh
echo asked >> {folder}/asked
cat {folder}/ended
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Slurm that runs every job at once; what it was told lies in the folder."""
    folder = tmp_path / "cluster"
    (folder / "bin").mkdir(parents=True)
    for name, text in (("sbatch", SBATCH), ("squeue", SQUEUE), ("scancel", "#!/bin/sh\n")):
        command = folder / "bin" / name
        command.write_text(text.format(folder=folder))
        command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{os.environ['PATH']}")
    return folder


def on_slurm(settings: Config, tmp_path: Path, arguments: str = "") -> Config:
    """The request, with a plugin file."""
    file = tmp_path / "plugin.yml"
    text = f"plugin: SLURM\nplugin_args: {{retry_timeout: 0.01, poll_interval: 1{arguments}}}\n"
    file.write_text(text)
    return settings.update({"resources": {"nipype_plugin_file": str(file)}})


def test_a_job_asks_for_what_its_node_declares(
    settings: Config, tmp_path: Path, cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOGNAME", raising=False)
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "77")
    first = node("first", write_down, tmp_path / "first", mem_gb=1.5)
    first.n_procs = 3
    then = node("then", write_down, tmp_path / "then")
    assert (
        run(on_slurm(settings, tmp_path), first, then, connect=[(first, then, [("path", "after")])])
        == []
    )
    assert (tmp_path / "then").exists()
    assert list((tmp_path / "work").iterdir()) == []
    submitted = (cluster / "submitted").read_text().splitlines()
    assert "--job-name=first.wf --ntasks=1 --cpus-per-task=3 --mem=1750M" in submitted[0]
    assert "--job-name=then.wf --ntasks=1 --cpus-per-task=1 --mem=350M" in submitted[1]


def test_the_plugin_file_is_stronger_than_what_nodes_declare(
    settings: Config, tmp_path: Path, cluster: Path
) -> None:
    config = on_slurm(settings, tmp_path, ", sbatch_args: --mem-per-cpu=2G --comment='a b'")
    assert run(config, node("only", write_down, tmp_path / "only")) == []
    (submitted,) = (cluster / "submitted").read_text().splitlines()
    assert "--cpus-per-task=1 --mem-per-cpu=2G --comment=a b --output=" in submitted


@pytest.mark.faults
def test_what_sbatch_does_not_take_fails_with_its_message(
    settings: Config, tmp_path: Path, cluster: Path
) -> None:
    config = on_slurm(settings, tmp_path, ", sbatch_args: --partition=nowhere")
    nodes = [node(name, write_down, tmp_path / name) for name in "ab"]
    failures = run(config, *nodes)
    (failure,) = failures  # the same for all, and so told once
    assert failure.startswith("wf.a and 1 more: SlurmError: sbatch --ntasks=1")
    assert failure.endswith(": sbatch: error: invalid partition specified: nowhere")
    assert len((cluster / "submitted").read_text().splitlines()) == 2


@pytest.mark.faults
def test_a_controller_that_does_not_answer_is_asked_again(
    settings: Config, tmp_path: Path, cluster: Path, said: pytest.LogCaptureFixture
) -> None:
    (cluster / "busy").touch()
    assert run(on_slurm(settings, tmp_path), node("only", write_down, tmp_path / "only")) == []
    assert (tmp_path / "only").exists()
    assert "sbatch has to wait: sbatch: error: Socket timed out" in said.text


@pytest.mark.faults
def test_a_killed_and_a_failed_job_are_told_and_the_others_run(
    settings: Config, tmp_path: Path, cluster: Path
) -> None:
    killed = node("killed", die, tmp_path / "never")
    wrong = node("wrong", fail, tmp_path / "wrong")
    then = node("then", write_down, tmp_path / "then")
    other = node("other", write_down, tmp_path / "other")
    told = sorted(
        run(
            on_slurm(settings, tmp_path),
            *(killed, wrong, then, other),
            connect=[(killed, then, [("path", "after")])],
        )
    )
    assert told[0].startswith("wf.killed: SlurmError: job ")
    assert "ended as FAILED" in told[0]
    assert "| " in told[0]
    assert "Killed" in told[0]
    assert told[1] == f"wf.wrong: ValueError: first line\nsecond line of {tmp_path / 'wrong'}"
    assert (tmp_path / "other").exists()
    assert not (tmp_path / "then").exists()
    assert len(list((tmp_path / "logs").glob("crash*.txt"))) == 2
    # one squeue for all jobs, and not at every turn
    assert len((cluster / "asked").read_text().splitlines()) <= 4


@pytest.mark.slow
@pytest.mark.slurm
@pytest.mark.faults
@pytest.mark.usefixtures("slurm")
def test_a_real_slurm_says_what_became_of_its_jobs(settings: Config, tmp_path: Path) -> None:
    cancelled = node("cancelled", cancel, tmp_path / "never")
    greedy = node("greedy", devour, tmp_path / "never")
    killed = node("killed", die, tmp_path / "never")
    too_large = node("too_large", write_down, tmp_path / "never", mem_gb=1e6)
    then = node("then", write_down, tmp_path / "then")
    other = node("other", write_down, tmp_path / "other")
    failures = run(
        on_slurm(settings, tmp_path),
        *(cancelled, greedy, killed, too_large, then, other),
        connect=[(cancelled, then, [("path", "after")])],
    )
    told = {failure.split(":")[0].removeprefix("wf."): failure for failure in failures}
    assert told.keys() == {"cancelled", "greedy", "killed", "too_large"}
    assert "ended as CANCELLED" in told["cancelled"]
    assert "CANCELLED AT" in told["cancelled"]  # the scheduler's own words
    assert "--mem=350M" in told["greedy"]
    assert "exceeded memory limit" in told["greedy"].lower()
    assert "sbatch_args of the plugin file asks for more" in told["greedy"]
    assert "ended as FAILED" in told["killed"]
    assert "Killed" in told["killed"]
    assert "sbatch: error: " in told["too_large"]
    assert (tmp_path / "other").exists()
    assert not (tmp_path / "then").exists()


@pytest.mark.slow
@pytest.mark.slurm
@pytest.mark.usefixtures("slurm")
def test_the_jobs_of_a_run_that_is_given_up_are_cancelled(settings: Config, tmp_path: Path) -> None:
    config = settings.update({"running": {"stop_on_first_crash": True}})
    configure(config, tmp_path / "logs")
    sleeper = node("sleeper", devour, tmp_path / "never", mem_gb=3.0)
    wrong = node("wrong", fail, tmp_path / "wrong")
    (failure,) = run(on_slurm(config, tmp_path), wrong, sleeper)
    assert "first line" in failure
    names = ["squeue", "--me", "--noheader", "--states=PENDING,RUNNING", "--format=%j"]
    assert "sleeper.wf" not in subprocess.run(names, capture_output=True, text=True).stdout.split()
