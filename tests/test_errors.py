"""Errors list their problems, and pass from a worker to the main process."""

from __future__ import annotations

import pickle

import pytest

from fcnm_bids.errors import FcnmError, FileError, RequestError, SeedError, StoreError

LINES = ("a.tsv, row 2: x is missing", "b.tsv: no rows")


@pytest.mark.parametrize("kind", [RequestError, FileError, SeedError])
def test_all_problems_survive_the_way_between_processes(kind: type[RequestError]) -> None:
    error = kind(iter(LINES))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert isinstance(again, FcnmError)
    assert error.problems == again.problems == LINES
    assert str(again) == "\n".join(LINES)


def test_a_text_is_one_problem() -> None:
    assert RequestError("one line").problems == ("one line",)
    assert not issubclass(StoreError, RequestError)
