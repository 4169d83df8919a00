"""Another process at work on names in a folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOLD = """
import sys
from pathlib import Path
from fcnm_bids.bids.locks import lock_outputs
with lock_outputs([Path(sys.argv[1])], sys.argv[2:]) as waited:
    print("waited" if waited else "held", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def somebody(folder: Path, *names: str) -> Iterator[subprocess.Popen[str]]:
    """Another process at work on names in a folder."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder), *names],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).resolve().parents[2],
    )
    try:
        yield other
    finally:
        other.kill()
        other.wait()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
