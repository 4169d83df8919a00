"""Code run in a process of its own with the arithmetic of another processor."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent

KERNELS = {
    "Nehalem": "sse4_2",
    "Sandybridge": "avx",
    "Haswell": "avx2",
    "SkylakeX": "avx512vl",
}
"""Kernels of OpenBLAS, with the processor's flag that they need."""

_ANNOUNCE = """
import sys, numpy, threadpoolctl
for library in threadpoolctl.threadpool_info():
    if library["user_api"] == "blas":
        print("BLAS:", library.get("architecture"), library["num_threads"], flush=True)
        break
else:
    print("BLAS: none", flush=True)
"""


def run_under(kernel: str, n_threads: int, code: str, *arguments: str) -> tuple[str, str]:
    """Run code under a kernel of OpenBLAS.

    Returns
    -------
    blas
        Architecture and number of threads as threadpoolctl reports them.
    output
        What the code printed.
    """
    try:
        processor = Path("/proc/cpuinfo").read_text().split()
    except OSError:
        pytest.skip("there is no /proc/cpuinfo that lists what this processor can do")
    if KERNELS[kernel] not in processor:
        pytest.skip(f"the {kernel} kernel needs {KERNELS[kernel]}, which this processor lacks")
    threads = {f"{name}_NUM_THREADS": str(n_threads) for name in ("OMP", "OPENBLAS")}
    done = subprocess.run(
        [sys.executable, "-c", _ANNOUNCE + code, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **threads, "OPENBLAS_CORETYPE": kernel},
        capture_output=True,
        text=True,
        check=False,
    )
    blas, _, output = done.stdout.partition("\n")
    assert done.returncode == 0, f"{blas}\n{output[-3000:]}\n{done.stderr[-3000:]}"
    blas = blas.removeprefix("BLAS: ")
    if blas.split()[0].lower() != kernel.lower():
        pytest.skip(f"this BLAS takes no order for a kernel: {kernel} was asked for, {blas} used")
    return blas, output
