"""One level of the command line, run from Python."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from fcnm_bids.config import Config
from fcnm_bids.errors import FcnmError, RequestError

_WRONG_REQUEST = 2


def run_analysis_level(request: Config) -> tuple[str, ...]:
    """Run an analysis level as the command line does, in a process of its own.

    A process of its own leaves signals, logging and threads of a notebook alone.

    Parameters
    ----------
    request
        The request; its settings are handed over in a file.

    Returns
    -------
    tuple of str
        The warnings of its log.

    Raises
    ------
    RequestError
        The request is wrong; the message is the command line's.
    FcnmError
        The level failed; the message has the errors of its log.

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
    lines = f"{done.stdout}\n{done.stderr}".strip().splitlines()
    if done.returncode == _WRONG_REQUEST:
        raise RequestError(done.stderr.strip())
    if done.returncode:
        errors = [line.partition("error: ")[2] for line in lines if "] error: " in line]
        raise FcnmError("\n".join(errors or lines[-10:]))
    return tuple(line.partition("warning: ")[2] for line in lines if "] warning: " in line)
