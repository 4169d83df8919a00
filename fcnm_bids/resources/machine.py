"""Memory and threads that this machine, container or job leaves to the program."""

from __future__ import annotations

import math
import os
import re
from contextlib import suppress
from pathlib import Path

from nipype.utils.profiler import get_system_total_memory_gb

from fcnm_bids.config import Config

_CGROUPS = Path("/sys/fs/cgroup")

_OWN_CGROUPS = Path("/proc/self/cgroup")

_LIMIT_FILES = {"": "memory.max", "memory": "memory.limit_in_bytes"}
"""By what a line of the list of groups says that it is of: version 2, and 1."""

_SHARE_OF_MEMORY = 0.9


def machine_gb() -> float:
    """Memory of the machine, or of the control group (container, job) where that is less."""
    return min(float(get_system_total_memory_gb()), cgroup_limit_gb())


def cgroup_limit_gb(mount: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> float:
    """The smallest memory limit of this process's control group and those above; inf without.

    Parameters
    ----------
    mount
        Where control groups are mounted.
    own
        The list of groups of the process, as Linux writes it (``cgroups(7)``).
    """
    limits = []
    with suppress(OSError):
        for line in own.read_text().splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            for controller in {*controllers.split(",")} & {*_LIMIT_FILES}:
                root = mount / controller
                group = root / path.lstrip("/")
                # a container sees its own group as the root, whatever the list says
                for folder in (group, *group.parents):
                    limits.append(_bytes_in(folder / _LIMIT_FILES[controller]))
                    if folder == root:
                        break
    return min(limits, default=float("inf")) / 1e9


def held_gb(pid: int | None = None, what: str = "VmRSS") -> float:
    """The memory that a process holds (``VmHWM``: has held at most); 0 where it is not said.

    Parameters
    ----------
    pid
        The process; this one by default.
    what
        A line of ``/proc/<pid>/status``.
    """
    with suppress(OSError):
        status = Path(f"/proc/{os.getpid() if pid is None else pid}/status").read_text()
        found = re.search(rf"{what}:\s+(\d+)", status)
        return 1024e-9 * int(found[1]) if found else 0.0
    return 0.0


def _bytes_in(path: Path) -> float:
    try:
        text = path.read_text().strip()
    except OSError:
        return float("inf")
    return float(text) if text.isdecimal() else float("inf")


def allowed_gb(config: Config) -> float:
    """Memory that all nodes at once may take on this machine, beside this process itself."""
    whole = config.resources.mem_gb or _SHARE_OF_MEMORY * machine_gb()
    return max(whole - held_gb(), whole / 2)


def most_gb(config: Config) -> float:
    """Memory that one node may take; on a cluster only a request knows."""
    if config.resources.nipype_plugin_file and config.resources.mem_gb is None:
        return math.inf
    return allowed_gb(config)


def node_threads(config: Config) -> int:
    """Threads that a node declares: those of its linear algebra, of the processors there are."""
    return min(config.resources.omp_nthreads, config.resources.nprocs)
