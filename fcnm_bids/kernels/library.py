"""The compiled library, in the variant for this processor."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Collection
from functools import cache
from pathlib import Path

from numpy._core._multiarray_umath import __cpu_features__

from fcnm_bids.errors import RequestError

VERSION = 21
"""Version of the C code, which ``fcnm_kernels_version`` of a current library returns."""

_FOLDER = Path(__file__).resolve().parent

_AVX2 = frozenset({"AVX2", "F16C", "FMA3"})
_AVX512 = frozenset({"AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ", "AVX512VL"})
_LEVELS = {"x86_64_v4": _AVX2 | _AVX512, "x86_64_v3": _AVX2}
"""Features of each level of x86-64, as NumPy names them; they imply the rest of the level."""


def processor_features() -> frozenset[str]:
    """Return what this processor has, as NumPy calls it."""
    return frozenset(name for name, present in __cpu_features__.items() if present)


def usable_variants(machine: str, features: Collection[str]) -> list[str]:
    """Return the variants of the library that a processor can run, the fastest first.

    Parameters
    ----------
    machine
        The kind of processor, as ``platform.machine`` names it.
    features
        What the processor has, as NumPy calls it.
    """
    if machine != "x86_64":
        return [machine]
    levels = [level for level, needed in _LEVELS.items() if needed <= set(features)]
    return [*levels, machine]


def library_file(variant: str) -> Path:
    """Return the path of a variant of the library."""
    return _FOLDER / f"kernels_{variant}.so"


@cache
def load() -> ctypes.CDLL:
    """Load the fastest variant of the library that this processor can run.

    Raises
    ------
    RequestError
        The library was not built, or it was built from other C code.
    """
    return load_variant(usable_variants(platform.machine(), processor_features())[0])


def load_variant(variant: str) -> ctypes.CDLL:
    """Load one variant of the library; see `load`."""
    file = library_file(variant)
    remedy = "run pip install . in the folder of the program"
    try:
        library = ctypes.CDLL(str(file))
    except OSError as error:
        raise RequestError(f"the compiled library cannot be loaded ({error}); {remedy}") from error
    if library.fcnm_kernels_version() != VERSION:
        raise RequestError(f"{file}: was compiled from other sources; {remedy}")
    return library
