"""What this machine is; never timed."""

import importlib.metadata
import os
import platform
from pathlib import Path

import numpy as np
import scipy.linalg  # noqa: F401  # loads the BLAS that it brings
from threadpoolctl import threadpool_info

from benchmarks.arms import script


def work(job):
    cpu = platform.processor()
    information = Path("/proc/cpuinfo")
    if information.exists():
        names = [line for line in information.read_text().splitlines() if "model name" in line]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    blas = sorted(
        {
            f"{library['internal_api']} {library['version']} ({library.get('architecture', '')})"
            for library in threadpool_info()
            if library["user_api"] == "blas"
        }
    )
    packages = ("numpy", "scipy", "nibabel", "nilearn", "isal", "h5py")
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(memory, 1),
        "system": platform.system(),
        "python": platform.python_version(),
        "blas": blas,
        "versions": {name: importlib.metadata.version(name) for name in packages},
        "numpy": np.__version__,
    }


if __name__ == "__main__":
    script.run(work)
