"""A folder in which the commands of the pages run, and what stands in for programs there.

Whatever is typed goes through a real shell, so that functions, quotes and variables of the pages
count. Programs that need a container engine, a cluster or a network write down what they were
given; any program that is not named here is not found, and the test fails.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import REPOSITORY, Block

_TOOLS = (
    *("bash", "sh", "cat", "mkdir", "id", "sed", "find", "sort", "wc", "realpath"),
    *("dirname", "basename", "env", "rm", "touch", "cut", "mktemp", "mv", "sha256sum"),
)
"""Tools of any system that pages and the scripts of `singularity/` use."""

_STOOD_IN = ("pip", "make", "podman", "docker", "apptainer", "sbatch")
_RECORD = """\
#!/bin/sh
{ printf '%s\\037' "$PWD" "${0##*/}" "$@"; printf '\\036'; } >> "$FCNM_TYPED"
"""
_SBATCH = _RECORD + "echo 17\n"

_RUN = """\
#!/bin/sh
case " $* " in
  *" --nipype-plugin-file "*) exec "{bin}/typed-only/fcnm-bids" "$@";;
  *" group "*) set -- "$@" {fewer} ${{FCNM_BRIEF:+--dry-run}};;
  *" participant "*) set -- "$@" ${{FCNM_BRIEF:+--subject-maps none}};;
esac
exec "{python}" "{repository}/run.py" "$@"
"""
_PYTHON = """\
#!/bin/sh
case "$2" in fcnm_bids.simulate) exec "{python}" "$@" {smaller};; esac
exec "{bin}/typed-only/python" "$@"
"""
_SMALLER = "--participants 4 --voxel-size 8 --volumes 150 --tr 3 --studies 2"
_FEWER = "--n-permutations 40"
"""Sizes that are cut when commands run; the last of two equal options counts."""


@dataclass(frozen=True)
class Typed:
    """A program as it was called."""

    folder: Path
    program: str
    arguments: tuple[str, ...]


@dataclass(frozen=True)
class Desk:
    """A folder with a repository, data and programs.

    Parameters
    ----------
    folder
        Where everything is.
    really
        Whether ``fcnm-bids`` and simulations run, or are written down like the rest.
    """

    folder: Path
    really: bool

    @property
    def cwd(self) -> Path:
        """Where somebody types."""
        return self.folder / "cwd"

    @property
    def data(self) -> Path:
        """What the pages call /data."""
        return self.folder / "data"

    @property
    def bin(self) -> Path:
        """The only programs there are."""
        return self.folder / "bin"

    def furnish(self) -> Desk:
        """Put everything there that the pages take for granted, but for the data."""
        for folder in (self.cwd, self.data, self.bin / "typed-only"):
            folder.mkdir(parents=True)
        for tool in _TOOLS:
            found = shutil.which(tool)
            assert found is not None, tool
            (self.bin / tool).symlink_to(found)
        stood_in = (*_STOOD_IN, *(() if self.really else ("fcnm-bids", "python")))
        for name in stood_in:
            _write_script(self.bin / name, _SBATCH if name == "sbatch" else _RECORD)
        for name in ("fcnm-bids", "python"):
            _write_script(self.bin / "typed-only" / name, _RECORD)
        if self.really:
            names = {"bin": self.bin, "python": sys.executable, "repository": REPOSITORY}
            _write_script(self.bin / "fcnm-bids", _RUN.format(**names, fewer=_FEWER))
            _write_script(self.bin / "python", _PYTHON.format(**names, smaller=_SMALLER))
        for name in ("singularity", "tests", "pyproject.toml", "Makefile", "version"):
            (self.cwd / name).symlink_to(REPOSITORY / name)
        (self.cwd / ".venv").mkdir()
        (self.cwd / ".venv" / "bin").symlink_to(self.bin)
        for name in ("fcnm_bids.sif", "fcnm_bids.tar"):
            (self.cwd / name).touch()
        return self

    def type(
        self, block: Block, *, timeout: float, brief: bool = False
    ) -> tuple[subprocess.CompletedProcess[str], str]:
        """Run a block as somebody who stands in `cwd` would; also what it was, put together.

        Where it is to be brief, the group level only looks at what it would do, and participants'
        maps are not written.
        """
        text = re.sub(r"(?<![\w.])/data/", f"{self.data}/", block.text)
        # voxels that are larger than those of the simulated participants
        text = text.replace("--store-voxel-size 3", "--store-voxel-size 9")
        done = subprocess.run(
            [str(self.bin / "bash"), "-euo", "pipefail", "-c", text],
            cwd=self.cwd,
            env={
                "PATH": str(self.bin),
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder),
                "LANG": os.environ.get("LANG", "C.UTF-8"),
                "FCNM_TYPED": str(self.folder / "typed"),
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": str(REPOSITORY),
                **({"FCNM_BRIEF": "1"} if brief else {}),
            },
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return done, text

    def typed(self) -> list[Typed]:
        """What was written down since the last time this was asked."""
        path = self.folder / "typed"
        if not path.exists():
            return []
        records = path.read_text(encoding="utf-8").split("\x1e")[:-1]
        path.unlink()
        calls = [record.split("\x1f")[:-1] for record in records]
        return [Typed(Path(folder), name, tuple(rest)) for folder, name, *rest in calls]


def _write_script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
