"""Compile the C code of ``fcnm_bids/kernels`` with the compiler that ``ziglang`` brings.

``python -m build_kernels`` compiles in place. Hatchling calls the hook for each wheel and each
editable installation, so that ``pip install`` needs no compiler on the machine.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path(__file__).resolve().parent / "fcnm_bids" / "kernels"
GLIBC = "2.17"

VARIANTS = {
    "x86_64": {"x86_64": "x86_64", "x86_64_v3": "x86_64_v3", "x86_64_v4": "x86_64_v4"},
    "aarch64": {"aarch64": "generic"},
}
"""For each kind of processor: the variants of the library, and the compiler's name for each."""

# Nothing may be reordered: all variants with fused multiplication and addition give the same bits.
FLAGS = (
    *("-std=c11", "-O3", "-ffp-contract=on", "-fno-math-errno", "-fno-sanitize=undefined"),
    *("-Wall", "-Wextra", "-shared", "-fPIC", "-s"),
)

FLAGS_OF = {"x86_64_v4": ("-mprefer-vector-width=512",)}
"""Flags of single variants: by default the compiler uses half of the width of AVX-512."""


def build(folder: Path = FOLDER, machine: str | None = None) -> list[Path]:
    """Compile the libraries of a folder that are older than its C code or this script.

    Parameters
    ----------
    folder
        Where the C code is and the libraries go.
    machine
        The kind of processor, as ``platform.machine`` names it; this machine's if None.

    Returns
    -------
    list of Path
        The libraries, one for each variant.
    """
    machine = machine or platform.machine()
    if sys.platform != "linux" or machine not in VARIANTS:
        here = f"{platform.system()} ({machine})"
        sys.exit(f"fcnm_bids needs Linux ({' or '.join(VARIANTS)}); this is {here}")
    sources = sorted(folder.glob("*.c"))
    changed = max(file.stat().st_mtime for file in (*sources, Path(__file__)))
    libraries = {folder / f"kernels_{name}.so": cpu for name, cpu in VARIANTS[machine].items()}
    stale = [
        library
        for library in libraries
        if not library.is_file() or library.stat().st_mtime < changed
    ]
    if not stale:
        return list(libraries)
    if importlib.util.find_spec("ziglang") is None:
        sys.exit("there is no compiler; run: python -m pip install ziglang")
    with TemporaryDirectory(dir=folder, prefix=".build-") as temporary:
        caches = {f"ZIG_{name}_CACHE_DIR": f"{temporary}/cache" for name in ("GLOBAL", "LOCAL")}
        for library in stale:
            made = Path(temporary, library.name)
            target = ("-target", f"{machine}-linux-gnu.{GLIBC}", f"-mcpu={libraries[library]}")
            own = FLAGS_OF.get(libraries[library], ())
            command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *own, *target]
            subprocess.run(
                [*command, *map(str, sources), "-lm", "-o", str(made)],
                check=True,
                env={**os.environ, **caches},
            )
            made.replace(library)
    return list(libraries)


class KernelsHook(BuildHookInterface[Any]):
    """Put the libraries into a wheel, and state the machines that it is for."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile before hatchling collects the files."""
        libraries = build()
        build_data["artifacts"] += [f"/{file.relative_to(self.root)}" for file in libraries]
        build_data["pure_python"] = False
        glibc = GLIBC.replace(".", "_")
        build_data["tag"] = f"py3-none-manylinux_{glibc}_{platform.machine()}"


if __name__ == "__main__":
    print(*build(), sep="\n")
