"""JSON files of a data set are objects, or refused by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcnm_bids.bids.read import read_json
from fcnm_bids.errors import RequestError


def test_a_sidecar_is_an_object_and_an_absent_one_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"TaskName": "schläfrig"}', encoding="utf-8")
    assert read_json(path) == {"TaskName": "schläfrig"}
    assert read_json(None) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'"x"', b"\xff", b"[" * 100_000])
def test_a_sidecar_that_is_no_object_is_refused_with_its_name(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(RequestError, match=r"x\.json"):
        read_json(path)
