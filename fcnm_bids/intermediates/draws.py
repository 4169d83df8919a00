"""Blocks of null maps.

A block is an NPZ file whose arrays are not compressed, so that some draws are read without the
others. Convergence, which no compression makes smaller, is stored as it is. A probability map
takes few values: they are listed, and each voxel has the number of its own.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import count, takewhile
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from isal import isal_zlib
from numpy.lib import format as npy
from numpy.typing import NDArray

from fcnm_bids.bids.write import atomic_path
from fcnm_bids.specificity import DrawnMaps

OBSERVED = "observed"
"""The null whose one draw are the observed foci: what the draws are compared with."""

_SLICE_NUMBERS = 1 << 18
"""Numbers of a map that are read at once."""

_FEW_LEVELS = 24
"""Levels up to which one comparison for each is faster than a search."""

_READ_BYTES = 1 << 20

_HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}

_LOCAL_HEADER = struct.Struct("<26xHH")
"""Lengths of the name and of the extra field, which lie between a member's header and its bytes."""


def write_block(path: Path, maps: DrawnMaps | Iterable[DrawnMaps]) -> None:
    """Write the maps of some draws, whole or not at all.

    Parameters
    ----------
    path
        The block.
    maps
        Of all draws, or of some at a time, of which each is written before the next one is made.
    """
    parts = [maps] if isinstance(maps, DrawnMaps) else maps
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as stream,
        ZipFile(stream, "w", ZIP_STORED) as file,
    ):
        for part, own in enumerate(parts):
            if part == 0:
                _write_array(file, "effects", np.array(list(own.probability), str))
            for number, effect in enumerate(own.probability):
                _write_network(file, f"{number}_{part}", own, effect)


def _write_network(file: ZipFile, ending: str, maps: DrawnMaps, effect: str) -> None:
    """Write a network's maps of some draws; names of their arrays end alike."""
    probability = np.asarray(maps.probability[effect], dtype=np.float64)
    levels = _levels(probability)
    if len(levels) <= 1 << 16:
        _write_array(file, f"levels_{ending}", levels)
        _write_array(file, f"probability_{ending}", _numbered(probability, levels))
    else:
        _write_array(file, f"probability_{ending}", probability)
    _write_array(file, f"convergence_{ending}", np.asarray(maps.convergence[effect]))


def _write_array(file: ZipFile, name: str, values: NDArray[Any]) -> None:
    with file.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
        npy.write_array(member, values, allow_pickle=False)


