"""The key of a projected run: a hash of everything that its content depends on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from fcnm_bids.connectome.image import RunImage, trailer_covers_content
from fcnm_bids.connectome.store import FORMAT, FORMAT_VERSION, open_run
from fcnm_bids.errors import RunError, StoreError
from fcnm_bids.readers.files import file_sha256

_HEAD_BYTES = 4096


def content_key(
    bold: Path,
    others: Iterable[Path | None],
    settings: Mapping[str, Any],
    file_state: Mapping[str, int] | None = None,
    *,
    image: RunImage | None = None,
) -> str:
    """Hash what a projected run is made of; names, places and resources do not enter.

    Of a gzip image its size, its first 4 KiB and its last 8 bytes (the check sum and length of the
    content) stand for the whole, which would take as long to hash as to project; of an image that
    is not compressed, the state of its file. Anything else (an image of several gzip members,
    whose last check sum is not that of all, or another format) is hashed whole.

    Parameters
    ----------
    bold
        The image.
    others
        Small files that matter, hashed whole: mask, confounds, their sidecar.
    settings
        Everything else, as far as JSON can express it.
    file_state
        Of an image that is not compressed: `image_state`.
    image
        Header of the image, where it was read before.

    Raises
    ------
    RunError
        A file cannot be read.
    """
    digest = hashlib.sha256(f"{FORMAT} {FORMAT_VERSION}".encode())
    try:
        with bold.open("rb") as file:
            if file_state is not None:
                digest.update(json.dumps(file_state, sort_keys=True).encode())
            elif not (bold.name.endswith(".gz") and trailer_covers_content(bold, image)):
                digest.update(file_sha256(bold).encode())
            file.seek(0)
            digest.update(file.read(_HEAD_BYTES))
            if file_state is None:
                size = file.seek(0, 2)
                file.seek(max(0, size - 8))
                digest.update(file.read() + f" {size} ".encode())
        for path in others:
            content = path.read_bytes() if path else b""
            digest.update(hashlib.sha256(content).digest())
    except OSError as error:
        raise RunError(f"{error.filename} cannot be read: {error.strerror}") from error
    digest.update(json.dumps(settings, sort_keys=True).encode())
    return digest.hexdigest()


def image_state(bold: Path, stored: Path) -> dict[str, int] | None:
    """Return the size, the time of the last change and the inode that an image was projected with.

    An image that was touched or copied since has the state of before where its content is that of
    before, for which it is read once: a hidden file beside the projected run keeps the answer.

    Parameters
    ----------
    bold
        The image; anything but ``.nii`` has no such state.
    stored
        Its projected run, where there is one.

    Raises
    ------
    RunError
        The image cannot be read.
    """
    if bold.suffix != ".nii":
        return None
    try:
        found = bold.stat()
        state = {"size": found.st_size, "mtime_ns": found.st_mtime_ns, "inode": found.st_ino}
        header = open_run(stored).header if stored.is_file() else {}
        known = header.get("bold_state")
        if known and known != state and known["size"] == state["size"]:
            return dict(known) if _is_same(bold, state, header["bold_sha256"], stored) else state
    except StoreError:
        return state
    except OSError as error:
        raise RunError(f"{error.filename} cannot be read: {error.strerror}") from error
    return state


def _is_same(bold: Path, state: Mapping[str, int], sha256: str, stored: Path) -> bool:
    """Compare an image with the hash of the one that was projected."""
    answer = {"state": dict(state), "sha256": sha256}
    kept = stored.with_name(f".{stored.name}.image.json")
    try:
        if json.loads(kept.read_text(encoding="utf-8")) == answer:
            return True
    except (OSError, ValueError):
        pass
    if file_sha256(bold) != sha256:
        return False
    with suppress(OSError):  # a store that cannot be written is read all the same
        kept.write_text(json.dumps(answer), encoding="utf-8")
    return True
