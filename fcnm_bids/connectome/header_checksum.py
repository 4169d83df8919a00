"""The seal of a stored run: a check sum of all that is not data, read before HDF5 reads anything.

HDF5 believes most of what a file says of its own structure: one wrong byte there can send the
library round in circles for ever, or have it allocate any amount of memory. The first 512 bytes of
a stored run, the user block that HDF5 leaves to applications, therefore say how long the file is,
where its datasets lie, and the CRC-32 of everything else. The datasets have check sums of their
own, so that a header can be trusted without reading them.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from isal import isal_zlib

from fcnm_bids.errors import StoreError

SEAL_BYTES = 512
_MAGIC = b"fcnm_bids projected run\n"
_HEAD = struct.Struct(f"<{len(_MAGIC)}sIQI")
_EXTENT = struct.Struct("<QQ")
_CHECKSUM = struct.Struct("<I")
_SEALED = SEAL_BYTES - _CHECKSUM.size
_MOST_EXTENTS = (_SEALED - _HEAD.size) // _EXTENT.size


def write_seal(file: BinaryIO, version: int, extents: Sequence[tuple[int, int]]) -> None:
    """Seal a file whose first 512 bytes are free.

    Parameters
    ----------
    file
        Open for reading and writing.
    version
        Of the file's format.
    extents
        Offset and bytes of each dataset.
    """
    size = file.seek(0, os.SEEK_END)
    head = _HEAD.pack(_MAGIC, version, size, len(extents))
    head += b"".join(_EXTENT.pack(*extent) for extent in extents)
    head = head.ljust(_SEALED, b"\0")
    checksum = isal_zlib.crc32(_structure(file, head, extents, size))
    file.seek(0)
    file.write(head + _CHECKSUM.pack(checksum))


def check_seal(path: Path, version: int) -> str:
    """Check that the structure of a stored run is as written.

    Returns
    -------
    sha256
        Of the seal and all that it guards: the file but for its datasets.

    Raises
    ------
    StoreError
        It is damaged, cut short, of another format version, or not a stored run.
    """
    with sealed_file(path, version) as (_, sha256):
        return sha256


@contextmanager
def sealed_file(path: Path, version: int) -> Iterator[tuple[BufferedReader, str]]:
    """The open file of a stored run, and what `check_seal` returns.

    Raises
    ------
    StoreError
        As from `check_seal`.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(path.open("rb"))
            sha256 = _check(file, path.name, version)
        except FileNotFoundError as error:
            raise StoreError(f"{path.name} is not there") from error
        except OSError as error:
            raise StoreError(f"{path.name} cannot be read: {error.strerror}") from error
        yield file, sha256


def _check(file: BinaryIO, name: str, version: int) -> str:
    block = file.read(SEAL_BYTES)
    if len(block) < SEAL_BYTES:
        raise StoreError(f"{name} is damaged: it has only {len(block)} bytes")
    magic, found, size, n_extents = _HEAD.unpack_from(block)
    if magic != _MAGIC:
        raise StoreError(
            f"{name} is damaged or foreign: it does not begin as a projected run of format "
            f"version {version} does"
        )
    if found != version:
        raise StoreError(f"{name} has format version {found}, but this program reads {version}")
    if (actual := file.seek(0, os.SEEK_END)) != size:
        raise StoreError(f"{name} is damaged: it has {actual} bytes, but {size} were written")
    extents = [
        _EXTENT.unpack_from(block, _HEAD.size + i * _EXTENT.size)
        for i in range(min(n_extents, _MOST_EXTENTS))
    ]
    (wanted,) = _CHECKSUM.unpack_from(block, _SEALED)
    structure = _structure(file, block[:_SEALED], extents, size)
    if isal_zlib.crc32(structure) != wanted:
        raise StoreError(f"{name} is damaged: the check sum of its structure is wrong")
    return hashlib.sha256(structure).hexdigest()


def _structure(file: BinaryIO, head: bytes, extents: Sequence[tuple[int, int]], size: int) -> bytes:
    """The seal and what lies between the datasets."""
    parts, here = [head], SEAL_BYTES
    for offset, length in (*sorted(extents), (size, 0)):
        if (stop := min(offset, size)) > here:
            file.seek(here)
            parts.append(file.read(stop - here))
        here = max(here, offset + length)
    return b"".join(parts)
