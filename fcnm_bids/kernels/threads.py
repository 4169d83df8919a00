"""Parts of a computation, divided among threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

Part = TypeVar("Part")


@cache
def _blas() -> ThreadpoolController:
    """Find the libraries of BLAS, once: it takes milliseconds."""
    import scipy.linalg  # noqa: F401 - it and NumPy, which it imports, have one each

    return ThreadpoolController().select(user_api="blas")


def n_threads() -> int:
    """Return how many threads BLAS may use."""
    return max((library["num_threads"] for library in _blas().info()), default=1)


def limited(threads: int) -> AbstractContextManager[Any]:
    """Return a context in which BLAS uses so many threads."""
    context: AbstractContextManager[Any] = _blas().limit(limits=threads)
    return context


def side_by_side(work: Callable[[Part], None], parts: Sequence[Part]) -> None:
    """Work on parts with as many threads as BLAS may use, each a thread of BLAS by itself.

    A part's product is too small to be shared among threads: they would wait for each other
    longer than they compute.
    """
    threads = n_threads()
    if threads == 1:
        for part in parts:
            work(part)
        return
    with limited(1), ThreadPoolExecutor(threads, "parts") as pool:
        for _ in pool.map(work, parts):
            pass
