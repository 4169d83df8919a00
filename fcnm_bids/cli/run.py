"""The entry point: parse, plan, run, and say how it ended."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import shutil
import signal
import sys
import tempfile
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from fcnm_bids._version import __version__
from fcnm_bids.cli.parser import parse
from fcnm_bids.config import Config
from fcnm_bids.errors import FcnmError, RequestError
from fcnm_bids.execution.signals import Terminated, handle_signals
from fcnm_bids.execution.status import CLEAR, is_live

LOGGER = logging.getLogger("fcnm_bids")

DONE, FAILED, WRONG_REQUEST = 0, 1, 2
TERMINATED = 128 + signal.SIGTERM


def main(argv: Sequence[str] | None = None) -> int:
    """Run fcnm-bids; returns the exit code.

    0: done (runs left out for a stated reason included). 1: something failed, or a promised
    output is missing. 2: the request is wrong, or no usable run is left. 143: ended with SIGTERM.
    """
    _log_to(sys.stdout)
    # when the interpreter ends, it looks through all that was imported for garbage, for long
    atexit.register(gc.freeze)
    with handle_signals():
        return _run(argv)


def _run(argv: Sequence[str] | None) -> int:
    try:
        request = parse(argv)
        _prepare(request.config)
        for line in request.preset:
            LOGGER.info("%s", line)
        # nothing of what is imported is garbage, and looking for some takes a tenth of the time
        gc.disable()
        from fcnm_bids.app.analysis_level import run_analysis_level

        gc.enable()
        return DONE if run_analysis_level(request.config, request.explicit) else FAILED
    except RequestError as error:
        for problem in error.problems:
            print(f"fcnm-bids: {problem}", file=sys.stderr)
        return WRONG_REQUEST
    except FcnmError as error:
        print(f"fcnm-bids: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:  # who reads what is said has gone, as `head` does
        _say_no_more()
        return FAILED
    except OSError as error:
        # a full disk, a folder that went away; anything else of the system
        print(f"fcnm-bids: {error}", file=sys.stderr)
        LOGGER.debug("where it happened", exc_info=True)
        return FAILED
    except KeyboardInterrupt as error:
        print("fcnm-bids: interrupted; run the same command again to go on", file=sys.stderr)
        return TERMINATED if isinstance(error, Terminated) else FAILED


def _prepare(config: Config) -> None:
    """Settle what libraries read from the environment when they are first imported."""
    LOGGER.setLevel(logging.DEBUG if config.running.verbose else logging.INFO)
    LOGGER.info("fcnm-bids %s, %s level", __version__, config.analysis_level)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(config.resources.omp_nthreads)
    os.environ.setdefault("NIPYPE_NO_ET", "1")
    os.environ.setdefault("NO_ET", "1")
    settled = Path(config.running.work_dir) / "matplotlib"
    if config.running.dry_run:
        settled = Path(tempfile.mkdtemp(prefix="fcnm-dry-run-"))
        atexit.register(shutil.rmtree, settled, ignore_errors=True)
    os.environ.setdefault("MPLCONFIGDIR", str(settled))
    try:  # PyBIDS looks into the home when it is imported, and ends where it may not
        (Path.home() / "pybids_config.json").exists()
    except (OSError, RuntimeError) as error:
        LOGGER.info("nothing is read from the home folder: %s", error)
        os.environ["HOME"] = str(settled)


def _log_to(stream: TextIO) -> None:
    handler = _Handler(stream)
    handler.setFormatter(_Elapsed("%(elapsed)s %(message)s"))
    LOGGER.handlers = [handler]
    LOGGER.propagate = False


class _Handler(logging.StreamHandler[TextIO]):
    """End quietly when the reader of the output has closed it, as `head` does."""

    def emit(self, record: logging.LogRecord) -> None:
        if is_live(self.stream) and is_live():
            self.stream.write(CLEAR)
        super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            _say_no_more()
        else:
            super().handleError(record)


def _say_no_more() -> None:
    """Put standard output where nothing that is written or flushed at the end can fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _wrapped(text: str) -> str:
    """Break the lines of a text at the width of the terminal; paths stay whole."""
    width = shutil.get_terminal_size().columns - 1
    indent = " " * len("[0:00:00] ")
    lines = (
        textwrap.fill(
            line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        for line in text.splitlines()
    )
    return "\n".join(lines)


class _Elapsed(logging.Formatter):
    """Lines that begin with the time since the start, and warnings that say so."""

    def __init__(self, pattern: str) -> None:
        super().__init__(pattern)
        self._started = time.monotonic()

    def format(self, record: logging.LogRecord) -> str:
        spent = int(time.monotonic() - self._started)
        record.elapsed = f"[{spent // 3600}:{spent // 60 % 60:02d}:{spent % 60:02d}]"
        text = super().format(record)
        if record.levelno >= logging.WARNING:
            text = text.replace("] ", f"] {record.levelname.lower()}: ", 1)
        return _wrapped(text) if is_live() else text


if __name__ == "__main__":
    sys.exit(main())
