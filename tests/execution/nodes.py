"""Small nodes: some end well, some do not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nipype.interfaces.utility import Function
from nipype.pipeline import engine as pe
from nipype.pipeline.engine import Workflow

from fcnm_bids.config import Config
from fcnm_bids.execution.progress import Progress
from fcnm_bids.execution.workflow import run_workflow


def write_down(path: str, after: str = "") -> str:
    """Leave a file behind; what nodes run must hold its own imports."""
    from pathlib import Path

    Path(path).touch()
    return path


def rest(path: str, after: str = "") -> str:
    """Leave a file behind after a while."""
    import time
    from pathlib import Path

    time.sleep(1)
    Path(path).touch()
    return path


def die(path: str) -> str:
    """End like a process that the kernel kills for want of memory."""
    import os
    import signal

    os.kill(os.getpid(), signal.SIGKILL)
    return path


def fail(path: str) -> str:
    raise ValueError(f"first line\nsecond line of {path}")


def cancel(path: str) -> str:
    """End like a job that somebody cancels."""
    import os
    import subprocess
    import time

    subprocess.run(["scancel", os.environ["SLURM_JOB_ID"]], check=True)
    time.sleep(60)
    return path


def devour(path: str) -> str:
    """Take 2 GB, and hold them."""
    import time

    block = b"1" * 2_000_000_000
    time.sleep(60)
    return path[: len(block)]


def node(name: str, function: Callable[..., str], path: Path, mem_gb: float = 0.1) -> pe.Node:
    interface = Function(function=function, input_names=["path", "after"], output_names=["path"])
    if function not in (write_down, rest):
        interface = Function(function=function, input_names=["path"], output_names=["path"])
    made = pe.Node(interface, name=name, mem_gb=mem_gb)
    made.inputs.path = str(path)
    return made


def run(config: Config, *nodes: pe.Node, connect: Any = ()) -> list[str]:
    workflow = Workflow(name="wf")
    workflow.add_nodes(list(nodes))
    if connect:
        workflow.connect(list(connect))
    return run_workflow(workflow, config, Progress())
