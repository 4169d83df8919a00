"""The status line: the last line of a terminal, drawn again and again."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TextIO

CLEAR = "\r\x1b[K"
"""Return to the start of a terminal's line, and empty it."""

_BAR = 20


def is_live(stream: TextIO | None = None) -> bool:
    """Return True if a stream, standard output by default, is a terminal to draw a line on."""
    stream = stream or sys.stdout
    is_terminal = not stream.closed and stream.isatty()
    return is_terminal and os.environ.get("TERM", "dumb") != "dumb"


def show_status(text: str) -> None:
    """Draw a text as the status line, cut to the width of the terminal; nothing elsewhere.

    Lines of the log clear it before they are written (`CLEAR`), and it is drawn below them the
    next time.
    """
    if not is_live():
        return
    columns = shutil.get_terminal_size().columns
    sys.stdout.write(CLEAR + text[: columns - 1])
    sys.stdout.flush()


def progress_bar(share: float) -> str:
    """Return a bar of which a share is filled."""
    filled = min(_BAR, int(share * _BAR))
    return f"[{'#' * filled}{'.' * (_BAR - filled)}]"
