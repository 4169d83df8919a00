"""One level of the command line, run from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fcnm_bids.config import Config
from fcnm_bids.errors import FcnmError, RequestError

_WRONG_REQUEST = 2


def run_analysis_level(request: Config) -> None:
    """Run an analysis level as the command line does, in a process of its own.

    A process of its own leaves signals, logging and threads of a notebook alone.

    Parameters
    ----------
    request
        The request; its settings are handed over in a file.

    Raises
    ------
    RequestError
        The request is wrong; the message is the command line's.
    FcnmError
        The level failed.
    """
    work = Path(request.running.work_dir)
    work.mkdir(parents=True, exist_ok=True)
    settings = work / "request.toml"
    settings.write_text(request.to_toml(), encoding="utf-8")
    positional = (request.bids_dir, request.output_dir, request.analysis_level)
    done = subprocess.run(
        [sys.executable, "-m", "fcnm_bids.cli.run", *positional, "--config-file", str(settings)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        error = RequestError if done.returncode == _WRONG_REQUEST else FcnmError
        raise error(done.stderr.strip() or done.stdout.strip()[-2000:])
