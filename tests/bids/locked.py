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


OF_A_HOST = ("unshare", "--uts", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
"""Begins a command with a host name, network and process numbers of its own."""


def hosts_can_be_made() -> bool:
    """Return True if this machine allows such commands."""
    return not subprocess.run([*OF_A_HOST, "true"], capture_output=True, check=False).returncode


@contextmanager
def somebody(folder: Path, *names: str, host: str = "") -> Iterator[subprocess.Popen[str]]:
    """Another process at work on names in a folder, on another host where one is named."""
    command = [sys.executable, "-c", HOLD, str(folder), *names]
    if host:
        command = [*OF_A_HOST, "sh", "-c", 'hostname "$0" && exec "$@"', host, *command]
    other = subprocess.Popen(
        command,
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
