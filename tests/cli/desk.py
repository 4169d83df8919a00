"""A place from which to run the real command line, and how to look at what it did."""

from __future__ import annotations

import contextlib
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import matplotlib
import pandas as pd

from fcnm_bids.cli.run import main

RUN = Path(__file__).resolve().parents[2] / "run.py"


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it said."""

    code: int
    out: str
    err: str

    @property
    def problems(self) -> list[str]:
        """The lines that tell what is wrong with a request."""
        return [line.removeprefix("fcnm-bids: ") for line in self.err.splitlines()]


FONTS = matplotlib.get_cachedir()
"""Folder of the list of fonts."""


@dataclass(frozen=True)
class Desk:
    """Where somebody works: a folder to stand in, and one to compute in.

    There is no home, no folder of templates and no network to rely on.

    Parameters
    ----------
    folder
        Holds everything else.
    fonts_known
        Use this process's list of fonts, which takes seconds to make.
    """

    folder: Path
    fonts_known: bool = True

    @property
    def cwd(self) -> Path:
        return self.folder / "cwd"

    @property
    def work(self) -> Path:
        return self.folder / "scratch"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def home(self) -> Path:
        """Named in the environment, but not there."""
        return self.folder / "home"

    def start(
        self, *words: object, before: Sequence[str] = (), **environment: str
    ) -> subprocess.Popen[str]:
        """Begin a command, perhaps behind another one that makes its surroundings."""
        return subprocess.Popen(
            [*before, sys.executable, str(RUN), *map(str, words), "--work-dir", str(self.work)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.cwd,
            env=self._surroundings(environment),
        )

    def _surroundings(self, environment: Mapping[str, str]) -> dict[str, str]:
        for folder in (self.cwd, self.temporary):
            folder.mkdir(exist_ok=True)
        # the kernels of BLAS are those of calls in this process
        wanted = ("PATH", "LANG", "SLURM_CONF", "OPENBLAS_CORETYPE")
        kept = {name: os.environ[name] for name in wanted if name in os.environ}
        return {
            **kept,
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "OMP_NUM_THREADS": "1",
            "TEMPLATEFLOW_AUTOUPDATE": "off",
            **({"MPLCONFIGDIR": FONTS} if self.fonts_known else {}),
            **environment,
        }

    def wait(self, process: subprocess.Popen[str]) -> Ended:
        out, err = process.communicate(timeout=300)
        return Ended(process.returncode, out, err)

    def run(self, *words: object, before: Sequence[str] = (), **environment: str) -> Ended:
        return self.wait(self.start(*words, "--nprocs", "2", before=before, **environment))

    def call(self, *words: object, **environment: str) -> Ended:
        """Run a command in this process, which has imported already what takes seconds."""
        given = [*map(str, words), "--nprocs", "2", "--work-dir", str(self.work)]
        kept, own = self._surroundings(environment), logging.getLogger("fcnm_bids")
        handlers, propagate, level = own.handlers, own.propagate, own.level
        with (
            # files, line by line: the worker processes write to them, too
            tempfile.TemporaryFile("w+", buffering=1, encoding="utf-8") as out,
            tempfile.TemporaryFile("w+", buffering=1, encoding="utf-8") as err,
            mock.patch.dict(os.environ, kept, clear=True),
            mock.patch.object(tempfile, "tempdir", None),
            contextlib.chdir(self.cwd),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
        ):
            try:
                code = main(given)
            except SystemExit as ended:  # of the parser
                code = int(ended.code or 0)
            finally:
                own.handlers, own.propagate = handlers, propagate
                own.setLevel(level)
            for told in (out, err):
                told.seek(0)
            return Ended(code, out.read(), err.read())


@dataclass(frozen=True)
class Finished:
    """Both levels, run once; not to be changed."""

    desk: Desk
    fmriprep: Path
    coordinates: Path
    output: Path
    participant: Ended
    group: Ended
    input_before: Mapping[Path, tuple[int, int]]


def snapshot(folder: Path) -> dict[Path, tuple[int, int]]:
    """Every file below a folder, with its size and time of writing."""
    return {
        path.relative_to(folder): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if not path.is_dir()
    }


def read_table(path: Path) -> pd.DataFrame:
    """A BIDS table as it stands there."""
    return pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
