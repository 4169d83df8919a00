"""Processes that share folders: one at a time on each participant, all of them side by side."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO

LOGGER = logging.getLogger("fcnm_bids")

LOCK_FILE = ".lock"
"""Stays empty: each name is a byte in it (far beyond its end), which the system locks."""

_MARKER, _MARK = ".fcnm-work-folder", b"fcnm_bids 5ab3f2c8e2d94b0f\n"
"""A file in every folder that one process made for itself: what is cleared is known by its key."""

_AT_WORK = 0
"""The byte that every process at work in a folder shares."""

_TEMPORARY = re.compile(r"\.[0-9a-f]{32}\.")
_TAKEN = (errno.EACCES, errno.EAGAIN)
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)


@contextmanager
def lock_outputs(folders: Iterable[Path], names: Iterable[str]) -> Iterator[bool]:
    """Keep other processes from working on the same names in the same folders.

    The locks belong to this process and end with it, however it ends. Where nobody else is at
    work in a folder, temporary files that a killed process left there are removed. On file
    systems without locks a warning is all there is.

    Parameters
    ----------
    folders
        Folders that are written to; made if need be.
    names
        What is worked on, such as ``sub-01``.

    Yields
    ------
    waited
        Whether another process had to end before, so that there may be less to do now.
    """
    wanted = sorted(set(names))
    waited = False
    with ExitStack() as stack:
        for folder in dict.fromkeys(folder.resolve() for folder in folders):
            folder.mkdir(parents=True, exist_ok=True)
            # closing the file gives all its locks up
            file = stack.enter_context((folder / LOCK_FILE).open("ab+"))
            try:
                _join(file, folder)
                for name in wanted:
                    waited |= _take(file, folder, name)
            except OSError as error:
                if error.errno not in _NO_LOCKS:
                    raise
                LOGGER.warning(
                    "%s: no locks on this file system; see to it that no two processes work on "
                    "the same participant at once",
                    folder,
                )
        yield waited


@contextmanager
def private_work_folder(parent: Path, prefix: str, leftovers: str) -> Iterator[Path]:
    """A new folder for this process alone; what killed processes left beside it is removed.

    The folder is locked as long as the process lives, and marked only then, so that no other one
    takes it for a leftover. Where there are no locks, nothing is removed; without our marker,
    never, whatever the folder is called.

    Parameters
    ----------
    parent
        Where it is made.
    prefix
        What its name begins with.
    leftovers
        A pattern of the names of such folders.
    """
    for left in sorted(parent.glob(leftovers)):
        if _is_ours(left):
            _clear_leftover(left)
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
        file = stack.enter_context((folder / LOCK_FILE).open("ab+"))
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        (folder / _MARKER).write_bytes(_MARK)
        yield folder


def remove_own_folder(folder: Path) -> None:
    """Remove a folder of `private_work_folder`, its marker last, so that leftovers are known.

    A folder without the marker stays as it is.
    """
    if not _is_ours(folder):
        return
    with suppress(OSError):
        for entry in sorted(folder.iterdir(), key=lambda path: path.name == LOCK_FILE):
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != _MARKER:
                entry.unlink(missing_ok=True)
        if {path.name for path in folder.iterdir()} <= {_MARKER}:
            (folder / _MARKER).unlink(missing_ok=True)
            folder.rmdir()


def _is_ours(folder: Path) -> bool:
    marker = folder / _MARKER
    return marker.is_file() and marker.read_bytes() == _MARK


def _clear_leftover(folder: Path) -> None:
    lock = folder / LOCK_FILE
    # OSError: it is in use, or just cleared by another process
    with suppress(OSError), lock.open("ab+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        remove_own_folder(folder)


def _join(file: IO[bytes], folder: Path) -> None:
    """Be known to be at work in a folder; the first one there clears it up."""
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _AT_WORK)
        _clear(folder)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
    fcntl.lockf(file, fcntl.LOCK_SH, 1, _AT_WORK)


def _take(file: IO[bytes], folder: Path, name: str) -> bool:
    """Lock a name; whether another process had it."""
    place = 1 + int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
    else:
        return False
    LOGGER.info("another process works on %s in %s; waiting for it to end", name, folder)
    fcntl.lockf(file, fcntl.LOCK_EX, 1, place)
    return True


def _clear(folder: Path) -> None:
    """Remove what writing was broken off; a folder inside with locks of its own is not ours."""
    for place, folders, files in os.walk(folder):
        if Path(place) != folder and LOCK_FILE in files:
            folders.clear()
            continue
        for name in files:
            if _TEMPORARY.match(name):
                (Path(place) / name).unlink(missing_ok=True)
