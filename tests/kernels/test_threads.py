"""Parts are each worked on once, by as many threads as BLAS may use."""

from __future__ import annotations

import threading

import pytest
from threadpoolctl import threadpool_limits

from fcnm_bids.kernels.threads import n_threads, side_by_side


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_every_part_is_worked_on_once(threads: int) -> None:
    done: list[int] = []
    with threadpool_limits(threads, user_api="blas"):
        side_by_side(done.append, range(40))
        side_by_side(done.append, [])
    assert sorted(done) == list(range(40))


def test_one_thread_works_on_the_parts_in_their_order() -> None:
    done: list[tuple[int, str]] = []
    with threadpool_limits(1, user_api="blas"):
        side_by_side(lambda part: done.append((part, threading.current_thread().name)), range(5))
    assert done == [(part, threading.current_thread().name) for part in range(5)]


def test_several_threads_work_at_the_same_time_with_one_thread_of_blas_each() -> None:
    both = threading.Barrier(2, timeout=60)
    limits: list[int] = []

    def work(part: int) -> None:
        both.wait()  # nobody gets further alone
        limits.append(n_threads())

    with threadpool_limits(2, user_api="blas"):
        side_by_side(work, range(4))
        assert n_threads() == 2
    assert limits == [1] * 4


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_in_a_part_is_raised_and_the_limit_restored(threads: int) -> None:
    def work(part: int) -> None:
        if part == 3:
            raise ValueError("part 3")

    with threadpool_limits(threads, user_api="blas"):
        with pytest.raises(ValueError, match="part 3"):
            side_by_side(work, range(6))
        assert n_threads() == threads