def _levels(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """All values of some maps, sorted; NaN is the last one."""
    found = [np.unique(own) for own in values]
    return np.unique(np.concatenate(found)) if found else np.empty(0)


def _numbered(values: NDArray[np.float64], levels: NDArray[np.float64]) -> NDArray[Any]:
    """The number of each value among the levels."""
    kind = np.uint8 if len(levels) <= 1 << 8 else np.uint16
    numbers = np.zeros(values.shape, dtype=kind)
    for own, value in zip(numbers, values, strict=True):
        if len(levels) > _FEW_LEVELS:
            own[:] = np.searchsorted(levels, value)
            continue
        for level in levels[1:]:
            own += value >= level
        own[np.isnan(value)] = max(0, len(levels) - 1)
    return numbers


@dataclass(frozen=True)
class _Array:
    """An array of a block: where its values begin, and what they are."""

    start: int
    shape: tuple[int, ...]
    kind: np.dtype[Any]


@dataclass(frozen=True)
class _Block:
    """A block, the arrays of which are read when they are asked for."""

    path: Path

    @cached_property
    def members(self) -> dict[str, ZipInfo]:
        """The arrays' members of the archive, by their names."""
        with ZipFile(self.path) as file:
            return {info.filename.removesuffix(".npy"): info for info in file.infolist()}

    def whole(self, names: Iterable[str]) -> bool:
        """Return True if arrays are as they were written."""
        return all(self._checksum(name) == self.members[name].CRC for name in names)

    def _checksum(self, name: str) -> int:
        """CRC-32 of a member's bytes."""
        checksum, left = 0, self.members[name].file_size
        with self.path.open("rb") as file:
            self._seek(file, name)
            while left and (some := file.read(min(left, _READ_BYTES))):
                checksum, left = isal_zlib.crc32(some, checksum), left - len(some)
        return checksum

    def _seek(self, file: BinaryIO, name: str) -> None:
        """Go to the first byte of a member."""
        member = self.members[name]
        if member.compress_type != ZIP_STORED:
            raise ValueError(f"{self.path.name} holds a compressed array {name}")
        file.seek(member.header_offset)
        n_name, n_extra = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
        if file.read(n_name) != member.filename.encode():
            raise ValueError(f"{self.path.name} holds another array than {name}")
        file.seek(n_extra, os.SEEK_CUR)

    def described(self, name: str) -> _Array:
        """Return where an array lies."""
        with self.path.open("rb") as file:
            self._seek(file, name)
            version = npy.read_magic(file)
            shape, fortran, kind = _HEADERS[version](file)
            if fortran or kind.hasobject:
                raise ValueError(f"{self.path.name} holds no plain array {name}")
            return _Array(file.tell(), shape, kind)

    def array(self, name: str) -> NDArray[Any]:
        """Read an array."""
        return next(self.rows(name, None), np.empty(0))

    def rows(self, name: str, at_once: int | None) -> Iterator[NDArray[Any]]:
        """Read an array, some rows at a time; None for all."""
        found = self.described(name)
        step = at_once or max(1, found.shape[0])
        with self.path.open("rb") as file:
            file.seek(found.start)
            for first in range(0, found.shape[0], step):
                shape = (min(step, found.shape[0] - first), *found.shape[1:])
                yield np.fromfile(file, found.kind, math.prod(shape)).reshape(shape)

    def place(self, effect: str) -> int:
        """Return the number of a network."""
        return int(self.array("effects").tolist().index(effect))

    def endings(self, number: int) -> list[str]:
        """Return how the names of a network's arrays end, those of some draws after the other."""
        endings = (f"{number}_{part}" for part in count())
        return list(takewhile(lambda e: f"probability_{e}" in self.members, endings))

    def numbered(self, ending: str) -> bool:
        """Return True if probability maps are numbers of levels."""
        return self.described(f"probability_{ending}").kind.kind == "u"

    def complete(self, number: int, n_draws: int) -> bool:
        """Return True if the arrays of a network are as they were written, with so many draws."""
        found = {"probability": 0, "convergence": 0}
        for ending in self.endings(number):
            levels = [f"levels_{ending}"] if self.numbered(ending) else []
            if not self.whole([*(f"{measure}_{ending}" for measure in found), *levels]):
                return False
            for measure in found:
                found[measure] += self.described(f"{measure}_{ending}").shape[0]
        return set(found.values()) == {n_draws}

    def draws(self, number: int, measure: str) -> Iterator[NDArray[np.float64]]:
        """A network's maps, some draws at a time."""
        for ending in self.endings(number):
            name = f"{measure}_{ending}"
            numbered = measure == "probability" and self.numbered(ending)
            values = self.array(f"levels_{ending}") if numbered else None
            at_once = max(1, _SLICE_NUMBERS // max(1, self.described(name).shape[1]))
            for some in self.rows(name, at_once):
                yield some.astype(np.float64) if values is None else values.take(some)


def read_block(path: Path, effect: str, measure: str = "probability") -> NDArray[np.float64]:
    """One network's maps of the draws of a block, shape (draws, V).

    Parameters
    ----------
    path, effect
        The block and the network.
    measure
        ``probability`` or ``convergence``.
    """
    block = _Block(path)
    return np.concatenate(list(block.draws(block.place(effect), measure)))


def read_blocks(
    paths: Iterable[Path], effect: str, measure: str = "probability"
) -> Iterator[NDArray[np.float64]]:
    """One network's maps of the draws of some blocks, some draws at a time, shape (draws, V)."""
    for path in paths:
        block = _Block(path)
        yield from block.draws(block.place(effect), measure)


def block_complete(path: Path, n_draws: int, effects: Sequence[str] | None = None) -> bool:
    """Return True if a block is there and whole.

    Parameters
    ----------
    path, n_draws
        The block, and the draws that it should have.
    effects
        Networks whose maps are read; all by default.
    """
    block = _Block(path)
    try:
        if not block.whole(["effects"]):
            return False
        known = block.array("effects").tolist()
        numbers = [known.index(effect) for effect in effects or known]
        return bool(numbers) and all(block.complete(number, n_draws) for number in numbers)
    except Exception:  # a damaged archive fails in ways of zip and NumPy
        return False
