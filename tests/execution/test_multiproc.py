"""Workers that are killed cost their own nodes, and none outlives its parent."""

from __future__ import annotations

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
