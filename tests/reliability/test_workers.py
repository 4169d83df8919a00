"""Workers that are killed, and what is left behind about nodes that failed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe
from nipype.pipeline.engine import Workflow

from fcnm_bids.config import Config
from fcnm_bids.execution.progress import Progress
from fcnm_bids.execution.workflow import configure, run_workflow
from tests.reliability.conftest import Job
from tests.reliability.outputs import contents

pytestmark = pytest.mark.faults


def die(path: str) -> str:
    """End like a process that the kernel kills, the first time or always."""
    import os
    import signal
    from pathlib import Path

    again = Path(path).exists()
    Path(path).touch()
    if not again or "always" in path:
        held = bytearray(200_000_000)
        held[::4096] = bytes(len(held[::4096]))
        os.kill(os.getpid(), signal.SIGKILL)
    return path


def work(path: str) -> str:
    """Be at work for a while."""
    import time
    from pathlib import Path

    time.sleep(1.5)
    Path(path).touch()
    return path


def fail(path: str) -> str:
    """Fail as programs do."""
    raise ValueError(f"the first line\nand another about {path}")


def node(name: str, function: Any, path: Path, mem_gb: float = 0.1) -> pe.Node:
    made = pe.Node(
        Function(function=function, input_names=["path"], output_names=["path"]),
        name=name,
        mem_gb=mem_gb,
    )
    made.inputs.path = str(path)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> Config:
    config = Config("in", str(tmp_path / "out"), "participant").update(
        {
            "running": {"work_dir": str(tmp_path / "work")},
            "resources": {"nprocs": 3, "mem_gb": 1.0},
        }
    )
    configure(config, tmp_path / "logs")
    return config


def run(config: Config, *nodes: pe.Node) -> list[str]:
    workflow = Workflow(name="wf")
    workflow.add_nodes(list(nodes))
    return run_workflow(workflow, config, Progress())


def test_a_node_whose_worker_is_killed_once_is_made_after_all(
    settings: Config, tmp_path: Path
) -> None:
    others = [node(f"other{n}", work, tmp_path / f"other{n}") for n in range(2)]
    assert run(settings, node("once", die, tmp_path / "once"), *others) == []
    assert all((tmp_path / f"other{n}").exists() for n in range(2))


def test_a_killed_worker_costs_its_own_node_and_none_beside_it(
    settings: Config, tmp_path: Path
) -> None:
    others = [node(f"other{n}", work, tmp_path / f"other{n}") for n in range(4)]
    [failure] = run(settings, node("killer", die, tmp_path / "always", mem_gb=0.3), *others)
    assert failure.startswith("wf.killer: BrokenProcessPool: the process of wf.killer was killed")
    assert "declared 0.30 GB" in failure
    assert all((tmp_path / f"other{n}").exists() for n in range(4))


def test_a_crash_report_names_the_cause_first(settings: Config, tmp_path: Path) -> None:
    workflow = Workflow(name="fcnm")
    participant = Workflow(name="sub_07_wf")
    participant.add_nodes([node("project", fail, tmp_path / "bold.nii.gz", mem_gb=0.2)])
    workflow.add_nodes([participant])
    run_workflow(workflow, settings, Progress())
    [report] = (tmp_path / "logs").glob("crash*")
    lines = report.read_text().splitlines()
    assert lines[:3] == [
        "ValueError: the first line",
        f"and another about {tmp_path}/bold.nii.gz",
        "",
    ]
    assert lines[3:5] == ["node: fcnm.sub_07_wf.project", "participant: 07"]
    assert lines[5].startswith("memory: 0.20 GB declared, 0.")
    assert f"  path: {tmp_path}/bold.nii.gz" in lines
    assert any(line.startswith("Traceback") for line in lines)


def test_a_crash_report_of_a_killed_worker_tells_its_memory(
    settings: Config, tmp_path: Path
) -> None:
    run(settings, node("killer", die, tmp_path / "always"))
    [report] = (tmp_path / "logs").glob("crash*")
    [memory] = [line for line in report.read_text().splitlines() if line.startswith("memory:")]
    assert memory.startswith("memory: 0.10 GB declared, ")
    assert "not known" not in memory


ORPHAN = """
import os, sys, time
from fcnm_bids.execution.multiproc import _workers
pool = _workers(1)
print(pool.submit(os.getpid).result(), flush=True)
pool.submit(time.sleep, 600)
time.sleep(600)
"""


def test_a_worker_dies_with_its_parent(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", ORPHAN],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not alive(worker):
            break
        time.sleep(0.05)
    assert not alive(worker)


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def children(pid: int) -> list[int]:
    try:
        listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(child) for child in listed.split()]


@pytest.mark.slow
def test_a_worker_killed_in_a_real_job_costs_nothing(job: Job, done: Job) -> None:
    command = job.desk.start(*job.participant, "--nprocs", "2")
    while command.poll() is None and not (workers := children(command.pid)):
        time.sleep(0.02)
    assert workers
    os.kill(workers[0], signal.SIGKILL)
    ended = job.desk.wait(command)
    assert ended.code == 0, ended.out + ended.err
    assert contents(job.output, but="html") == contents(done.output, but="html")
